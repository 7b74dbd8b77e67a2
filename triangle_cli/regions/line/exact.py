"""A network on an interval in integers: the arithmetic behind every decision that floats cannot take.

Floats are dyadic rationals, so one power of two per layer turns weights and biases into integers. On a
piece with known on/off states a neuron's value is (A x + B) / 2^K with integers A and B; a breakpoint is
the zero of such a map or an end of the box; so a sign at a breakpoint is the sign of one integer.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from triangle_cli.regions.telling import Tell

Ratio = tuple[int, int]  # a number as numerator and positive denominator, not reduced: gcds are slow
Affine = tuple[list[int], list[int]]  # A and B of every neuron of a level


def all_relu(biases: list[np.ndarray]) -> list[np.ndarray]:
    """No neuron of a hidden layer without ReLU: biases[l] is (.., width)."""
    return [np.zeros(bias.shape[-1], bool) for bias in biases[:-1]]


@dataclass(frozen=True)
class ExactPiece:
    """One activation region: its ends, and the slopes and intercepts of the outputs there."""

    left: Fraction
    right: Fraction
    slopes: tuple[int, ...]  # times 2^scale, as are the intercepts
    intercepts: tuple[int, ...]
    scale: int


class ExactLine:
    """One network with one input, in integers. Levels as in the depth-first walk: 0 is x, then the layers.

    weights[l]: (fan-out, fan-in) and biases[l]: (fan-out,) of finite float64; lo < hi: the box; linear[l]:
    (width,) bool of each hidden layer, neurons that are passed on without ReLU.
    """

    def __init__(
        self,
        weights: list[np.ndarray],
        biases: list[np.ndarray],
        lo: float,
        hi: float,
        linear: list[np.ndarray] | None = None,
    ) -> None:
        layers = all_relu(biases) if linear is None else linear
        self.linear = [[True], *(layer.tolist() for layer in layers)]  # of each level below the outputs
        self.weights, self.biases, self.powers = [], [], []
        for weight, bias in zip(weights, biases):
            ratios = [
                [value.as_integer_ratio() for value in row]
                for row in np.column_stack([weight, bias]).tolist()
            ]
            power = max(bottom.bit_length() - 1 for row in ratios for _, bottom in row)
            rows = [[top << (power - bottom.bit_length() + 1) for top, bottom in row] for row in ratios]
            self.weights.append([[(k, value) for k, value in enumerate(row[:-1]) if value] for row in rows])
            self.biases.append([row[-1] for row in rows])
            self.powers.append(power)
        self.depth = len(weights) - 1
        self.scales = np.cumsum([0, *self.powers]).tolist()  # K of each level
        self.lo, self.hi = Fraction(lo), Fraction(hi)
        self._path: list[tuple[bytes, Affine]] = []

    def enter(self, level: int, below: Affine, on: list[bool] | bytes) -> Affine:
        """Affine maps of `level` from those of the level below and its on/off states."""
        slopes, intercepts = below
        scale = self.scales[level - 1]
        new_slopes, new_intercepts = [], []
        for row, bias in zip(self.weights[level - 1], self.biases[level - 1]):
            new_slopes.append(sum(w * slopes[k] for k, w in row if on[k]))
            new_intercepts.append(sum((w * intercepts[k] for k, w in row if on[k]), bias << scale))
        return new_slopes, new_intercepts

    def affine(self, level: int, masks: list[bytes]) -> Affine:
        """Affine maps of `level`, given the on/off states of every level below. Keeps the last path."""
        same = 0
        while same < min(level, len(self._path)) and self._path[same][0] == masks[same]:
            same += 1
        del self._path[same:]
        current = self._path[-1][1] if same else ([1], [0])
        for m in range(same, level):
            current = self.enter(m + 1, current, masks[m])
            self._path.append((masks[m], current))
        return current

    def breakpoint(self, level: int, neuron: int, masks: list[bytes]) -> Ratio:
        """Where the neuron is 0; at level 0, an end of the box: neuron 0 for lo, 1 for hi."""
        if level == 0:
            return (self.hi if neuron else self.lo).as_integer_ratio()
        slopes, intercepts = self.affine(level, masks)
        if slopes[neuron] < 0:
            return intercepts[neuron], -slopes[neuron]
        return -intercepts[neuron], slopes[neuron]

    def values(self, level: int, masks: list[bytes], x: Ratio) -> list[Ratio]:
        """The values of a level's neurons at x before their ReLUs."""
        top, bottom = x
        slopes, intercepts = self.affine(level, masks)
        bottoms = bottom << self.scales[level]
        return [(slope * top + intercept * bottom, bottoms) for slope, intercept in zip(slopes, intercepts)]

    def pieces(self, alive: list[list[bool]]) -> Iterator[ExactPiece]:
        """The activation regions from left to right; sets alive[m][j] where neuron j of layer m is on."""
        waiting = [(0, ([1], [0]), [True], self.lo, self.hi)]
        while waiting:
            level, maps, on, left, right = waiting.pop()
            while len(on) < len(maps[0]):
                if self.linear[level][len(on)]:
                    alive[level - 1][len(on)] = True
                    on.append(True)
                    continue
                slope, intercept = maps[0][len(on)], maps[1][len(on)]
                at_left = slope * left.numerator + intercept * left.denominator
                at_right = slope * right.numerator + intercept * right.denominator
                if (at_left < 0 < at_right) or (at_right < 0 < at_left):
                    middle = Fraction(-intercept, slope)
                    waiting.append((level, maps, [*on, at_right > 0], middle, right))
                    right = middle
                    alive[level - 1][len(on)] = True
                    on.append(at_left > 0)
                else:
                    on.append(at_left > 0 or at_right > 0)
                    alive[level - 1][len(on) - 1] |= on[-1]
            maps = self.enter(level + 1, maps, on)
            if level == self.depth:
                yield ExactPiece(left, right, tuple(maps[0]), tuple(maps[1]), self.scales[-1])
            else:
                waiting.append((level + 1, maps, [], left, right))


def count_exactly(network: ExactLine, tell: Tell | None = None) -> tuple[int, int, int, int, int]:
    """(linear, activation, dead, wide linear, wide activation), all in integers.

    tell: called with the activation regions so far.
    """
    threshold = (network.hi - network.lo) / 10**9
    alive = [[False] * len(bias) for bias in network.biases[:-1]]
    linear = activation = wide_linear = wide_activation = 0
    slopes, start, end = None, network.lo, network.lo
    for piece in network.pieces(alive):
        activation += 1
        if tell is not None:
            tell(activation)
        wide_activation += piece.right - piece.left > threshold
        if piece.slopes != slopes:
            linear += 1
            wide_linear += piece.left - start > threshold
            slopes, start = piece.slopes, piece.left
        end = piece.right
    wide_linear += end - start > threshold
    dead = sum(not on for layer in alive for on in layer)
    return linear, activation, dead, wide_linear, wide_activation
