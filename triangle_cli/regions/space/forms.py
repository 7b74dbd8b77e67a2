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
    CUT,
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
MANY = 3  # times the neurons that have turned: of fewer that are on, forms are added up anew


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
def add_below(s, layer, n, active):
    """Add to the forms of `layer` what the neurons s.keep[:active] below add; take it away of those that are off.

    To their errors the absolute weights times s.column[0] are added.
    """
    width, below = s.widths[layer + 1], s.widths[layer]
    first = s.neuron_at[layer]
    forms = view(s.forms, s.form_at[layer], (n + 1) * width)
    lower = view(s.forms, s.form_at[layer - 1], (n + 1) * below)
    error, on = view(s.error, first, width), view(s.on, first - below, below)
    weights = view(s.weights, s.weight_at[layer], below * width)
    steeps = view(s.steep, s.weight_at[layer], below * width)
    for at in range(0, active, 4):  # four at a time: forms are read and written a quarter as often
        k0, k1, k2, k3 = four(s.keep, at, active)
        w0, w1 = view(weights, k0 * width, width), view(weights, k1 * width, width)
        w2, w3 = view(weights, k2 * width, width), view(weights, k3 * width, width)
        s0, s1, s2, s3 = 2.0 * on[k0] - 1.0, 2.0 * on[k1] - 1.0, 2.0 * on[k2] - 1.0, 2.0 * on[k3] - 1.0
        for j in range(n + 1):
            f0, f1, f2, f3 = four_factors(view(lower, j * below, below), s.keep, at, active)
            f0, f1, f2, f3 = s0 * f0, s1 * f1, s2 * f2, s3 * f3
            form = view(forms, j * width, width)
            for i in range(width):
                form[i] += f0 * w0[i] + f1 * w1[i] + (f2 * w2[i] + f3 * w3[i])
        w0, w1 = view(steeps, k0 * width, width), view(steeps, k1 * width, width)
        w2, w3 = view(steeps, k2 * width, width), view(steeps, k3 * width, width)
        f0, f1, f2, f3 = four_factors(s.column[0], s.keep, at, active)
        for i in range(width):
            error[i] += f0 * w0[i] + f1 * w1[i] + (f2 * w2[i] + f3 * w3[i])


@compiled
def compose_anew(s, layer, n):
    """Forms of `layer` from those of the layer below and its on/off states."""
    width, below = s.widths[layer + 1], s.widths[layer]
    first, first_below = s.neuron_at[layer], s.neuron_at[layer] - below
    forms = view(s.forms, s.form_at[layer], (n + 1) * width)
    error, constant = view(s.error, first, width), view(s.biases, first, width)
    for i in range(n * width):
        forms[i] = 0.0
    last = view(forms, n * width, width)
    for i in range(width):
        last[i] = constant[i]
        error[i] = 0.0
    gamma = (below + 4) * UNIT
    active, loss = 0, s.column[0]
    reach, error_below = view(s.reach, first_below, below), view(s.error, first_below, below)
    on, added = view(s.on, first_below, below), view(s.added, first_below, below)
    once_added = view(s.once_added, first_below, below)
    for k in range(below):
        loss[k] = error_below[k] + gamma * reach[k] + SMALL
        added[k] = once_added[k] = on[k]
    for k in range(below):
        s.keep[active] = k
        active += (on[k] != 0) & (reach[k] + error_below[k] > 0.0)
    add_below(s, layer, n, active)
    for i in range(width):
        if error[i] > 0.0:
            error[i] = error[i] * ROOM + gamma * abs(constant[i])
        error[i] += s.lost[first + i]
    s.changes[layer] = 0


@compiled
def turned_below(s, layer):
    """Into s.keep the neurons below that are not as in the forms of `layer`; how many; how many below are on."""
    below = s.widths[layer]
    first = s.neuron_at[layer] - below
    on, added = view(s.on, first, below), view(s.added, first, below)
    turned = active = 0
    for k in range(below):
        s.keep[turned] = k
        turned += on[k] != added[k]
        active += on[k]
    return turned, active


