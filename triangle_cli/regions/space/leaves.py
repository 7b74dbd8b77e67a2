# mypy: allow-untyped-defs, no-check-untyped-defs
"""From activation regions to linear regions: on which facets of a cell may the map stay the same?

Across a facet of neuron k, if no other neuron is 0 all over it, only k turns, and the map of the outputs changes by k's
form times its gain (`gains.py`); for facets of several neurons see `turning.py`. A facet is loud, its two cells are
different linear regions, where some combination of the outputs surely changes; silent where none surely does; and what
digits leave open too is looked at in integers (`exact.py`). Each facet is seen from the side where k is on.
"""

# ruff: noqa: ANN001, ANN201 - what numba compiles
import numpy as np
from numba import boolean, int64

from triangle_cli.regions.space.arena import (
    BITS,
    CAREFUL,
    CORNERS,
    COUNT,
    CUT,
    DIGITS,
    EMITTING,
    FACETS,
    GAIN,
    JOINS,
    LAYER,
    LEAVES,
    LOOKS,
    MOST_DIGITS,
    NODE,
    PLENTY,
    ROW,
    SMALL,
    WANT,
)
from triangle_cli.regions.space.bits import NONE, compiled
from triangle_cli.regions.space.digits import FAILED, STALE, as_float, fine_gain, solve
from triangle_cli.regions.space.forms import UNIT
from triangle_cli.regions.space.handle import stage, view
from triangle_cli.regions.space.turning import DOUBTFUL, LOUD, SILENT, fine_turning, turning

ALL = 2  # of CAREFUL: any facet may be shared, as some neuron is 0 all over the cell
FAR = 1e-6  # of the box: corners of more doubt are placed in digits, or else in integers
FEW = 4  # facets to be looked at in integers before digits that would do are worth their time


@compiled
def fine_loudness(s, neuron):
    """As `loudness`, by the derivative of every output in digits."""
    part, error = s.column[0], s.column[1]
    outputs = s.digit_widths[s.digit_widths.size - 1]
    for i in range(outputs):
        error[i] = 1.0
    fine_gain(s, neuron, 1, part, error)
    what = SILENT
    for i in range(outputs):
        if abs(part[i]) > error[i]:
            return LOUD
        if error[i] > 0.0:
            what = DOUBTFUL
    return what


@stage(int64, int64, int64, boolean)
def in_digits(s, frame, neuron, n, is_shared):
    """LOUD, SILENT or DOUBTFUL, by digits as far as there are some; whether more are wanted into WANT."""
    if s.slack[0] > 0.0:
        return DOUBTFUL
    if s.control[DIGITS] == 0:
        s.control[WANT] = s.control[MOST_DIGITS] > 0
        return DOUBTFUL
    what = fine_turning(s, frame, neuron, n) if is_shared else fine_loudness(s, neuron)
    is_enough = s.control[LOOKS] < FEW or s.control[EMITTING]
    enough = s.control[PLENTY] if is_enough else s.control[MOST_DIGITS]
    if what == DOUBTFUL and s.control[DIGITS] < enough:
        s.control[WANT] = 1
    return what


@compiled
def is_loud(s, neuron, first):
    """Whether a facet of a neuron of the last layer surely changes the outputs."""
    i = neuron - first
    return abs(s.mix[i]) > 64 * UNIT * s.mix_steep[i] + SMALL


@compiled
def loudness(s, at, neuron, b, first):
    """LOUD, SILENT or DOUBTFUL: a facet that no other neuron shares, of a neuron that is on."""
    if neuron >= first:
        if s.slack[0] > 0.0:
            return DOUBTFUL
        if is_loud(s, neuron, first):
            return LOUD
        return SILENT if s.mix_steep[neuron - first] == 0.0 else DOUBTFUL
    for f in range(s.control[FACETS]):
        if s.gain_bit[f] == b:
            if abs(s.gain[at + f]) > s.gain_error[f] + s.slack[0]:
                return LOUD
            if s.gain_error[f] + s.slack[0] == 0.0:
                return SILENT
    return DOUBTFUL


