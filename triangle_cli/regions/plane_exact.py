"""Exact answers, in Python's integers, to the few questions that floats leave open.

Floats are dyadic rationals, so on a cell of known on/off pattern every neuron is (a x + b y + c) / 2^s with integers
a, b, c. A line is such a triple, named by one number: a side of the domain, or (cell, neuron) of a layer. A point is
where two lines meet, in homogeneous integers, and a neuron's sign there is a 3 x 3 determinant.
"""

from bisect import bisect_right
from fractions import Fraction
from functools import cached_property

import numpy as np

Triple = tuple[int, int, int]


def integers(floats: np.ndarray) -> tuple[list, int]:
    """Nested lists of integers and s, with floats = integers / 2^s exactly; s >= 0 is the least that serves."""
    ratios = [x.as_integer_ratio() for x in floats.ravel().tolist()]
    shift = max((denominator.bit_length() - 1 for _, denominator in ratios), default=0)
    whole = [(numerator << shift) // denominator for numerator, denominator in ratios]
    if floats.ndim < 2:
        return whole, shift
    width = floats.shape[1]
    return [whole[i : i + width] for i in range(0, len(whole), width)], shift


def cross(u: Triple, v: Triple) -> Triple:
    """u x v: the line through two points, or the point on two lines."""
    return (u[1] * v[2] - u[2] * v[1], u[2] * v[0] - u[0] * v[2], u[0] * v[1] - u[1] * v[0])


class Oracle:
    """Signs, points, areas and affine maps of one network, exactly. Grows with the mesh, layer by layer."""

    def __init__(self, weights: list[np.ndarray], biases: list[np.ndarray], corners: np.ndarray) -> None:
        self.floats = list(zip(weights, biases))
        self.widths = [len(bias) for bias in biases]
        points, shift = integers(corners)
        points = [(x, y, 1 << shift) for x, y in points]
        self.sides = [cross(a, b) for a, b in zip(points, points[1:] + points[:1])]
        self.first_line = [0]  # the first line number of the sides, then of each layer
        self.on: list[np.ndarray] = []  # on/off rows of the cells after each layer
        self.parent: list[np.ndarray] = []  # their parents, cells after the layer below
        self.known_lines: dict[int, Triple] = {i: side for i, side in enumerate(self.sides)}
        self.known_points: dict[tuple[int, int], Triple] = {}
        self.next_line = len(self.sides)

    def enter_layer(self, cells: int) -> int:
        """Number the lines of the next layer's neurons on `cells` cells; line (cell, k) is base + cell * width + k."""
        base = self.next_line
        self.first_line.append(base)
        self.next_line += cells * self.widths[len(self.first_line) - 2]
        return base

    def leave_layer(self, on: np.ndarray, parent: np.ndarray) -> None:
        """Record the on/off rows (cells, width) and parents (cells,) of the cells that the layer made."""
        self.on.append(on)
        self.parent.append(parent)

    def neurons(self, numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Layer and neuron of lines, (n,) int64 each; layer -1 for sides of the domain."""
        layer = np.searchsorted(self.first_line, numbers, side="right") - 2
        width = np.array([*self.widths, len(self.sides)])[layer]
        return layer, (numbers - np.array(self.first_line)[layer + 1]) % width

    @cached_property
    def layers(self) -> list[tuple[list, list]]:
        """Per layer: the nonzero (neuron below, integer weight) pairs and the integer bias of each neuron.

        Weights are scaled by a power of two of their layer, biases by that of all layers so far: so are the neurons.
        """
        layers, total = [], 0
        for weight, bias in self.floats:
            whole, shift = integers(np.concatenate([weight, bias[:, None]], axis=1))
            rows = [[(k, w) for k, w in enumerate(row[:-1]) if w] for row in whole]
            layers.append((rows, [row[-1] << total for row in whole]))
            total += shift
        return layers

    def line(self, number: int) -> Triple:
        """Coefficients of a line, scaled by the powers of two of all layers up to its own."""
        found = self.known_lines.get(number)
        if found is None:
            layer = bisect_right(self.first_line, number) - 2
            cell, neuron = divmod(number - self.first_line[layer + 1], self.widths[layer])
            found = self.known_lines[number] = self.affine(layer, cell, neuron)
        return found

    def affine(self, layer: int, cell: int, neuron: int) -> Triple:
        """Pre-activation of a neuron of `layer` on a cell made by the layer below."""
        rows, biases = self.layers[layer]
        if layer == 0:
            slopes = dict(rows[neuron])
            return slopes.get(0, 0), slopes.get(1, 0), biases[neuron]
        x, y, constant = 0, 0, biases[neuron]
        on = self.on[layer - 1][cell]
        first = self.first_line[layer] + int(self.parent[layer - 1][cell]) * self.widths[layer - 1]
        for k, weight in rows[neuron]:
            if on[k]:
                a, b, c = self.line(first + k)
                x, y, constant = x + weight * a, y + weight * b, constant + weight * c
        return x, y, constant

    def outputs(self, cell: int) -> list[Triple]:
        """The affine map of a final cell, one triple per output, all scaled by one power of two."""
        last = len(self.widths) - 1
        return [self.affine(last, cell, i) for i in range(self.widths[last])]

    def point(self, lines: tuple[int, int]) -> Triple:
        """(X, Y, D), D > 0: the point (X / D, Y / D) on both lines."""
        found = self.known_points.get(lines)
        if found is None:
            x, y, d = cross(self.line(lines[0]), self.line(lines[1]))
            found = self.known_points[lines] = (x, y, d) if d > 0 else (-x, -y, -d)
        return found

    def sign(self, lines: tuple[int, int], number: int) -> int:
        """Sign of the neuron of line `number` at the point on both `lines`."""
        (a, b, c), (x, y, d) = self.line(number), self.point(lines)
        value = a * x + b * y + c * d
        return (value > 0) - (value < 0)

    def signs(self, first: np.ndarray, second: np.ndarray, number: np.ndarray) -> np.ndarray:
        """`sign` of many, (n,) int8."""
        asked = zip(first.tolist(), second.tolist(), number.tolist())
        return np.array([self.sign((a, b), c) for a, b, c in asked], np.int8)

    def area(self, corners: list[tuple[int, int]]) -> Fraction:
        """Area of the polygon whose corners, in order, lie on these pairs of lines."""
        points = [self.point(lines) for lines in corners]
        xs = [Fraction(x, d) for x, _, d in points]
        ys = [Fraction(y, d) for _, y, d in points]
        twice = sum(xs[i - 1] * ys[i] - xs[i] * ys[i - 1] for i in range(len(points)))
        return abs(twice) / 2
