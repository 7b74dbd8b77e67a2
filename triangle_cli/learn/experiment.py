"""One run on data: a model, restarts that start and are tested differently, a schedule, and what is measured."""

from __future__ import annotations

import dataclasses
import math
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from triangle_cli.learn.formulas import Formula
from triangle_cli.learn.images import read_cifar10, read_image_folder
from triangle_cli.learn.models import build, matched_widths, parameter_count, widths_for
from triangle_cli.learn.searching import search, with_budget, with_rate
from triangle_cli.learn.splits import Split, fold, split_table
from triangle_cli.learn.tables import read_table
from triangle_cli.learn.training import Step, measure, train
from triangle_cli.settings.learn import Source, Task
from triangle_cli.settings.require import require_device
from triangle_cli.settings.run import LearnSettings
from triangle_cli.settings.schedule import SpaceName
from triangle_cli.store import run_folder
from triangle_cli.store.record import Stage
from triangle_cli.store.stages import best_of, best_restart, first_columns, last_stage, plain_row

INIT = "init"  # the stage before any training
SCORES = {Task.classification: ("loss", "accuracy"), Task.regression: ("mse",)}
DIGITS_SHAPE = (1, 8, 8)


@dataclass
class Result:
    """What a run found: tables as they go to disk, and the parameters of the best model of every stage."""

    shape: tuple[int, ...]  # of one example
    outputs: int
    hidden: list[int]  # widths, as they were after `matched`
    parameters: int  # of one model, at its end
    errors: pd.DataFrame
    history: pd.DataFrame
    # by stage, of the restart with the least loss on what it learned from
    models: dict[str, dict[str, Tensor]]
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def tables(self) -> dict[str, pd.DataFrame]:
        """What goes to disk, by file name."""
        return {run_folder.ERRORS: self.errors, run_folder.HISTORY: self.history}

    @property
    def states(self) -> dict[str, dict[str, Tensor]]:
        """What is kept of each stage, by file name; nothing of one where all diverged."""
        return {file: self.models[stage] for stage, file in self._files.items()}

    @property
    def _files(self) -> dict[str, str]:
        return run_folder.stage_files(self.errors["stage"].drop_duplicates())

    @property
    def stages(self) -> list[Stage]:
        """The models of each stage, as run.json describes them."""
        found = []
        for stage, file in self._files.items():
            best = best_restart(self.errors, stage)
            found.append(Stage(stage, file, [] if best is None else [best], best))
        return found

    @property
    def facts(self) -> dict[str, Any]:
        """What run.json says of it beside times and settings; the first three rebuild the model."""
        return {
            "shape": list(self.shape),
            "outputs": self.outputs,
            "hidden": self.hidden,
            "best_restart": self.best_restart,  # the one in network.pt
            "stages": self.stages,
            "best": plain_row(best_of(self.errors)),
            "restarts": sorted(self.errors["restart"].unique().tolist()),
            "parameters": self.parameters,
        }

    @property
    def final(self) -> pd.DataFrame:
        """The rows of errors.csv for the last stage, one per restart."""
        return last_stage(self.errors)

    @property
    def best_restart(self) -> int | None:
        """The restart with the least loss on what it learned from; None where all diverged."""
        return best_restart(self.errors, self.final["stage"].iloc[0])


@dataclass(frozen=True)
class Examples:
    """What there is to learn from: how each restart's split is made, and what an example looks like."""

    split: Callable[[int], Split]
    shape: tuple[int, ...]
    outputs: int


