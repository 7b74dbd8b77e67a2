"""The runs of one experiment, read back from disk: the ground that tables and figures stand on."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import pandas as pd
import torch
import yaml

from triangle_cli.construction.network import Network
from triangle_cli.fit.deepening import integral_errors
from triangle_cli.fit.floors import MOST_POINTS, Floors, asymptote
from triangle_cli.fit.functions import Target
from triangle_cli.fit.points import even_points
from triangle_cli.paper.methods import Method, read_method
from triangle_cli.regions import count_regions
from triangle_cli.store import run_folder
from triangle_cli.store.record import RunRecord
from triangle_cli.store.stages import last_stage
from triangle_cli.store.sweeps import JOBS
from triangle_cli.sweeps.collect import choices, read_jobs

REFERENCE = "reference/paper_tables.csv"  # Milkert, Hyde, Laine, ICML 2025, tables 1 to 3


@dataclass(frozen=True)
class Collected:
    """One finished run of an experiment: the words that chose it, its settings, record, folder and method."""

    choices: dict[str, str]
    config: dict[str, Any]
    record: RunRecord
    folder: Path
    method: Method

    def table(self, name: str) -> pd.DataFrame:
        """One of the run's CSV files."""
        return pd.read_csv(self.folder / name)

    @property
    def target(self) -> Target:
        """The function that was fitted."""
        function = self.config["function"]
        return Target(function["name"], function["formula"], tuple(function["interval"]))

    @property
    def floor(self) -> float:
        """The least MSE of 2^depth pieces on the training points."""
        points = even_points(self.target, self.config["points"]["train"], torch.float64, "cpu")
        return Floors(points.x.numpy(), points.y.numpy())(2 ** self.config["depth"])

    @property
    def integral_floor(self) -> float:
        """What the least mean square of 2^depth pieces over the whole interval tends to for many of them."""
        points = even_points(self.target, MOST_POINTS)
        return asymptote(points.x.numpy(), points.y.numpy(), 2 ** self.config["depth"])

    @property
    def networks(self) -> Network:
        """The networks of all restarts at the end."""
        return Network.from_state_dict(torch.load(self.folder / run_folder.NETWORK, weights_only=True))

    @property
    def best_network(self) -> Network:
        """The network of the best restart, a batch of one."""
        assert self.record.best_restart is not None, "asked of runs that did not diverge"
        place = self.record.restarts.index(self.record.best_restart)
        return self.networks[place : place + 1]

    @property
    def integral_errors(self) -> pd.DataFrame:
        """`final_errors` with the mean squares over the whole interval, and the regions of the best of them.

        Both are measured here where the run did not.
        """
        errors = self.final_errors
        if "mse_integral" not in errors:
            kept = torch.tensor([restart in set(errors["restart"]) for restart in self.record.restarts])
            errors = errors.assign(mse_integral=integral_errors(self.networks[kept], self.target))
        best, regions = int(errors["mse_integral"].argmin()), errors["linear_regions"].astype("Float64")
        if pd.isna(regions.iloc[best]):  # beyond what the run was to count
            place = self.record.restarts.index(int(errors["restart"].iloc[best]))
            network = self.networks[place : place + 1]
            counts = count_regions(network.weights, network.biases, self.target.box)
            regions.iloc[best] = counts.linear_regions.item()
            errors = errors.assign(linear_regions=regions)
        return errors

    @property
    def alternatives(self) -> Path:
        """Where the errors of what else one might fit are kept."""
        return self.folder.parent.parent / "alternatives"

    @property
    def final_errors(self) -> pd.DataFrame:
        """errors.csv after the last phase, without the restarts that diverged."""
        errors = last_stage(self.table(run_folder.ERRORS))
        return errors[~errors["diverged"]]


def diverged(run: Collected) -> str:
    """The sentence for a caption where some restarts of a run are left out of its figures; else nothing."""
    whole, kept = run.config["restarts"], len(run.final_errors)
    chosen = " ".join(f"{key}={value}" for key, value in run.choices.items() if key != "experiment")
    return (
        f"Of {chosen} {whole - kept} of {whole} restarts diverged and are left out." if kept < whole else ""
    )


def titles(runs: list[Collected]) -> dict[str, str]:
    """The title of each method, by the word that chose it."""
    return {run.choices["method"]: run.method.title for run in runs}


def collect_experiment(outputs: Path, name: str, config_dir: Path | None = None) -> list[Collected]:
    """The finished runs of `triangle run experiment=NAME`, in the order of its jobs.

    Raises:
        ValueError: the experiment has not been run, or a job of it failed.
    """
    folder = outputs / "sweeps" / name
    jobs = read_jobs(folder)
    if not jobs:
        raise ValueError(
            f"{folder}: expected the jobs of this experiment; `triangle run experiment={name}` makes them"
        )
    runs: list[Collected] = []
    words = list(dict.fromkeys(choices(job).get("method", "") for job in jobs))
    for job in jobs:
        folder_of_run = Path(job.folder or "")
        record = run_folder.read_run(folder_of_run) if job.folder else None
        if record is None:
            reason = job.reason or "its run is gone"
            raise ValueError(
                f"{folder / JOBS}: expected a finished run ({reason}); `triangle run experiment={name}` tries again"
            )
        config = yaml.safe_load((folder_of_run / run_folder.CONFIG).read_text(encoding="utf-8"))
        chosen = choices(job)
        word = chosen.get("method", "")
        method = read_method(word, config_dir, words.index(word))
        runs.append(Collected(chosen, config, record, folder_of_run, method))
    return runs


def paper_figures(table: str) -> pd.Series:
    """The paper's mean squared errors of one table, `dense` or `sparse`, by (method, function, statistic)."""
    figures = pd.read_csv(str(files("triangle_cli.paper") / REFERENCE))
    return figures[figures["table"] == table].set_index(["method", "function", "statistic"])["mse"]


def describe(runs: list[Collected]) -> str:
    """What all runs of a table share, as a caption: epochs, learning rates, restarts, seed, dtype, points."""

    def each(values: list[Any]) -> str:
        distinct = list(dict.fromkeys(values))
        return " or ".join(f"{value:g}" if isinstance(value, float) else str(value) for value in distinct)

    def training(run: Collected) -> str:
        phases, deepening = run.config["schedule"]["phases"], run.config["schedule"].get("deepening")
        if deepening:
            return f"deepening with {deepening['kicks']} kicks a front and {deepening['last_kicks']} of the network"
        epochs, optimizers = (
            sum(phase["epochs"] for phase in phases),
            each([phase["optimizer"] for phase in phases]),
        )
        rates = [phase["learning_rate"] for phase in phases if phase["learning_rate"]]
        starts = f" from {run.record.starts} starts" if run.config["schedule"]["starts"] else ""
        return f"{epochs} epochs of {optimizers.replace('_', ' ')}" + (
            f" at learning rate {each(rates)}" if rates else starts
        )

    config = [run.config for run in runs]
    return (
        f"{each([training(run) for run in runs])}; "
        f"{each([c['restarts'] for c in config])} restarts, depth {each([c['depth'] for c in config])}, "
        f"{each([c['points']['train'] for c in config])} training points, seed {each([c['seed'] for c in config])}, "
        f"{each([c['dtype'] for c in config])}"
    )
