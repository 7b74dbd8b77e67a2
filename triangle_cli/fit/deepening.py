"""Deepening a function's fronts in a run: every restart on its own, all of them a layer at a time."""

from __future__ import annotations

import logging
import time
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from triangle_cli.construction.network import Network
from triangle_cli.deepening.deepen import Deepening, Plan
from triangle_cli.deepening.front import Front
from triangle_cli.deepening.loss import Loss
from triangle_cli.fit.functions import Target
from triangle_cli.fit.samples import SampledTarget
from triangle_cli.fit.starts.front import network_of, on_unit, signs
from triangle_cli.settings.run import FitSettings
from triangle_cli.settings.schedule import LossName
from triangle_cli.store.run_folder import unfinished_file, write_whole
from triangle_cli.training.problem import Points

MEASURED = 10_000_000  # pieces of a network whose error is integrated
SPENT = "spent"  # beside a deepening's state

log = logging.getLogger(__name__)


class Spent(NamedTuple):
    """Seconds on the clock, and of all cores together."""

    wall: float
    cpu: float


NOTHING = Spent(0.0, 0.0)


@dataclass(frozen=True)
class Kick:
    """The state at one kick of a stage: of one restart, or of all at the stage's end. What `Epoch` is to phases."""

    phase: str
    number: int
    last: int
    losses: Tensor  # (1, R)
    fronts: list[Front]  # without tails
    interval: tuple[float, float]
    restarts: list[int]
    done: float  # the share of all work, 0 to 1
    earlier: Spent  # by a process that was killed

    @property
    def loss(self) -> Tensor:
        """(R,)."""
        return self.losses[0]

    @property
    def start(self) -> Network:
        """The networks, of the full depth."""
        return network_of(self.fronts, self.interval)


def loss_of(settings: FitSettings, target: Target, train: Points) -> Loss:
    """What deepening makes small, by `schedule.deepening.loss`."""
    assert settings.schedule.deepening is not None
    if settings.schedule.deepening.loss is LossName.integral:
        return Loss(target=partial(on_unit, target))
    lo, hi = target.interval
    samples = (((train.x - lo) / (hi - lo)).clamp(0, 1).numpy(), train.y.numpy())
    guide = partial(on_unit, target) if isinstance(target, SampledTarget) else None
    return Loss(samples=samples, guide=guide, weight=None if train.weight is None else train.weight.numpy())


def deepen(settings: FitSettings, target: Target, train: Points, unfinished: Path | None) -> Iterator[Kick]:
    """Deepen all restarts; yields after every kick, and at the end of every stage all restarts together.

    unfinished: a folder where finished stages are kept; a run that was killed goes on from there.
    """
    chosen, width = settings.schedule.deepening, settings.init.width
    assert chosen is not None
    assert width is not None
    plan = Plan(settings.depth, width, chosen.front, chosen.starts, chosen.kicks, chosen.last_kicks)
    loss, count = loss_of(settings, target, train), settings.restarts
    deepenings = [Deepening(loss, plan, signs(target), (settings.seed, k)) for k in range(count)]
    files = [unfinished and unfinished_file(unfinished, f"{settings.hash}-{k}.npz") for k in range(count)]
    # restarts take turns, so what was kept last knows what all of them took
    earlier = max(_restore(deepening, file) for deepening, file in zip(deepenings, files))
    clocks = Spent(time.perf_counter(), time.process_time())
    runs = [deepening.run() for deepening in deepenings]
    for stage, name in enumerate(plan.stages):
        kicks = chosen.kicks if stage < plan.layers else chosen.last_kicks
        for k, (deepening, file) in enumerate(zip(deepenings, files)):
            while len(deepening.stages) <= stage:
                progress = next(runs[k])
                if progress.finished:
                    now = Spent(time.perf_counter(), time.process_time())
                    _keep(deepening, file, [e + n - c for e, n, c in zip(earlier, now, clocks)])
                    continue
                yield Kick(
                    name,
                    k * kicks + progress.kick,
                    count * kicks,
                    torch.tensor([[progress.best]], dtype=torch.float64),
                    [_network(deepening, progress.front)],
                    target.interval,
                    [k],
                    _done(plan, deepenings, progress.done),
                    earlier,
                )
        found = [_network(deepening, deepening.stages[stage]) for deepening in deepenings]
        trained = [deepening.trained(stage) for deepening in deepenings]
        done = sum(plan.work[: stage + 1]) / sum(plan.work)
        yield Kick(
            name,
            count * kicks,
            count * kicks,
            torch.tensor([trained], dtype=torch.float64),
            found,
            target.interval,
            list(range(count)),
            done,
            earlier,
        )


def _done(plan: Plan, deepenings: list[Deepening], here: float) -> float:
    """The share of all work that is behind, where one restart of them is at `here`."""
    finished = [sum(plan.work[: len(deepening.stages)]) / sum(plan.work) for deepening in deepenings]
    ahead = max(here - min(finished), 0)
    return (sum(finished) + ahead) / len(deepenings)


def _network(deepening: Deepening, front: Front) -> Front:
    return front if front.sign == 0 else deepening.unrolled(front)


def _keep(deepening: Deepening, file: Path | None, spent: list[float]) -> None:
    if file is not None:
        state = deepening.state() | {SPENT: np.array(spent)}
        write_whole(file, lambda beside: np.savez(beside, allow_pickle=False, **state))


def _restore(deepening: Deepening, file: Path | None) -> Spent:
    """Take up the finished stages of a run that was killed; returns what it had taken."""
    if file is not None and file.is_file():
        try:
            with np.load(file) as state:
                spent = Spent(*state[SPENT].tolist())
                deepening.restore({key: state[key] for key in state if key != SPENT})
                return spent
        except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile):
            log.warning("%s: cannot be read; begun again", file)
    return NOTHING


def integral_errors(network: Network, target: Target) -> list[float]:
    """The mean square of the error over the target's interval, exact up to rounding, for every restart."""
    lo, hi = target.interval
    loss = Loss(target=partial(on_unit, target), most_pieces=MEASURED)
    found = []
    for restart in range(network.restarts):
        first, *others = (layer[restart].double().cpu().numpy() for layer in network.layers)
        on_u = np.stack([first[:, 0] * (hi - lo), first[:, 1] + first[:, 0] * lo], 1)
        found.append(loss.of(Front((on_u, *others), 0.0)))
    return found
