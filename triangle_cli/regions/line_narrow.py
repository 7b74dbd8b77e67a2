"""Counts of narrow networks: the compiled depth-first walk, with exact answers where it asks for them."""

import numpy as np

from triangle_cli.regions import line_depth_first as walker
from triangle_cli.regions.exact_line import ExactLine, Fraction
from triangle_cli.regions.line_lanes import LANES
from triangle_cli.regions.line_scaling import equilibrate_all

WIDE = Fraction(1, 10**9)  # of the box


class Unresolved(Exception):
    """Floats cannot hold this network's values: it has to be done in integers throughout."""


class NarrowBatch:
    """Networks of one architecture, packed for the walk: padded, input-major, scaled by powers of two.

    weights[l]: (networks, out, in); biases[l]: (networks, out); all finite float64.
    """

    def __init__(self, weights: list[np.ndarray], biases: list[np.ndarray], lo: float, hi: float) -> None:
        networks = len(weights[0])
        self.widths = np.array([1, *(bias.shape[1] for bias in biases)])
        size = -(-int(self.widths.max()) // LANES) * LANES
        self.weights = np.zeros((networks, len(weights), size, size))
        self.biases = np.zeros((networks, len(weights), size))
        for m, (weight, bias) in enumerate(zip(weights, biases)):
            self.weights[:, m, : weight.shape[2], : weight.shape[1]] = weight.swapaxes(1, 2)
            self.biases[:, m, : bias.shape[1]] = bias
        self.ends = np.tile([lo, hi], (networks, 1)).astype(float)
        self.shifts = np.zeros((networks, len(weights) + 1, size), np.int64)
        kept = np.zeros(networks, bool)
        least = np.zeros((networks, len(weights)))
        equilibrate_all(self.weights, self.biases, self.widths, self.ends, self.shifts, kept, least)
        threshold = 1e-9 * (self.ends[:, 1] - self.ends[:, 0])
        self.networks = walker.Network(self.weights, self.biases, least, threshold)
        self.walks = walker.new_walk(networks, self.widths, size, self.ends)
        self.status = np.where(kept, walker.READY, walker.WIDTH)
        self._exact: dict[int, ExactLine] = {}

    def run(self) -> None:
        """Walk over every network, answering in integers what the walk cannot decide."""
        while True:
            walker.walk_all(self.networks, self.walks, self.widths, self.status)
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
        state = self.walks.state[i]
        level, neuron, row = (int(state[k]) for k in (walker.LEVEL, walker.NEURON, walker.ROW))
        masks = [row[:width].tobytes() for row, width in zip(self.walks.masks[i], self.widths)]
        network = self.exact(i)
        if self.status[i] == walker.KINK:
            old = [row[:width].tobytes() for row, width in zip(self.walks.old_masks[i], self.widths)]
            outputs = len(self.widths) - 1
            state[walker.ANSWER] = network.affine(outputs, old)[0] != network.affine(outputs, masks)[0]
            return
        born_level, born_neuron = self.walks.births[i, row].tolist()
        x = network.breakpoint(born_level, born_neuron, masks)
        value = rounded(network.value(level, neuron, masks, x))
        size = self.biases.shape[2]
        point = self.walks.points[i, row]
        point[[neuron, size + neuron, 2 * size + neuron]] = value
        least = min((abs(part) for part in value if part), default=np.inf)
        point[3 * size + walker.LEAST] = min(point[3 * size + walker.LEAST], least)
        point[3 * size + walker.PLAIN] *= value[1:] == (0.0, 0.0)


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
