# mypy: allow-untyped-defs, no-check-untyped-defs
"""From activation regions to linear regions: on which facets of a cell may the map stay the same?

Across a facet of neuron k, if no other neuron is 0 all over it, only k changes, and the map of the outputs changes
by k's form times its gain, the derivative of the outputs by k. So a facet is loud, its two cells are different
linear regions, where some combination of the outputs has a gain that is surely not 0; silent where all paths from k
are cut; and otherwise it is looked at in integers (`exact.py`). Each facet is seen from the side where k is on.
"""

# ruff: noqa: ANN001, ANN201 - what numba compiles
import numpy as np
from numba import int64

from triangle_cli.regions.space.arena import (
    CAREFUL,
    CORNERS,
    COUNT,
    DIGITS,
    EMITTING,
    FACETS,
    GAIN,
    JOINS,
    LAYER,
    LEAVES,
    LOOKS,
    MOST_DIGITS,
    PLENTY,
    ROW,
    SMALL,
    WANT,
)
from triangle_cli.regions.space.bits import NONE, compiled
from triangle_cli.regions.space.digits import fine_gain
from triangle_cli.regions.space.forms import UNIT
from triangle_cli.regions.space.handle import stage

ALL = 2  # of CAREFUL: any facet may be shared, as some neuron is 0 all over the cell
LOUD, SILENT, DOUBTFUL = 0, 1, 2


@stage(int64)
def fine_loudness(s, neuron):
    """As `loudness`, by the derivative of every output in digits."""
    if s.slack[0] > 0.0:
        return DOUBTFUL
    if s.control[DIGITS] == 0:
        s.control[WANT] = s.control[MOST_DIGITS] > 0
        return DOUBTFUL
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
    if what == DOUBTFUL and s.control[DIGITS] < s.control[PLENTY]:
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
def emit(s, frame, n):
    """Hand out a final cell: its pattern, and its vertices with their facets."""
    row, count = s.frame[ROW, frame], s.frame[COUNT, frame]
    at, corner = s.control[LEAVES], s.control[CORNERS]
    for i in range(s.on.size):
        s.leaf_on[at, i] = s.on[i]
    for b in range(64):
        s.leaf_label[at, b] = s.label[b]
    s.leaf_size[at] = count
    for v in range(count):
        for j in range(n):
            s.leaf_place[corner + v, j] = s.place[row + v, j]
        s.leaf_doubt[corner + v] = s.doubt[row + v]
        s.leaf_facets[corner + v] = s.facets[row + v]
    s.control[LEAVES] = at + 1
    s.control[CORNERS] = corner + count


@stage(int64, int64)
def leaf(s, frame, n):
    """Look at the facets of a final cell from their on sides: joins, and looks to be taken in integers."""
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
        what = DOUBTFUL
        if s.frame[CAREFUL, frame] != ALL and not s.shared[frame] & mask:
            what = loudness(s, s.frame[GAIN, frame], neuron, b, first)
            if what == DOUBTFUL:
                what = fine_loudness(s, neuron)
        if what == SILENT:
            if not has_key:
                for i in range(neurons):
                    if s.on[i]:
                        key_0 ^= s.hashes[i, 0]
                        key_1 ^= s.hashes[i, 1]
                has_key = True
            at = s.control[JOINS]
            s.joins[at, 0] = key_0
            s.joins[at, 1] = key_1
            s.joins[at, 2] = key_0 ^ s.hashes[neuron, 0]
            s.joins[at, 3] = key_1 ^ s.hashes[neuron, 1]
            s.control[JOINS] = at + 1
        elif what == DOUBTFUL:
            at = s.control[LOOKS]
            for i in range(neurons):
                s.looks[at, i] = s.on[i]
            s.looks[at, neurons] = neuron
            s.control[LOOKS] = at + 1
    if s.control[EMITTING]:
        emit(s, frame, n)
