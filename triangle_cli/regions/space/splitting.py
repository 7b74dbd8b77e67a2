# mypy: allow-untyped-defs, no-check-untyped-defs
"""A cell is split by a neuron that takes both signs in it; every question is the sign of a neuron at a vertex.

A vertex carries the set of facets it lies on. Two vertices are the ends of an edge if no third one lies on all
facets that they share; where every vertex lies on n facets only (the cell is simple), n - 1 common ones are enough.
A vertex on which the neuron is 0 belongs to both sides: nothing is perturbed.
"""

# ruff: noqa: ANN001, ANN201, SIM110 - what numba compiles
import math

from numba import float64, int64, uint64

from triangle_cli.regions.space.arena import (
    COLUMNS,
    COUNT,
    CROSSING,
    EVERYWHERE,
    MINUS,
    NEW,
    PLUS,
    QUESTIONS,
    ROW,
    SIMPLE,
    SPLITTER,
    STEPS,
    TIED,
    TIES,
    TOLD,
    VALUE,
    ZERO,
)
from triangle_cli.regions.space.bits import NONE, ONE, compiled, lowest, size
from triangle_cli.regions.space.forms import ROOM, UNIT
from triangle_cli.regions.space.handle import stage, view
from triangle_cli.regions.space.refining import refine

UNKNOWN = 2
OFF, ON, BOTH, OPEN = 0, 1, 2, 3  # what a neuron is on a cell
COARSE = 1e-8  # a vertex of more doubt is solved for at once
LERP = 8 * UNIT  # error of one interpolation, in units of the larger end


@compiled
def allowance(s, frame, neuron):
    """Error of the values of a neuron in this frame at a vertex without doubt."""
    return s.base[neuron] + s.frame[STEPS, frame] * LERP * s.reach[neuron]


@compiled
def sign_at(s, frame, v, column, neuron):
    """-1, 0, 1 or UNKNOWN: the sign of a column's neuron at the frame's vertex v."""
    spot = s.frame[VALUE, frame] + v * s.frame[COLUMNS, frame] + column
    if s.frame[TOLD, frame]:
        told = s.told[spot]
        if told == PLUS:
            return 1
        if told == MINUS:
            return -1
        if told == ZERO:
            return 0
    value = s.values[spot]
    error = s.slope[neuron] * s.doubt[s.frame[ROW, frame] + v] + allowance(s, frame, neuron) + s.slack[0]
    if value > error:
        return 1
    if value < -error:
        return -1
    return 0 if error == 0.0 else UNKNOWN


@compiled
def surely(s, frame, v, column, neuron, n):
    """As `sign_at`, solving for the vertex if need be."""
    sign = sign_at(s, frame, v, column, neuron)
    if sign == UNKNOWN and not s.fine[s.frame[ROW, frame] + v]:
        refine(s, frame, v, n)
        sign = sign_at(s, frame, v, column, neuron)
    return sign


@stage(int64, int64, int64, int64)
def ask(s, frame, v, column, neuron):
    """Note a question; False if there is no room for more."""
    asked = s.control[QUESTIONS]
    if asked == s.questions.shape[0]:
        return False
    columns, at = s.frame[COLUMNS, frame], s.frame[VALUE, frame]
    if not s.frame[TOLD, frame]:
        s.frame[TOLD, frame] = 1
        for i in range(at, at + (s.frame[COUNT, frame] + s.frame[NEW, frame]) * columns):
            s.told[i] = 0
    s.questions[asked, 0] = s.frame[ROW, frame] + v
    s.questions[asked, 1] = neuron
    s.questions[asked, 2] = at + v * columns + column
    s.control[QUESTIONS] = asked + 1
    return True


@compiled
def tie(s, neuron, label):
    """Note that a neuron is 0 all over the facet of another."""
    tied = s.control[TIED]
    s.ties[tied, 0], s.ties[tied, 1] = neuron, label
    s.control[TIED] = tied + 1


