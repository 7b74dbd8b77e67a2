"""Counts of narrow networks: the compiled depth-first walk, with exact answers where it asks for them."""

import numpy as np

from triangle_cli.regions import line_depth_first as walker
from triangle_cli.regions.exact_line import ExactLine, Fraction

WIDE = Fraction(1, 10**9)  # of the box

_STATE = (
    "points",
    "births",
    "tops",
    "masks",
    "old_masks",
    "slopes",
    "region_start",
    "state",
    "counts",
    "alive",
)


class Unresolved(Exception):
    """Floats cannot hold this network's values: it has to be done in integers throughout."""


class NarrowBatch:
    """Networks of one architecture, packed for the walk: padded, input-major, scaled by powers of two.

    weights[l]: (networks, out, in); biases[l]: (networks, out); all finite float64.
    """

    def __init__(self, weights: list[np.ndarray], biases: list[np.ndarray], lo: float, hi: float) -> None:
        networks = len(weights[0])
        self.widths = np.array([1, *(bias.shape[1] for bias in biases)])
        size = int(self.widths.max())
        self.weights = np.zeros((networks, len(weights), size, size))
        self.biases = np.zeros((networks, len(weights) + 1, size))  # the last row stays 0
        for m, (weight, bias) in enumerate(zip(weights, biases)):
            self.weights[:, m, : weight.shape[2], : weight.shape[1]] = weight.swapaxes(1, 2)
            self.biases[:, m, : bias.shape[1]] = bias
        self.ends = np.tile([lo, hi], (networks, 1)).astype(float)
        self.shifts = np.zeros((networks, len(weights) + 1, size), np.int64)
        self.lossless = np.zeros(networks, bool)
        self.least = np.zeros((networks, len(weights)))
        walker.equilibrate_all(
            self.weights, self.biases, self.widths, self.ends, self.shifts, self.lossless, self.least
        )
        self.state = walker.new_state(networks, self.widths, size, self.ends)
        self.status = np.zeros(networks, np.int64)
        self._exact: dict[int, ExactLine] = {}

    def run(self) -> None:
        """Walk over every network, answering in integers what the walk cannot decide."""
        self.status[:] = np.where(self.lossless, walker.READY, walker.WIDTH)
        while True:
            arrays = [self.state[name] for name in _STATE]
            walker.walk_all(
                self.weights, self.biases, self.widths, self.least, self.ends, self.status, *arrays
            )
            asking = np.flatnonzero((self.status == walker.SIGN) | (self.status == walker.KINK))
            if not len(asking):
                return
            for i in asking.tolist():
                try:
                    self._answer(i)
                    self.status[i] = walker.READY
                except Unresolved:
                    self.status[i] = walker.WIDTH

    def exact(self, i: int) -> ExactLine:
        """Network i, scaled as the walk sees it, in integers."""
        if i not in self._exact:
            layers = range(len(self.widths) - 1)
            weights = [self.weights[i, m, : self.widths[m], : self.widths[m + 1]].T for m in layers]
            biases = [self.biases[i, m, : self.widths[m + 1]] for m in layers]
            self._exact[i] = ExactLine(weights, biases, *self.ends[i].tolist())
        return self._exact[i]

    def _answer(self, i: int) -> None:
        state = self.state["state"][i]
        level, neuron, slot = (int(state[k]) for k in (walker.LEVEL, walker.NEURON, walker.SLOT))
        masks = [row[:width].tobytes() for row, width in zip(self.state["masks"][i], self.widths)]
        network = self.exact(i)
        if self.status[i] == walker.KINK:
            old = [row[:width].tobytes() for row, width in zip(self.state["old_masks"][i], self.widths)]
            outputs = len(self.widths) - 1
            state[walker.ANSWER] = network.affine(outputs, old)[0] != network.affine(outputs, masks)[0]
            return
        born_level, born_neuron = self.state["births"][i, level, slot, :2].tolist()
        x = network.breakpoint(born_level, born_neuron, masks)
        self.state["points"][i, level, slot, :, 1 + neuron] = rounded(network.value(level, neuron, masks, x))


def rounded(value: Fraction) -> tuple[float, float, float]:
    """The value as (high, low, error): within `error` of high + low, and error is 0 only if they are equal."""
    if value == 0:
        return 0.0, 0.0, 0.0
    try:
        high = float(value)
    except OverflowError as overflow:
        raise Unresolved from overflow
    low = float(value - Fraction(high))
    if abs(high) < 2.0**-900:
        raise Unresolved
    rest = value - Fraction(high) - Fraction(low)
    return high, low, 2.0**-104 * abs(high) if rest else 0.0
