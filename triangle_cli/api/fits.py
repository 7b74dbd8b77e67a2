"""`tri.fit` and `tri.load`: what the command does, by the same code and with the same numbers, without files."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import io
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from triangle_cli.construction.network import Network
from triangle_cli.export.forward import Layers
from triangle_cli.export.pieces import pieces_table
from triangle_cli.fit import experiment
from triangle_cli.fit.experiment import Result
from triangle_cli.fit.functions import Target
from triangle_cli.fit.samples import Samples
from triangle_cli.runs import choose, perform, pictures, report
from triangle_cli.settings.compose import recorded_settings, settings_from
from triangle_cli.settings.fit import IN_MEMORY
from triangle_cli.settings.run import FitSettings
from triangle_cli.store import index, run_folder
from triangle_cli.store.stages import read_errors, restarts_of, stage_errors
from triangle_cli.store.tables import LARGEST
from triangle_cli.sweeps.depths import DEPTHS, least

SAMPLES = "samples.npz"  # beside the files of a run that was fitted to arrays


@dataclass(frozen=True, eq=False)
class Fit:
    """A trained network and how it came to be: of `fit`, or of a finished run by `load`.

    settings: of the run, as the command has them; result: its tables and the networks of every stage; stage, restart:
    which of them this is, the best unless another was asked for; rows: the samples as they were given, of arrays.
    """

    settings: FitSettings
    result: Result
    stage: str
    restart: int
    seconds: dict[str, float]
    rows: tuple[np.ndarray, np.ndarray, np.ndarray | None] | None = None

    @cached_property
    def layers(self) -> Layers:
        """The network's weights (out, in) and biases (out,) per layer, float64."""
        kept = restarts_of(self.result.errors, self.stage)
        place = kept.index(self.restart)
        network = self.result.networks[self.stage]
        weights, biases = network.weights, network.biases
        target = self.result.target
        return Layers(
            [w[place].double().cpu().numpy() for w in weights],
            [b[place].double().cpu().numpy() for b in biases],
            [(float(lo), float(hi)) for lo, hi in target.box],
        )

    def predict(self, x: Any) -> np.ndarray:
        """The values at x: (n,) or a number for one input, else (n, inputs). Returns (n,), float64.

        Computed in the order of operations that exported files state: equal to theirs, bit by bit.
        """
        points = np.atleast_1d(np.asarray(x, float))
        inputs = self.layers.inputs
        if points.ndim > 1 and points.shape[-1] != inputs:
            raise ValueError(
                f"x of shape {points.shape}: expected {'(n,)' if inputs == 1 else f'(n, {inputs})'}"
            )
        return self.layers(points.reshape(-1, inputs))

    @property
    def errors(self) -> pd.DataFrame:
        """errors.csv of the run: a row per stage and restart."""
        return self.result.errors

    @cached_property
    def _row(self) -> pd.Series:
        errors = stage_errors(self.errors, self.stage)
        return errors[errors["restart"] == self.restart].iloc[0]

    @property
    def mse(self) -> float:
        """The mean squared error on what was learned from."""
        return float(self._row["mse_train"])

    @property
    def test_mse(self) -> float:
        """The mean squared error on what was held out; NaN where nothing was."""
        return float(self._row["mse_test"])

    @property
    def depth(self) -> int:
        """Hidden layers."""
        return self.settings.depth

    @property
    def curvature(self) -> str:
        """Which way the function bends, as found."""
        return self.result.target.curvature

    @cached_property
    def regions(self) -> int:
        """The number of linear regions in the box, counted exactly."""
        from triangle_cli.regions import count_regions

        layers = self.layers
        weights, biases = ([torch.from_numpy(a) for a in kind] for kind in (layers.weights, layers.biases))
        return int(count_regions(weights, biases, self.result.target.box).linear_regions.item())

    @cached_property
    def pieces(self) -> pd.DataFrame:
        """The linear regions from left to right: ends, values there, slope, intercept. Of one input."""
        return pieces_table(self.layers)

    @property
    def breakpoints(self) -> np.ndarray:
        """Where the slope changes, ascending, (regions - 1,). Of one input."""
        return self.pieces["left"].to_numpy()[1:]

    def export(self, path: str | Path, to: str | None = None, name: str = "f", float32: bool = False) -> Path:
        """Write the network for another program, as `triangle export` does.

        Args:
            path: the file; its suffix says what it is: .h, .onnx, .py, .pt, .json, or .csv for the pieces.
            to: c, onnx, numpy, torch, json or pieces, where the suffix leaves a doubt.
            name: of the function in C and numpy.
            float32: round it to float32, keeping all regions of a triangle network.

        Raises:
            ValueError: there is no such format, or it cannot hold this network.
        """
        from triangle_cli.export.files import write_network

        path = Path(path)
        write_network(self.layers, path, to, name, float32, str(self))
        return path

    def plot(self, path: str | Path | None = None) -> Any:
        """The picture of the run, a matplotlib Figure; written to `path` where one is given."""
        figure = pictures.figure(self.result, self.settings)
        if path is not None:
            run_folder.write_whole(Path(path), figure.savefig)
        return figure

    def save(self, folder: str | Path | None = None) -> Path:
        """Write the files of a run, as the command does; samples from arrays are kept beside them.

        Args:
            folder: default: where the command would put it, under outputs/.

        Raises:
            OSError: it cannot be written.
        """
        settings, words = self.settings, ["tri.fit"]
        with tempfile.TemporaryDirectory(prefix="triangle-") as beside:
            if self.rows is None:
                where = Path(folder or settings.folder)
            else:
                made = Path(beside) / SAMPLES
                made.write_bytes(_npz(*self.rows))
                settings = _at_path(settings, made)  # whose content decides the hash
                where = Path(folder or settings.folder)
                run_folder.write_whole(where / SAMPLES, lambda path: path.write_bytes(made.read_bytes()))
                settings = _at_path(settings, where / SAMPLES)
            started = datetime.datetime.now(datetime.timezone.utc)
            perform.publish_result(settings, self.result, where, words, started, self.seconds)
        return where

    def __str__(self) -> str:
        """One line: what it is, and how near."""
        held = "" if np.isnan(self.test_mse) else f", {self.test_mse:.3g} held out"
        return (
            f"{self.settings.name}, depth {self.depth}, {self.settings.network.name} network, restart {self.restart} "
            f"after {self.stage}: MSE {self.mse:.3g}{held}"
        )

    __repr__ = __str__


