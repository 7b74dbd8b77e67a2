"""One run: a target, networks that start somewhere, a schedule, and what is measured on the way."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pandas as pd
import torch
from torch import Tensor

from triangle_cli.construction.network import Network
from triangle_cli.fit import starts
from triangle_cli.fit.functions import Target
from triangle_cli.fit.measurement import Measurement
from triangle_cli.fit.points import even_points, middle_points, side
from triangle_cli.settings.require import require, require_device
from triangle_cli.settings.run import FitSettings
from triangle_cli.store import run_folder
from triangle_cli.store.stages import first_columns, last_stage
from triangle_cli.training.schedule import Epoch, enter_weights, run_schedule

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


def check(settings: FitSettings) -> Target:
    """The target, once everything that can be refused before training has been looked at.

    Raises:
        ValueError: the function does not fit the initialisation, or the device is not there.
    """
    function = settings.function
    target = Target(function.name, function.formula, (function.interval[0], function.interval[1]))
    if settings.network.directions is not None and target.inputs == 1:
        raise ValueError(
            f"function={target.name}: is of x alone, expected a function of x and y for "
            f"network.directions={settings.network.directions}"
        )
    starts.find(settings.init).check(settings, target)
    for count in (settings.points.train, settings.points.test, settings.points.grid):
        side(target, count)
    points = side(target, settings.points.train) ** target.inputs
    for index, phase in enumerate(settings.schedule.phases):
        key = f"schedule.phases.{index}.group"
        require(
            (phase.group or 1) <= points, key, phase.group, f"1 to {points}, the number of training points"
        )
    most = (torch.finfo(getattr(torch, settings.dtype.value)).max / points) ** 0.5
    require(
        target.largest < most,
        "function.formula",
        target.formula,
        f"values up to {most:.2g}, whose squares {settings.dtype.value} can add up; it reaches {target.largest:.3g}",
    )
    require_device(settings.device)
    return target


def run(settings: FitSettings, watch: Callable[[Epoch], object] = lambda epoch: None) -> Result:
    """Train all restarts, and measure them at the start, on the way and after each phase.

    Args:
        settings: what to run.
        watch: called at every epoch, such as a progress bar.

    Raises:
        ValueError: see `check`.
    """
    torch.set_num_threads(settings.threads)
    target = check(settings)
    dtype = getattr(torch, settings.dtype.value)
    points, device = settings.points, settings.device
    measurement = Measurement(
        target,
        train=even_points(target, points.train, dtype, device),
        test=middle_points(target, points.test, dtype, device),
        grid=even_points(target, points.grid, dtype, device),
        limit=settings.regions.limit,
    )
    start = starts.find(settings.init).draw(settings, target, measurement.train)
    kept = settings.network.kept
    space, weights = enter_weights(start, kept)
    network, restarts = space.shape, list(range(settings.starts))
    errors = [measurement.errors(network, restarts).assign(stage=INIT)]
    regions = [measurement.regions(network, restarts).assign(phase=INIT, epoch=0)]
    history, seconds, began = [], {}, time.perf_counter()

    for epoch in run_schedule(settings.schedule.phases, start, measurement.train, kept):
        watch(epoch)
        first, last = epoch.number == 0, epoch.number == epoch.last
        if last or epoch.number % settings.history.every == 0:
            losses = pd.DataFrame({"restart": epoch.restarts, "loss": epoch.loss.tolist()})
            history.append(losses.assign(phase=epoch.phase, epoch=epoch.number))
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
