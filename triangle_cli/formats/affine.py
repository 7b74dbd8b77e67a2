"""Sparse affine maps that are exact: a product or a sum of floats that would be rounded is an error.

Source of the error terms: Dekker, A floating-point technique for extending the available precision (1971); Knuth,
The Art of Computer Programming, volume 2, 4.2.2, theorem B.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

ONE = -1  # the number of the constant 1 among the neurons
SPLITTER = 2.0**27 + 1.0
LARGEST, SMALLEST = 2.0**900, 2.0**-900  # of factors and products whose error terms are floats
MOST_TERMS = 2**26  # of a composition that is tried: beyond, it would take memory, and round


class InexactError(Exception):
    """A float would have to be rounded."""


@dataclass(frozen=True)
class Affine:
    """`size` values, each a sum of weight * neuron; the neuron ONE stands for the constant 1.

    row, neuron: (entries,) int64, sorted by row, then neuron, no pair twice; weight: (entries,) float64, none 0.
    """

    size: int
    row: np.ndarray
    neuron: np.ndarray
    weight: np.ndarray

    @classmethod
    def of_neurons(cls, neurons: np.ndarray) -> Affine:
        """The neurons themselves."""
        return cls(len(neurons), np.arange(len(neurons)), neurons.astype(np.int64), np.ones(len(neurons)))

    @classmethod
    def of_constants(cls, values: np.ndarray) -> Affine:
        """Values that depend on nothing."""
        row = np.flatnonzero(values)
        return cls(len(values), row, np.full(len(row), ONE), values[row].astype(float))

    @classmethod
    def of_entries(cls, size: int, row: np.ndarray, neuron: np.ndarray, weight: np.ndarray) -> Affine:
        """From entries in any order; those of one pair are added up.

        Raises:
            InexactError: a sum would be rounded.
        """
        order = np.lexsort((neuron, row))
        row, neuron, weight = row[order], neuron[order], weight[order]
        if len(row):
            first = np.ones(len(row), bool)
            first[1:] = (row[1:] != row[:-1]) | (neuron[1:] != neuron[:-1])
            if not first.all():
                weight = _sums(weight, np.flatnonzero(first))
                row, neuron = row[first], neuron[first]
        kept = weight != 0.0
        return cls(size, row[kept], neuron[kept], weight[kept])

    @property
    def is_selection(self) -> bool:
        """Whether every value is one neuron, with weight 1."""
        one_each = len(self.row) == self.size and bool((self.row == np.arange(self.size)).all())
        return one_each and bool((self.weight == 1.0).all() and (self.neuron != ONE).all())

    def pointer(self) -> np.ndarray:
        """(size + 1,): the entries of value i are pointer[i] .. pointer[i + 1]."""
        return np.searchsorted(self.row, np.arange(self.size + 1))

    def take(self, values: np.ndarray) -> Affine:
        """Some of the values, (n,) indices; -1 stands for 0."""
        start, count = self._spans(values)
        row, entry = np.repeat(np.arange(len(values)), count), _ranges(start, count)
        return Affine(len(values), row, self.neuron[entry], self.weight[entry])

    def _spans(self, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        pointer = self.pointer()
        inside = np.maximum(values, 0)
        return pointer[inside], np.where(values < 0, 0, pointer[inside + 1] - pointer[inside])

    def plus(self, other: Affine) -> Affine:
        """The sum, value by value; raises InexactError."""
        parts = [np.concatenate(pair) for pair in zip(self._entries(), other._entries())]
        return Affine.of_entries(self.size, *parts)

    def _entries(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        return self.row, self.neuron, self.weight

    def times(self, factors: np.ndarray) -> Affine:
        """Each value times a factor, (size,); raises InexactError."""
        weight = _products(self.weight, factors[self.row])
        kept = weight != 0.0
        return Affine(self.size, self.row[kept], self.neuron[kept], weight[kept])

    def through(self, matrix: Matrix) -> Affine:
        """matrix @ values + constants; raises InexactError, also where trying would take too much memory."""
        start, count = self._spans(matrix.column)
        if count.sum() > MOST_TERMS and not self.is_selection:
            raise InexactError
        entry = _ranges(start, count)
        weight = _products(np.repeat(matrix.weight, count), self.weight[entry])
        constant = Affine.of_constants(matrix.constant)
        return Affine.of_entries(
            len(matrix.constant),
            np.concatenate([np.repeat(matrix.row, count), constant.row]),
            np.concatenate([self.neuron[entry], constant.neuron]),
            np.concatenate([weight, constant.weight]),
        )


@dataclass(frozen=True)
class Matrix:
    """A sparse matrix and a vector: entries (row, column, weight) in any order; constant: (rows,)."""

    row: np.ndarray
    column: np.ndarray
    weight: np.ndarray
    constant: np.ndarray

    @classmethod
    def dense(cls, weight: np.ndarray, constant: np.ndarray | None = None) -> Matrix:
        """From (out, in) and (out,)."""
        row, column = np.nonzero(weight)
        shift = np.zeros(len(weight)) if constant is None else constant.astype(float)
        return cls(row, column, weight[row, column].astype(float), shift)


def _ranges(start: np.ndarray, count: np.ndarray) -> np.ndarray:
    """start[0], .., start[0] + count[0] - 1, start[1], .. ."""
    ends = np.cumsum(count)
    total = int(ends[-1]) if len(ends) else 0
    return np.arange(total) + np.repeat(start - (ends - count), count)


def _split(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    wide = SPLITTER * values
    high = wide - (wide - values)
    return high, values - high


def _products(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """a * b, if all of them are floats; raises InexactError."""
    if (b == 1.0).all():
        return a
    if (a == 1.0).all():
        return b
    with np.errstate(all="ignore"):
        product = a * b
        (a_high, a_low), (b_high, b_low) = _split(a), _split(b)
        rest = ((a_high * b_high - product) + a_high * b_low + a_low * b_high) + a_low * b_low
        in_range = (np.abs(a) < LARGEST) & (np.abs(b) < LARGEST)
        in_range &= (np.abs(product) < LARGEST) & (np.abs(product) > SMALLEST)
        exact = (rest == 0.0) & in_range
    plain = (np.abs(a) == 1.0) | (np.abs(b) == 1.0) | (a == 0.0) | (b == 0.0)
    if not (exact | plain).all():
        raise InexactError
    return product


def exact_sums(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """a + b, if all of them are floats; raises InexactError."""
    with np.errstate(all="ignore"):
        total = a + b
        virtual = total - a
        rest = (a - (total - virtual)) + (b - virtual)
    if not ((rest == 0.0) & np.isfinite(total)).all():
        raise InexactError
    return total


def _sums(values: np.ndarray, start: np.ndarray) -> np.ndarray:
    """Sums of the runs of values that begin at `start`; raises InexactError."""
    count = np.diff(np.append(start, len(values)))
    total = values[start].copy()
    for place in range(1, int(count.max())):
        longer = np.flatnonzero(count > place)
        total[longer] = exact_sums(total[longer], values[start[longer] + place])
    return total
