# mypy: allow-untyped-defs, no-check-untyped-defs
"""Forms, vertices and gains to a hundred bits and more, where float64's bounds have grown too large: in deep networks.

A number is K digits of B bits, each a whole number in a float64: the sum of d_b 2^(-B b) over b = 1 .. K, all but
the first at most 2^(B-1) in size. Products of two digits, and sums of as many as a layer has, are exact in float64,
so that loops over neurons need no error terms. The absolute weights of a row of the scaled network sum to at most 1,
hence what is cut off behind digit K adds up over the layers and is never multiplied; where nothing was cut off,
numbers are exact, and a 0 is a true 0.

Source of the splitting: Ozaki, Ogita, Oishi, Rump 2012, Error-free transformations of matrix multiplication.
"""

# ruff: noqa: ANN001, ANN201
import math

from numba import boolean, int64

from triangle_cli.regions.space.arena import (
    BITS,
    COUNT,
    DEPTH,
    DIGITS,
    MINUS,
    PLUS,
    QUESTIONS,
    ROW,
    SPLITTER,
    ZERO,
)
from triangle_cli.regions.space.bits import compiled, four, four_factors
from triangle_cli.regions.space.forms import ROOM, UNIT
from triangle_cli.regions.space.handle import floats, stage, view
from triangle_cli.regions.space.refining import choose, invert, quality_of

STALE, ROUNDED, EXACT = 0, 1, 2  # of a layer's forms in digits, of a vertex
FAILED = 3  # of a vertex: its facets are too close to dependent
ENOUGH = 2.0**-40  # relative accuracy that a layer's forms are to have after `rebase`


@compiled
def carry(total, size, base):
    """Digits of at most half the base, from the last to the first: total[d] for d < size, d in steps of one."""
    for d in range(size - 1, 0, -1):
        over = math.floor(total[d] / base + 0.5)
        total[d] -= over * base
        total[d - 1] += over


@compiled
def as_float(total, size, base):
    """The number of `size` digits, rounded."""
    value = 0.0
    for d in range(size - 1, -1, -1):
        value = (value + total[d]) / base
    return value


@stage(int64, floats, int64, floats, boolean, boolean)
def multiply(s, layer, source, columns, target, has_bias, is_exact):
    """target = W (on * source), digits (K, columns, neurons) each, biases added to the last column; EXACT or ROUNDED.

    W: weights of `layer`, that of the outputs behind the last hidden one.
    """
    digits, depth = s.control[DIGITS], s.digit_depth[layer]
    base = 2.0 ** s.control[BITS]
    below, width = s.widths[layer], s.digit_widths[layer]
    on = view(s.on, s.neuron_at[layer - 1], below)
    weights = view(s.digit_weights, s.digit_at[layer], depth * below * width)
    total = s.digit_sum
    used = digits + depth if is_exact else digits + 1
    block = columns * width
    for i in range(used * block):
        total[i] = 0.0
    if has_bias:
        start = s.neuron_at[layer] * digits
        for d in range(digits):
            at = d * block + block - width
            bias = view(s.digit_biases, start + d * width, width)
            row = view(total, at, width)
            for i in range(width):
                row[i] = bias[i]
    active = 0
    for k in range(below):
        if on[k]:
            s.keep[active] = k
            active += 1
    for at in range(0, active, 4):  # four at a time: totals are read and written a quarter as often
        k0, k1, k2, k3 = four(s.keep, at, active)
        for b in range(digits):
            for j in range(columns):
                factors = view(source, (b * columns + j) * below, below)
                f0, f1, f2, f3 = four_factors(factors, s.keep, at, active)
                if f0 == 0.0 and f1 == 0.0 and f2 == 0.0 and f3 == 0.0:
                    continue
                for a in range(min(depth, used - b - 1)):
                    row = view(total, (a + b + 1) * block + j * width, width)
                    table = view(weights, a * below * width, below * width)
                    w0, w1 = view(table, k0 * width, width), view(table, k1 * width, width)
                    w2, w3 = view(table, k2 * width, width), view(table, k3 * width, width)
                    for i in range(width):
                        row[i] += f0 * w0[i] + f1 * w1[i] + (f2 * w2[i] + f3 * w3[i])
    inverse = 1.0 / base
    for d in range(used - 1, 0, -1):
        row, above = view(total, d * block, block), view(total, (d - 1) * block, block)
        for i in range(block):
            over = math.floor(row[i] * inverse + 0.5)
            row[i] -= over * base
            above[i] += over
    for i in range(digits * block):
        target[i] = total[i]
    if not is_exact or s.digit_cut[layer]:
        return ROUNDED
    rest = 0.0
    for i in range(digits * block, used * block):
        rest += abs(total[i])
    return EXACT if rest == 0.0 else ROUNDED


