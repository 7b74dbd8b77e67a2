"""Exact answers, in Python's integers, to the few questions that floats leave open.

Floats are dyadic rationals, so on a cell of known on/off pattern every neuron is (a x + b y + c) / 2^s with
integers a, b, c. A line is such a triple, named by one number: a side of the domain, or (cell, neuron) of a
layer. A point is where two lines meet, in homogeneous integers, and a neuron's sign there is a 3 x 3
determinant.
"""

from bisect import bisect_right
from fractions import Fraction
from functools import cached_property

import numpy as np

from triangle_cli.regions.arrays import layers_in

Triple = tuple[int, int, int]

WIDE = Fraction(1, 10**9)  # a region is wide if it has more than this share of the domain


class Whole:
    """Floats (rows, n) as integers over one power of two, a row at a time: floats[i] = row(i) / 2^shift."""

    def __init__(self, floats: np.ndarray) -> None:
        fraction, exponent = np.frexp(floats)
        self.mantissa = (fraction * 2.0**53).astype(np.int64)
        spare = np.where(self.mantissa == 0, 1, self.mantissa & -self.mantissa)  # 2^(zero bits at the end)
        bits = 53 - exponent - np.log2(spare).astype(np.int64)
        self.shift = max(0, int(bits[self.mantissa != 0].max(initial=0)))
        self.exponent = exponent - 53 + self.shift

    def row(self, i: int) -> list[int]:
        """The integers of row i."""
        pairs = zip(self.mantissa[i].tolist(), self.exponent[i].tolist())
        return [m << e if e >= 0 else m >> -e for m, e in pairs]  # what m >> drops are zero bits


def cross(u: Triple, v: Triple) -> Triple:
    """u x v: the line through two points, or the point on two lines."""
    return (u[1] * v[2] - u[2] * v[1], u[2] * v[0] - u[0] * v[2], u[0] * v[1] - u[1] * v[0])


