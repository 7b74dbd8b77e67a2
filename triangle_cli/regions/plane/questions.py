# ruff: noqa: ANN001, ANN201 - numba infers the types
# mypy: allow-untyped-defs, no-check-untyped-defs
"""What compiled loops ask of `exact.Oracle`, in the middle of their work.

A loop leaves out the edge or cell of a sign that its bound leaves open, returns the questions, and is called again for
those with the answers. An answer is found by its key, which grows in the order of the questions.
"""

from collections import namedtuple
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count

import numpy as np
from numba import objmode

from triangle_cli.compiling import njit
from triangle_cli.regions.plane.exact import Oracle

# Which oracle, and what it has to know: neurons per level; for each time that neurons cut the mesh the first line
# number, the layer, its first neuron and their number; after each layer the number of cells, their on/off rows and the
# cells that they are part of, one after another
History = namedtuple("History", "handle widths cuts cells on parent")
Told = namedtuple("Told", "start key sign")  # answers to item i: start[i] .. start[i + 1]

_handles = count()
_oracles: dict[int, Oracle] = {}


@contextmanager
def asked(oracle: Oracle) -> Iterator[int]:
    """Meanwhile compiled loops know the oracle by the number that is given."""
    handle = next(_handles)
    _oracles[handle] = oracle
    try:
        yield handle
    finally:
        del _oracles[handle]


def _signs(handle, widths, cuts, cells, on, parent, first, second, number):
    oracle = _oracles[handle]
    oracle.learn(widths, cuts, cells, on, parent)
    return oracle.signs(first, second, number)


def _same_maps(handle, widths, cuts, cells, on, parent, pairs):
    oracle = _oracles[handle]
    oracle.learn(widths, cuts, cells, on, parent)
    return oracle.same_maps(pairs)


def _larger(handle, widths, cuts, cells, on, parent, lines, pointer, label, regions):
    oracle = _oracles[handle]
    oracle.learn(widths, cuts, cells, on, parent)
    return oracle.larger(lines, pointer, label, regions)


@njit(cache=True)
def ask_signs(history, first, second, number):
    """Signs (n,) int8 of the neurons of lines `number` at the points on both other lines."""
    handle, widths, cuts, cells, on, parent = history
    with objmode(signs="int8[::1]"):
        signs = _signs(handle, widths, cuts, cells, on, parent, first, second, number)
    return signs  # noqa: RET504 - what objmode returns is a variable


@njit(cache=True)
def ask_same_maps(history, pairs):
    """Whether two cells have the same affine map, (n,) bool for `pairs` (n, 2)."""
    handle, widths, cuts, cells, on, parent = history
    with objmode(same="boolean[::1]"):
        same = _same_maps(handle, widths, cuts, cells, on, parent, pairs)
    return same  # noqa: RET504


@njit(cache=True)
def ask_larger(history, lines, pointer, label, regions):
    """How many of `regions` have more than the share `exact.WIDE` of the domain; label: of each cell.

    lines: (pointer[-1], 2), those on which the cells' corners lie.
    """
    handle, widths, cuts, cells, on, parent = history
    with objmode(number="int64"):
        number = _larger(handle, widths, cuts, cells, on, parent, lines, pointer, label, regions)
    return number  # noqa: RET504


@njit(cache=True)
def nothing_told(items):
    """No answers to so many items."""
    return Told(np.zeros(items + 1, np.int64), np.empty(0, np.int64), np.empty(0, np.int8))


@njit(cache=True)
def with_answers(items, told, index, key, sign):
    """Those of the items that asked, by `index` in ascending order, and all that was told to them."""
    n = 0
    for i in range(index.size):
        n += i == 0 or index[i] != index[i - 1]
    asking, start = np.empty(n, np.int64), np.empty(n + 1, np.int64)
    keys, signs = (
        np.empty(index.size + told.key.size, np.int64),
        np.empty(index.size + told.key.size, np.int8),
    )
    i = m = 0
    for a in range(n):
        item = index[i]
        asking[a], start[a] = items[item], m
        j, end = told.start[item], told.start[item + 1]
        while j < end or (i < index.size and index[i] == item):  # both in the order of their keys
            if j < end and (i == index.size or index[i] != item or told.key[j] < key[i]):
                keys[m], signs[m] = told.key[j], told.sign[j]
                j, m = j + 1, m + 1
            else:
                keys[m], signs[m] = key[i], sign[i]
                i, m = i + 1, m + 1
    start[n] = m
    return asking, Told(start, keys, signs)
