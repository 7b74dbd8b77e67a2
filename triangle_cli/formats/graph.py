"""Any piecewise linear network as a graph of affine maps and ReLUs, and its exact lowering to layers.

A value of the network is an affine map of neurons (`affine.py`). Where composing two maps would round a float, the
value in between becomes neurons of its own, without ReLU: nothing is rounded, ever. Layers are then the neurons by
the longest way to the input; what skips layers is carried through them by neurons without ReLU.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from triangle_cli.formats.affine import ONE, Affine, InexactError, Matrix, exact_sums
from triangle_cli.regions.arrays import Layers
from triangle_cli.store.memory import require_memory

ENTRY = 160  # bytes that an entry of a sparse matrix takes while it is composed
COPIES = 4  # of the dense weights, in float64, that counting makes
FEW = 4  # entries a value: beyond, it is made neurons before it is used twice


@dataclass(frozen=True)
class Group:
    """Neurons of one layer that came from one value: the map in front of them, and whether ReLU follows."""

    affine: Affine
    first: int  # the number of the first one
    level: int  # hidden layer, from 1; 0 for inputs
    has_relu: bool


@dataclass
class Graph:
    """The neurons of a network so far, inputs first."""

    label: str = "network"  # what errors begin with
    groups: list[Group] = field(default_factory=list)
    levels: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))  # of each neuron
    # maps that are neurons already, by id
    made_of: dict[int, tuple[Affine, Affine]] = field(default_factory=dict)

    @property
    def neurons(self) -> int:
        """Their number, inputs and neurons without ReLU included."""
        return len(self.levels)

    def input(self, shape: Sequence[int]) -> Value:
        """The inputs of the network, in this shape."""
        size = math.prod(shape)
        require_memory(self.label, ENTRY * size)
        first = self._add(Affine.of_constants(np.zeros(size)), 0, False)
        return Value(self, tuple(shape), Affine.of_neurons(np.arange(first, first + size)))

    def _add(self, affine: Affine, level: int, has_relu: bool) -> int:
        first = self.neurons
        self.groups.append(Group(affine, first, level, has_relu))
        self.levels = np.concatenate([self.levels, np.full(affine.size, level)])
        return first

    def made(self, affine: Affine, has_relu: bool) -> Affine:
        """New neurons of these values, in the layer after all that they depend on."""
        require_memory(self.label, ENTRY * len(affine.row))
        used = affine.neuron[affine.neuron != ONE]
        level = 1 + int(self.levels[used].max(initial=0))
        first = self._add(affine, level, has_relu)
        return Affine.of_neurons(np.arange(first, first + affine.size))


@dataclass(frozen=True)
class Value:
    """A tensor of the network: its shape, one input at a time, and what its entries are, in C order."""

    graph: Graph
    shape: tuple[int, ...]
    affine: Affine

    @property
    def size(self) -> int:
        """The number of entries."""
        return self.affine.size

    def indices(self) -> np.ndarray:
        """The number of each entry, in the value's shape: moved about, they say what a move does."""
        return np.arange(self.size).reshape(self.shape)

    def take(self, indices: np.ndarray) -> Value:
        """Entries by their numbers, in the shape of these; -1 stands for 0."""
        return Value(self.graph, indices.shape, self.affine.take(indices.reshape(-1)))

    def moved(self, move: Callable[[np.ndarray], np.ndarray]) -> Value:
        """What a function that only moves entries makes of it."""
        return self.take(move(self.indices()))

    def neurons(self) -> Value:
        """The same value as neurons, without ReLU."""
        if self.affine.is_selection:
            return self
        known = self.graph.made_of.get(id(self.affine))
        if known is None:
            known = self.affine, self.graph.made(self.affine, has_relu=False)
            self.graph.made_of[id(self.affine)] = known
        return Value(self.graph, self.shape, known[1])

    def simple(self) -> Value:
        """The same value, as neurons if it is made of many."""
        return self if len(self.affine.row) <= FEW * self.size else self.neurons()

    def relu(self) -> Value:
        """max(x, 0)."""
        return Value(self.graph, self.shape, self.graph.made(self.affine, has_relu=True))

    def through(self, matrix: Matrix, shape: Sequence[int]) -> Value:
        """matrix @ entries + constant, in a new shape."""
        require_memory(self.graph.label, ENTRY * len(matrix.row))
        try:
            affine = self.affine.through(matrix)
        except InexactError:
            affine = self.neurons().affine.through(matrix)
        return Value(self.graph, tuple(shape), affine)

    def times(self, factors: np.ndarray) -> Value:
        """Entry by entry; factors of the value's shape."""
        flat = factors.reshape(-1).astype(float)
        try:
            affine = self.affine.times(flat)
        except InexactError:
            affine = self.neurons().affine.times(flat)
        return Value(self.graph, self.shape, affine)

    def plus(self, other: Value) -> Value:
        """The sum of two values of one shape."""
        try:
            affine = self.affine.plus(other.affine)
        except InexactError:
            affine = self.neurons().affine.plus(other.neurons().affine)
        return Value(self.graph, self.shape, affine)

    def shifted(self, constants: np.ndarray) -> Value:
        """Entry by entry; constants of the value's shape."""
        constant = Affine.of_constants(constants.reshape(-1))
        try:
            affine = self.affine.plus(constant)
        except InexactError:
            affine = self.neurons().affine.plus(constant)
        return Value(self.graph, self.shape, affine)

    def negated(self) -> Value:
        """-x."""
        return self.times(np.full(self.shape, -1.0))

    def leaky_relu(self, slopes: np.ndarray) -> Value:
        """x where x > 0, slope x elsewhere; slopes of the value's shape. One ReLU an entry."""
        as_is, rectified = self.neurons(), self.relu()
        try:  # slope x + (1 - slope) relu(x)
            return as_is.times(slopes).plus(rectified.times(exact_sums(np.ones(self.shape), -slopes)))
        except InexactError:  # slope (x - relu(x)) + relu(x)
            below = as_is.plus(rectified.negated()).neurons()
            return below.times(slopes).plus(rectified)

    def absolute(self) -> Value:
        """|x| = 2 relu(x) - x. One ReLU an entry."""
        return self.relu().times(np.full(self.shape, 2.0)).plus(self.neurons().negated())

    def clipped(self, lo: float | None, hi: float | None) -> Value:
        """min(max(x, lo), hi), lo <= hi; None for no bound. One ReLU an entry and bound."""
        if lo is None:
            if hi is None:
                return self
            over = self.negated().shifted(np.full(self.shape, hi)).relu()
            return over.negated().shifted(np.full(self.shape, hi))
        result = self.shifted(np.full(self.shape, -lo)).relu()
        if hi is not None:
            result = result.plus(self.shifted(np.full(self.shape, -hi)).relu().negated())
        return result.shifted(np.full(self.shape, lo))

    def maximum(self, other: Value) -> Value:
        """max(x, y) = y + relu(x - y). One ReLU an entry."""
        base = other.simple()
        return base.plus(self.plus(other.negated()).relu())

    def minimum(self, other: Value) -> Value:
        """min(x, y) = y - relu(y - x). One ReLU an entry."""
        base = other.simple()
        return base.plus(other.plus(self.negated()).relu().negated())


