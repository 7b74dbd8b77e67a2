"""Narrow networks: the compiled depth-first walk, answered in integers where it asks."""

from collections.abc import Iterator

import numpy as np

from triangle_cli.regions.bounds import Exhausted
from triangle_cli.regions.line import depth_first as walker
from triangle_cli.regions.line.arithmetic import LEAST, PLAIN
from triangle_cli.regions.line.exact import Ratio
from triangle_cli.regions.line.leaves import Leaves
from triangle_cli.regions.line.packing import PackedNetworks, Unresolved, rounded
from triangle_cli.regions.telling import Tell, telling

CHUNK = 1 << 14  # leaves recorded at a time


class NarrowWalks:
    """One walk for each network of a batch; capacity: how many leaves to record, 0 to only count.

    questions: how many may be answered in integers before `Exhausted` is raised; None: all.
    """

    def __init__(self, packed: PackedNetworks, capacity: int = 0, questions: int | None = None) -> None:
        self.packed, self.questions = packed, questions
        linear, threshold = packed.linear_table(), 1e-9 * (packed.ends[:, 1] - packed.ends[:, 0])
        self.networks = walker.Network(
            packed.weights, packed.biases, packed.least, linear, packed.ends, threshold
        )
        self.walks = walker.new_walk(len(threshold), len(linear), packed.size, capacity)
        self.status = np.array([walker.NEW if kept else walker.WIDTH for kept in packed.kept.tolist()])

    def run(self, tell: Tell | None = None) -> np.ndarray:
        """Walk until every network is done, full or unresolved; its statuses."""
        counts = self.walks.counts[:, walker.ACTIVATION]
        while True:
            telling(
                lambda: walker.walk_all(self.networks, self.walks, self.packed.widths, self.status),
                lambda: int(counts.sum()),
                tell,
            )
            asking = [
                i for i, status in enumerate(self.status.tolist()) if status in (walker.SIGN, walker.KINK)
            ]
            if not asking:
                return self.status
            if self.questions is not None:
                self.questions -= len(asking)
                if self.questions < 0:
                    raise Exhausted
            for i in asking:
                try:
                    self._answer(i)
                    self.status[i] = walker.READY
                except Unresolved:
                    self.status[i] = walker.WIDTH

    def _answer(self, i: int) -> None:
        state, widths = self.walks.state[i], self.packed.widths
        level, row = int(state[walker.LEVEL]), int(state[walker.ROW])
        masks = [mask[:width].tobytes() for mask, width in zip(self.walks.masks[i], widths)]
        network = self.packed.exact(i)
        if self.status[i] == walker.KINK:
            old = [mask[:width].tobytes() for mask, width in zip(self.walks.old_masks[i], widths)]
            outputs = len(widths) - 1
            state[walker.ANSWER] = network.affine(outputs, old)[0] != network.affine(outputs, masks)[0]
            return
        born_level, born_neuron = self.walks.births[i, row].tolist()
        x = network.breakpoint(born_level, born_neuron, masks)
        self._replace(self.walks.points[i, row], network.values(level, masks, x))

    def _replace(self, point: np.ndarray, values: list[Ratio]) -> None:
        """Write exact values into a point, rounded: all its neurons, so that fewer are asked for later."""
        size = self.packed.size
        parts = np.array([rounded(value) for value in values]).T
        for part in range(3):
            point[part * size : part * size + len(values)] = parts[part]
        magnitudes = np.abs(parts)
        point[3 * size + LEAST] = magnitudes[magnitudes > 0].min(initial=np.inf)
        point[3 * size + PLAIN] = not parts[1:].any()


def count_narrow(packed: PackedNetworks, tell: Tell | None = None) -> tuple[np.ndarray, list[int]]:
    """Rows (linear, activation, dead, wide linear, wide activation), and the networks that remain unresolved."""
    walks = NarrowWalks(packed)
    status = walks.run(tell).tolist()
    return walks.walks.counts, [i for i, found in enumerate(status) if found != walker.DONE]


def narrow_leaves(packed: PackedNetworks, questions: int | None = None) -> Iterator[Leaves]:
    """The activation regions of a single network, from left to right, in blocks; `questions` as of `NarrowWalks`."""
    narrow = NarrowWalks(packed, CHUNK, questions)
    walks, widths = narrow.walks, packed.widths
    status = walker.FULL
    while status == walker.FULL:
        (status,) = narrow.run().tolist()
        if status == walker.WIDTH:
            raise Unresolved
        count = walks.state[0, walker.RECORDED]
        masks = [walks.patterns[0, :count, m, : widths[m]].T.astype(bool) for m in range(len(widths) - 1)]
        ends = walks.ends[0, :count]
        yield Leaves(ends[:, 0].copy(), ends[:, 1].copy(), walks.kinks[0, :count].copy(), masks)
        walks.state[0, walker.RECORDED] = 0
        narrow.status[0] = walker.READY if status == walker.FULL else status
