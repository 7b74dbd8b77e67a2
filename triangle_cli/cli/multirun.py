"""Hydra's side of a sweep's end, and of launchers that are not ours."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

from hydra.experimental.callback import Callback
from omegaconf import DictConfig, OmegaConf, open_dict

from triangle_cli import console
from triangle_cli.cli.messages import explain
from triangle_cli.runs import trackers
from triangle_cli.runs.choose import chosen_settings
from triangle_cli.store import files, run_folder
from triangle_cli.sweeps import collect
from triangle_cli.sweeps.job import JobRecord, plan, run_job


class CollectSweep(Callback):
    """Collects at the end of a sweep. Other launchers than ours leave a record per job on disk."""

    def on_multirun_start(self, config: DictConfig, **_: Any) -> None:
        """Forget the jobs of an earlier sweep with the same words; their runs stay, and are answered from disk."""
        if "optuna" in config.hydra.sweeper._target_:
            if config.dry_run:
                raise SystemExit(
                    "dry_run=true: expected no search, whose jobs follow from each other's errors"
                )
            Path(config.outputs).mkdir(parents=True, exist_ok=True)  # for its database
            words: Any = OmegaConf.to_container(config.hydra.overrides.task)
            earlier = _earlier_trials(config.hydra.sweeper, words)
            if config.hydra.launcher._target_.endswith("SweepLauncher"):
                with open_dict(config):
                    config.hydra.launcher.earlier = earlier
        if not config.dry_run:
            collect.clear_records(Path(config.hydra.sweep.dir))

    def on_multirun_end(self, config: DictConfig, **_: Any) -> None:
        """Write and print the tables. Ends the process where a job failed: an exception would only be warned about."""
        folder = Path(config.hydra.sweep.dir)
        records = collect.read_records(folder)
        try:
            if not records:
                raise SystemExit(collect.NO_JOBS)  # under a launcher that is not ours
            whole = collect.collect(folder, records)
        except (OSError, ValueError) as error:
            raise SystemExit(explain(error, [])) from error
        for record in records:
            try:
                if record.folder:
                    trackers.track(config.tracker, Path(config.outputs), Path(record.folder))
            except (OSError, ValueError) as error:  # the run is on disk, and so are the others
                whole = False
                console.fail(explain(error, []))
        if not whole:
            raise SystemExit(1)


def _earlier_trials(sweeper: DictConfig, typed: list[str]) -> list[list[str]]:
    """The words of each trial that is done, of a search that was interrupted or is given more trials.

    Lets the search end after n_trials in all.
    """
    import optuna
    from sqlalchemy.exc import SQLAlchemyError

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    trials = sweeper.n_trials
    if not isinstance(trials, int) or trials < 1:
        raise SystemExit(f"hydra.sweeper.n_trials={trials}: expected a whole number, 1 or more")
    if sweeper.storage is None:
        return []
    try:
        study = optuna.load_study(study_name=sweeper.study_name, storage=sweeper.storage)
    except KeyError:  # no such study yet
        return []
    except SQLAlchemyError as error:
        reason = str(error).splitlines()[0]
        raise SystemExit(f"{sweeper.storage}: expected a database of optuna's ({reason})") from error
    done = [trial for trial in study.get_trials(deepcopy=False) if trial.state.is_finished()]
    print(f"{len(done)} of {sweeper.n_trials} trials are done")
    sweeper.n_trials = max(0, sweeper.n_trials - len(done))
    if sweeper.sampler.get("seed") is not None:
        sweeper.sampler.seed += len(done)  # the same seed would first ask for the same trials again
    order = [*(sweeper.params or {}), *(word.split("=")[0] for word in typed)]

    def words(chosen: dict[str, Any]) -> list[str]:  # which the database keeps in an order of its own
        return [f"{key}={chosen[key]}" for key in sorted(chosen, key=[*order, *chosen].index)]

    return [words(trial.params) + words(trial.user_attrs) for trial in done]


def run_foreign_job(config: DictConfig, number: int, words: list[str], folder: Path) -> float | None:
    """One job of a launcher that is not ours, such as hydra-ray-launcher; its record is left in `folder`."""
    item = plan(number, words, partial(chosen_settings, config), folder)
    record = item if isinstance(item, JobRecord) else run_job(item)
    files.require_own(folder / collect.JOB)
    run_folder.write_text(folder / collect.JOB, json.dumps(record.to_json()))
    return record.mse_min