def constant(graph: Graph, values: np.ndarray) -> Value:
    """A value that depends on nothing."""
    return Value(graph, values.shape, Affine.of_constants(values.reshape(-1).astype(float)))


def joined(values: Sequence[Value], axis: int) -> Value:
    """Values one after the other along an axis."""
    graph, first, offsets, parts = values[0].graph, 0, [], []
    for value in values:
        offsets.append(value.indices() + first)
        parts.append(value.affine)
        first += value.size
    starts = np.cumsum([0, *(part.size for part in parts)])
    together = Affine(
        first,
        np.concatenate([part.row + start for part, start in zip(parts, starts)]),
        np.concatenate([part.neuron for part in parts]),
        np.concatenate([part.weight for part in parts]),
    )
    indices = np.concatenate(offsets, axis=axis)
    return Value(graph, indices.shape, together.take(indices.reshape(-1)))


def largest(value: Value, windows: np.ndarray) -> Value:
    """The largest entry of each window, (.., k) numbers of entries, -1 for none: pairs, pairs of these, .. .

    One ReLU for each entry of a window but the first.
    """
    result_shape = windows.shape[:-1]
    order = np.argsort(windows < 0, axis=-1, kind="stable")  # those that are there first
    windows = np.take_along_axis(windows, order, axis=-1)
    windows = np.where(windows < 0, windows[..., :1], windows)  # max(x, x) below: not taken
    rounds: list[tuple[Value, np.ndarray]] = [(value, windows)]
    while windows.shape[-1] > 1:
        source, windows = rounds[-1]
        half = windows.shape[-1] // 2
        a, b = windows[..., :half], windows[..., half : 2 * half]
        differ = a != b
        pairs, place = np.unique(np.stack([a[differ], b[differ]], axis=-1), axis=0, return_inverse=True)
        kept, kept_place = np.unique(np.append(windows[..., 2 * half :], a[~differ]), return_inverse=True)
        parts = []
        if len(pairs):
            parts.append(source.take(pairs[:, 0]).maximum(source.take(pairs[:, 1])))
        if len(kept):
            parts.append(source.take(kept.astype(np.int64)))
        new = np.empty((*result_shape, windows.shape[-1] - half), np.int64)
        left = new[..., :half]
        left[differ] = place.reshape(-1)
        rest = windows[..., 2 * half :].size
        new[..., half:] = (len(pairs) + kept_place[:rest]).reshape(new[..., half:].shape)
        left[~differ] = len(pairs) + kept_place[rest:]
        windows = new
        rounds.append((joined(parts, 0) if len(parts) > 1 else parts[0], windows))
    return rounds[-1][0].take(windows[..., 0])


