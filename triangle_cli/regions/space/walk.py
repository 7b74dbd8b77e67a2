# mypy: allow-untyped-defs, no-check-untyped-defs
"""The compiled walk: depth first through the cells of a network, layer by layer, neuron by neuron.

It stops where floats leave a sign open (ASK), where a buffer is full, and now and then for the caller to look
around; all of its state is in the arena, so that it can be called again.
"""

# ruff: noqa: ANN001, ANN201, SIM109 - what numba compiles
import numpy as np
from numba import boolean, int64

from triangle_cli.compiling import njit
from triangle_cli.regions.space.arena import (
    ABOVE,
    ANEW,
    ASK,
    BELOW,
    BIT,
    BUDGET,
    CAREFUL,
    CELLS,
    CLASSIFY,
    COLUMNS,
    CORNERS,
    COUNT,
    CROSSING,
    CROWDED,
    CUT,
    DEPTH,
    DIGITS,
    DONE,
    EMITTING,
    ENTER,
    FACETS,
    FINER,
    FLUSH,
    GAIN,
    GROW,
    JOINS,
    LABEL,
    LAYER,
    LEAVE,
    LEAVES,
    LIMIT,
    LIMITED,
    LOOKS,
    MOST_DIGITS,
    NEW,
    NODE,
    PART,
    PARTS,
    PAUSE,
    PLENTY,
    ROW,
    SIMPLE,
    SPLIT,
    SPLITTER,
    STAGE,
    STEPS,
    TIED,
    TIES,
    TOLD,
    VALUE,
    WANT,
)
from triangle_cli.regions.space.bits import NONE, compiled, size
from triangle_cli.regions.space.cuts import MOST_CUTS, pieces
from triangle_cli.regions.space.digits import rebase, settle
from triangle_cli.regions.space.forms import compose, evaluate, has_room, measure
from triangle_cli.regions.space.gains import facet_gains, side_gains
from triangle_cli.regions.space.handle import arena_at, is_first, stage
from triangle_cli.regions.space.leaves import ALL, is_loud, leaf, leaf_room
from triangle_cli.regions.space.splitting import (
    classify,
    extremes,
    find_signs,
    free_facet,
    gather_side,
    new_vertices,
)

GO_ON = -1
FAINT = 1e-6  # forms of larger relative error are computed in digits


@compiled
def is_dealt(s):
    """Whether the next cell at depth CUT is this thread's, which is the first to come to it: all walk the same way."""
    s.control[NODE] += 1
    for layer in range(s.changes.size):
        s.changes[layer] = -1
    return s.control[PARTS] == 1 or is_first(s.dealt, s.control[NODE])


@compiled
def is_faint(s, layer):
    """Whether the bounds on the forms of a layer have grown close to the forms, or would in a later layer."""
    if s.slack[0] > 0.0 or s.control[MOST_DIGITS] == 0:
        return False
    if layer > 0 and layer == s.control[ANEW]:
        return True
    worst, largest = 0.0, 0.0
    for i in range(s.neuron_at[layer], s.neuron_at[layer + 1]):
        worst, largest = max(worst, s.error[i]), max(largest, s.reach[i])
    return worst > FAINT * largest


@stage(int64, int64)
def enter(s, frame, n):
    """Values of the next layer's neurons on the frame's cell."""
    layer = s.frame[LAYER, frame]
    if not has_room(s, frame, s.widths[layer + 1]):
        return GROW
    if layer > 0:
        compose(s, frame, layer, n)
    measure(s, layer, n)
    if is_faint(s, layer):
        is_clear = s.control[DIGITS] > 0 and rebase(s, layer, n)
        s.changes[layer] = -1
        if not is_clear and s.control[DIGITS] < s.control[MOST_DIGITS]:
            return FINER
        measure(s, layer, n)
    s.frame[NEW, frame] = 0
    evaluate(s, frame, n)
    s.frame[STAGE, frame] = CLASSIFY
    return GO_ON


@compiled
def compress(s, frame, old, kept):
    """Keep only the columns s.keep[:kept] of `old` ones."""
    at, start = s.frame[VALUE, frame], s.frame[CROSSING, frame]
    told = s.frame[TOLD, frame]
    for v in range(s.frame[COUNT, frame]):
        for c in range(kept):
            s.values[at + v * kept + c] = s.values[at + v * old + s.keep[c]]
            if told:
                s.told[at + v * kept + c] = s.told[at + v * old + s.keep[c]]
    for c in range(kept):
        s.crossing[start + c] = s.crossing[start + s.keep[c]]
    s.frame[COLUMNS, frame] = kept