def fit(
    x: Any,
    y: Any = None,
    *,
    interval: tuple[float, float] | None = None,
    weight: Any = None,
    depth: int | str = 5,
    curvature: str | None = None,
    network: str = "auto",
    test: float = 0.2,
    seed: int = 0,
    restarts: int | None = None,
    threads: int = 1,
    settings: Sequence[str] = (),
    progress: bool | None = None,
) -> Fit:
    """Fit a network to samples, or to a formula: the command's engine, with the command's numbers, and no files.

    Args:
        x: samples (n,), or (n, inputs); or a formula of x such as "exp(-x**2)".
        y: (n,), of samples.
        interval: (lo, hi), of a formula.
        weight: (n,), of samples, none negative.
        depth: hidden layers; "auto" tries 2 to 8, and keeps the one with the least held-out error.
        curvature: "convex", "concave" or "neither", where samples should not decide it.
        network: single, difference or ridge; auto: what the function or the samples ask for.
        test: the share of samples to hold out.
        seed, restarts, threads: as of the command.
        settings: more words as the command takes them, such as "method=second_order" or "schedule.phases.0.epochs=300".
        progress: whether to show a bar; None: in a terminal and in a notebook.

    Raises:
        ValueError: a value is not what is expected; the line names it.
    """
    words, samples, rows = [*settings, f"seed={seed}", f"threads={threads}"], None, None
    if isinstance(x, str):
        if interval is None or y is not None:
            raise ValueError(f"fit({x!r}): expected interval=(lo, hi), and no y, with a formula")
        quoted = x.replace("\\", "\\\\").replace('"', '\\"')
        words += [
            f'function.formula="{quoted}"',
            f"function.interval=[{float(interval[0])},{float(interval[1])}]",
        ]
    else:
        if y is None or interval is not None:
            raise ValueError("fit(x, y): expected y with samples x, and no interval")
        rows = _rows(x, y, weight)
        samples = Samples.of(*rows)
        words += ["function=samples", f'function.path="{IN_MEMORY}"', f"points.test={float(test)}"]
        words += [f"function.curvature={curvature}"] if curvature else []
    words += [f"restarts={restarts}"] if restarts is not None else []
    words += [f"network={network}"] if network != choose.AUTO else []
    if depth != "auto":
        return _fit([*words, f"depth={depth}"], samples, rows, network, progress)
    tried = [_fit([*words, f"depth={d}"], samples, rows, network, progress) for d in DEPTHS]
    best = least((one.depth, None if np.isnan(one.test_mse) else one.test_mse) for one in tried)
    if best is None:
        raise ValueError("depth='auto': expected samples that are held out, test above 0")
    return next(one for one in tried if one.depth == best)


