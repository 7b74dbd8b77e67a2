"""A batch of networks of one architecture: padded, scaled by powers of two, in integers on demand."""

import math
from functools import lru_cache
from itertools import pairwise

import numpy as np

from triangle_cli.regions.arrays import Networks
from triangle_cli.regions.line.exact import ExactLine, Ratio
from triangle_cli.regions.line.scaling import equilibrate_all

LANES = 4  # `lanes.LANES`, which numba comes with
TOGETHER = 2**15  # weights scaled at once, in the processor's cache
MOST_BITS, LEAST_BITS = 90.0, -250.0  # of values on the way for which networks are not scaled


class Unresolved(Exception):
    """Floats cannot hold this network's values: it has to be done in integers throughout."""


class PackedNetworks:
    """Padded to `size` neurons a layer, a multiple of LANES.

    weights: (networks, layers, size, size), [network, layer, from, to]; biases: (networks, layers, size);
    least: (networks,), the smallest |weight| or |bias| that is not 0; shifts: (networks, layers + 1, size),
    the power of two each neuron was multiplied by, row 0 for x; ends: (networks, 2), the box, so scaled;
    kept: (networks,), whether the scaling kept every bit. widths: neurons of every level, 1 for x. as_is: leave
    networks of moderate numbers as they are, which the depth-first walk takes; the bounds of `wide` need weights of at
    most 1.
    """

    def __init__(
        self,
        given: Networks,
        lo: float,
        hi: float,
        linear: list[np.ndarray] | None = None,
        as_is: bool = False,
    ) -> None:
        rows, widths, _ = given
        networks, layers = len(rows), len(widths) - 1
        self._linear = linear
        self.widths = np.array(widths)
        self.size = -(-max(widths) // LANES) * LANES
        padded = np.concatenate([rows, np.zeros((networks, 1))], axis=1)
        self.weights, self.biases = (padded.take(at, axis=1) for at in _places(tuple(widths), self.size))
        self.ends = np.empty((networks, 2))
        self.ends[:] = lo, hi
        self.shifts = np.zeros((networks, layers + 1, self.size), np.int64)
        self.kept = np.ones(networks, bool)
        magnitudes = np.abs(padded)
        largest = np.maximum.reduce(magnitudes, axis=None, initial=0.0)
        magnitudes[magnitudes == 0.0] = np.inf
        self.least = np.minimum.reduce(magnitudes, axis=1)
        if not as_is or not _is_moderate([lo, hi, largest, *self.least.tolist()], self.size, layers):
            tables = self.weights, self.biases, self.ends, self.shifts, self.kept, self.least
            step = max(1, TOGETHER // (layers * self.size**2))
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
        for row, linear in zip(table[1:], self._linear or ()):
            row[: len(linear)] = linear
        return table

    @property
    def linear(self) -> list[np.ndarray]:
        """Of each hidden layer (width,) bool, neurons without ReLU."""
        return (
            [np.zeros(width, bool) for width in self.widths[1:-1]] if self._linear is None else self._linear
        )

    def exact(self, i: int) -> ExactLine:
        """Network i, scaled, in integers."""
        if i not in self._exact:
            layers = [self.layer(i, m) for m in range(len(self.widths) - 1)]
            lo, hi = self.ends[i].tolist()
            self._exact[i] = ExactLine([w for w, _ in layers], [b for _, b in layers], lo, hi, self.linear)
        return self._exact[i]


def _is_moderate(numbers: list[float], size: int, layers: int) -> bool:
    """Whether values between these magnitudes stay, from layer to layer, where the walk decides nearly all in floats.

    Elsewhere it would be as right, but slow: it notices values that under- or overflow, and asks integers.
    """
    exponents = [math.log2(abs(number)) for number in numbers if number and math.isfinite(number)]
    largest, smallest = max(exponents, default=0.0), min(exponents, default=0.0)
    return layers * (largest + math.log2(size)) <= MOST_BITS and layers * smallest >= LEAST_BITS


def _places(widths: tuple[int, ...], size: int) -> tuple[np.ndarray, np.ndarray]:
    """Where the padded weights and biases are in a row of all numbers; after the last where there is none."""
    return (_kept_places if (len(widths) - 1) * size**2 <= TOGETHER else _places_of)(widths, size)


def _places_of(widths: tuple[int, ...], size: int) -> tuple[np.ndarray, np.ndarray]:
    layers = list(pairwise(widths))
    end = sum((fan_in + 1) * fan_out for fan_in, fan_out in layers)
    weights = np.full((len(layers), size, size), end)
    biases = np.full((len(layers), size), end)
    start = 0
    for m, (fan_in, fan_out) in enumerate(layers):
        middle, last = start + fan_out * fan_in, start + fan_out * (fan_in + 1)
        weights[m, :fan_in, :fan_out] = np.arange(start, middle).reshape(fan_out, fan_in).T
        biases[m, :fan_out] = np.arange(middle, last)
        start = last
    return weights, biases


_kept_places = lru_cache(maxsize=16)(_places_of)


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
