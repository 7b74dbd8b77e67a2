# ruff: noqa: ANN001, ANN201 - numba infers the types
# mypy: allow-untyped-defs, no-check-untyped-defs
"""Whether the outputs bend at an edge, told by their values at four corners: compiled."""

import numpy as np

from triangle_cli.compiling import UNCOUNTED, inside
from triangle_cli.regions.plane.kernels import SLACK, TINY, UNIT, floats, lerp_row, two_tables
from triangle_cli.regions.plane.products import spread, steepness

MOST = 4  # outputs that are looked at: if any changes its slope, nearly always the first ones do


@inside()
def outputs_at(last, linear, weight, bias):
    """Outputs (n, some of them) at all vertices and their bounds, from how the last hidden layer cut."""
    width, found = weight.shape[1], min(MOST, len(bias))
    outputs, bounds = two_tables(len(last.values) + len(last.parents), found)
    room, doubts = two_tables(3 + most_within(last.makers), width)
    steep, x = floats(found, width), floats(2, width)
    for o in range(found):
        for k in range(width):
            steep[o, k] = steepness(weight[o, k])
    set_outputs(last, linear, weight, bias, steep, room, doubts, x[0], x[1], outputs, bounds)
    return outputs, bounds


@inside(**UNCOUNTED)
def most_within(makers):
    """The largest number of new vertices within one cell; makers: as of `Last`."""
    most = number = 0
    for i in range(len(makers)):
        number = number + 1 if i and makers[i, 0] == makers[i - 1, 0] else 1
        most = max(most, number)
    return most


@inside(**UNCOUNTED)
def set_outputs(last, linear, weight, bias, steep, row, doubt, x, spreads, outputs, bounds):
    """`outputs_at` into outputs and bounds.

    row, doubt: room for pre-activations of a vertex, of the two that it lies between, and of those within one cell,
    and for their bounds; x, spreads: room for the same after the ReLU.
    """
    old, width = last.values.shape
    on_edges = old + len(last.parents) - len(last.makers)  # the first vertex within a cell
    first, gamma = on_edges, (width + 4) * UNIT
    for v in range(len(outputs)):
        value, error, r = last.values, last.errors, v
        if v >= old:
            if v > on_edges and last.makers[v - on_edges, 0] != last.makers[v - on_edges - 1, 0]:
                first = v
            low, low_error, p = source(last, last.parents[v - old, 0], on_edges, first, row, doubt, 1)
            high, high_error, q = source(last, last.parents[v - old, 1], on_edges, first, row, doubt, 2)
            value, error, r = row, doubt, (v - first + 3 if v >= on_edges else 0)
            at, at_error = last.place[v - old, 0], last.place[v - old, 1]
            lerp_row(low, low_error, p, high, high_error, q, at, at_error, value, error, r)
        for k in range(width):
            z = value[r, k]
            is_off = last.signs[v, k] <= 0 if v < on_edges else z < -error[r, k]
            is_off &= not linear[k]
            x[k] = 0.0 if is_off or (z < 0.0 and not linear[k]) else z
            spreads[k] = 0.0 if is_off else spread(x[k], error[r, k], gamma)
        for o in range(outputs.shape[1]):
            total, bound = dots(weight, x, steep, spreads, o)
            outputs[v, o], bounds[v, o] = total + bias[o], bound + gamma * abs(bias[o]) + TINY


@inside(fastmath={"contract", "reassoc"}, **UNCOUNTED)
def dots(weight, x, steep, spreads, o):
    """Row o of two matrices times a vector each, summed in any order."""
    total = bound = 0.0
    for k in range(x.size):
        total += weight[o, k] * x[k]
        bound += steep[o, k] * spreads[k]
    return total, bound


@inside(**UNCOUNTED)
def source(last, p, on_edges, first, row, doubt, room):
    """Where the pre-activations of vertex p and their bounds are, as arrays and a row; if need be made in `room`."""
    old = len(last.values)
    if p < old:
        return last.values, last.errors, p
    if p >= on_edges:
        return row, doubt, p - first + 3
    a, b = last.parents[p - old, 0], last.parents[p - old, 1]
    at, at_error = last.place[p - old, 0], last.place[p - old, 1]
    lerp_row(last.values, last.errors, a, last.values, last.errors, b, at, at_error, row, doubt, room)
    return row, doubt, room


@inside()
def opposite_of(mesh):
    """A corner of the cell left and right of each edge, (m, 2), that is far from the edge."""
    opposite = np.zeros(mesh.ends.shape, np.int64)
    set_opposite(mesh, opposite)
    return opposite


@inside(**UNCOUNTED)
def set_opposite(mesh, opposite):
    """`opposite_of` into an array."""
    for cell in range(len(mesh.pointer) - 1):
        start, size = mesh.pointer[cell], mesh.pointer[cell + 1] - mesh.pointer[cell]
        for i in range(size):
            edge, turn = mesh.sides[start + i] >> 1, mesh.sides[start + i] & 1
            across = i + 1 + size // 2
            far = mesh.sides[start + (across if across < size else across - size)]
            opposite[edge, turn] = mesh.ends[far >> 1, far & 1]


@inside(**UNCOUNTED)
def bends(mesh, edge, opposite, outputs, bounds):
    """Whether some output surely is no affine map around an edge, told by its values there.

    With the edge's ends and a corner on either side at 0, q, a and b, values 0, u, v and w belong to one affine map if
    w (q x a) = u (b x a) + v (q x b).
    """
    p = mesh.ends[edge, 0]
    x = mesh.points
    q, a, b = mesh.ends[edge, 1], opposite[edge, 0], opposite[edge, 1]
    doubt = reach = 0.0  # sums, not maxima, which NaN might leave as they are
    for vertex in (p, q, a, b):
        for i in range(2):
            doubt += mesh.point_errors[vertex, i]
            reach += abs(x[vertex, i] - x[p, i])
    doubt = 2.0 * doubt + UNIT * reach
    qx, qy, ax, ay = x[q, 0] - x[p, 0], x[q, 1] - x[p, 1], x[a, 0] - x[p, 0], x[a, 1] - x[p, 1]
    bx, by = x[b, 0] - x[p, 0], x[b, 1] - x[p, 1]
    qa, ba, qb = qx * ay - qy * ax, bx * ay - by * ax, qx * by - qy * bx
    size = abs(qa) + abs(ba) + abs(qb)
    size_error = (4.0 * doubt * (reach + doubt) + 4.0 * UNIT * reach * reach) * SLACK + 1e-300
    for o in range(outputs.shape[1]):
        u, v, w = outputs[q, o] - outputs[p, o], outputs[a, o] - outputs[p, o], outputs[b, o] - outputs[p, o]
        rise = abs(u) + abs(v) + abs(w)
        error = 2.0 * (bounds[p, o] + bounds[q, o] + bounds[a, o] + bounds[b, o]) + UNIT * rise
        bound = 3.0 * (rise * size_error + error * (size + size_error)) + 8.0 * UNIT * rise * size
        gap = abs(w * qa - u * ba - v * qb)
        if gap > bound * SLACK + TINY and gap < 1e300:
            return True
    return False