def lowered(value: Value) -> Layers:
    """The network up to a value as layers, ReLU after every neuron of all but the last, except linear ones.

    Raises:
        ValueError: it needs more memory than there is.
    """
    graph = value.graph
    needed, last_use = _uses(graph, value.affine)
    depth = int(last_use.max(initial=1)) - 1
    has_relu = np.concatenate([np.full(group.affine.size, group.has_relu) for group in graph.groups])
    is_input = graph.levels == 0
    present = [np.flatnonzero(is_input)]
    for level in range(1, depth + 1):
        alive = needed & ~is_input & (graph.levels <= level) & (last_use > level)
        alive |= is_input & (last_use > level)
        alive |= needed & has_relu & (graph.levels == level)
        there = np.flatnonzero(alive)
        present.append(there[np.lexsort((there, graph.levels[there] != level))])
    widths = [*map(len, present), value.size]
    require_memory(graph.label, COPIES * 8 * sum(a * b + b for a, b in pairwise(widths)))
    weights, biases, linear = [], [], []
    for level in range(1, depth + 1):
        rows = _rows(graph, present[level], level)
        weight, bias = _dense(rows, present[level - 1], graph.neurons)
        weights.append(weight)
        biases.append(bias)
        linear.append(~(has_relu[present[level]] & (graph.levels[present[level]] == level)))
    weight, bias = _dense(value.affine, present[depth], graph.neurons)
    return Layers([*weights, weight], [*biases, bias], linear)


def _uses(graph: Graph, output: Affine) -> tuple[np.ndarray, np.ndarray]:
    """Which neurons the output depends on (of groups with ReLU all if any), and the last layer that uses each."""
    needed = np.zeros(graph.neurons, bool)
    last_use = np.zeros(graph.neurons, np.int64)
    used = output.neuron[output.neuron != ONE]
    needed[used] = True
    reached = [
        group.level for group in graph.groups if needed[group.first : group.first + group.affine.size].any()
    ]
    for group in reversed(graph.groups):
        mine = slice(group.first, group.first + group.affine.size)
        if not needed[mine].any():
            continue
        reached.append(group.level)
        if group.has_relu:
            needed[mine] = True
        entries = needed[mine][group.affine.row] & (group.affine.neuron != ONE)
        below = group.affine.neuron[entries]
        needed[below] = True
        np.maximum.at(last_use, below, group.level)
    np.maximum.at(last_use, used, max(reached, default=0) + 1)
    if not len(used):  # the output is constant, or there is none
        last_use[graph.groups[0].first] = max(reached, default=0) + 1
    return needed, last_use


def _rows(graph: Graph, neurons: np.ndarray, level: int) -> Affine:
    """The maps in front of the neurons of a layer; of those from layers below, themselves."""
    rows, places, weights = [], [], []
    position = np.full(graph.neurons, -1)
    position[neurons] = np.arange(len(neurons))
    carried = neurons[graph.levels[neurons] < level]
    rows.append(position[carried])
    places.append(carried)
    weights.append(np.ones(len(carried)))
    for group in graph.groups:
        if group.level == level:
            row = position[group.first + group.affine.row]
            kept = row >= 0
            rows.append(row[kept])
            places.append(group.affine.neuron[kept])
            weights.append(group.affine.weight[kept])
    return Affine.of_entries(len(neurons), *(np.concatenate(part) for part in (rows, places, weights)))


def _dense(affine: Affine, below: np.ndarray, neurons: int) -> tuple[np.ndarray, np.ndarray]:
    """Weight (out, in) and bias (out,) on the neurons of the layer below."""
    position = np.zeros(neurons, np.int64)
    position[below] = np.arange(len(below))
    weight, bias = np.zeros((affine.size, len(below))), np.zeros(affine.size)
    is_one = affine.neuron == ONE
    bias[affine.row[is_one]] = affine.weight[is_one]
    weight[affine.row[~is_one], position[affine.neuron[~is_one]]] = affine.weight[~is_one]
    return weight, bias
