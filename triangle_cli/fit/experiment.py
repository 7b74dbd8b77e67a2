"""One run: a target, networks that start somewhere, a schedule, and what is measured on the way."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pandas as pd
import torch
from torch import Tensor

from triangle_cli.construction.blocks import WIDTH, Blocks, side_by_side
from triangle_cli.construction.network import Network
from triangle_cli.fit.functions import Target
from triangle_cli.fit.measurement import Measurement
from triangle_cli.fit.points import even_points, middle_points, side
from triangle_cli.fit.starts import random as starts_random
from triangle_cli.fit.starts import triangle as starts_triangle
from triangle_cli.fit.starts.blocks import draw_blocks, fitted_blocks
from triangle_cli.fit.starts.zigzag import draw_kinks, zigzag
from triangle_cli.settings.require import require_device
from triangle_cli.settings.settings import Mode, Settings, SpaceName
from triangle_cli.store import run_folder
from triangle_cli.store.stages import first_columns, last_stage
from triangle_cli.training.schedule import Epoch, Start, enter, run_schedule

INIT = "init"  # the stage before any training


@dataclass
class Result:
    """What a run found: tables as they go to disk, and the networks at its end, in the order of `restarts`."""

    target: Target
    network: Network
    parameters: int  # of one network, without the zeros between blocks that are kept
    errors: pd.DataFrame
    regions: pd.DataFrame
    history: pd.DataFrame
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def tables(self) -> dict[str, pd.DataFrame]:
        """What goes to disk, by file name."""
        return {
            run_folder.ERRORS: self.errors,
            run_folder.REGIONS: self.regions,
            run_folder.HISTORY: self.history,
        }

    @property
    def state(self) -> dict[str, Tensor]:
        """What network.pt holds: all networks, as plain tensors."""
        return self.network.state_dict()

    @property
    def facts(self) -> dict[str, Any]:
        """What run.json says of it beside times and settings."""
        return {
            "interval": list(self.target.interval),
            "curvature": self.target.curvature,
            "best_restart": self.best_restart,
            "restarts": self.restarts,  # in the order of network.pt
            "parameters": self.parameters,
        }

    @property
    def final(self) -> pd.DataFrame:
        """The rows of errors.csv for the last stage, one per restart."""
        return last_stage(self.errors)

    @property
    def best_restart(self) -> int | None:
        """The restart with the least training error at the end; None where all diverged."""
        errors = self.final.loc[~self.final["diverged"]].set_index("restart")["mse_train"]
        return int(errors.idxmin()) if len(errors) else None

    @property
    def restarts(self) -> list[int]:
        """The number of the start that each network comes from: all of them, unless phases kept the best."""
        return self.final["restart"].tolist()

    @property
    def best(self) -> Network | None:
        """The network of the best restart, a batch of one."""
        if self.best_restart is None:
            return None
        place = self.restarts.index(self.best_restart)
        return self.network[place : place + 1]


def check(settings: Settings) -> Target:
    """The target, once everything that can be refused before training has been looked at.

    Raises:
        ValueError: the function does not fit the initialisation, or the device is not there.
    """
    function = settings.function
    target = Target(function.name, function.formula, (function.interval[0], function.interval[1]))
    check_network(settings, target)
    for count in (settings.points.train, settings.points.test, settings.points.grid):
        side(target, count)
    require_device(settings.device)
    return target


def check_network(settings: Settings, target: Target) -> None:
    """Raise ValueError where the function has other inputs or bends than the networks can follow."""
    network, mode = settings.network, settings.init.mode
    key, inputs = f"function={target.name}", "x and y" if target.inputs == 2 else "x alone"
    if network.directions is not None and target.inputs == 1:
        raise ValueError(
            f"{key}: is of {inputs}, expected a function of x and y for network.directions={network.directions}"
        )
    if mode is Mode.zigzag and not (network.single and target.inputs == 1):
        raise ValueError(
            f"init={settings.init.name}: expected network=single and a function of x alone ({key} is of {inputs})"
        )
    if mode is Mode.triangle and target.inputs == 2 and network.directions is None:
        raise ValueError(
            f"{key}: is of {inputs}, expected network=ridge (network={network.name} is for x alone)"
        )
    if mode is Mode.triangle and network.single:
        starts_triangle.require_bend(target)


def random_width(settings: Settings, inputs: int) -> int:
    """The width of a random network: as set, or that with as many parameters as the blocks have, or nearly."""

    def parameters(width: int) -> int:
        return width * (inputs + 1) + (settings.depth - 1) * width * (width + 1) + width + 1

    if settings.init.width is not None:
        return settings.init.width
    wanted = settings.network.total * (parameters(WIDTH) - 1) + 1
    return min(range(1, wanted), key=lambda width: abs(parameters(width) - wanted))


def start_blocks(settings: Settings, target: Target, measurement: Measurement) -> Blocks:
    """Networks of several triangle networks before training."""
    init, network, train = settings.init, settings.network, measurement.train
    peaks, directions = draw_blocks(
        settings.depth,
        init.peak_low,
        init.peak_high,
        network.total,
        network.directions or 1,
        target.inputs,
        settings.seed,
        settings.starts,
    )
    if init.peaks:
        peaks = torch.tensor(init.peaks, dtype=torch.float64).expand_as(peaks).contiguous()
    peaks, directions = (tensor.to(train.y) for tensor in (peaks, directions))
    return fitted_blocks(peaks, directions, target.box, train.x, train.y)


def start_networks(settings: Settings, target: Target, measurement: Measurement) -> Start:
    """The restarts before training: (restarts, ...) in every tensor."""
    init, dtype = settings.init, getattr(torch, settings.dtype.value)
    if init.mode is Mode.triangle and not settings.network.single:
        return start_blocks(settings, target, measurement)
    if init.mode is Mode.triangle:
        shape = (settings.seed, settings.starts)
        if init.peaks:
            peaks = torch.tensor(init.peaks, dtype=torch.float64).expand(settings.starts, -1)
        else:
            peaks = starts_triangle.draw_peaks(settings.depth, init.peak_low, init.peak_high, *shape)
        peaks = peaks.to(settings.device, dtype)
        return starts_triangle.triangle(target, peaks, measurement.train.x, measurement.train.y, init.scale)
    if init.mode is Mode.zigzag:
        train = measurement.train
        kinks = draw_kinks(train.x, train.y, settings.depth, init.width - 2, settings.seed, settings.starts)
        return zigzag(kinks, train.x, train.y, target.interval)
    draw = {Mode.random: starts_random.random, Mode.raai: starts_random.raai}[init.mode]
    kept = settings.network.kept
    width = (init.width or WIDTH) if kept else random_width(settings, target.inputs)
    shape = (settings.seed, settings.starts, dtype, target.inputs, kept or 1)
    network = draw(settings.depth, width, target.interval, *shape)
    network = side_by_side(network, kept) if kept else network
    return Network(tuple(layer.to(settings.device) for layer in network.layers))


def run(settings: Settings, watch: Callable[[Epoch], object] = lambda epoch: None) -> Result:
    """Train all restarts, and measure them at the start, on the way and after each phase.

    Args:
        settings: what to run.
        watch: called at every epoch, such as a progress bar.

    Raises:
        ValueError: see `check`.
    """
    torch.set_num_threads(1)  # how torch shares elements out moves last digits; training shares out restarts
    target = check(settings)
    dtype = getattr(torch, settings.dtype.value)
    points, device = settings.points, settings.device
    measurement = Measurement(
        target,
        train=even_points(target, points.train, dtype, device),
        test=middle_points(target, points.test, dtype, device),
        grid=even_points(target, points.grid, dtype, device),
        threads=settings.threads,
    )
    start = start_networks(settings, target, measurement)
    kept = settings.network.kept
    space, weights = enter(SpaceName.weights, start, kept)
    network, restarts = space.shape, list(range(settings.starts))
    errors = [measurement.errors(network, restarts).assign(stage=INIT)]
    regions = [measurement.regions(network, restarts).assign(phase=INIT, epoch=0)]
    history, seconds, began = [], {}, time.perf_counter()

    for epoch in run_schedule(
        settings.schedule.phases, start, measurement.train, kept, settings.regions.every, settings.threads
    ):
        watch(epoch)
        first, last = epoch.number == 0, epoch.number == epoch.last
        for number, losses in enumerate(epoch.losses, epoch.number):
            if last or number % settings.history.every == 0:
                rows = pd.DataFrame({"restart": epoch.restarts, "loss": losses.tolist()})
                history.append(rows.assign(phase=epoch.phase, epoch=number))
        if last or (epoch.number % settings.regions.every == 0 and not first):
            network = epoch.network
            regions.append(
                measurement.regions(network, epoch.restarts).assign(phase=epoch.phase, epoch=epoch.number)
            )
        if last:
            errors.append(measurement.errors(network, epoch.restarts).assign(stage=epoch.phase))
            seconds[epoch.phase] = time.perf_counter() - began
            began = time.perf_counter()

    return Result(
        target=target,
        network=network.detach(),
        parameters=weights.shape[1],
        errors=first_columns(pd.concat(errors), ["restart", "stage"]),
        regions=first_columns(pd.concat(regions), ["restart", "phase", "epoch"]),
        history=first_columns(pd.concat(history), ["restart", "phase", "epoch"]),
        seconds=seconds,
    )