@stage(int64, int64, int64, int64, int64, uint64)
def examine(s, frame, column, neuron, rows, n, extra):
    """OFF, ON, BOTH or OPEN: a neuron on the cell of the first `rows` of s.rows, vertex by vertex.

    A facet on which it is 0 all over is added to s.touch and s.ties. extra: the facet that new vertices and those on
    the splitting neuron are on.
    """
    high = low = False
    unknown = 0
    row, count = s.frame[ROW, frame], s.frame[COUNT, frame]
    common = ~NONE
    for r in range(rows):
        v = s.rows[r]
        sign = surely(s, frame, v, column, neuron, n)
        if sign == 1:
            high = True
        elif sign == -1:
            low = True
        elif sign == 0:
            mask = s.facets[row + v]
            if v >= count or (extra != NONE and s.sign[row + v] == 0):
                mask |= extra
            common &= mask
        else:
            unknown += 1
    if high and low:
        return BOTH
    if unknown:
        for r in range(rows):
            v = s.rows[r]
            if sign_at(s, frame, v, column, neuron) == UNKNOWN and not ask(s, frame, v, column, neuron):
                break
        return OPEN
    if not high and not low:
        s.touch[1] = 1
        tie(s, neuron, EVERYWHERE)
    elif common & (common - ONE) == NONE:  # its zeros, a face of the cell, are in no second facet
        label = s.frame[SPLITTER, frame] if common == extra else s.label[lowest(common)]
        if label >= 0:  # no side of the box
            s.touch[0] |= common
            tie(s, neuron, label)
    return ON if high else OFF


@compiled
def find_signs(s, frame, n):
    """Signs of the last column's neuron at the frame's vertices; False if questions are open."""
    row, column = s.frame[ROW, frame], s.frame[COLUMNS, frame] - 1
    neuron = s.crossing[s.frame[CROSSING, frame] + column]
    s.frame[SPLITTER, frame] = neuron
    decided = True
    for v in range(s.frame[COUNT, frame]):
        sign = surely(s, frame, v, column, neuron, n)
        if sign == UNKNOWN:
            decided = False
            if not ask(s, frame, v, column, neuron):
                break
        s.sign[row + v] = sign
    return decided


@compiled
def share(plus, plus_error, minus, minus_error):
    """How far from p to q a value of |plus| at p and -|minus| at q is 0, and a bound: both in [0, 1]."""
    total = plus + minus
    errors = plus_error + minus_error
    if not (total > 1e-150 and errors < 0.5 * total):
        return 0.5, 0.5
    inverse = 1.0 / total
    most = inverse * (
        1.0 + 2.0 * errors * inverse
    )  # of the inverse of the true total, at least total - errors
    error = ((plus_error * minus + minus_error * plus) * inverse * most + 4.0 * UNIT) * ROOM
    return plus * inverse, min(error, 1.0)


@compiled
def is_edge(s, row, count, p, q, common):
    """Whether no third vertex lies on all facets in `common`."""
    for r in range(count):
        if (s.facets[row + r] & common) == common and r != p and r != q:
            return False
    return True


