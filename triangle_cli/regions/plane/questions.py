# ruff: noqa: ANN001, ANN201 - numba infers the types
# mypy: allow-untyped-defs, no-check-untyped-defs
"""What compiled loops ask of `exact.Oracle`, in the middle of their work.

A loop leaves out the edge or cell of a sign that its bound leaves open, returns the questions, and is called again for
those with the answers. An answer is found by its key, which grows in the order of the questions.
"""

from collections.abc import Callable
from itertools import count

import numpy as np
from numba import objmode

from triangle_cli.compiling import apart, inside
from triangle_cli.regions.plane.exact import Oracle
from triangle_cli.regions.plane.records import HISTORY, INTEGER_ROWS, INTEGERS, Told

_handles = count()
_makers: dict[int, Callable[[], Oracle]] = {}
_oracles: dict[int, Oracle] = {}


def known(make: Callable[[], Oracle]) -> int:
    """The number under which compiled loops know the oracle, which is made for the first question, until `forget`."""
    handle = next(_handles)
    _makers[handle] = make
    return handle


def forget(handle: int) -> None:
    """Nothing asks the oracle of this number any more."""
    del _makers[handle]
    _oracles.pop(handle, None)


def _asked(handle, widths, cuts, cells, on, parent):
    if handle not in _oracles:
        _oracles[handle] = _makers[handle]()
    _oracles[handle].learn(widths, cuts, cells, on, parent)
    return _oracles[handle]


def _signs(*history_and_lines):
    *history, lines = history_and_lines
    return _asked(*history).signs(*lines)


def _same_maps(*history_and_pairs):
    *history, pairs = history_and_pairs
    return _asked(*history).same_maps(pairs)


def _larger(*arguments):
    *history, lines, pointer, label, regions = arguments
    return _asked(*history).larger(lines, pointer, label, regions)


@apart(HISTORY, INTEGER_ROWS)
def ask_signs(history, lines):
    """Signs (n,) int8 of the neurons of the lines lines[2] at the points on both lines[0] and lines[1], (3, n)."""
    handle, widths, cuts, cells, on, parent = history
    with objmode(signs="int8[::1]"):
        signs = _signs(handle, widths, cuts, cells, on, parent, lines)
    return signs  # noqa: RET504 - what objmode returns is a variable


@apart(HISTORY, INTEGER_ROWS)
def ask_same_maps(history, pairs):
    """Whether two cells have the same affine map, (n,) bool for `pairs` (n, 2)."""
    handle, widths, cuts, cells, on, parent = history
    with objmode(same="boolean[::1]"):
        same = _same_maps(handle, widths, cuts, cells, on, parent, pairs)
    return same  # noqa: RET504


@apart(HISTORY, INTEGER_ROWS, INTEGERS, INTEGERS, INTEGERS)
def ask_larger(history, lines, pointer, label, regions):
    """How many of `regions` have more than the share `exact.WIDE` of the domain; label: of each cell.

    lines: (pointer[-1], 2), those on which the cells' corners lie.
    """
    handle, widths, cuts, cells, on, parent = history
    with objmode(number="int64"):
        number = _larger(handle, widths, cuts, cells, on, parent, lines, pointer, label, regions)
    return number  # noqa: RET504


@inside()
def nothing_told(items):
    """No answers to so many items."""
    return Told(np.zeros(items + 1, np.int64), np.empty(0, np.int64), np.empty(0, np.int8))


@inside()
def with_answers(items, told, asked, found):
    """Those of the items that asked, and all that was told to them.

    asked: rows (place in `items`, key, ..), both in ascending order; found: the answers.
    """
    n, m = 0, len(asked)
    for i in range(m):
        n += i == 0 or asked[i, 0] != asked[i - 1, 0]
    asking, start = np.empty(n, np.int64), np.empty(n + 1, np.int64)
    keys, signs = np.empty(m + told.key.size, np.int64), np.empty(m + told.key.size, np.int8)
    i = to = 0
    for a in range(n):
        item = asked[i, 0]
        asking[a], start[a] = items[item], to
        j, end = told.start[item], told.start[item + 1]
        while j < end or (i < m and asked[i, 0] == item):  # both in the order of their keys
            if j < end and (i == m or asked[i, 0] != item or told.key[j] < asked[i, 1]):
                keys[to], signs[to] = told.key[j], told.sign[j]
                j, to = j + 1, to + 1
            else:
                keys[to], signs[to] = asked[i, 1], found[i]
                i, to = i + 1, to + 1
    start[n] = to
    return asking, Told(start, keys, signs)
