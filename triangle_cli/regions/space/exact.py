"""Exact answers, in Python's integers, to the questions that floats leave open.

Floats are dyadic rationals, so one power of two per layer turns weights and biases into integers, and on a cell
of known on/off pattern every neuron is (a . x + c) / 2^s with integers a and c. A vertex is where n hyperplanes
meet, a row of integers (X, D) with x = X / D by elimination without fractions (Bareiss 1968); a neuron's sign there
is the sign of a . X + c D.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction

import numpy as np

from triangle_cli.regions.line.exact import all_relu

Form = tuple[int, ...]  # a and c of an affine form


def whole(rows: np.ndarray) -> tuple[list[list[int]], int]:
    """Rows of floats as integers over 2^shift, and shift."""
    ratios = [[value.as_integer_ratio() for value in row] for row in rows.tolist()]
    shift = max((bottom.bit_length() - 1 for row in ratios for _, bottom in row), default=0)
    return [[top << (shift - bottom.bit_length() + 1) for top, bottom in row] for row in ratios], shift


def solution(rows: Iterable[Form], n: int) -> Form | None:
    """The point on n independent hyperplanes among `rows`, as integers (X_1, .., X_n, D) with D > 0."""
    reduced: list[tuple[int, list[int]]] = []
    last = 1
    for row in rows:
        work, before = list(row), 1
        for pivot, above in reduced:
            top, factor = above[pivot], work[pivot]
            work = [(top * value - factor * other) // before for value, other in zip(work, above)]
            before = top
        first = next((j for j in range(n) if work[j]), None)
        if first is None:
            continue
        reduced.append((first, work))
        last = work[first]
        if len(reduced) == n:
            break
    else:
        return None
    point = [0] * n
    for i in range(n - 1, -1, -1):
        pivot, above = reduced[i]
        known = sum(above[j] * point[j] for j in range(n) if j != pivot and above[j])
        point[pivot] = (-above[n] * last - known) // above[pivot]
    return (*point, last) if last > 0 else (*(-x for x in point), -last)


class Exact:
    """One network with the forms of its neurons on the present path of on/off patterns.

    weights[l]: (out, in), biases[l]: (out,) of finite float64; box: (n, 2); linear[l]: (width,) bool of each hidden
    layer, neurons without ReLU.
    """

    def __init__(
        self,
        weights: Sequence[np.ndarray],
        biases: Sequence[np.ndarray],
        box: np.ndarray,
        linear: list[np.ndarray] | None = None,
    ) -> None:
        layers = all_relu(list(biases)) if linear is None else linear
        self.linear = [layer.tolist() for layer in layers]
        self.inputs = len(box)
        self.layers, self.scales = [], [0]
        for weight, bias in zip(weights, biases):
            rows, shift = whole(np.concatenate([weight, bias[:, None]], axis=1))
            pairs = [([(k, w) for k, w in enumerate(row[:-1]) if w], row[-1]) for row in rows]
            self.layers.append([(pair, constant << self.scales[-1]) for pair, constant in pairs])
            self.scales.append(self.scales[-1] + shift)
        self.first = np.cumsum([0, *(len(bias) for bias in biases[:-1])]).tolist()
        self.layer_of = [l for l, bias in enumerate(biases[:-1]) for _ in bias]
        self.sides = self._sides(box)
        self._identity = [tuple(int(i == j) for j in range(self.inputs + 1)) for i in range(self.inputs)]
        self._path: list[bytes] = []
        self._forms: list[list[Form]] = []
        self._points: dict[tuple[int, ...], Form] = {}

    def _sides(self, box: np.ndarray) -> list[Form]:
        sides = []
        for j, ends in enumerate(box.tolist()):
            for end in ends:
                top, bottom = end.as_integer_ratio()
                sides.append((*(bottom if i == j else 0 for i in range(self.inputs)), -top))
        return sides

    def layer(self, l: int, on: bytes) -> list[Form]:
        """Forms of layer l, the outputs' last, on a cell with pattern `on` of all hidden neurons, a byte each."""
        same = 0
        depth = min(l, len(self._path))
        while same < depth and self._path[same] == on[self.first[same] : self.first[same + 1]]:
            same += 1
        if same < depth:  # else what is known of later layers stays, to be compared when it is asked for
            del self._path[same:], self._forms[same + 1 :]
            self._points.clear()
        if not self._forms:
            self._forms.append(self._enter(0, self._identity, b"\1" * self.inputs))
        while len(self._path) < l:
            m = len(self._path)
            states = on[self.first[m] : self.first[m + 1]]
            self._path.append(states)
            self._forms.append(self._enter(m + 1, self._forms[m], states))
        return self._forms[l]

    def _enter(self, l: int, below: list[Form], on: bytes) -> list[Form]:
        """Forms of layer l from those below, scaled by all powers of two so far."""
        n = self.inputs
        forms = []
        for pairs, constant in self.layers[l]:
            form = [0] * n + [constant]
            for k, weight in pairs:
                if on[k]:
                    for j, value in enumerate(below[k]):
                        if value:
                            form[j] += weight * value
            forms.append(tuple(form))
        return forms

    def plane(self, label: int, on: bytes) -> Form:
        """The hyperplane of a facet: of a neuron, or side -1 - label of the box."""
        if label < 0:
            return self.sides[-1 - label]
        l = self.layer_of[label]
        return self.layer(l, on)[label - self.first[l]]

    def point(self, labels: tuple[int, ...], on: bytes) -> Form:
        """The vertex on the facets `labels`, as `solution`."""
        # first all that it depends on: points of another path are forgotten
        self.layer(max((self.layer_of[label] for label in labels if label >= 0), default=0), on)
        found = self._points.get(labels)
        if found is None:
            found = solution([self.plane(label, on) for label in labels], self.inputs)
            assert found is not None, "the facets of a vertex meet in one point"
            self._points[labels] = found
        return found

    def sign(self, labels: tuple[int, ...], neuron: int, on: bytes) -> int:
        """Sign of a neuron at the vertex on the facets `labels`."""
        form = self.plane(neuron, on)
        value = sum(a * x for a, x in zip(form, self.point(labels, on)))
        return (value > 0) - (value < 0)

    def outputs(self, on: bytes) -> list[Form]:
        """The affine maps of the outputs, all over one power of two."""
        return self.layer(len(self.layers) - 1, on)

    def across(self, on: bytes, neuron: int) -> bytes:
        """The pattern on the other side of the facet of `neuron`, which is on here.

        Just across, a neuron that is not 0 all over the facet keeps its state; one that is has a form there that is a
        multiple of the facet's, and is on if it rises away from it.
        """
        plane = self.plane(neuron, on)
        pivot = next(j for j, value in enumerate(plane[:-1]) if value)
        here = [self.layer(l, on) for l in range(len(self.first) - 1)]
        start = self.layer_of[neuron]
        states = bytearray(on)
        there = here[start]
        for l in range(start, len(here)):
            if l > start:
                there = self._enter(l, there, bytes(states[self.first[l - 1] : self.first[l]]))
            for i, (old, new) in enumerate(zip(here[l], there)):
                if self.linear[l][i]:
                    continue
                factor = old[pivot]
                if all(value * plane[pivot] == factor * other for value, other in zip(old, plane)):
                    # new = c plane with the sign of c that of new[pivot] plane[pivot]; plane < 0 on the other side
                    states[self.first[l] + i] = new[pivot] * plane[pivot] < 0
        return bytes(states)

    def same_map(self, on: bytes, other: bytes) -> bool:
        """Whether two patterns have the same map of all outputs."""
        here = list(self.outputs(on))
        return here == self.outputs(other)

    def vertex(self, labels: tuple[int, ...], on: bytes) -> list[Fraction]:
        """Coordinates of the vertex on these facets."""
        *point, bottom = self.point(labels, on)
        return [Fraction(x, bottom) for x in point]
