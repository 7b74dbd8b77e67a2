"""A batch of networks of one architecture: padded, scaled by powers of two, in integers on demand."""

import numpy as np

from triangle_cli.regions.line.exact import ExactLine, Ratio, all_relu
from triangle_cli.regions.line.scaling import equilibrate_all

LANES = 4  # `lanes.LANES`, which numba comes with
TOGETHER = 2**15  # weights scaled at once, in the processor's cache


class Unresolved(Exception):
    """Floats cannot hold this network's values: it has to be done in integers throughout."""


class PackedNetworks:
    """Padded to `size` neurons a layer, a multiple of LANES.

    weights: (networks, layers, size, size), [network, layer, from, to]; biases: (networks, layers, size);
    least: (networks, layers), the smallest |weight| that is not 0; shifts: (networks, layers + 1, size),
    the power of two each neuron was multiplied by, row 0 for x; ends: (networks, 2), the box, so scaled;
    kept: (networks,), whether the scaling kept every bit. widths: neurons of every level, 1 for x. linear: of each
    hidden layer (width,) bool, neurons without ReLU.

    Made from weights[l]: (networks, out, in) and biases[l]: (networks, out) of finite float64.
    """

    def __init__(
        self,
        weights: list[np.ndarray],
        biases: list[np.ndarray],
        lo: float,
        hi: float,
        linear: list[np.ndarray] | None = None,
    ) -> None:
        networks = len(weights[0])
        self.linear = all_relu(biases) if linear is None else linear
        self.widths = np.array([1, *(bias.shape[1] for bias in biases)])
        self.size = -(-int(self.widths.max()) // LANES) * LANES
        self.weights = np.zeros((networks, len(weights), self.size, self.size))
        self.biases = np.zeros((networks, len(weights), self.size))
        for m, (weight, bias) in enumerate(zip(weights, biases)):
            self.weights[:, m, : weight.shape[2], : weight.shape[1]] = weight.swapaxes(1, 2)
            self.biases[:, m, : bias.shape[1]] = bias
        self.ends = np.tile([lo, hi], (networks, 1)).astype(float)
        self.shifts = np.zeros((networks, len(weights) + 1, self.size), np.int64)
        self.kept = np.zeros(networks, bool)
        self.least = np.zeros((networks, len(weights)))
        tables = self.weights, self.biases, self.ends, self.shifts, self.kept, self.least
        step = max(1, TOGETHER // (len(weights) * self.size**2))
        for start in range(0, networks, step):
            equilibrate_all(*(table[start : start + step] for table in tables))
        self._exact: dict[int, ExactLine] = {}

    def layer(self, i: int, m: int) -> tuple[np.ndarray, np.ndarray]:
        """Weight (out, in) and bias (out,) of layer m of network i, scaled."""
        inputs, outputs = self.widths[m], self.widths[m + 1]
        return self.weights[i, m, :inputs, :outputs].T, self.biases[i, m, :outputs]

    def linear_table(self) -> np.ndarray:
        """(levels below the outputs, size) bool: level 0 is x."""
        table = np.zeros((len(self.widths) - 1, self.size), bool)
        for row, linear in zip(table[1:], self.linear):
            row[: len(linear)] = linear
        return table

    def exact(self, i: int) -> ExactLine:
        """Network i, scaled, in integers."""
        if i not in self._exact:
            layers = [self.layer(i, m) for m in range(len(self.widths) - 1)]
            lo, hi = self.ends[i].tolist()
            self._exact[i] = ExactLine([w for w, _ in layers], [b for _, b in layers], lo, hi, self.linear)
        return self._exact[i]


def rounded(value: Ratio) -> tuple[float, float, float]:
    """The value as (high, low, error): within `error` of high + low, and 0 only if it is 0."""
    top, bottom = value
    if top == 0:
        return 0.0, 0.0, 0.0
    try:
        high = top / bottom  # correctly rounded, however long the integers
    except OverflowError as overflow:
        raise Unresolved from overflow
    if abs(high) < 2.0**-900:
        raise Unresolved
    high_top, high_bottom = high.as_integer_ratio()
    rest = top * high_bottom - high_top * bottom
    low = rest / (bottom * high_bottom)
    low_top, low_bottom = low.as_integer_ratio()
    exact = rest * low_bottom == low_top * bottom * high_bottom
    return high, low, 0.0 if exact else 2.0**-104 * abs(high)
