"""Deepening: fronts of 1, 2, .. layers, each started from the one before it, then a finite tail and all weights.

Every stage starts with the same function as the one before ended with, and so many more free numbers. The loss of a
front of F layers, meant for a network of depth d, has in it what the tail's cut after d - F layers will cost.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from triangle_cli.deepening.descent import LOOK, SETTLE, Effort, descend, kick_often
from triangle_cli.deepening.front import Front
from triangle_cli.deepening.loss import Loss
from triangle_cli.deepening.start import draw_fronts
from triangle_cli.deepening.tail import CUT

LEAST_TAIL = 2  # layers: a network that has room for them is not all front
NEW_LAYERS = (True, True, True, False) * 2  # what is tried for one: a tent written out, or creases alone
FINALISTS = 3  # of the starts, and of the networks with tails of different lengths
TRY_START = Effort(60, 1e-3, 1e-2)
SETTLE_START = Effort(600, 1e-4, 2e-3)
SETTLE_NETWORK = Effort(400, 1e-6, 1e-3)
LAST_SHARES = (4 / 3, 2.0)  # of the tail's last tent: the better one is taken
COST_POWER = 2.5  # a step of training takes about (layers + 1)^2.5


@dataclass(frozen=True)
class Plan:
    """How much is tried.

    depth: hidden layers of the network. width: of each, 4 or more. front: the most layers a front gets.
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
    def stages(self) -> list[str]:
        """What is trained, in order."""
        return [*(f"front_{layers}" for layers in range(1, self.layers + 1)), "network"]

    @property
    def work(self) -> list[float]:
        """What each stage takes, relative to the others: the fronts, then the network."""
        fronts = [self.kicks * (layers + 1.0) ** COST_POWER for layers in range(1, self.layers + 1)]
        return [*fronts, self.last_kicks * (self.depth + 1.0) ** COST_POWER]


@dataclass(frozen=True)
class Progress:
    """Where deepening is: after a kick, or at the end of a stage."""

    front: Front  # the best so far, or the network
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

    signs: of the tail, +1 for concave targets, -1 for convex ones; of several the better one is taken.
    seed: numbers that make its random streams.
    fronts, network: the finished stages; a killed run goes on from them, with the same result.
    """

    loss: Loss
    plan: Plan
    signs: tuple[float, ...]
    seed: tuple[int, ...] = (0,)
    fronts: list[Front] = field(default_factory=list)
    network: Front | None = None

    def run(self) -> Iterator[Progress]:
        """Go through the stages that are left; yields after every kick, and the last of a stage when it is kept."""
        for layers in range(len(self.fronts) + 1, self.plan.layers + 1):
            cut = self._price(layers)
            stream = self._stream(layers)
            begun = self._deeper(stream, cut) if self.fronts else self._first(stream, cut)
            for progress in self._kicked(*begun, self.plan.kicks, stream, cut):
                if progress.finished:
                    self.fronts.append(progress.front)
                yield progress
        if self.network is None:
            stream = self._stream(0)
            for progress in self._kicked(*self._cut(), self.plan.last_kicks, stream, 0.0):
                if progress.finished:
                    self.network = progress.front
                yield progress

    def _price(self, layers: int) -> float:
        """Of the tail's cut, for a front of so many layers."""
        return CUT * 16.0 ** (layers - self.plan.depth)

    def trained(self, stage: int) -> float:
        """What a finished stage was trained on: its loss, for a front with what the tail's cut will cost."""
        front = self.stages[stage]
        return self.loss.of(front, self._price(front.depth) if front.sign else 0.0)

    def _stream(self, stage: int) -> np.random.Generator:
        return np.random.default_rng([*self.seed, stage])

    def _kicked(
        self, front: Front, best: float, kicks: int, stream: np.random.Generator, cut: float
    ) -> Iterator[Progress]:
        work, stage = self.plan.work, len(self.stages)
        before, total = sum(work[:stage]), sum(work)
        if not kicks:
            yield Progress(front, 0, 0, best, (before + work[stage]) / total)
        tried = kick_often(self.loss, front, best, kicks, stream, cut)
        for number, (kept, reached) in enumerate(tried, 1):
            yield Progress(kept, number, kicks, reached, (before + work[stage] * number / kicks) / total)

    def _first(self, stream: np.random.Generator, cut: float) -> tuple[Front, float]:
        """The best of many fronts of one layer."""
        tried = []
        for sign in self.signs:
            fronts = draw_fronts(self.loss.shape, self.plan.width, sign, self.plan.starts, stream)
            tried += [descend(self.loss, front, TRY_START, cut) for front in fronts]
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
        networks = [self.unrolled(front) for front in self.fronts]
        networks.sort(key=self.loss.of)
        settled = [descend(self.loss, network, SETTLE_NETWORK) for network in networks[:FINALISTS]]
        return min(settled, key=lambda pair: pair[1])

    def unrolled(self, front: Front) -> Front:
        """The network of the full depth that a front stands for."""
        tents = self.plan.depth - front.depth
        return min((front.unrolled(tents, share) for share in LAST_SHARES), key=self.loss.of)

    @property
    def stages(self) -> list[Front]:
        """What is finished: the fronts, and the network after them."""
        return [*self.fronts, *([] if self.network is None else [self.network])]

    def state(self) -> dict[str, np.ndarray]:
        """The finished stages as arrays, for `numpy.savez`."""
        arrays = {"signs": np.array([stage.sign for stage in self.stages])}
        for number, stage in enumerate(self.stages):
            arrays |= {f"{number}_{place}": layer for place, layer in enumerate(stage.layers)}
        return arrays

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Go on from what `state` gave."""
        for number, sign in enumerate(state["signs"].tolist()):
            places = sorted(int(key.split("_")[1]) for key in state if key.startswith(f"{number}_"))
            stage = Front(tuple(state[f"{number}_{place}"] for place in places), sign)
            if sign:
                self.fronts.append(stage)
            else:
                self.network = stage