def read_examples(settings: LearnSettings) -> Examples:
    """The data of a run.

    Raises:
        ValueError: see `tables.read_table`, `images.read_cifar10` and `images.read_image_folder`.
    """
    data, dtype, device = settings.data, getattr(torch, settings.dtype.value), settings.device
    if data.source is Source.formula:
        drawn = Formula.of(data)
        return Examples(
            lambda restart: drawn.split(restart, settings.seed, dtype, device), (drawn.inputs,), 1
        )
    if data.source in (Source.sklearn, Source.csv):
        table = read_table(data)
        whole = table.x.shape[1] == math.prod(DIGITS_SHAPE)  # no pixel left out, or told
        picture = DIGITS_SHAPE if data.table == "digits" and whole else None

        def split(restart: int) -> Split:
            ways = fold(len(table.y), data.table_folds, restart, settings.seed)
            return split_table(table, data.task, picture, dtype, device, ways)

        return Examples(split, picture or table.x.shape[1:], len(table.classes) if table.classes else 1)
    if data.task is not Task.classification:
        raise ValueError(f"data.task={data.task.value}: expected classification for pictures with classes")
    if data.source is Source.cifar10:
        whole, classes = read_cifar10(data, dtype, device)
    else:
        whole, classes = read_image_folder(data, dtype, device)
    first, _ = next(whole.test.batches(1, None))
    return Examples(lambda restart: whole, tuple(first.shape[1:]), classes)


def replacing(settings: LearnSettings) -> dict[str, Any] | None:
    """What `convert` takes to replace ReLUs; None where they stay."""
    if settings.limit:
        return {"kind": "limit", "interval": tuple(settings.model.interval)}
    return triangles(settings) if settings.init.triangle else None


def triangles(settings: LearnSettings) -> dict[str, Any]:
    """The arguments of `TriangleLayer`."""
    low, high = settings.init.peak_low, settings.init.peak_high
    free = settings.schedule.phases[0].space is SpaceName.peaks_and_scales
    drawn = {} if low is None else {"peak_low": low, "peak_high": high}
    interval = tuple(settings.model.interval)
    return {"depth": settings.depth, "interval": interval, "free_scales": free, **drawn}


def check(settings: LearnSettings) -> None:
    """Look at everything that can be refused before training.

    Raises:
        ValueError: the data cannot be read, the model does not fit them, or the device is not there.
    """
    require_device(settings.device)
    _, make, _ = prepare(settings)
    make()


def prepare(settings: LearnSettings) -> tuple[Examples, Callable[[], nn.Module], list[int]]:
    """The examples, what builds a model by torch's generator, and the widths of its hidden Linears."""
    examples, model = read_examples(settings), settings.model
    if model.matched:
        hidden = matched_widths(model, examples.shape, examples.outputs, triangles(settings))
        model = dataclasses.replace(model, hidden=hidden)
    replaced, released = replacing(settings), settings.schedule.phases[-1].space is SpaceName.weights
    if model.parameters is not None:
        hidden = widths_for(model.parameters, model, examples.shape, examples.outputs, replaced, released)
        model = dataclasses.replace(model, hidden=hidden)
    return examples, partial(build, model, examples.shape, examples.outputs, replaced), model.hidden


def run(settings: LearnSettings, watch: Callable[[Step], object] = lambda step: None) -> Result:
    """Train a model from every restart, and measure it at its start, after every epoch and after each phase.

    Restart k starts from, and takes its batches by, the stream of (seed, k): with and without triangle networks
    the Linears start alike and see the same batches.

    Args:
        settings: what to run.
        watch: called after every batch, such as a progress bar.

    Raises:
        ValueError: see `check`.
    """
    torch.set_num_threads(settings.threads)
    require_device(settings.device)
    examples, make, hidden = prepare(settings)
    settings = with_budget(settings)
    rate = search(settings, lambda: examples.split(settings.restarts).train, make, watch)
    if rate is not None:
        settings = with_rate(settings, rate)
    tables: dict[str, list[pd.DataFrame]] = {"errors": [], "history": []}
    best: defaultdict[str, float] = defaultdict(lambda: math.inf)
    models: defaultdict[str, dict[str, Tensor]] = defaultdict(dict)
    seconds: defaultdict[str, float] = defaultdict(float)
    for restart in range(settings.restarts):
        split = examples.split(restart)
        start, batches = (
            np.random.SeedSequence([settings.seed, restart]).generate_state(2, np.uint64).tolist()
        )
        with torch.random.fork_rng(devices=()):
            torch.manual_seed(start)
            model = make().to(settings.device, getattr(torch, settings.dtype.value))
            note = partial(_note, watch, f"{restart + 1}/{settings.restarts}")
            trial = Trial(settings, model, split, torch.Generator().manual_seed(batches))
            for stage, loss in trial.run(note, seconds):  # dropout draws from torch's own stream
                if loss < best[stage]:
                    best[stage], models[stage] = loss, _copied(model)
        chosen = {} if rate is None else {"learning_rate": rate}
        tables["errors"].append(pd.DataFrame(trial.errors).assign(restart=restart, **chosen))
        tables["history"].append(pd.DataFrame(trial.history).assign(restart=restart))
    return Result(
        shape=examples.shape,
        outputs=examples.outputs,
        hidden=hidden,
        parameters=parameter_count(model, released=trial.released),
        errors=first_columns(pd.concat(tables["errors"]), ["restart", "stage"]),
        history=first_columns(pd.concat(tables["history"]), ["restart", "phase", "epoch"]),
        models=models,
        seconds=dict(seconds),
    )


