"""A schedule: phases in order, each in a space of its own, and the hand-over from one to the next."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from triangle_cli.construction.blocks import Blocks
from triangle_cli.construction.network import Network
from triangle_cli.construction.tents import Tents
from triangle_cli.construction.triangle import Triangle
from triangle_cli.settings.schedule import HandOn, PhaseSettings, SpaceName
from triangle_cli.training.block_space import BlockPeakSpace, Space
from triangle_cli.training.loop import train
from triangle_cli.training.problem import Points, Problem
from triangle_cli.training.spaces import PeakSpace, WeightSpace
from triangle_cli.training.tent_space import TentSpace

Start = Triangle | Tents | Blocks | Network


@dataclass(frozen=True)
class Epoch:
    """The state of all restarts at one epoch of a phase, before its step; the last epoch has none.

    Not every epoch is looked at: `losses` are those of this one and of the others before the next that is.
    """

    phase: str
    number: int
    last: int
    losses: Tensor  # (k, R)
    theta: Tensor  # (R, P)
    space: Space
    restarts: list[int]  # the number of each start that is left, R of them

    @property
    def loss(self) -> Tensor:
        """The losses at this epoch, (R,)."""
        return self.losses[0]

    @property
    def start(self) -> Start:
        """What a phase that begins at this epoch would start from."""
        return leave(self.space, self.theta)

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
    if space in (SpaceName.tents, SpaceName.tents_and_scales):
        assert not isinstance(start, Blocks), "Settings refuse tents for several triangle networks"
        tents = start if isinstance(start, Tents) else Tents.of(start)
        wanted = space is SpaceName.tents_and_scales
        moved = TentSpace(tents.depth, tents.sign, tents.interval, free_scales=wanted)
        return moved, moved.encode(tents)
    assert not isinstance(start, Tents), "Settings refuse phases of peaks after phases of tents"
    free = space is SpaceName.peaks_and_scales
    if isinstance(start, Blocks):
        several = BlockPeakSpace.of(start, free)
        return several, several.encode(start)
    peaks = PeakSpace.of(start, free)
    return peaks, peaks.encode(start)


def enter_weights(start: Start, blocks: int | None = None) -> tuple[WeightSpace, Tensor]:
    """As `enter`, for a phase of weights."""
    network = start if isinstance(start, Network) else start.network()
    weights = WeightSpace(network, blocks)
    return weights, weights.encode(network)


def leave(space: Space, theta: Tensor) -> Start:
    """What the next phase starts from."""
    if isinstance(space, TentSpace):
        return space.tents(theta)
    return space.decode(theta) if isinstance(space, WeightSpace) else space.triangle(theta)


def run_schedule(
    phases: Sequence[PhaseSettings],
    start: Start,
    points: Points,
    blocks: int | None = None,
    every: int = 1,
    threads: int = 1,
) -> Iterator[Epoch]:
    """Train all restarts through all phases; yields every `every`th epoch, the state before its step, and others.

    A phase with `keep` hands only so many restarts on, those with the least loss: successive halving. One with
    `hand_on: best` ends with the best numbers of each restart that were seen in it. `blocks` as for `enter`,
    `every` and `threads` as for `train`.
    """
    restarts = torch.arange(start.restarts)
    for name, phase in zip(phase_names(phases), phases):
        space, theta = enter(phase.space, start, blocks)
        problem = Problem(space, points.x, points.y, points.weight)
        method, settings = phase.optimizer, phase.optimizer_settings
        best = phase.hand_on is HandOn.best
        stretches = train(problem, theta, method, phase.epochs, every, threads, best, **settings)
        for number, theta, losses in stretches:
            yield Epoch(name, number, phase.epochs, losses, theta, space, restarts.tolist())
        if phase.keep is not None:
            kept = keep_best(losses[-1], phase.keep)
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