def _fit(words: list[str], samples: Samples | None, rows: Any, network: str, progress: bool | None) -> Fit:
    settings = settings_from(tuple(words))
    if not isinstance(settings, FitSettings):
        raise ValueError(f"settings: {' '.join(words)}: expected those of a function, not data=")
    target: Target | None = None if samples is None else experiment.sampled_target(settings, samples)
    if network == choose.AUTO and not any(word.startswith("network=") for word in words):
        known = target or experiment.target_of(settings)
        settings = choose.replaced(settings, choose.network_for(settings, known), [])
    began, processors = time.perf_counter(), time.process_time()
    with _as_many_threads(), report.progress() if progress is not False else _silence() as watch:
        result = experiment.run(settings, watch, target=target)
    seconds = {"total": time.perf_counter() - began, "cpu": time.process_time() - processors}
    best = result.best_row
    if best is None:
        raise ValueError("all restarts diverged: expected a smaller learning_rate")
    return Fit(settings, result, str(best["stage"]), int(best["restart"]), seconds, rows)


def load(
    run: str | Path, restart: int | None = None, stage: str | None = None, outputs: str | Path = "outputs"
) -> Fit:
    """A finished run: its folder, its hash or a part of its path.

    Args:
        run: which run.
        restart: which network of the stage; None: the best.
        stage: after which phase, or init; None: that of the best network.
        outputs: the folder of the runs.

    Raises:
        ValueError: there is no such run, it did not fit a function, or its samples are no longer there.
    """
    folder = index.locate(str(run), Path(outputs))
    record = run_folder.whole_run(folder)
    settings = recorded_settings(record.hash, record.settings, record.threads)
    if not isinstance(settings, FitSettings):
        raise ValueError(f"{folder}: learned from data, expected a run that fits a function")
    if settings.function.path is not None and settings.hash != record.hash:
        raise ValueError(f"function.path={settings.function.path}: no longer what the run read")
    kept = record.stage(stage)
    chosen = kept.best_restart if restart is None else restart
    if chosen not in kept.restarts:
        numbers = ", ".join(map(str, kept.restarts))
        raise ValueError(f"restart={chosen}: expected one of {numbers}, which {folder} kept")
    networks = {
        each.name: Network.from_state_dict(torch.load(folder / each.file, weights_only=True))
        for each in record.stages
    }
    regions, history = (pd.read_csv(folder / name) for name in (run_folder.REGIONS, run_folder.HISTORY))
    target = experiment.target_of(settings)
    errors, parameters = read_errors(folder), record.parameters or 0
    result = Result(target, networks, parameters, errors, regions, history, record.seconds)
    return Fit(settings, result, kept.name, int(chosen), record.seconds)


def _rows(x: Any, y: Any, weight: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Samples as float64 arrays. Raises ValueError for what is none; the line names the row."""
    given = {"x": x, "y": y} | ({} if weight is None else {"weight": weight})
    arrays = {}
    for name, values in given.items():
        array = np.asarray(values)
        if array.dtype.kind == "M":
            array = array.astype("datetime64[ns]").astype(np.int64) / 1e9  # seconds since 1970
        try:
            array = array.astype(np.float64)
        except (TypeError, ValueError):
            raise ValueError(f"{name}: {array.dtype}, expected numbers") from None
        if name == "x" and array.ndim == 2 and array.shape[1] == 1:
            array = array[:, 0]
        if array.ndim != 1 and not (name == "x" and array.ndim == 2):
            raise ValueError(
                f"{name} of shape {array.shape}: expected (n,){', or (n, inputs)' * (name == 'x')}"
            )
        if not (np.abs(array) <= LARGEST).all():
            row = int(np.flatnonzero(~(np.abs(array.reshape(len(array), -1)) <= LARGEST).all(1))[0])
            raise ValueError(f"{name}, row {row + 1}: {array[row]}, expected numbers within +-{LARGEST:g}")
        arrays[name] = array
    lengths = {name: len(array) for name, array in arrays.items()}
    if len(set(lengths.values())) > 1:
        said = ", ".join(f"{name} {length}" for name, length in lengths.items())
        raise ValueError(f"{said} rows: expected as many of each")
    return arrays["x"], arrays["y"], arrays.get("weight")


def _npz(x: np.ndarray, y: np.ndarray, weight: np.ndarray | None) -> bytes:
    content = io.BytesIO()
    np.savez(content, allow_pickle=False, x=x, y=y, **({} if weight is None else {"weight": weight}))
    return content.getvalue()


def _at_path(settings: FitSettings, path: Path) -> FitSettings:
    return dataclasses.replace(settings, function=dataclasses.replace(settings.function, path=str(path)))


@contextlib.contextmanager
def _silence() -> Iterator[Any]:
    yield lambda epoch: None


@contextlib.contextmanager
def _as_many_threads() -> Iterator[None]:
    """Leave torch with as many threads as it had: a run sets them to one."""
    before = torch.get_num_threads()
    try:
        yield
    finally:
        torch.set_num_threads(before)