def _copied(model: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.cpu().clone() for name, tensor in model.state_dict().items()}


def _note(watch: Callable[[Step], object], restart: str, step: Step) -> None:
    watch(dataclasses.replace(step, phase=f"{restart} {step.phase}"))


@dataclass
class Trial:
    """One restart: its model, and the rows it adds to the tables."""

    settings: LearnSettings
    model: nn.Module
    split: Split
    generator: torch.Generator
    errors: list[dict[str, Any]] = field(default_factory=list)
    history: list[dict[str, Any]] = field(default_factory=list)

    @property
    def released(self) -> bool:
        """Whether the triangle networks' weights are free at the end."""
        return self.settings.schedule.phases[-1].space is SpaceName.weights

    def run(self, watch: Callable[[Step], object], seconds: dict[str, float]) -> Iterator[tuple[str, float]]:
        """Train and measure; yields each stage, with the model as it is then, and the loss on what it learned from.

        The loss is infinite where the restart diverged.

        Args:
            watch: called after every batch.
            seconds: of each phase, added to.
        """
        settings = self.settings
        data, every = settings.data, settings.history.every
        self._record_errors(INIT)
        self._record_epoch(INIT, 0, math.nan)
        yield self._stage()
        phases = settings.schedule.phases
        epochs = train(self.model, phases, self.split.train, data.task, data.batch, self.generator, watch)
        began = time.perf_counter()
        for epoch in epochs:
            if epoch.number % every == 0 or epoch.number == epoch.last:
                self._record_epoch(epoch.phase, epoch.number, epoch.loss)
            if epoch.number == epoch.last:
                self._record_errors(epoch.phase)
                seconds[epoch.phase] += time.perf_counter() - began
                yield self._stage()
                began = time.perf_counter()

    def _stage(self) -> tuple[str, float]:
        last = self.errors[-1]
        loss = math.inf if last["diverged"] else last[f"{SCORES[self.settings.data.task][0]}_train"]
        return last["stage"], loss

    def _measure(self, part: str) -> dict[str, float]:
        data = self.settings.data
        found = measure(self.model, getattr(self.split, part), data.task, data.batch, self.split)
        return {f"{name}_{part}": value for name, value in found.items()}

    def _record_errors(self, stage: str) -> None:
        row = self._measure("train") | self._measure("test")
        if self.settings.data.task is Task.regression:
            row["r2_test"] = 1 - row["mse_test"] / self.split.spread if self.split.spread else math.nan
        loss = row[f"{SCORES[self.settings.data.task][0]}_train"]
        self.errors.append({"stage": stage} | row | {"diverged": not math.isfinite(loss)})

    def _record_epoch(self, phase: str, number: int, loss: float) -> None:
        self.history.append({"phase": phase, "epoch": number, "loss": loss, **self._measure("test")})
