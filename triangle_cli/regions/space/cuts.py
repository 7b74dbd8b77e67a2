# mypy: allow-untyped-defs, no-check-untyped-defs
"""The last cuts: cells of the last layer whose pieces are counted without being made.

Where no three of the neurons that cut a cell meet in it, it has one piece, one more for each neuron, and one more for
each two of them that meet in it: a neuron's cut is itself cut by those that it meets, and each part of it splits one
piece (Zaslavsky 1975, Facing up to arrangements). Three meet in it if all eight triples of signs are there.

Two neurons x and y meet inside a cell that both cut if all four pairs of signs are there. A pair that a vertex has is
there. Else (x > 0, y < 0) is there if x is positive on an edge of the cell where y is 0, which is between a vertex p of
(+, +) and a vertex q of (-, -): if x / y at p is more than at q. Every segment from vertex to vertex is in the cell, so
that all such p and q may be compared, whether an edge joins them or not: the greatest x / y at a p with the least at
a q.
"""

# ruff: noqa: ANN001, ANN201
import math

from numba import int64

from triangle_cli.regions.space.arena import (
    COLUMNS,
    CROSSING,
    CUT,
    FACETS,
    LAYER,
    PARTS,
    ROW,
    VALUE,
)
from triangle_cli.regions.space.bits import compiled
from triangle_cli.regions.space.forms import ROOM
from triangle_cli.regions.space.handle import stage
from triangle_cli.regions.space.splitting import LERP

MOST_CUTS = 3  # of a cell whose pieces are counted
LEAST = 1e-100  # added to the bounds, so that no quotient underflows
APART, MEET, UNKNOWN = 0, 1, 2


@compiled
def bound_at(s, neuron, steps, doubt):
    """Of the values of a neuron at a vertex, positive also where they are exact. steps: as of `classify`."""
    return s.slope[neuron] * doubt + s.base[neuron] + steps * LERP * s.reach[neuron] + s.slack[0] + LEAST


@compiled
def has_clear_signs(s, frame, rows, column, steps):
    """Whether a column's neuron is surely not 0 at any of the first `rows` of s.rows."""
    row, at, stride = s.frame[ROW, frame], s.frame[VALUE, frame], s.frame[COLUMNS, frame]
    neuron = s.crossing[s.frame[CROSSING, frame] + column]
    for r in range(rows):
        v = s.rows[r]
        if not abs(s.values[at + v * stride + column]) > bound_at(s, neuron, steps, s.doubt[row + v]):
            return False
    return True


@stage(int64, int64, int64, int64, int64)
def meeting(s, frame, rows, x, y, steps):
    """APART, MEET or UNKNOWN: two columns' neurons in the cell of the first `rows` of s.rows, all signs clear."""
    row, at, stride = s.frame[ROW, frame], s.frame[VALUE, frame], s.frame[COLUMNS, frame]
    plus_plus = plus_minus = minus_plus = minus_minus = False
    for r in range(rows):
        spot = at + s.rows[r] * stride
        is_x, is_y = s.values[spot + x] > 0.0, s.values[spot + y] > 0.0
        plus_plus |= is_x and is_y
        plus_minus |= is_x and not is_y
        minus_plus |= is_y and not is_x
        minus_minus |= not is_x and not is_y
    # Are there (+, -) and (-, +)? Of x and -y, unless vertices have (+, +) and (-, -).
    turned = not (plus_plus and minus_minus)
    below, above = (plus_plus, minus_minus) if turned else (plus_minus, minus_plus)
    if below and above:
        return MEET
    start = s.frame[CROSSING, frame]
    of_x, of_y = s.crossing[start + x], s.crossing[start + y]
    # |x / y| at the p and at the q: the greatest is from most to most_bound, the least from least_bound to least
    most_p, most_p_bound, least_p, least_p_bound = 0.0, 0.0, math.inf, math.inf
    most_q, most_q_bound, least_q, least_q_bound = 0.0, 0.0, math.inf, math.inf
    for r in range(rows):
        v = s.rows[r]
        spot, doubt = at + v * stride, s.doubt[row + v]
        value_x, value_y = s.values[spot + x], s.values[spot + y]
        if (value_x > 0.0) != ((value_y > 0.0) != turned):
            continue
        off_x, off_y = bound_at(s, of_x, steps, doubt), bound_at(s, of_y, steps, doubt)
        size_x, size_y = abs(value_x), abs(value_y)
        if not (size_x - off_x > 0.0 and size_y - off_y > 0.0):
            return UNKNOWN
        low = (size_x - off_x) / (size_y + off_y) / ROOM
        high = (size_x + off_x) / (size_y - off_y) * ROOM
        if value_x > 0.0:
            most_p, most_p_bound = max(most_p, low), max(most_p_bound, high)
            least_p, least_p_bound = min(least_p, high), min(least_p_bound, low)
        else:
            most_q, most_q_bound = max(most_q, low), max(most_q_bound, high)
            least_q, least_q_bound = min(least_q, high), min(least_q_bound, low)
    if (not below and most_p_bound < least_q_bound) or (not above and most_q_bound < least_p_bound):
        return APART
    return MEET if (below or most_p > least_q) and (above or most_q > least_p) else UNKNOWN


@compiled
def has_all_signs(s, frame, rows):
    """Whether all eight triples of signs of the columns s.keep[:3] are at vertices; all signs clear."""
    at, stride, seen = s.frame[VALUE, frame], s.frame[COLUMNS, frame], 0
    for r in range(rows):
        spot, which = at + s.rows[r] * stride, 0
        for k in range(3):
            which = 2 * which + (s.values[spot + s.keep[k]] > 0.0)
        seen |= 1 << which
    return seen == 255


@compiled
def all_loud(s, frame, columns, gains):
    """Whether all gains in the row at `gains` are surely not 0, whichever of the neurons s.keep[:columns] are on."""
    start, first = s.frame[CROSSING, frame], s.neuron_at[s.frame[LAYER, frame]]
    for f in range(s.control[FACETS]):
        for which in range(1 << columns):
            gain = s.gain[gains + f]
            for k in range(columns):
                if which >> k & 1:
                    gain += s.gain_part[f, s.crossing[start + s.keep[k]] - first]
            if not abs(gain) > s.gain_error[f]:
                return False
    return True


@stage(int64, int64, int64, int64, int64, int64)
def pieces(s, frame, rows, columns, depth, gains, steps):
    """Of a cell that the neurons s.keep[:columns] cut: how many; 0 where they have to be made to be told.

    The cell of the first `rows` of s.rows, at this depth; gains: where its row is; steps: as of `classify`. What is at
    a depth below CUT is dealt out to threads one by one.
    """
    if columns > MOST_CUTS or (depth < CUT and s.control[PARTS] > 1):
        return 0
    if not all_loud(s, frame, columns, gains):
        return 0
    if columns < 2:
        return columns + 1
    for k in range(columns):
        if not has_clear_signs(s, frame, rows, s.keep[k], steps):
            return 0
    meetings = 0
    for k in range(columns):
        for j in range(k):
            what = meeting(s, frame, rows, s.keep[j], s.keep[k], steps)
            if what == UNKNOWN:
                return 0
            meetings += what
    if meetings < 3:
        return 1 + columns + meetings
    return 8 if has_all_signs(s, frame, rows) else 0