def layers_of(
    widths: np.ndarray, _cuts: np.ndarray, cells: np.ndarray, on: np.ndarray, parent: np.ndarray
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """On/off rows (cells, width) and parents (cells,) after each layer; arguments as in `questions.History`."""
    shapes = list(zip(cells.tolist(), widths[1:].tolist()))
    rows = np.split(on, np.cumsum([number * width for number, width in shapes]))
    parents = np.split(parent, np.cumsum(cells))
    return [row.reshape(shape) for row, shape in zip(rows, shapes)], parents[: len(shapes)]


class Oracle:
    """Signs, points, areas and affine maps of one network, exactly. Learns how the mesh grows."""

    def __init__(self, widths: np.ndarray, parameters: np.ndarray, corners: np.ndarray) -> None:
        self.widths, self.parameters, self.domain = widths, parameters, corners
        self.first_line: list[int] = []  # the first line number of each cut
        self.cuts: list[tuple[int, int, int]] = []  # layer, first neuron, number of neurons of each
        self.on: list[np.ndarray] = []  # on/off rows of the cells after each layer
        self.parent: list[np.ndarray] = []  # their parents, cells after the layer below
        self.known_lines: dict[int, Triple] = {}
        self.known_maps: dict[tuple[int, int, int], Triple] = {}
        self.known_neurons: dict[tuple[int, int], tuple[list[tuple[int, int]], int]] = {}
        self.known_points: dict[tuple[int, int], Triple] = {}

    def learn(
        self, widths: np.ndarray, cuts: np.ndarray, cells: np.ndarray, on: np.ndarray, parent: np.ndarray
    ) -> None:
        """Take note of how the mesh has grown; arguments as in `questions.History`."""
        self.first_line = cuts[:, 0].tolist()
        self.cuts = [tuple(row) for row in cuts[:, 1:].tolist()]
        self.on, self.parent = layers_of(widths, cuts, cells, on, parent)

    @cached_property
    def sides(self) -> list[Triple]:
        """The lines on which the sides of the domain lie."""
        whole = Whole(self.domain)
        points = [(x, y, 1 << whole.shift) for x, y in map(whole.row, range(len(self.domain)))]
        return [cross(a, b) for a, b in zip(points, points[1:] + points[:1])]

    @cached_property
    def layers(self) -> list[tuple[Whole, int]]:
        """Weights and biases (width, inputs + 1) of each layer, and the bits of the scale of its inputs."""
        layers, bits = [], 0
        for weight, bias in zip(*layers_in(self.parameters, self.widths.tolist())):
            layers.append((Whole(np.column_stack([weight, bias])), bits))
            bits += layers[-1][0].shift
        return layers

    def neuron(self, layer: int, neuron: int) -> tuple[list[tuple[int, int]], int]:
        """(input, weight) pairs of the nonzero weights, and the bias, scaled by all powers of two so far."""
        found = self.known_neurons.get((layer, neuron))
        if found is None:
            whole, bits = self.layers[layer]
            *row, bias = whole.row(neuron)
            found = [(k, w) for k, w in enumerate(row) if w], bias << bits
            self.known_neurons[layer, neuron] = found
        return found

    def line(self, number: int) -> Triple:
        """Coefficients of a line, scaled by the powers of two of all layers up to its own."""
        found = self.known_lines.get(number)
        if found is None:
            if number < len(self.domain):
                found = self.sides[number]
            else:
                cut = bisect_right(self.first_line, number) - 1
                layer, first, width = self.cuts[cut]
                cell, neuron = divmod(number - self.first_line[cut], width)
                found = self.affine(layer, cell if layer else 0, first + neuron)
            self.known_lines[number] = found
        return found

    def affine(self, layer: int, cell: int, neuron: int) -> Triple:
        """Pre-activation of a neuron of `layer` on a cell made by the layer below (0 for the first layer)."""
        found = self.known_maps.get((layer, cell, neuron))
        if found is None:
            pairs, constant = self.neuron(layer, neuron)
            x = y = 0
            if layer == 0:
                slopes = dict(pairs)
                x, y = slopes.get(0, 0), slopes.get(1, 0)
            else:
                on, parent = self.on[layer - 1][cell], int(self.parent[layer - 1][cell])
                for k, weight in pairs:
                    if on[k]:
                        a, b, c = self.affine(layer - 1, parent, k)
                        x, y, constant = x + weight * a, y + weight * b, constant + weight * c
            found = self.known_maps[layer, cell, neuron] = (x, y, constant)
        return found

    def outputs(self, cell: int) -> list[Triple]:
        """The affine map of a final cell, one triple per output, all scaled by one power of two."""
        last = len(self.widths) - 2
        return [self.affine(last, cell, i) for i in range(self.widths[-1])]

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
        twice = sum((xs[i - 1] * ys[i] - xs[i] * ys[i - 1] for i in range(len(points))), Fraction())
        return abs(twice) / 2

    def same_maps(self, pairs: np.ndarray) -> np.ndarray:
        """Whether the affine maps of two final cells are the same, (n,) bool for pairs (n, 2)."""
        maps = {cell: self.outputs(cell) for cell in np.unique(pairs).tolist()}
        return np.array([maps[a] == maps[b] for a, b in pairs.tolist()], bool)

    def larger(self, lines: np.ndarray, pointer: np.ndarray, label: np.ndarray, regions: np.ndarray) -> int:
        """How many of `regions` have more than the share WIDE of the domain's area.

        label: (cells,) region of each cell, whose corners lie on the pairs of lines pointer[i] .. pointer[i + 1].
        """
        last = len(self.domain) - 1
        least = WIDE * self.area([(i - 1 if i else last, i) for i in range(len(self.domain))])
        order = np.argsort(label, kind="stable")
        starts, ends = (np.searchsorted(label[order], regions, side=side) for side in ("left", "right"))
        count = 0
        for start, end in zip(starts, ends):
            total = Fraction(0)
            for cell in order[start:end]:
                total += self.area([(a, b) for a, b in lines[pointer[cell] : pointer[cell + 1]].tolist()])
            count += total > least
        return count
