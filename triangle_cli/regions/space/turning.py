# mypy: allow-untyped-defs, no-check-untyped-defs
"""Facets of which several neurons turn at once: does the map of the outputs change across?

Let p > 0 be the form of the facet's neuron, which is on here. Neurons are continuous across the facet: the form of each
changes by a multiple of p, which one coefficient tells: that of the input by which p changes most, the pivot. Its
changes go from layer to layer as derivatives do. A neuron that is 0 all over the facet (`Arena.ties`) has a multiple of
p as its form there, and is on there if that is a negative one; all others keep their states.
"""

# ruff: noqa: ANN001, ANN201
from numba import boolean, int64

from triangle_cli.regions.space.arena import BITS, DIGITS, EVERYWHERE, SMALL, TIES
from triangle_cli.regions.space.bits import compiled
from triangle_cli.regions.space.digits import (
    EXACT,
    as_float,
    carry,
    coefficient,
    cut_off,
    fine_forms,
    layer_of,
    multiply,
)
from triangle_cli.regions.space.forms import ROOM, UNIT
from triangle_cli.regions.space.gains import DOUBTFUL, LOUD, SILENT, passed_on, product_and_bound
from triangle_cli.regions.space.handle import stage, view

OFF, ON, OPEN = 0, 1, 2  # what a neuron is across


@compiled
def tied_to(s, frame, neuron, layer):
    """Into s.tied the neurons that are 0 all over the facet of `neuron`, and whether all over the cell; how many.

    Layer by layer, of those that are 0 all over the cell only of later ones.
    """
    s.tied[0, 0], s.tied[0, 1], found = neuron, 0, 1
    for t in range(s.frame[TIES, frame]):
        k, where = s.ties[t, 0], s.ties[t, 1]
        if where == neuron or (where == EVERYWHERE and k >= s.neuron_at[layer + 1]):
            s.tied[found, 0], s.tied[found, 1] = k, where == EVERYWHERE
            found += 1
    return found


@compiled
def turn(s, neuron):
    """Note that a neuron changes its state."""
    s.flip[0] ^= s.hashes[neuron, 0]
    s.flip[1] ^= s.hashes[neuron, 1]


@compiled
def pivot_of(s, layer, neuron, n):
    """The input by which a neuron's form changes most."""
    width, at, best = s.widths[layer + 1], s.form_at[layer] + neuron - s.neuron_at[layer], 0
    for j in range(1, n):
        if abs(s.forms[at + j * width]) > abs(s.forms[at + best * width]):
            best = j
    return best


@compiled
def state_across(value, bound, is_rising):
    """OFF, ON or OPEN: a neuron whose form across has the coefficient `value`. is_rising: of the coefficient of p."""
    if abs(value) > bound:
        return ON if (value > 0.0) != is_rising else OFF
    return OFF if bound == 0.0 else OPEN


@stage(int64, int64, int64)
def turning(s, frame, neuron, n):
    """LOUD, SILENT or DOUBTFUL: the facet of `neuron`, which is on here. The key of all that turn into s.flip."""
    last, layer = s.widths.size - 2, layer_of(s, neuron)
    width, first = s.widths[layer + 1], s.neuron_at[layer]
    pivot, found = pivot_of(s, layer, neuron, n), tied_to(s, frame, neuron, layer)
    old = view(s.forms, s.form_at[layer] + pivot * width, width)
    part, error, new, new_error = s.column[0], s.column[1], s.column[2], s.column[3]
    slope = old[neuron - first]
    if s.slack[0] > 0.0 or not abs(slope) > s.error[neuron]:
        return DOUBTFUL
    is_rising = slope > 0.0
    s.flip[0] = s.flip[1] = 0
    for i in range(width):
        part[i] = error[i] = 0.0
    t = 0
    while t < found and s.tied[t, 0] < first + width:  # of one form on both sides, and on on one of them
        k = s.tied[t, 0]
        part[k - first] = -old[k - first] if s.on[k] else old[k - first]
        error[k - first] = s.error[k]
        turn(s, k)
        t += 1
    for l in range(layer + 1, last + 1):
        passed_on(s, l, part, error, new, new_error)
        width, first = s.widths[l + 1], s.neuron_at[l]
        old = view(s.forms, s.form_at[l] + pivot * width, width)
        for i in range(width):
            is_on = s.on[first + i] == 1
            part[i] = new[i] if is_on else 0.0
            error[i] = new_error[i] if is_on else 0.0
        while t < found and s.tied[t, 0] < first + width:
            k, before, doubt = s.tied[t, 0], 0.0, 0.0
            i = k - first
            if not s.tied[t, 1]:
                before, doubt = old[i], s.error[k]
            value = before + new[i]
            bound = (doubt + new_error[i] + UNIT * abs(value)) * ROOM
            state = state_across(value, bound, is_rising)
            if state == OPEN:
                return DOUBTFUL
            if state != s.on[k]:
                turn(s, k)
                part[i], error[i] = (value, bound) if state == ON else (-before, doubt)
            t += 1
    for i in range(width):
        if part[i] != 0.0 or error[i] != 0.0:
            error[i] += SMALL
    total, bound = product_and_bound(part, error, s.mix, s.mix_steep, width, (width + 16) * UNIT)
    if abs(total) > bound * ROOM:
        return LOUD
    return SILENT if bound == 0.0 else DOUBTFUL