@stage(int64, int64)
def enter_classified(s, frame, n):
    """Classify the neurons of the layer on the frame's cell by their values at its vertices."""
    layer, count, columns = s.frame[LAYER, frame], s.frame[COUNT, frame], s.frame[COLUMNS, frame]
    for v in range(count):
        s.rows[v] = v
    doubt = extremes(s, frame, count, columns)
    kept = classify(s, frame, count, columns, n, doubt, 0, NONE)
    if kept < 0:
        return ASK
    s.shared[frame] |= s.touch[0]
    s.frame[TIES, frame] = s.control[TIED]
    if s.touch[1]:
        s.frame[CAREFUL, frame] = ALL
    compress(s, frame, columns, kept)
    for i in range(s.neuron_at[layer], s.neuron_at[layer + 1]):
        s.alive[i] |= s.on[i]
    for c in range(kept):
        s.alive[s.crossing[s.frame[CROSSING, frame] + c]] = 1
    s.frame[STAGE, frame] = SPLIT
    return GO_ON


@compiled
def begin_last(s, frame):
    """What is to be known of a cell that has entered the last hidden layer."""
    columns, first = s.frame[COLUMNS, frame], s.neuron_at[s.frame[LAYER, frame]]
    facet_gains(s, frame, columns)
    careful = s.frame[CAREFUL, frame]
    if careful == 0:
        used = NONE
        row = s.frame[ROW, frame]
        for v in range(s.frame[COUNT, frame]):
            used |= s.facets[row + v]
        if s.shared[frame] & used or s.control[EMITTING] or s.slack[0] > 0.0:
            careful = 1
        for c in range(columns):
            if not is_loud(s, s.crossing[s.frame[CROSSING, frame] + c], first):
                careful = 1
    s.frame[CAREFUL, frame] = careful


@compiled
def finish(s, frame, n):
    """Count a final cell that has vertices; again with more digits where these would tell more of its facets."""
    if not leaf_room(s, frame):
        return FLUSH
    if frame >= CUT or s.control[PART] == 0:
        joins, looks = s.control[JOINS], s.control[LOOKS]
        leaves, corners = s.control[LEAVES], s.control[CORNERS]
        leaf(s, frame, n)
        if s.control[WANT]:
            s.control[JOINS], s.control[LOOKS] = joins, looks
            s.control[LEAVES], s.control[CORNERS] = leaves, corners
            return FINER
        s.control[CELLS] += 1
    return GO_ON


@compiled
def leave(s, frame):
    """Back to the frame before; undo the label of the facet that led here."""
    s.control[DEPTH] = frame - 1
    return GO_ON


@stage(int64, int64)
def split(s, frame, n):
    """Signs of the last column's neuron, and new vertices; or on to the next layer where there is none."""
    last = s.widths.size - 2
    layer, columns = s.frame[LAYER, frame], s.frame[COLUMNS, frame]
    if s.frame[STEPS, frame] == 0 and layer == last:
        begin_last(s, frame)
        if not s.frame[CAREFUL, frame] and columns <= MOST_CUTS:
            count = s.frame[COUNT, frame]
            for v in range(count):
                s.rows[v] = v
            for c in range(columns):
                s.keep[c] = c
            found = pieces(s, frame, count, columns, frame, s.frame[GAIN, frame], 0)
            if found:
                s.control[CELLS] += found
                s.frame[STAGE, frame] = LEAVE
                return GO_ON
    if columns == 0:
        if layer == last:
            status = finish(s, frame, n)
            if status == GO_ON:
                s.frame[STAGE, frame] = LEAVE
            return status
        s.frame[LAYER, frame] = layer + 1
        s.frame[STAGE, frame] = ENTER
        return GO_ON
    if not find_signs(s, frame, n):
        return ASK
    if not new_vertices(s, frame, n):
        return GROW
    s.frame[STAGE, frame] = ABOVE
    return GO_ON


@compiled
def fill_side(s, frame, child, n, rows, columns, kept, extra):
    """Copy the vertices of a side, and the columns that are left, into the next frame."""
    row, count = s.frame[ROW, frame], s.frame[COUNT, frame]
    total = count + s.frame[NEW, frame]
    new_row, stride = row + total, columns + 1
    at, new_at = s.frame[VALUE, frame], s.frame[VALUE, frame] + total * stride
    told, simple = s.frame[TOLD, frame], 1
    for r in range(rows):
        v = s.rows[r]
        w = new_row + r
        for j in range(n):
            s.place[w, j] = s.place[row + v, j]
        mask = s.facets[row + v]
        if v >= count or s.sign[row + v] == 0:
            mask |= extra
        s.facets[w] = mask
        if size(mask) != n:
            simple = 0
        s.doubt[w], s.fine[w] = s.doubt[row + v], s.fine[row + v]
        s.solved[w] = s.solved[row + v]
        if s.solved[w]:
            s.digit_doubt[w] = s.digit_doubt[row + v]
            for d in range(s.digit_place.shape[1]):
                s.digit_place[w, d] = s.digit_place[row + v, d]
        source, target = at + v * stride, new_at + r * kept
        for c in range(kept):
            s.values[target + c] = s.values[source + s.keep[c]]
        if told:
            for c in range(kept):
                s.told[target + c] = s.told[source + s.keep[c]]
    start = s.frame[CROSSING, frame]
    for c in range(kept):
        s.crossing[start + stride + c] = s.crossing[start + s.keep[c]]
    s.frame[CROSSING, child] = start + stride
    s.frame[COUNT, child], s.frame[NEW, child], s.frame[COLUMNS, child] = rows, 0, kept
    s.frame[TOLD, child], s.frame[SIMPLE, child] = told, simple
    s.frame[TIES, child] = s.control[TIED]
    s.frame[LAYER, child] = s.frame[LAYER, frame]