@compiled
def leaf_room(s, frame):
    """Whether the buffers have room for all that a leaf may put into them."""
    return (
        s.control[JOINS] + 64 <= s.joins.shape[0]
        and s.control[LOOKS] + 64 <= s.looks.shape[0]
        and (
            not s.control[EMITTING]
            or (
                s.control[LEAVES] < s.leaf_size.size
                and s.control[CORNERS] + s.frame[COUNT, frame] <= s.leaf_facets.size
            )
        )
    )


@compiled
def place_in_digits(s, frame, v, corner, n):
    """A corner handed out, of which floats do not know where it is: in digits, if they know; else more are wanted."""
    row, digits = s.frame[ROW, frame] + v, s.control[DIGITS]
    if digits == 0:
        s.control[WANT] = s.control[MOST_DIGITS] > 0
        return
    if s.solved[row] == STALE:
        s.solved[row] = solve(s, frame, row, n)
    if s.solved[row] == FAILED:
        return
    if s.digit_doubt[row] < FAR:
        base = 2.0 ** s.control[BITS]
        for j in range(n):
            s.leaf_place[corner, j] = as_float(view(s.digit_place[row], j * digits, digits), digits, base)
        s.leaf_doubt[corner] = s.digit_doubt[row] + 4.0 * UNIT
    elif digits < s.control[PLENTY]:
        s.control[WANT] = 1


@compiled
def emit(s, frame, n):
    """Hand out a final cell: its pattern, and its vertices with their facets."""
    row, count = s.frame[ROW, frame], s.frame[COUNT, frame]
    at, corner = s.control[LEAVES], s.control[CORNERS]
    for i in range(s.on.size):
        s.leaf_on[at, i] = s.on[i]
    for b in range(64):
        s.leaf_label[at, b] = s.label[b]
    s.leaf_size[at] = count
    s.leaf_turn[at] = 2 * s.control[NODE] + (frame < CUT)
    for v in range(count):
        for j in range(n):
            s.leaf_place[corner + v, j] = s.place[row + v, j]
        s.leaf_doubt[corner + v] = s.doubt[row + v]
        s.leaf_facets[corner + v] = s.facets[row + v]
        if s.doubt[row + v] > FAR and s.slack[0] == 0.0:
            place_in_digits(s, frame, v, corner + v, n)
    s.control[LEAVES] = at + 1
    s.control[CORNERS] = corner + count


@stage(int64, int64)
def leaf(s, frame, n):
    """Look at the facets of a final cell from their on sides: joins, and what to look at in integers."""
    row, count, last = s.frame[ROW, frame], s.frame[COUNT, frame], s.frame[LAYER, frame]
    neurons, first = s.on.size, s.neuron_at[last]
    key_0 = key_1 = NONE
    used = NONE
    has_key = False
    for v in range(count):
        used |= s.facets[row + v]
    for b in range(64):
        mask = np.uint64(1) << np.uint64(b)
        if not used & mask:
            continue
        neuron = s.label[b]
        if neuron < 0 or not s.on[neuron]:
            continue
        common = ~NONE
        for v in range(count):
            if s.facets[row + v] & mask:
                common &= s.facets[row + v]
        if common != mask:  # it touches the cell in less than a facet
            continue
        is_shared = s.frame[CAREFUL, frame] == ALL or s.shared[frame] & mask != NONE
        gains = s.frame[GAIN, frame]
        what = turning(s, frame, neuron, n) if is_shared else loudness(s, gains, neuron, b, first)
        if what == DOUBTFUL:
            what = in_digits(s, frame, neuron, n, is_shared)
        if what == SILENT:
            if not is_shared:
                s.flip[0], s.flip[1] = s.hashes[neuron, 0], s.hashes[neuron, 1]
            if not has_key:
                for i in range(neurons):
                    if s.on[i]:
                        key_0 ^= s.hashes[i, 0]
                        key_1 ^= s.hashes[i, 1]
                has_key = True
            at = s.control[JOINS]
            s.joins[at, 0] = key_0
            s.joins[at, 1] = key_1
            s.joins[at, 2] = key_0 ^ s.flip[0]
            s.joins[at, 3] = key_1 ^ s.flip[1]
            s.control[JOINS] = at + 1
        elif what == DOUBTFUL:
            at = s.control[LOOKS]
            for i in range(neurons):
                s.looks[at, i] = s.on[i]
            s.looks[at, neurons] = neuron
            s.control[LOOKS] = at + 1
    if s.control[EMITTING]:
        emit(s, frame, n)
