# mypy: allow-untyped-defs, no-check-untyped-defs
"""Gains of facets: the derivative of the outputs by the facet's neuron, of one combination of the outputs.

They are known where a cell enters the last hidden layer, up to the neurons of that layer that take both signs in it:
those are added as these are put in.
"""

# ruff: noqa: ANN001, ANN201
from numba import int64

from triangle_cli.regions.space.arena import COUNT, CROSSING, DIGITS, FACETS, GAIN, LAYER, ROW, SMALL
from triangle_cli.regions.space.bits import NONE, ONE, compiled, four, four_factors, lowest, summing
from triangle_cli.regions.space.digits import fine_gain
from triangle_cli.regions.space.forms import ROOM, UNIT
from triangle_cli.regions.space.handle import stage, view

LOUD, SILENT, DOUBTFUL = (
    0,
    1,
    2,
)  # a facet across which the outputs' map surely changes, surely does not, or may
CLEAR = 8.0  # gains of fewer times their bounds are computed in digits


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
