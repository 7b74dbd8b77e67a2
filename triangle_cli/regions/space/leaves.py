# mypy: allow-untyped-defs, no-check-untyped-defs
"""From activation regions to linear regions: on which facets of a cell may the map stay the same?

Across a facet of neuron k, if no other neuron is 0 all over it, only k changes, and the map of the outputs changes
by k's form times its gain, the derivative of the outputs by k. So a facet is loud, its two cells are different
linear regions, where some combination of the outputs has a gain that is surely not 0; silent where all paths from k
are cut; and otherwise it is looked at in integers (`exact.py`). Each facet is seen from the side where k is on.

Gains are known where a cell enters the last hidden layer, up to the neurons of that layer that take both signs
in it: they are added as these are put in.
"""

# ruff: noqa: ANN001, ANN201 - what numba compiles
import numpy as np
from numba import int64

from triangle_cli.regions.space.arena import (
    CAREFUL,
    CORNERS,
    COUNT,
    CROSSING,
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
from triangle_cli.regions.space.bits import NONE, ONE, compiled, four, four_factors, lowest, summing
from triangle_cli.regions.space.digits import fine_gain
from triangle_cli.regions.space.forms import ROOM, UNIT
from triangle_cli.regions.space.handle import stage, view

ALL = 2  # of CAREFUL: any facet may be shared, as some neuron is 0 all over the cell
LOUD, SILENT, DOUBTFUL = 0, 1, 2
CLEAR = 8.0  # gains of fewer times their bounds are computed in digits


@compiled
def passed_on(s, layer, part, error, new, new_error):
    """The derivatives of `layer`'s neurons from those of the layer below (part, error)."""
    width, below = s.widths[layer + 1], s.widths[layer]
    first = s.neuron_at[layer] - below
    gamma = (below + 4) * UNIT
    for i in range(width):
        new[i] = new_error[i] = 0.0
    active = 0
    for k in range(below):
        if s.on[first + k] and (part[k] != 0.0 or error[k] != 0.0):
            error[k] += gamma * abs(part[k]) + SMALL
            s.keep[active] = k
            active += 1
    weights, steeps = (
        view(s.weights, s.weight_at[layer], below * width),
        view(s.steep, s.weight_at[layer], below * width),
    )
    for at in range(0, active, 4):
        k0, k1, k2, k3 = four(s.keep, at, active)
        w0, w1 = view(weights, k0 * width, width), view(weights, k1 * width, width)
        w2, w3 = view(weights, k2 * width, width), view(weights, k3 * width, width)
        f0, f1, f2, f3 = four_factors(part, s.keep, at, active)
        for i in range(width):
            new[i] += f0 * w0[i] + f1 * w1[i] + (f2 * w2[i] + f3 * w3[i])
        w0, w1 = view(steeps, k0 * width, width), view(steeps, k1 * width, width)
        w2, w3 = view(steeps, k2 * width, width), view(steeps, k3 * width, width)
        f0, f1, f2, f3 = four_factors(error, s.keep, at, active)
        for i in range(width):
            new_error[i] += f0 * w0[i] + f1 * w1[i] + (f2 * w2[i] + f3 * w3[i])
    for i in range(width):
        new_error[i] *= ROOM


@compiled
def passed(s, layer, part, new):
    """As `passed_on`, without errors: those are bounded by `gain_bound`."""
    width, below = s.widths[layer + 1], s.widths[layer]
    first = s.neuron_at[layer] - below
    for i in range(width):
        new[i] = 0.0
    active = 0
    for k in range(below):
        s.keep[active] = k
        active += s.on[first + k]
    weights = view(s.weights, s.weight_at[layer], below * width)
    for at in range(0, active, 4):
        k0, k1, k2, k3 = four(s.keep, at, active)
        w0, w1 = view(weights, k0 * width, width), view(weights, k1 * width, width)
        w2, w3 = view(weights, k2 * width, width), view(weights, k3 * width, width)
        f0, f1, f2, f3 = four_factors(part, s.keep, at, active)
        for i in range(width):
            new[i] += f0 * w0[i] + f1 * w1[i] + (f2 * w2[i] + f3 * w3[i])


@summing
def product(part, sure, width):
    """part . sure."""
    total = 0.0
    for i in range(width):
        total += sure[i] * part[i]
    return total


@summing
def product_and_bound(part, error, sure, maybe, width, gamma):
    """part . sure, and maybe . (error + gamma |part|)."""
    total, bound = 0.0, 0.0
    for i in range(width):
        total += sure[i] * part[i]
        bound += maybe[i] * (error[i] + gamma * abs(part[i]))
    return total, bound


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
def bounded_gain(s, neuron, layer, sure, maybe):
    """Derivatives of the last layer's neurons by a neuron of `layer`, its gain, and the bound of it on this path."""
    last = s.widths.size - 2
    width = s.widths[last + 1]
    gamma = (width + 16) * UNIT
    part, error = s.column[0], s.column[1]
    new, new_error = s.column[2], s.column[3]
    above = s.widths[layer + 2]
    begin = s.weight_at[layer + 1] + (neuron - s.neuron_at[layer]) * above
    for i in range(above):
        weight, steep = s.weights[begin + i], s.steep[begin + i]
        part[i] = weight
        error[i] = 0.0 if steep == 0.0 else SMALL
    for m in range(layer + 2, last + 1):
        passed_on(s, m, part, error, new, new_error)
        part, new = new, part
        error, new_error = new_error, error
    total, bound = product_and_bound(part, error, sure, maybe, width, gamma)
    if bound * CLEAR > abs(total) and s.control[DIGITS] and s.slack[0] == 0.0:
        fine_gain(s, neuron, 0, part, error)
        total, bound = product_and_bound(part, error, sure, maybe, width, gamma)
    return part, total, bound * ROOM


@stage(int64, int64)
def facet_gains(s, frame, columns):
    """Gains of the facets of lower layers, the cell having entered the last one; their number into FACETS.

    columns: of the frame, the neurons that take both signs.
    """
    last = s.frame[LAYER, frame]
    width, first = s.widths[last + 1], s.neuron_at[last]
    row, used = s.frame[ROW, frame], NONE
    for v in range(s.frame[COUNT, frame]):
        used |= s.facets[row + v]
    found, at, start = 0, s.frame[GAIN, frame], s.frame[CROSSING, frame]
    sure, maybe = s.column[4][:width], s.column[5][:width]  # weights of what is on, bounds of what may be
    for i in range(width):
        is_on = s.on[first + i] == 1
        sure[i] = s.mix[i] if is_on else 0.0
        maybe[i] = s.mix_steep[i] if is_on else 0.0
    for c in range(columns):
        i = s.crossing[start + c] - first
        sure[i], maybe[i] = 0.0, s.mix_steep[i]
    while used != NONE:
        b = lowest(used)
        used &= used - ONE
        neuron = s.label[b]
        if neuron < 0 or not s.on[neuron]:
            continue
        layer = 0
        while s.neuron_at[layer + 1] <= neuron:
            layer += 1
        part, new = s.column[0], s.column[2]
        above = s.widths[layer + 2]
        weights = view(s.weights, s.weight_at[layer + 1] + (neuron - s.neuron_at[layer]) * above, above)
        for i in range(above):
            part[i] = weights[i]
        for m in range(layer + 2, last + 1):
            passed(s, m, part, new)
            part, new = new, part
        total, bound = product(part, sure, width), s.gain_bound[neuron]
        if not abs(total) > CLEAR * bound:
            part, total, bound = bounded_gain(s, neuron, layer, sure, maybe)
        for i in range(width):
            s.gain_part[found, i] = s.mix[i] * part[i]
        s.gain_bit[found] = b
        s.gain_error[found] = bound
        s.gain[at + found] = total
        found += 1
    s.control[FACETS] = found


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


@compiled
def side_gains(s, frame, columns, kept, is_above, splitter):
    """Gains on one side of a split into the row of the next frame: of the neurons that have become on."""
    facets, first = s.control[FACETS], s.neuron_at[s.frame[LAYER, frame]]
    at = s.frame[GAIN, frame]
    new, start = at + facets, s.frame[CROSSING, frame]
    for f in range(facets):
        total = s.gain[at + f]
        if is_above:
            total += s.gain_part[f, splitter - first]
        k = 0
        for c in range(columns):
            if k < kept and s.keep[k] == c:
                k += 1
            elif s.on[s.crossing[start + c]]:
                total += s.gain_part[f, s.crossing[start + c] - first]
        s.gain[new + f] = total
    return new
