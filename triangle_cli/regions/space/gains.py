# mypy: allow-untyped-defs, no-check-untyped-defs
"""Gains: the derivative of one combination of the outputs by a neuron whose facet a cell of the last hidden layer has.

They are passed on from the neuron upwards, layer by layer, as f. A bound that is passed on beside them grows by the
absolute weights, the gain by the weights themselves. So what rounding adds in a layer is not passed on, but weighed by
the derivatives a of the outputs by that layer's neurons, which are passed on from the outputs downwards, once for a
cell: the error is the sum over the layers of a . rounding, at most sum(|a|) max|rounding|. The bound on a itself is
passed on with it, and may be as large as a.

Gains are known where a cell enters the last hidden layer, up to the neurons of that layer that take both signs
in it: they are added as these are put in.
"""

# ruff: noqa: ANN001, ANN201 - what numba compiles
from numba import int64

from triangle_cli.regions.space.arena import COUNT, CROSSING, DIGITS, FACETS, GAIN, LAYER, ROW, SMALL
from triangle_cli.regions.space.bits import NONE, ONE, compiled, four, four_factors, lowest, summing
from triangle_cli.regions.space.digits import fine_gain, layer_of
from triangle_cli.regions.space.forms import ROOM, UNIT
from triangle_cli.regions.space.handle import stage, view

# a facet across which the outputs' map surely changes, surely does not, or may
LOUD, SILENT, DOUBTFUL = 0, 1, 2
CLEAR = 8.0  # gains of fewer times their bounds are computed more closely


@compiled
def passed_on(s, layer, part, error, new, new_error):
    """Derivatives of `layer`'s neurons, and bounds, from those of the layer below, 0 for neurons that are off.

    Bounds are at least SMALL where not 0.
    """
    width, below = s.widths[layer + 1], s.widths[layer]
    gamma = (below + 4) * UNIT
    for i in range(width):
        new[i] = new_error[i] = 0.0
    active = 0
    for k in range(below):
        if part[k] != 0.0 or error[k] != 0.0:
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
        if new_error[i] > 0.0:
            new_error[i] = new_error[i] * ROOM + SMALL


@compiled
def passed(s, layer, part, new):
    """As `passed_on`, of neurons that are on and without errors; the largest of the derivatives that are passed on."""
    width, below = s.widths[layer + 1], s.widths[layer]
    first = s.neuron_at[layer] - below
    for i in range(width):
        new[i] = 0.0
    active = 0
    for k in range(below):
        s.keep[active] = k
        active += s.on[first + k]
    weights = view(s.weights, s.weight_at[layer], below * width)
    largest = 0.0
    for at in range(0, active, 4):
        k0, k1, k2, k3 = four(s.keep, at, active)
        w0, w1 = view(weights, k0 * width, width), view(weights, k1 * width, width)
        w2, w3 = view(weights, k2 * width, width), view(weights, k3 * width, width)
        f0, f1, f2, f3 = four_factors(part, s.keep, at, active)
        largest = max(largest, max(abs(f0), abs(f1)), max(abs(f2), abs(f3)))
        for i in range(width):
            new[i] += f0 * w0[i] + f1 * w1[i] + (f2 * w2[i] + f3 * w3[i])
    return largest


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


@summing
def pulled(weights, steeps, part, error, width):
    """weights . part, and steeps . error."""
    total, bound = 0.0, 0.0
    for i in range(width):
        total += weights[i] * part[i]
        bound += steeps[i] * error[i]
    return total, bound


@summing
def product_of_sizes(part, maybe, width):
    """|part| . maybe."""
    total = 0.0
    for i in range(width):
        total += maybe[i] * abs(part[i])
    return total


@summing
def total_size(part, error, width):
    """The sum of |part| + error."""
    total = 0.0
    for i in range(width):
        total += abs(part[i]) + error[i]
    return total


@stage()
def weigh(s):
    """Bounds on the sums of |derivatives of the outputs' combination by those neurons of a layer that are on|.

    Into s.heft, of each layer but the first. The last layer's weights in the combination, of neurons that are on, are
    in s.column[4], the bounds in s.column[5].
    """
    last = s.widths.size - 2
    width = s.widths[last + 1]
    sure, maybe = s.column[4], s.column[5]
    part, error, new, new_error = s.column[0], s.column[1], s.column[2], s.column[3]
    for i in range(width):
        part[i] = sure[i]
        error[i] = 64 * UNIT * maybe[i] + SMALL
    s.heft[last] = total_size(part, error, width)
    for m in range(last - 1, 0, -1):
        above, width = s.widths[m + 2], s.widths[m + 1]
        gamma, first = (above + 4) * UNIT, s.neuron_at[m]
        for i in range(above):
            error[i] += gamma * abs(part[i]) + SMALL
        for k in range(width):
            new[k] = new_error[k] = 0.0
            if s.on[first + k]:
                begin = s.weight_at[m + 1] + k * above
                weights, steeps = view(s.weights, begin, above), view(s.steep, begin, above)
                new[k], bound = pulled(weights, steeps, part, error, above)
                new_error[k] = bound * ROOM + SMALL
        part, new = new, part
        error, new_error = new_error, error
        s.heft[m] = total_size(part, error, width)


@compiled
def weighed_bound(s, layer, gain):
    """A bound on the error of the gain of a neuron of `layer` that `passed` has passed on; gain: of its last sum."""
    last = s.widths.size - 2
    bound = gain + s.heft[layer + 1] * SMALL
    for m in range(layer + 2, last + 1):
        bound += s.heft[m] * ((s.widths[m] + 4) * UNIT * s.largest[m] + SMALL)
    return bound * ROOM + SMALL


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
        on = view(s.on, s.neuron_at[m - 1], s.widths[m])
        for i in range(on.size):
            if not on[i]:
                part[i] = error[i] = 0.0
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
    is_weighed = False
    while used != NONE:
        b = lowest(used)
        used &= used - ONE
        neuron = s.label[b]
        if neuron < 0 or not s.on[neuron]:
            continue
        layer = layer_of(s, neuron)
        part, new = s.column[0], s.column[2]
        above = s.widths[layer + 2]
        weights = view(s.weights, s.weight_at[layer + 1] + (neuron - s.neuron_at[layer]) * above, above)
        for i in range(above):
            part[i] = weights[i]
        for m in range(layer + 2, last + 1):
            s.largest[m] = passed(s, m, part, new)
            part, new = new, part
        total, bound = product(part, sure, width), s.gain_bound[neuron]
        if columns == 0 and not abs(total) > CLEAR * bound:
            bound = (width + 16) * UNIT * product_of_sizes(part, maybe, width)
            if not is_weighed:
                weigh(s)
                is_weighed = True
            bound = weighed_bound(s, layer, bound)
        if not abs(total) > CLEAR * bound:
            part, total, bound = bounded_gain(s, neuron, layer, sure, maybe)
        if columns:
            for i in range(width):
                s.gain_part[found, i] = s.mix[i] * part[i]
        s.gain_bit[found] = b
        s.gain_error[found] = bound
        s.gain[at + found] = total
        found += 1
    s.control[FACETS] = found


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