@compiled
def cut_off(s, layer):
    """Bound on what `multiply` leaves out of a number of this layer."""
    terms = s.widths[layer] * (s.digit_depth[layer] + 3.0) + 2.0
    return terms * 2.0 ** (-s.control[BITS] * s.control[DIGITS])


@stage(int64, int64)
def fine_forms(s, layer, n):
    """Digits (K, n + 1, neurons) of the forms of all layers up to this one, on the present path."""
    digits = s.control[DIGITS]
    for l in range(layer + 1):
        if s.digit_state[l] != STALE:
            continue
        start, size = digits * s.form_at[l], (n + 1) * s.widths[l + 1]
        target = view(s.digit_forms, start, digits * size)
        if l == 0:
            width, depth = s.widths[1], s.digit_depth[0]
            for d in range(digits):
                for i in range(n * width):
                    target[d * size + i] = s.digit_weights[d * n * width + i] if d < depth else 0.0
                for i in range(width):
                    target[d * size + n * width + i] = s.digit_biases[d * width + i]
            s.digit_state[0] = ROUNDED if s.digit_cut[0] else EXACT
            s.digit_error[0] = 0.0
        else:
            below = (n + 1) * s.widths[l]
            source = view(s.digit_forms, digits * s.form_at[l - 1], digits * below)
            s.digit_state[l] = multiply(s, l, source, n + 1, target, True, s.digit_state[l - 1] == EXACT)
            s.digit_error[l] = s.digit_error[l - 1] * ROOM
        if s.digit_state[l] != EXACT:
            s.digit_error[l] += cut_off(s, l)


@stage(int64, int64)
def rebase(s, layer, n):
    """Forms of a layer rounded from digits, in place of those composed in float64; False if K is too small."""
    fine_forms(s, layer, n)
    digits, base = s.control[DIGITS], 2.0 ** s.control[BITS]
    width, first = s.widths[layer + 1], s.neuron_at[layer]
    forms, size = s.form_at[layer], (n + 1) * width
    error, largest = (n + 1) * s.digit_error[layer], 0.0
    for i in range(width):
        s.error[first + i] = 0.0
    for i in range(size):
        value = 0.0
        for d in range(digits - 1, -1, -1):
            value = (value + s.digit_forms[digits * forms + d * size + i]) / base
        s.forms[forms + i] = value
        s.error[first + i % width] += abs(value)
    for i in range(first, first + width):
        largest = max(largest, s.error[i])
        s.error[i] = 4.0 * UNIT * s.error[i] + error * ROOM + s.lost[i]
    return largest * ENOUGH >= error


@compiled
def coefficient(s, layer, neuron, j, n, digit):
    """A digit of coefficient j, n that of the constant, of a neuron's form."""
    width = s.widths[layer + 1]
    start = s.control[DIGITS] * s.form_at[layer] + digit * (n + 1) * width
    return s.digit_forms[start + j * width + neuron - s.neuron_at[layer]]


@compiled
def layer_of(s, neuron):
    """The layer of a hidden neuron."""
    layer = 0
    while s.neuron_at[layer + 1] <= neuron:
        layer += 1
    return layer


