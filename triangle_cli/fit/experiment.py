"""One run: a target, networks that start somewhere, a schedule, and what is measured on the way."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from triangle_cli.construction.network import Network
from triangle_cli.fit import deepening, starts
from triangle_cli.fit.deepening import NOTHING, Kick, Spent
from triangle_cli.fit.functions import Target
from triangle_cli.fit.measurement import Measurement, regions_table
from triangle_cli.fit.points import points_of, side
from triangle_cli.fit.samples import SampledTarget, Samples, read_samples
from triangle_cli.fit.unit_square import UnitSquare
from triangle_cli.settings.fit import Scaling
from triangle_cli.settings.require import require, require_device
from triangle_cli.settings.run import FitSettings
from triangle_cli.store import run_folder
from triangle_cli.store.record import Stage
from triangle_cli.store.run_folder import stage_files
from triangle_cli.store.stages import (
    best_of,
    best_restart,
    first_columns,
    last_stage,
    plain_row,
    restarts_of,
)
from triangle_cli.training.schedule import Epoch, enter_weights, run_schedule

INIT = "init"  # the stage before any training


@dataclass
class Result:
    """What a run found: tables as they go to disk, and the networks of every stage, in the order of its restarts."""

    target: Target
    networks: dict[str, Network]  # by stage, the start first
    parameters: int  # of one network, without the zeros between blocks that are kept
    errors: pd.DataFrame
    regions: pd.DataFrame
    history: pd.DataFrame
    seconds: dict[str, float] = field(default_factory=dict)
    earlier: Spent = NOTHING  # by a process that was killed

    @property
    def tables(self) -> dict[str, pd.DataFrame]:
        """What goes to disk, by file name."""
        return {
            run_folder.ERRORS: self.errors,
            run_folder.REGIONS: self.regions,
            run_folder.HISTORY: self.history,
        }

    @property
    def states(self) -> dict[str, dict[str, Tensor]]:
        """What is kept of each stage, by file name: all its networks, as plain tensors."""
        files = stage_files(self.networks)
        return {files[stage]: network.state_dict() for stage, network in self.networks.items()}

    @property
    def network(self) -> Network:
        """The networks at the end."""
        return list(self.networks.values())[-1]

    @property
    def stages(self) -> list[Stage]:
        """The networks of each stage, as run.json describes them."""
        return [
            Stage(
                stage,
                file,
                restarts_of(self.errors, stage),
                best_restart(self.errors, stage),
            )
            for stage, file in stage_files(self.networks).items()
        ]

    @property
    def facts(self) -> dict[str, Any]:
        """What run.json says of it beside times and settings."""
        stages = self.stages
        return {
            "interval": _interval(self.target),
            "curvature": self.target.curvature,
            "best_restart": stages[-1].best_restart,
            "restarts": self.restarts,  # in the order of network.pt
            "stages": stages,
            "best": plain_row(self.best_row),
            "parameters": self.parameters,
            "samples": self.target.facts if isinstance(self.target, SampledTarget) else None,
        }

    @property
    def final(self) -> pd.DataFrame:
        """The rows of errors.csv for the last stage, one per restart."""
        return last_stage(self.errors)

    @property
    def best_row(self) -> pd.Series | None:
        """The row of errors.csv with the least training error of all restarts and stages; None where all diverged."""
        return best_of(self.errors)

    @property
    def restarts(self) -> list[int]:
        """The number of the start that each network comes from: all of them, unless phases kept the best."""
        return restarts_of(self.errors, list(self.networks)[-1])

    @property
    def best(self) -> Network | None:
        """The best network of all restarts and stages, a batch of one."""
        row = self.best_row
        if row is None:
            return None
        kept = restarts_of(self.errors, row["stage"])
        place = kept.index(row["restart"])
        return self.networks[row["stage"]][place : place + 1]


def target_of(settings: FitSettings) -> Target:
    """The function that these settings mean: a formula, or samples from a file.

    Raises:
        ValueError: it is not one.
    """
    function = settings.function
    if function.path is not None:
        return sampled_target(settings, read_samples(function))
    assert function.formula is not None  # else a file is named
    assert function.interval is not None
    return Target(function.name, function.formula, (function.interval[0], function.interval[1]))


def sampled_target(settings: FitSettings, samples: Samples) -> SampledTarget:
    """These samples as a target, a share of them held out."""
    bend = settings.function.curvature
    bent = None if bend is None else bend.value
    return SampledTarget.of(settings.name, samples, float(settings.points.test), settings.seed, bent)


def check(settings: FitSettings, target: Target | None = None) -> Target:
    """The target, once everything that can be refused before training has been looked at.

    Args:
        settings: of the run.
        target: in the place of what the settings name.

    Raises:
        ValueError: the function does not fit the initialisation, is of a size that numbers cannot hold, or the
            device is not there.
    """
    target = target_of(settings) if target is None else target
    if settings.network.directions is not None and target.inputs == 1:
        raise ValueError(
            f"function={target.name}: is of x alone, expected a function of x and y for "
            f"network.directions={settings.network.directions}"
        )
    UnitSquare.of(settings, target)
    starts.find(settings.init).check(settings, target)
    points = _training_points(settings, target)
    for index, phase in enumerate(settings.schedule.phases):
        key = f"schedule.phases.{index}.group"
        require(
            (phase.group or 1) <= points, key, phase.group, f"1 to {points}, the number of training points"
        )
    if settings.scaling is Scaling.none:  # else `UnitSquare` says it
        largest = max(map(abs, target.range))
        most = (torch.finfo(getattr(torch, settings.dtype.value)).max / points) ** 0.5
        accepted = f"values up to {most:.2g}, whose squares {settings.dtype.value} can add up; it reaches {largest:.3g}"
        require(largest < most, "function.formula", target.formula, accepted)
    require_device(settings.device)
    return target


def _training_points(settings: FitSettings, target: Target) -> int:
    """How many there are; ValueError where a grid in the plane cannot have so many."""
    if isinstance(target, SampledTarget):
        return len(target.train.y)
    train, test, grid = settings.points.train, int(settings.points.test), settings.points.grid
    for count in (train, test, grid):
        assert count is not None  # of a formula
        side(target, count)
    assert train is not None
    return train


def run(
    settings: FitSettings,
    watch: Callable[[Epoch | Kick], object] = lambda epoch: None,
    unfinished: Path | None = None,
    target: Target | None = None,
) -> Result:
    """Train all restarts, and measure them at the start, on the way and after each phase.

    Args:
        settings: what to run.
        watch: called at every epoch, such as a progress bar.
        unfinished: a folder for what long schedules keep on the way; a run that was killed goes on from there.
        target: in the place of what the settings name.

    Raises:
        ValueError: see `check`.
    """
    torch.set_num_threads(1)  # how torch shares elements out moves last digits; training shares out restarts
    target = check(settings, target)
    dtype, device = getattr(torch, settings.dtype.value), settings.device
    points = points_of(settings, target)
    learned, held, grid = (some.to(device, dtype) for some in points)
    measurement = Measurement(
        target,
        train=learned,
        test=held,
        grid=grid,
        limit=settings.regions.limit,
        threads=settings.threads,
        integral=settings.schedule.deepening is not None and not isinstance(target, SampledTarget),
    )
    square, kept = UnitSquare.of(settings, target), settings.network.kept
    train = measurement.train if square.is_identity else square.points(points[0], device)
    start = starts.find(settings.init).draw(square.settings(settings), square.copy, train)
    _, weights = enter_weights(start, kept)
    network, restarts = square.network(start), list(range(settings.starts))
    networks = {INIT: network.detach()}
    counts = measurement.regions(network, restarts)
    errors = [measurement.errors(network, counts).assign(stage=INIT)]
    counted = [(INIT, 0, counts)]
    history, seconds, began = [], {}, time.perf_counter()

    if settings.schedule.deepening is None:
        how = (settings.regions.every, settings.threads)
        epochs: Iterable[Epoch | Kick] = run_schedule(settings.schedule.phases, start, train, kept, *how)
    else:
        epochs = deepening.deepen(settings, square.copy, train, unfinished)
    for epoch in epochs:
        epoch = replace(epoch, losses=square.squared(epoch.losses) + measurement.train.pure)
        watch(epoch)
        first, last = epoch.number == 0, epoch.number == epoch.last
        for number, losses in enumerate(epoch.losses, epoch.number):
            if last or number % settings.history.every == 0:
                history.append((epoch.phase, number, epoch.restarts, losses.numpy(force=True)))
        if last or (epoch.number % settings.regions.every == 0 and not first):
            network = square.network(epoch.start)
            counts = measurement.regions(network, epoch.restarts, again=last)
            counted.append((epoch.phase, epoch.number, counts))
        if last:
            errors.append(measurement.errors(network, counts).assign(stage=epoch.phase))
            networks[epoch.phase] = network.detach()
            seconds[epoch.phase] = time.perf_counter() - began
            began = time.perf_counter()

    return Result(
        target=target,
        networks=networks,
        parameters=weights.shape[1],
        errors=first_columns(pd.concat(errors), ["restart", "stage"]),
        regions=regions_table(counted),
        history=_history(history),
        seconds=seconds,
        earlier=epoch.earlier if isinstance(epoch, Kick) else NOTHING,
    )


def _interval(target: Target) -> list[Any]:
    """As run.json has it: [lo, hi], or of several inputs that differ one for each."""
    box = [list(side) for side in target.box]
    return box if len({*target.box}) > 1 else box[0]


def _history(records: list[tuple[str, int, list[int], np.ndarray]]) -> pd.DataFrame:
    """history.csv, from (phase, epoch, restarts, their losses)."""
    phases, epochs, restarts, losses = zip(*records)
    counts = [len(some) for some in restarts]
    return pd.DataFrame(
        {
            "restart": np.concatenate(restarts),
            "phase": np.repeat(phases, counts),
            "epoch": np.repeat(epochs, counts),
            "loss": np.concatenate(losses).tolist(),
        }
    )
