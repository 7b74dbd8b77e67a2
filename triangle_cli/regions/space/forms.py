# mypy: allow-untyped-defs, no-check-untyped-defs
"""A cell enters a layer: the affine forms of the layer's neurons on it, and their values at its vertices.

Every value comes with a bound. `error` of a neuron bounds |computed form - true form| all over the box, where
coordinates do not exceed 1; with `doubt` of a vertex, its distance from the true one, the value of neuron i at
vertex v is off by at most slope[i] doubt[v] + base[i]. Higham, Accuracy and Stability of Numerical Algorithms,
section 3.1: a dot product of k terms, in any order, is off by k u |w| . |h|.
"""

# ruff: noqa: ANN001, ANN201
from triangle_cli.regions.space.arena import (
    COLUMNS,
    COUNT,
    CROSSING,
    LAYER,
    ROW,
    SMALL,
    STEPS,
    TOLD,
    VALUE,
)
from triangle_cli.regions.space.bits import compiled, four, four_factors
from triangle_cli.regions.space.handle import view

UNIT = 2.0**-53
ROOM = 1.0 + 1e-9  # covers the rounding of the bounds themselves


@compiled
def has_room(s, frame, columns):
    """Whether the arena can hold this frame's values, and one frame more."""
    rows = s.frame[COUNT, frame]
    return (
        frame + 2 < s.frame.shape[1]
        and s.frame[VALUE, frame] + (rows + 1) * columns <= s.values.size
        and s.frame[CROSSING, frame] + 2 * columns <= s.crossing.size
    )


@compiled
def compose(s, layer, n):
    """Forms of `layer` from those of the layer below and its on/off states."""
    width, below = s.widths[layer + 1], s.widths[layer]
    first, first_below = s.neuron_at[layer], s.neuron_at[layer] - below
    size = (n + 1) * width
    forms = view(s.forms, s.form_at[layer], size)
    lower = view(s.forms, s.form_at[layer - 1], (n + 1) * below)
    error, constant = view(s.error, first, width), view(s.biases, first, width)
    s.digit_state[layer] = 0
    for i in range(n * width):
        forms[i] = 0.0
    last = view(forms, n * width, width)
    for i in range(width):
        last[i] = constant[i]
        error[i] = 0.0
    gamma = (below + 4) * UNIT
    active, loss = 0, s.column[0]
    for k in range(below):
        if s.on[first_below + k] and (s.reach[first_below + k] > 0.0 or s.error[first_below + k] > 0.0):
            s.keep[active] = k
            loss[k] = s.error[first_below + k] + gamma * s.reach[first_below + k] + SMALL
            active += 1
    weights = view(s.weights, s.weight_at[layer], below * width)
    steeps = view(s.steep, s.weight_at[layer], below * width)
    for at in range(0, active, 4):  # four at a time: forms are read and written a quarter as often
        k0, k1, k2, k3 = four(s.keep, at, active)
        w0, w1 = view(weights, k0 * width, width), view(weights, k1 * width, width)
        w2, w3 = view(weights, k2 * width, width), view(weights, k3 * width, width)
        for j in range(n + 1):
            f0, f1, f2, f3 = four_factors(view(lower, j * below, below), s.keep, at, active)
            form = view(forms, j * width, width)
            for i in range(width):
                form[i] += f0 * w0[i] + f1 * w1[i] + (f2 * w2[i] + f3 * w3[i])
        w0, w1 = view(steeps, k0 * width, width), view(steeps, k1 * width, width)
        w2, w3 = view(steeps, k2 * width, width), view(steeps, k3 * width, width)
        f0, f1, f2, f3 = four_factors(loss, s.keep, at, active)
        for i in range(width):
            error[i] += f0 * w0[i] + f1 * w1[i] + (f2 * w2[i] + f3 * w3[i])
    for i in range(width):
        if error[i] > 0.0:
            error[i] = error[i] * ROOM + gamma * abs(constant[i])
        error[i] += s.lost[first + i]


@compiled
def measure(s, layer, n):
    """`reach`, `slope` and `base` of the neurons of a layer from their forms and errors."""
    width, first = s.widths[layer + 1], s.neuron_at[layer]
    forms = view(s.forms, s.form_at[layer], (n + 1) * width)
    error, slope = view(s.error, first, width), view(s.slope, first, width)
    reach, base = view(s.reach, first, width), view(s.base, first, width)
    for i in range(width):
        slope[i] = 0.0
    for j in range(n):
        form = view(forms, j * width, width)
        for i in range(width):
            slope[i] += abs(form[i])
    form = view(forms, n * width, width)
    factor = (n + 4) * UNIT
    for i in range(width):
        reach[i] = (slope[i] + abs(form[i])) * ROOM
        slope[i] = (slope[i] + 2.0 * error[i]) * ROOM
        base[i] = error[i] + factor * reach[i]
        if base[i] > 0.0:
            base[i] = base[i] * ROOM + SMALL


@compiled
def evaluate(s, frame, n):
    """Values of all neurons of the frame's layer at the vertices of its cell, a column each; its size."""
    layer = s.frame[LAYER, frame]
    width, first = s.widths[layer + 1], s.neuron_at[layer]
    forms = view(s.forms, s.form_at[layer], (n + 1) * width)
    row, count, at = s.frame[ROW, frame], s.frame[COUNT, frame], s.frame[VALUE, frame]
    constant = forms[n * width : (n + 1) * width]
    for v in range(count):
        values = view(s.values, at + v * width, width)
        x, y = s.place[row + v, 0], s.place[row + v, 1] if n > 1 else 0.0
        form, other = view(forms, 0, width), view(forms, width, width)  # for one input the constants, times 0
        for i in range(width):
            values[i] = constant[i] + x * form[i] + y * other[i]
        for j in range(2, n):
            x = s.place[row + v, j]
            form = view(forms, j * width, width)
            for i in range(width):
                values[i] += x * form[i]
    s.frame[COLUMNS, frame] = width
    s.frame[STEPS, frame] = s.frame[TOLD, frame] = 0
    start = s.frame[CROSSING, frame]
    for i in range(width):
        s.crossing[start + i] = first + i