@compiled
def value_at(s, label, row, n):
    """A form at vertex `row`, which has been solved for: its value rounded; s.digit_zero[0]: whether it is 0.

    label: a neuron, or side -1 - label of the box.
    """
    digits, base = s.control[DIGITS], 2.0 ** s.control[BITS]
    total = s.digit_value
    for d in range(2 * digits):
        total[d] = 0.0
    place = s.digit_place[row]
    if label < 0:
        side = -1 - label
        for d in range(digits):
            total[d] = place[side // 2 * digits + d] - s.digit_ends[side, d]
    else:
        layer = layer_of(s, label)
        for d in range(digits):
            total[d] = coefficient(s, layer, label, n, n, d)
        for j in range(n):
            for a in range(digits):
                factor = coefficient(s, layer, label, j, n, a)
                if factor != 0.0:
                    for b in range(digits):
                        total[a + b + 1] += factor * place[j * digits + b]
    carry(total, 2 * digits, base)
    rest = 0.0
    for d in range(2 * digits):
        rest += abs(total[d])
    s.digit_zero[0] = rest == 0.0
    return as_float(total, 2 * digits, base)


@compiled
def move(s, row, j, step):
    """Add a float to coordinate j of a vertex, in digits."""
    digits, base = s.control[DIGITS], 2.0 ** s.control[BITS]
    place = view(s.digit_place[row], j * digits, digits)
    for d in range(digits):
        step *= base
        whole = math.floor(step + 0.5)
        place[d] += whole
        step -= whole
    carry(place, digits, base)


@compiled
def fine_planes(s, frame, row, mask, n):
    """Unit rows (a, c, error, error of a, label, scale) of a vertex's facets into s.planes; how many."""
    digits, base = s.control[DIGITS], 2.0 ** s.control[BITS]
    rows = 0
    for b in range(65):
        if b < 64:
            if not mask >> b & 1:
                continue
            label = s.label[b]
        else:
            if row < s.frame[ROW, frame] + s.frame[COUNT, frame]:
                continue
            label = s.frame[SPLITTER, frame]
        if rows == s.planes.shape[0]:
            return rows
        plane = s.planes[rows]
        plane[n + 3] = label
        if label < 0:
            side = -1 - label
            for j in range(n):
                plane[j] = 0.0
            plane[side // 2] = 1.0
            plane[n] = -s.ends[side // 2, side % 2]
            plane[n + 1] = 2.0 ** (-s.control[BITS] * digits) if s.digit_end_cut[side] else 0.0
            plane[n + 2] = 0.0
            plane[n + 4] = 1.0
        else:
            layer = layer_of(s, label)
            fine_forms(s, layer, n)
            scale = 0.0
            for j in range(n + 1):
                value = 0.0
                for d in range(digits - 1, -1, -1):
                    value = (value + coefficient(s, layer, label, j, n, d)) / base
                plane[j] = value
                scale = max(scale, abs(value) if j < n else 0.0)
            if not scale > 1e-250:
                continue
            for j in range(n + 1):
                plane[j] /= scale
            plane[n + 1] = (n + 1) * s.digit_error[layer] / scale * ROOM
            plane[n + 2] = plane[n + 1] + 4.0 * UNIT
            plane[n + 4] = scale
        rows += 1
    return rows


@compiled
def is_plane_exact(s, label):
    """Whether a facet's form is known exactly."""
    if label < 0:
        return s.digit_end_cut[-1 - label] == 0
    return s.digit_state[layer_of(s, label)] == EXACT


@stage(int64, int64, int64)
def solve(s, frame, row, n):
    """Vertex `row` in digits, its distance from the true one in s.digit_doubt: ROUNDED, EXACT or FAILED."""
    rows = fine_planes(s, frame, row, s.facets[row], n)
    if rows < n or (rows > n and not choose(s, rows, n)) or not invert(s, n):
        return FAILED
    quality, norm = quality_of(s, n)
    if not quality < 0.25:
        return FAILED
    digits = s.control[DIGITS]
    for j in range(n):
        for d in range(digits):
            s.digit_place[row, j * digits + d] = 0.0
        move(s, row, j, s.place[row, j])
    last, zero = digits * s.control[BITS] // 40 + 2, False
    worst = 0.0
    for step in range(last + 1):
        worst, zero, reached = 0.0, True, True
        for i in range(n):
            s.residual[i] = value_at(s, int(s.planes[i, n + 3]), row, n) / s.planes[i, n + 4]
            zero &= s.digit_zero[0]
            reached &= abs(s.residual[i]) < s.planes[i, n + 1]
            worst = max(worst, (abs(s.residual[i]) + s.planes[i, n + 1]) * ROOM)
        if zero or reached or step == last:
            break
        for j in range(n):
            change = 0.0
            for i in range(n):
                change -= s.inverse[j, i] * s.residual[i]
            move(s, row, j, change)
    exact = zero
    for i in range(n):
        exact &= is_plane_exact(s, int(s.planes[i, n + 3]))
    s.digit_doubt[row] = 0.0 if exact else norm * worst / (1.0 - quality) * ROOM + 1e-300
    return EXACT if exact else ROUNDED


@stage(int64)
def settle(s, n):
    """Answer what digits can of the open questions; True if none is left."""
    frame, asked, left = s.control[DEPTH], s.control[QUESTIONS], 0
    for q in range(asked):
        row, neuron, spot = s.questions[q, 0], s.questions[q, 1], s.questions[q, 2]
        if s.solved[row] == STALE:
            s.solved[row] = solve(s, frame, row, n)
        answer = 0
        if s.solved[row] != FAILED:
            layer = layer_of(s, neuron)
            fine_forms(s, layer, n)
            value = value_at(s, neuron, row, n)
            form = s.form_at[layer] + neuron - s.neuron_at[layer]
            steep = n * s.error[neuron]  # of the float64 form, once for each coefficient
            for j in range(n):
                steep += abs(s.forms[form + j * s.widths[layer + 1]])
            bound = (steep * s.digit_doubt[row] + (n + 1) * s.digit_error[layer]) * ROOM
            if value > bound:
                answer = PLUS
            elif value < -bound:
                answer = MINUS
            elif s.digit_zero[0] and bound == 0.0 and s.digit_state[layer] == EXACT:
                answer = ZERO
        if answer:
            s.told[spot] = answer
        else:
            s.questions[left, 0], s.questions[left, 1], s.questions[left, 2] = row, neuron, spot
            left += 1
    s.control[QUESTIONS] = left
    return left == 0


@stage(int64, int64, floats, floats)
def fine_gain(s, neuron, to_outputs, part, error):
    """Derivatives by a hidden neuron of those of the last hidden layer, or of the outputs, and their bounds.

    Into part and error, rounded; where an error is 0 on entry the derivative is known to be 0. An error is left 0 only
    where that is so.
    """
    digits, base = s.control[DIGITS], 2.0 ** s.control[BITS]
    last = s.widths.size - 2
    layer = layer_of(s, neuron) + 1
    k, below, width = neuron - s.neuron_at[layer - 1], s.widths[layer], s.digit_widths[layer]
    source, target = s.digit_gain[0], s.digit_gain[1]
    for d in range(digits):
        for i in range(width):
            inside = d < s.digit_depth[layer]
            source[d * width + i] = (
                s.digit_weights[s.digit_at[layer] + (d * below + k) * width + i] if inside else 0.0
            )
    state = ROUNDED if s.digit_cut[layer] else EXACT
    bound = cut_off(s, layer) if s.digit_cut[layer] else 0.0
    while layer < last + to_outputs:
        layer += 1
        state = multiply(s, layer, source, 1, target, False, state == EXACT)
        bound *= ROOM
        if state != EXACT:
            bound += cut_off(s, layer)
        source, target = target, source
    width = s.digit_widths[layer]
    for i in range(width):
        if error[i] == 0.0:
            continue
        value, rest = 0.0, 0.0
        for d in range(digits - 1, -1, -1):
            value = (value + source[d * width + i]) / base
            rest += abs(source[d * width + i])
        part[i] = value
        error[i] = 0.0 if rest == 0.0 and state == EXACT else 4.0 * UNIT * abs(value) + bound * ROOM + 1e-300