@compiled
def multiply_changes(s, layer, source, target, is_exact, found):
    """`multiply`, and by the neurons s.tied[:found] of the layer below as if they were on."""
    for t in range(found):
        s.on[s.tied[t, 0]] += 2
    state = multiply(s, layer, source, 1, target, False, is_exact)
    for t in range(found):
        s.on[s.tied[t, 0]] -= 2
    return state


@compiled
def are_zero(total, size):
    """Whether a number of `size` digits is 0."""
    rest = 0.0
    for d in range(size):
        rest += abs(total[d])
    return rest == 0.0


@compiled
def doubt_of(value, bound, is_exact):
    """Of a number rounded from digits."""
    return 0.0 if is_exact else 8.0 * UNIT * abs(value) + bound + 1e-300


@compiled
def are_twins(s, found):
    """Whether the neurons s.tied[:found] have the form of the first, or minus it, or are 0 all over the cell."""
    for t in range(1, found):
        if not s.tied[t, 1] and s.twin[s.tied[t, 0]] >> 1 != s.twin[s.tied[0, 0]] >> 1:
            return False
    return True


@stage(int64, int64, int64, int64, boolean)
def fine_changes(s, neuron, layer, n, found, in_units):
    """LOUD, SILENT or DOUBTFUL: a facet all over which the neurons s.tied[:found] are 0. Those that turn into s.flip.

    in_units: changes are multiples of p and not those of its coefficient, so that they are exact also where forms are
    rounded. This needs twins only, and neurons that are 0 all over the cell.
    """
    digits, base = s.control[DIGITS], 2.0 ** s.control[BITS]
    last, width, first = s.widths.size - 2, s.widths[layer + 1], s.neuron_at[layer]
    source, target, total = s.digit_gain[0], s.digit_gain[1], s.digit_value
    pivot, is_exact, bound, is_rising = 0, True, 0.0, True
    if not in_units:
        fine_forms(s, last, n)
        pivot = pivot_of(s, layer, neuron, n)
        is_exact, bound = s.digit_state[layer] == EXACT, s.digit_error[layer]
        for d in range(digits):
            total[d] = coefficient(s, layer, neuron, pivot, n, d)
        slope = as_float(total, digits, base)
        if not abs(slope) * (1.0 - 8.0 * UNIT) > bound:
            return DOUBTFUL
        is_rising = slope > 0.0
    s.flip[0] = s.flip[1] = 0
    for i in range(digits * width):
        source[i] = 0.0
    t = 0
    while t < found and s.tied[t, 0] < first + width:
        k = s.tied[t, 0]
        if in_units:  # p if it is on, -p if it is off
            source[k - first] = -base
        else:
            sign = -1.0 if s.on[k] else 1.0
            for d in range(digits):
                source[d * width + k - first] = sign * coefficient(s, layer, k, pivot, n, d)
        turn(s, k)
        t += 1
    for l in range(layer + 1, last + 1):
        is_exact = multiply_changes(s, l, source, target, is_exact, found) == EXACT
        bound = 0.0 if is_exact else bound * ROOM + cut_off(s, l)
        source, target = target, source
        width, first = s.widths[l + 1], s.neuron_at[l]
        if not in_units and t < found and s.tied[t, 0] < first + width:
            is_exact &= s.digit_state[l] == EXACT
            bound += s.digit_error[l]
        while t < found and s.tied[t, 0] < first + width:
            k, is_zero = s.tied[t, 0], s.tied[t, 1] == 1
            for d in range(digits):
                before = 0.0 if is_zero else coefficient(s, l, k, pivot, n, d)
                total[d] = source[d * width + k - first] + before
            carry(total, digits, base)
            value, is_true_zero = as_float(total, digits, base), are_zero(total, digits)
            state = state_across(value, doubt_of(value, bound, is_exact), is_rising)
            if state == OPEN or (value == 0.0 and not is_true_zero):
                return DOUBTFUL
            if state != s.on[k]:
                turn(s, k)
                for d in range(digits):
                    before = 0.0 if is_zero else coefficient(s, l, k, pivot, n, d)
                    source[d * width + k - first] = total[d] if state == ON else -before
            elif state == OFF:
                for d in range(digits):
                    source[d * width + k - first] = 0.0
            t += 1
    is_exact = multiply_changes(s, last + 1, source, target, is_exact, found) == EXACT
    bound = bound * ROOM + cut_off(s, last + 1)
    width = s.digit_widths[last + 1]
    what = SILENT if is_exact else DOUBTFUL
    for i in range(width):
        for d in range(digits):
            total[d] = target[d * width + i]
        value = as_float(total, digits, base)
        if abs(value) > doubt_of(value, bound, is_exact) or (is_exact and not are_zero(total, digits)):
            what = LOUD
    return what


@stage(int64, int64, int64)
def fine_turning(s, frame, neuron, n):
    """As `turning`, in digits, by every output."""
    layer = layer_of(s, neuron)
    found = tied_to(s, frame, neuron, layer)
    return fine_changes(s, neuron, layer, n, found, are_twins(s, found))
