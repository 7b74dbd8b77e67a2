"""Deepening: fronts of 1, 2, .. layers, each started from the one before it, then a finite tail and all weights.

Every stage starts with the same function as the one before ended with, and so many more free numbers. The loss of a
front of F layers, meant for a network of depth d, has in it what the tail's cut after d - F layers will cost.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from triangle_cli.deepening.descent import LOOK, SETTLE, Effort, descend, kick_often
from triangle_cli.deepening.front import Front
from triangle_cli.deepening.loss import Loss
from triangle_cli.deepening.start import draw_front, touching_knots
from triangle_cli.deepening.tail import CUT

LEAST_TAIL = 2  # layers: a network that has room for them is not all front
NEW_LAYERS = (True, True, True, False) * 2  # what is tried for one: a tent written out, or creases alone
FINALISTS = 3  # of the starts, and of the networks with tails of different lengths
TRY_START = Effort(60, 1e-3, 1e-2)
SETTLE_START = Effort(600, 1e-4, 2e-3)
SETTLE_NETWORK = Effort(400, 1e-6, 1e-3)
COST_POWER = 2.5  # a step of training takes about (layers + 1)^2.5


@dataclass(frozen=True)
class Plan:
    """How much is tried.

    depth: hidden layers of the network, 2 or more. width: of each, 4 or more. front: the most layers a front gets.
    starts: fronts of one layer that are drawn. kicks: for each front. last_kicks: for the network.
    """

    depth: int
    width: int = 4
    front: int = 8
    starts: int = 16
    kicks: int = 1000
    last_kicks: int = 300

    @property
    def layers(self) -> int:
        """Of the largest front."""
        return max(1, min(self.front, self.depth - LEAST_TAIL))

    @property
    def work(self) -> list[float]:
        """What each stage takes, relative to the others: the fronts, then the network."""
        fronts = [self.kicks * (layers + 1.0) ** COST_POWER for layers in range(1, self.layers + 1)]
        return [*fronts, self.last_kicks * (self.depth + 1.0) ** COST_POWER]


@dataclass(frozen=True)
class Progress:
    """Where deepening is: after a kick, or at the end of a stage."""

    layers: int  # hidden layers of what is trained
    final: bool  # it is the network, no front
    kick: int
    kicks: int
    best: float  # its loss
    done: float  # the share of all work, 0 to 1

    @property
    def finished(self) -> bool:
        """Whether this stage is over, and can be saved."""
        return self.kick == self.kicks


@dataclass
class Deepening:
    """One restart: what to fit, and how far it has come.

    sign: of the tail, +1 for concave targets, -1 for convex ones. seed: numbers that make its random streams.
    fronts, network: the finished stages; a killed run goes on from them, with the same result.
    """

    loss: Loss
    plan: Plan
    sign: float
    seed: tuple[int, ...] = (0,)
    fronts: list[Front] = field(default_factory=list)
    network: Front | None = None

    def run(self) -> Iterator[Progress]:
        """Go through the stages that are left; yields after every kick, and the last of a stage when it is kept."""
        for layers in range(len(self.fronts) + 1, self.plan.layers + 1):
            cut = CUT * 16.0 ** (layers - self.plan.depth)
            stream = self._stream(layers)
            front, best = self._deeper(stream, cut) if self.fronts else self._first(stream, cut)
            for front, reached, progress in self._kicked(front, best, self.plan.kicks, stream, cut):  # noqa: B007
                if progress.finished:
                    self.fronts.append(front)
                yield progress
        if self.network is None:
            network, best = self._cut()
            stream = self._stream(0)
            for network, reached, progress in self._kicked(network, best, self.plan.last_kicks, stream):  # noqa: B007
                if progress.finished:
                    self.network = network
                yield progress

    def _stream(self, stage: int) -> np.random.Generator:
        return np.random.default_rng([*self.seed, stage])

    def _kicked(
        self, front: Front, best: float, kicks: int, stream: np.random.Generator, cut: float = 0.0
    ) -> Iterator[tuple[Front, float, Progress]]:
        work, final = self.plan.work, front.sign == 0
        before = sum(work[: len(self.fronts)])
        here = work[-1 if final else front.depth - 1]
        where = (front.depth, final)
        if not kicks:
            yield front, best, Progress(*where, 0, 0, best, (before + here) / sum(work))
        for number, (front, best) in enumerate(kick_often(self.loss, front, best, kicks, stream, cut), 1):
            share = (before + here * number / kicks) / sum(work)
            yield front, best, Progress(*where, number, kicks, best, share)

    def _first(self, stream: np.random.Generator, cut: float) -> tuple[Front, float]:
        """The best of many fronts of one layer."""
        width, target = self.plan.width, self.loss.shape
        knots = {pieces: touching_knots(target, pieces) for pieces in range(2, width + 1)}
        tried = []
        for _ in range(self.plan.starts):
            front = draw_front(target, width, self.sign, knots[int(stream.integers(2, width + 1))], stream)
            tried.append(descend(self.loss, front, TRY_START, cut))
        tried.sort(key=lambda pair: pair[1])
        settled = [descend(self.loss, front, SETTLE_START, cut) for front, _ in tried[:FINALISTS]]
        return min(settled, key=lambda pair: pair[1])

    def _deeper(self, stream: np.random.Generator, cut: float) -> tuple[Front, float]:
        """The best of a few fronts with one layer more than the last."""
        deeper = [self.fronts[-1].deepened(stream, folded) for folded in NEW_LAYERS]
        tried = [descend(self.loss, front, LOOK, cut) for front in deeper]
        front, _ = min(tried, key=lambda pair: pair[1])
        return descend(self.loss, front, SETTLE, cut)

    def _cut(self) -> tuple[Front, float]:
        """The best network of the full depth: a front, and as many tents as are left."""
        networks = [front.unrolled(self.plan.depth - front.depth) for front in self.fronts]
        losses = [descend(self.loss, network, Effort(0, 1.0, 0.0))[1] for network in networks]
        best = [networks[place] for place in np.argsort(losses, kind="stable")[:FINALISTS]]
        settled = [descend(self.loss, network, SETTLE_NETWORK) for network in best]
        return min(settled, key=lambda pair: pair[1])

    def state(self) -> dict[str, np.ndarray]:
        """The finished stages as arrays, for `numpy.savez`."""
        stages = [*self.fronts, *([] if self.network is None else [self.network])]
        arrays = {
            f"{stage}_{layer}": w for stage, kept in enumerate(stages) for layer, w in enumerate(kept.layers)
        }
        return arrays | {"fronts": np.array(len(self.fronts))}

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Go on from what `state` gave."""
        count = int(state["fronts"])

        def stage(number: int, sign: float) -> Front | None:
            layers = []
            while f"{number}_{len(layers)}" in state:
                layers.append(state[f"{number}_{len(layers)}"])
            return Front(tuple(layers), sign) if layers else None

        self.fronts = [stage(number, self.sign) for number in range(count)]
        self.network = stage(count, 0.0)