@compiled
def change(s, layer, n, turned):
    """Forms of `layer` in which the neurons s.keep[:turned] below, and no others, are not as they are now.

    Each time four are added, forms are rounded: by u times what they were and what has been added since. A neuron's own
    error counts from when it is first added, and on where it is taken away again.
    """
    width, below = s.widths[layer + 1], s.widths[layer]
    first, first_below = s.neuron_at[layer], s.neuron_at[layer] - below
    error, reach = view(s.error, first, width), view(s.reach, first, width)
    gamma = (turned // 4 + 8) * UNIT
    for t in range(turned):
        k = s.keep[t]
        i = first_below + k
        s.column[0, k] = gamma * s.reach[i] + SMALL
        s.added[i] = s.on[i]
        if not s.once_added[i]:
            s.column[0, k] += s.error[i]
            s.once_added[i] = 1
    add_below(s, layer, n, turned)
    for i in range(width):
        if error[i] > 0.0:
            error[i] = (error[i] + gamma * reach[i]) * (1.0 + 16.0 * turned * UNIT)
    s.changes[layer] += turned


@compiled
def compose(s, frame, layer, n):
    """Forms of the frame's layer on the present path.

    From those of the cell that was here before, where few neurons below have turned since: from one cell to the next
    of the same cell of the layer below two or three do. Not before cells are dealt out to threads: what is computed in
    one of these depends on none before.
    """
    turned = below = s.widths[layer]
    active = 0
    if frame >= CUT and s.changes[layer] >= 0 and s.is_full[layer]:
        turned, active = turned_below(s, layer)
    if MANY * turned < active and s.changes[layer] + turned <= below:
        change(s, layer, n, turned)
    else:
        compose_anew(s, layer, n)
    s.digit_state[layer] = 0
    if layer + 1 < s.changes.size:
        s.changes[layer + 1] = -1


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
def surround(s, frame, n):
    """The middle of a box around the frame's cell into s.moved, half its sides into s.residual; the largest doubt."""
    row, count, doubt = s.frame[ROW, frame], s.frame[COUNT, frame], 0.0
    for v in range(count):
        doubt = max(doubt, s.doubt[row + v])
    for j in range(n):
        low = high = s.place[row, j]
        for v in range(1, count):
            x = s.place[row + v, j]
            low, high = min(low, x), max(high, x)
        s.moved[j] = (low + high) / 2
        s.residual[j] = (high - low) / 2 * ROOM
    return doubt


@compiled
def evaluate(s, frame, n):
    """Switch on and off the neurons of the frame's layer that have one sign in a box around its cell.

    The values of the others at the cell's vertices, a column each.
    """
    layer = s.frame[LAYER, frame]
    width, first = s.widths[layer + 1], s.neuron_at[layer]
    forms = view(s.forms, s.form_at[layer], (n + 1) * width)
    row, count, at = s.frame[ROW, frame], s.frame[COUNT, frame], s.frame[VALUE, frame]
    low, high, constant = view(s.low, 0, width), view(s.high, 0, width), view(forms, n * width, width)
    doubt = surround(s, frame, n)
    for i in range(width):
        low[i] = high[i] = constant[i]
    for j in range(n):
        middle, half = s.moved[j], s.residual[j]
        form = view(forms, j * width, width)
        for i in range(width):
            low[i] += middle * form[i] - half * abs(form[i])
            high[i] += middle * form[i] + half * abs(form[i])
    slope, base = view(s.slope, first, width), view(s.base, first, width)
    on, linear = view(s.on, first, width), view(s.linear, first, width)
    for i in range(width):
        error = slope[i] * doubt + 2.0 * base[i] + s.slack[0]  # rounded twice as often as values
        low[i] -= error
        high[i] += error
        on[i] = low[i] > 0.0
    start, columns = s.frame[CROSSING, frame], 0
    for i in range(width):
        s.crossing[start + columns] = first + i
        columns += ((low[i] <= 0.0) & (high[i] >= 0.0)) | (linear[i] != 0)
    for j in range(n + 1):
        form, picked = view(forms, j * width, width), view(s.column[j], 0, columns)
        for c in range(columns):
            picked[c] = form[s.crossing[start + c] - first]
    constant = view(s.column[n], 0, columns)
    for v in range(count):
        values = view(s.values, at + v * columns, columns)
        # for one input `other` is the constants, times 0
        x, y = s.place[row + v, 0], s.place[row + v, 1] if n > 1 else 0.0
        form, other = view(s.column[0], 0, columns), view(s.column[1], 0, columns)
        for c in range(columns):
            values[c] = constant[c] + x * form[c] + y * other[c]
        for j in range(2, n):
            x = s.place[row + v, j]
            form = view(s.column[j], 0, columns)
            for c in range(columns):
                values[c] += x * form[c]
    s.frame[COLUMNS, frame] = columns
    s.frame[STEPS, frame] = s.frame[TOLD, frame] = 0