@stage(int64, int64, boolean)
def make_side(s, frame, n, is_above):
    """Make one side of the split as the next frame, or count it where that is enough."""
    last = s.widths.size - 2
    layer, columns = s.frame[LAYER, frame], s.frame[COLUMNS, frame] - 1
    if not has_room(s, frame, columns + 1):
        return GROW
    splitter = s.frame[SPLITTER, frame]
    s.on[splitter] = is_above
    rows = gather_side(s, frame, 1 if is_above else -1)
    number = free_facet(s, frame, rows)
    if number == 64:
        return CROWDED
    extra = np.uint64(1) << np.uint64(number)
    steps = s.frame[STEPS, frame] + 1
    doubt = extremes(s, frame, rows, columns)
    s.frame[STEPS, frame] = steps  # new vertices have one more interpolation
    kept = classify(s, frame, rows, columns, n, doubt, steps, extra)
    s.frame[STEPS, frame] = steps - 1
    if kept < 0:
        return ASK
    child = frame + 1
    careful = s.frame[CAREFUL, frame]
    if s.touch[1]:
        careful = ALL
    elif s.touch[0] != NONE and layer == last and careful == 0:
        careful = 1
    gains = s.frame[GAIN, frame]
    at_row = s.frame[ROW, frame] + s.frame[COUNT, frame] + s.frame[NEW, frame]
    at_value = s.frame[VALUE, frame] + (s.frame[COUNT, frame] + s.frame[NEW, frame]) * (columns + 1)
    if (
        at_row + rows > s.facets.size
        or at_value + (rows + 1) * (kept + 1) > s.values.size
        or gains + 2 * s.control[FACETS] + 64 > s.gain.size
    ):
        return GROW
    s.frame[STAGE, frame] = BELOW if is_above else LEAVE
    if child == CUT and not is_dealt(s):
        return GO_ON
    if layer == last:
        gains = side_gains(s, frame, columns, kept, is_above, splitter)
        if careful == 0:
            found = pieces(s, frame, rows, kept, child, gains, steps)
            if found:
                s.control[CELLS] += found
                return GO_ON
    fill_side(s, frame, child, n, rows, columns, kept, extra)
    s.frame[ROW, child], s.frame[VALUE, child] = at_row, at_value
    s.frame[CAREFUL, child], s.frame[GAIN, child], s.frame[STEPS, child] = careful, gains, steps
    s.shared[child] = (s.shared[frame] | s.touch[0]) & ~extra | (s.touch[0] & extra)
    s.frame[BIT, frame], s.frame[LABEL, frame] = number, s.label[number]
    s.label[number] = splitter
    s.frame[BIT, child] = -1
    s.frame[STAGE, child] = SPLIT
    s.control[DEPTH] = child
    return GO_ON


@njit(cache=True, error_model="numpy", _nrt=False, nogil=True)
def _walk(address):
    """As below; address: of the arena's table."""
    s = arena_at(address)
    n = s.place.shape[1]
    while True:
        frame = s.control[DEPTH]
        if frame < 0:
            return DONE
        if s.control[CELLS] >= s.control[LIMIT]:
            return LIMITED
        s.control[BUDGET] -= 1
        if s.control[BUDGET] < 0:
            return PAUSE
        stage = s.frame[STAGE, frame]
        if stage == SPLIT:
            status = split(s, frame, n)
        elif stage == ABOVE or stage == BELOW:
            if s.frame[BIT, frame] >= 0:  # the label that the side before had put in the place of another
                s.label[s.frame[BIT, frame]] = s.frame[LABEL, frame]
                s.frame[BIT, frame] = -1
            status = make_side(s, frame, n, stage == ABOVE)
        elif stage == ENTER:
            status = enter(s, frame, n)
        elif stage == CLASSIFY:
            status = enter_classified(s, frame, n)
        else:
            if s.frame[BIT, frame] >= 0:
                s.label[s.frame[BIT, frame]] = s.frame[LABEL, frame]
                s.frame[BIT, frame] = -1
            status = leave(s, frame)
        if status == ASK and s.slack[0] == 0.0 and s.control[MOST_DIGITS] > 0:
            if s.control[DIGITS] == 0:
                return FINER
            if settle(s, n):
                status = GO_ON
            elif s.control[DIGITS] < s.control[PLENTY]:
                return FINER
        if status != GO_ON:
            return status


def walk(places: np.ndarray) -> int:
    """Go on until done, or until the caller is needed: the reason why, as in `arena`. places: the arena's table."""
    return int(_walk(places.ctypes.data))
