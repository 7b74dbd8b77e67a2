"""A schedule: phases in order, each in a space of its own, and the hand-over from one to the next."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from triangle_cli.construction.blocks import Blocks, kept_entries
from triangle_cli.construction.network import Network
from triangle_cli.construction.triangle import Triangle
from triangle_cli.settings.schedule import PhaseSettings, SpaceName
from triangle_cli.training.block_space import BlockPeakSpace, Space
from triangle_cli.training.loop import train
from triangle_cli.training.problem import Points, Problem
from triangle_cli.training.spaces import PeakSpace, WeightSpace

Start = Triangle | Blocks | Network


@dataclass(frozen=True)
class Epoch:
    """The state of all restarts at one epoch of a phase, before its step; the last epoch has none."""

    phase: str
    number: int
    last: int
    loss: Tensor  # (R,)
    theta: Tensor  # (R, P)
    space: Space
    restarts: list[int]  # the number of each start that is left, R of them

    @property
    def network(self) -> Network:
        """The networks at this epoch."""
        return self.space.decode(self.theta)


def phase_names(phases: Sequence[PhaseSettings]) -> list[str]:
    """The phases' spaces; from the second of a kind on with their number: peaks, weights, weights_2."""
    seen: Counter[str] = Counter()
    names = []
    for phase in phases:
        name = phase.space.value
        seen[name] += 1
        names.append(name if seen[name] == 1 else f"{name}_{seen[name]}")
    return names


def enter(space: SpaceName, start: Start, blocks: int | None = None) -> tuple[Space, Tensor]:
    """The space of a phase, and where it starts in it: (R, P).

    blocks: how many diagonal blocks the hidden matrices keep in weight space; None: all weights are free.
    """
    if space is SpaceName.weights:
        return enter_weights(start, blocks)
    assert not isinstance(start, Network), "Settings refuse phases of peaks after a start that has none"
    free = space is SpaceName.peaks_and_scales
    if isinstance(start, Blocks):
        several = BlockPeakSpace.of(start, free)
        return several, several.encode(start)
    peaks = PeakSpace(start.depth, start.sign, start.interval, free_scales=free)
    return peaks, peaks.encode(start)


def enter_weights(start: Start, blocks: int | None = None) -> tuple[WeightSpace, Tensor]:
    """As `enter`, for a phase of weights."""
    network = start if isinstance(start, Network) else start.network()
    weights = WeightSpace(network, kept_entries(network, blocks) if blocks else None)
    return weights, weights.encode(network)


def leave(space: Space, theta: Tensor) -> Start:
    """What the next phase starts from."""
    return space.decode(theta) if isinstance(space, WeightSpace) else space.triangle(theta)


def run_schedule(
    phases: Sequence[PhaseSettings], start: Start, points: Points, blocks: int | None = None
) -> Iterator[Epoch]:
    """Train all restarts through all phases; yields every epoch, the state before its step.

    A phase with `keep` hands only so many restarts on, those with the least loss: successive halving. `blocks` as
    for `enter`.
    """
    restarts = torch.arange(len(start.peaks) if isinstance(start, Triangle) else start.restarts)
    for name, phase in zip(phase_names(phases), phases):
        space, theta = enter(phase.space, start, blocks)
        problem = Problem(space, points.x, points.y)
        steps = train(problem, theta, phase.optimizer, phase.epochs, **phase.optimizer_settings)
        for number, theta, loss in steps:
            yield Epoch(name, number, phase.epochs, loss, theta, space, restarts.tolist())
        if phase.keep is not None:
            kept = keep_best(loss, phase.keep)
            theta, restarts = theta[kept], restarts[kept.cpu()]
        start = leave(space, theta)


def keep_best(losses: Tensor, keep: int) -> Tensor:
    """Which restarts to go on with: the indices (keep,), in ascending order, of the smallest losses (R,).

    A loss that is not a number counts as the largest.

    Raises:
        ValueError: `keep` is not between 1 and R.
    """
    if not 1 <= keep <= len(losses):
        raise ValueError(f"keep={keep}: expected 1 to {len(losses)}, the number of restarts")
    return losses.nan_to_num(nan=float("inf")).argsort(stable=True)[:keep].sort().values