@stage(int64, int64)
def new_vertices(s, frame, n):
    """A vertex on each edge whose ends have opposite signs, behind the frame's own; False if out of room."""
    row, count, at = s.frame[ROW, frame], s.frame[COUNT, frame], s.frame[VALUE, frame]
    columns = s.frame[COLUMNS, frame]
    column = columns - 1
    neuron = s.frame[SPLITTER, frame]
    simple, told = s.frame[SIMPLE, frame], s.frame[TOLD, frame]
    room = min(s.facets.size - row - count, (s.values.size - at) // columns - count) // 2 - count
    slope, base = s.slope[neuron], allowance(s, frame, neuron)
    new = 0
    below = 0
    for q in range(count):
        if s.sign[row + q] == -1:
            s.rows[below] = q
            below += 1
    for p in range(count):
        if s.sign[row + p] != 1:
            continue
        facets = s.facets[row + p]
        for k in range(below):
            q = s.rows[k]
            common = facets & s.facets[row + q]
            if simple:  # n facets each, so n - 1 are common if one is not
                other = facets & ~s.facets[row + q]
                if other & (other - ONE):
                    continue
            elif size(common) < n - 1 or not is_edge(s, row, count, p, q, common):
                continue
            if new >= room:
                return False
            w = row + count + new
            from_p, from_q = at + p * columns, at + q * columns
            t, error = share(
                max(s.values[from_p + column], 0.0),
                slope * s.doubt[row + p] + base,
                max(-s.values[from_q + column], 0.0),
                slope * s.doubt[row + q] + base,
            )
            length = 0.0
            for j in range(n):
                x = s.place[row + p, j]
                step = s.place[row + q, j] - x
                s.place[w, j] = x + t * step
                length = max(length, abs(step))
            left, right = view(s.values, from_p, columns), view(s.values, from_q, columns)
            spot = at + (count + new) * columns
            value = view(s.values, spot, columns)
            for c in range(columns):
                value[c] = left[c] + t * (right[c] - left[c])
            if told:
                for c in range(columns):
                    both = s.told[from_p + c] == ZERO and s.told[from_q + c] == ZERO
                    s.told[spot + c] = ZERO if both else 0
            s.facets[w] = common
            doubt = max(s.doubt[row + p], s.doubt[row + q])
            s.doubt[w] = (doubt + error * (length + 2.0 * doubt) + LERP) * ROOM
            s.fine[w] = 0
            s.solved[w] = 0
            new += 1
            if s.doubt[w] > COARSE:
                refine(s, frame, count + new - 1, n)
    s.frame[NEW, frame] = new
    return True


@compiled
def gather_side(s, frame, wanted):
    """Vertices of the side of sign `wanted` into s.rows; returns how many."""
    row, count = s.frame[ROW, frame], s.frame[COUNT, frame]
    rows = 0
    for v in range(count):
        sign = s.sign[row + v]
        if sign == wanted or sign == 0:
            s.rows[rows] = v
            rows += 1
    for v in range(count, count + s.frame[NEW, frame]):
        s.rows[rows] = v
        rows += 1
    return rows


@compiled
def extremes(s, frame, rows, columns):
    """Least and largest value of each column over the first `rows` of s.rows; largest doubt."""
    row, at, stride = s.frame[ROW, frame], s.frame[VALUE, frame], s.frame[COLUMNS, frame]
    low, high = s.low, s.high
    for c in range(columns):
        low[c], high[c] = math.inf, -math.inf
    doubt = 0.0
    for r in range(rows):
        v = s.rows[r]
        doubt = max(doubt, s.doubt[row + v])
        values = view(s.values, at + v * stride, columns)
        for c in range(columns):
            x = values[c]
            low[c] = x if x < low[c] else low[c]
            high[c] = x if x > high[c] else high[c]
    return doubt


@stage(int64, int64, int64, int64, float64, int64, uint64)
def classify(s, frame, rows, columns, n, doubt, steps, extra):
    """Keep the columns whose neuron takes both signs; switch the others on or off. -1 if questions are open.

    steps: interpolations since the cell entered the layer.
    """
    start, splitter = s.frame[CROSSING, frame], s.frame[SPLITTER, frame]
    kept, is_open = 0, False
    s.touch[0] = NONE
    s.touch[1] = NONE
    s.control[TIED] = s.frame[TIES, frame]
    for c in range(columns):
        neuron = s.crossing[start + c]
        if s.linear[neuron]:
            s.on[neuron] = 1
            continue
        error = s.slope[neuron] * doubt + s.base[neuron] + steps * LERP * s.reach[neuron] + s.slack[0]
        low, high = s.low[c], s.high[c]
        if low > error:
            s.on[neuron] = 1
        elif high < -error:
            s.on[neuron] = 0
        elif low < -error and high > error:
            s.keep[kept] = c
            kept += 1
        elif extra != NONE and s.twin[neuron] >> 1 == s.twin[splitter] >> 1:
            s.on[neuron] = (s.on[splitter] ^ s.twin[neuron] ^ s.twin[splitter]) & 1
            s.touch[0] |= extra
            tie(s, neuron, splitter)
        else:
            verdict = examine(s, frame, c, neuron, rows, n, extra)
            if verdict == BOTH:
                s.keep[kept] = c
                kept += 1
            elif verdict == OPEN:
                is_open = True
            else:
                s.on[neuron] = verdict
    return -1 if is_open else kept


@compiled
def free_facet(s, frame, rows):
    """The lowest bit that no vertex of the first `rows` of s.rows carries; 64 if all are taken."""
    row = s.frame[ROW, frame]
    used = NONE
    for r in range(rows):
        used |= s.facets[row + s.rows[r]]
    return lowest(~used)
