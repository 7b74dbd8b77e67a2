# ruff: noqa: ANN001, ANN201 - numba infers the types
# mypy: allow-untyped-defs, no-check-untyped-defs
"""From activation regions to linear regions, compiled: neighbours across an edge with one affine map are one region.

That two maps differ is told by values of the outputs at four corners, else by products of weights where a single
neuron turns, else, as that they are the same, in integers.
"""

from collections import namedtuple

import numpy as np
from numba import types

from triangle_cli.compiling import UNCOUNTED, apart, inside, njit
from triangle_cli.regions.components import components
from triangle_cli.regions.plane.kernels import (
    SLACK,
    TINY,
    UNIT,
    floats,
    grown,
    integers,
    lerp_row,
    spread,
    steepness,
)
from triangle_cli.regions.plane.mesh import NETWORK, layer_of, partition, polygon_mesh
from triangle_cli.regions.plane.questions import ask_larger, ask_same_maps
from triangle_cli.regions.plane.records import BITS, FLOATS, HISTORY, INTEGERS, LAST, MESH

MOST = 4  # outputs that are looked at: if any changes its slope, nearly always the first ones do
SHARE = 1e-9  # `exact.WIDE`


@inside(inline="always")
def outputs_at(last, linear, weight, bias):
    """Outputs (n, some of them) at all vertices and their bounds, from how the last hidden layer cut."""
    old, width = last.values.shape
    on_edges = old + len(last.parents) - len(last.makers)  # the first vertex within a cell
    n, found = old + len(last.parents), min(MOST, len(bias))
    outputs, bounds = floats(n, found), floats(n, found)
    steep, gamma = steepness(weight), (width + 4) * UNIT
    # the rows of a vertex, of the two that it lies between, of those within one cell
    row, doubt = floats(3 + 16, width), floats(3 + 16, width)
    x, spreads = np.empty(width), np.empty(width)  # after the ReLU
    first = on_edges
    for v in range(n):
        value, error, r = last.values, last.errors, v
        if v >= old:
            if v > on_edges and last.makers[v - on_edges, 0] != last.makers[v - on_edges - 1, 0]:
                first = v
            if v >= on_edges:
                row, doubt = grown(row, v - first + 4), grown(doubt, v - first + 4)
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
        for o in range(found):
            total, bound = dots(weight, x, steep, spreads, o)
            outputs[v, o], bounds[v, o] = total + bias[o], bound + gamma * abs(bias[o]) + TINY
    return outputs, bounds


@inside(fastmath={"contract", "reassoc"})
def dots(weight, x, steep, spreads, o):
    """Row o of two matrices times a vector each, summed in any order."""
    total = bound = 0.0
    for k in range(x.size):
        total += weight[o, k] * x[k]
        bound += steep[o, k] * spreads[k]
    return total, bound


@inside()
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
    for cell in range(len(mesh.pointer) - 1):
        start, size = mesh.pointer[cell], mesh.pointer[cell + 1] - mesh.pointer[cell]
        for i in range(size):
            edge, turn = mesh.sides[start + i] >> 1, mesh.sides[start + i] & 1
            across = i + 1 + size // 2
            far = mesh.sides[start + (across if across < size else across - size)]
            opposite[edge, turn] = mesh.ends[far >> 1, far & 1]
    return opposite


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


# Where the parts of each layer start in rows of all of them: on/off rows of cells, their parents, weights
Firsts = namedtuple("Firsts", "row cell weight")


@inside()
def firsts_of(history):
    """`Firsts` of a history and its network's row of parameters."""
    depth, widths = len(history.cells), history.widths
    firsts = Firsts(
        np.zeros(depth + 1, np.int64), np.zeros(depth + 1, np.int64), np.zeros(depth + 1, np.int64)
    )
    for layer in range(depth):
        firsts.row[layer + 1] = firsts.row[layer] + history.cells[layer] * widths[layer + 1]
        firsts.cell[layer + 1] = firsts.cell[layer] + history.cells[layer]
        firsts.weight[layer + 1] = firsts.weight[layer] + widths[layer + 1] * (widths[layer] + 1)
    return firsts


@inside(**UNCOUNTED)
def differing(row, other):
    """In how many places two rows differ."""
    number = 0
    for k in range(row.size):
        number += row[k] != other[k]
    return number


@inside(**UNCOUNTED)
def turns_alone(history, firsts, left, right):
    """Whether a single neuron differs between two final cells."""
    flips = 0
    for layer in range(len(history.cells) - 1, -1, -1):
        if left == right or flips > 1:
            break
        width = history.widths[layer + 1]
        a, b = firsts.row[layer] + left * width, firsts.row[layer] + right * width
        flips += differing(history.on[a : a + width], history.on[b : b + width])
        left, right = history.parent[firsts.cell[layer] + left], history.parent[firsts.cell[layer] + right]
    return flips == 1


@inside(**UNCOUNTED)
def neuron_of(history, line):
    """Layer and number of the neuron of a line that is no side of the domain."""
    cut = len(history.cuts) - 1
    while history.cuts[cut, 0] > line:
        cut -= 1
    number = (line - history.cuts[cut, 0]) % history.cuts[cut, 3]
    return history.cuts[cut, 1], history.cuts[cut, 2] + number


@inside(fastmath={"contract", "reassoc"}, **UNCOUNTED)
def masked_dots(numbers, start, x, doubt, size):
    """A row of weights, `numbers` from `start` on, and its absolute values times a vector each, in any order."""
    total = bound = 0.0
    for k in range(size):
        total += numbers[start + k] * x[k]
        bound += abs(numbers[start + k]) * doubt[k]
    return total, bound


@inside(**UNCOUNTED)
def is_heard(history, parameters, firsts, layer, neuron, cell, slope, doubt):
    """Whether some output surely depends on `neuron` of `layer` in a final cell; slope, doubt: room, a layer each.

    On both sides of an edge where that neuron alone turns, all later neurons keep their state: the map
    changes by the neuron's own slope times its weight in the outputs, a product of masked matrices.
    """
    last = len(history.cells) - 1
    inputs, outputs = history.widths[layer + 1], history.widths[layer + 2]
    for o in range(outputs):
        slope[0, o], doubt[0, o] = parameters[firsts.weight[layer + 1] + o * inputs + neuron], 0.0
        if layer == last and slope[0, o] != 0.0:
            return True
    for l in range(layer + 1, last + 1):
        within = cell
        for later in range(last, l, -1):
            within = history.parent[firsts.cell[later] + within]
        inputs, outputs = outputs, history.widths[l + 2]
        row, gamma = firsts.row[l] + within * inputs, (inputs + 4) * UNIT
        for k in range(inputs):
            slope[0, k] = slope[0, k] * history.on[row + k]
            doubt[0, k] = (doubt[0, k] + gamma * abs(slope[0, k])) * history.on[row + k]
        for o in range(outputs):
            total, bound = masked_dots(
                parameters, firsts.weight[l + 1] + o * inputs, slope[0], doubt[0], inputs
            )
            slope[1, o], doubt[1, o] = total, bound * SLACK + TINY
            if l == last and 1e300 > abs(total) > bound * SLACK + TINY:
                return True
        for o in range(outputs):
            slope[0, o], doubt[0, o] = slope[1, o], doubt[1, o]
    return False


@apart(MESH, HISTORY, LAST, FLOATS, BITS, types.boolean, error_model="numpy")
def labels(mesh, history, last, parameters, linear, exact):
    """Linear region (label 0, 1, ..) of each activation region."""
    depth, cells = len(history.cells), len(mesh.pointer) - 1
    firsts = firsts_of(history)
    slope, doubt = floats(2, history.widths.max()), floats(2, history.widths.max())
    left_open, n = np.empty(len(mesh.ends), np.int64), 0
    for edge in range(len(mesh.ends)):  # that a neuron of the last two layers is heard is soon told
        left, right = mesh.beside[edge, 0], mesh.beside[edge, 1]
        if left < 0 or right < 0:
            continue
        if not exact:
            layer, neuron = neuron_of(history, mesh.edge_lines[edge])
            if (
                layer >= depth - 2
                and turns_alone(history, firsts, left, right)
                and is_heard(history, parameters, firsts, layer, neuron, left, slope, doubt)
            ):
                continue
        left_open[n] = edge
        n += 1
    if n == 0:
        return np.arange(cells)
    if not exact and depth > 1:
        weight, bias = layer_of(history.widths, parameters, depth)
        outputs, bounds = outputs_at(last, linear[len(linear) - weight.shape[1] :], weight, bias)
        opposite, kept = opposite_of(mesh), 0
        for i in range(n):
            edge = left_open[i]
            if bends(mesh, edge, opposite, outputs, bounds):
                continue
            left, right = mesh.beside[edge, 0], mesh.beside[edge, 1]
            layer, neuron = neuron_of(history, mesh.edge_lines[edge])
            if (
                layer < depth - 2
                and turns_alone(history, firsts, left, right)
                and is_heard(history, parameters, firsts, layer, neuron, left, slope, doubt)
            ):
                continue
            left_open[kept] = edge
            kept += 1
        n = kept
        if n == 0:
            return np.arange(cells)
    pairs, kept = integers(n, 2), 0
    for i in range(n):
        for side in range(2):
            pairs[i, side] = mesh.beside[left_open[i], side]
    same = ask_same_maps(history, pairs)
    for i in range(n):
        if same[i]:
            pairs[kept, 0], pairs[kept, 1] = pairs[i, 0], pairs[i, 1]
            kept += 1
    return components(cells, pairs[:kept])


@inside()
def areas_of(mesh):
    """Areas of the cells and their bounds, each (c,)."""
    n = len(mesh.pointer) - 1
    area, bound = np.empty(n), np.empty(n)
    for c in range(n):
        start, end = mesh.pointer[c], mesh.pointer[c + 1]
        first = mesh.ends[mesh.sides[start] >> 1, mesh.sides[start] & 1]
        twice = reach = doubt = 0.0
        bx = by = 0.0
        for i in range(start, end):
            corner = mesh.ends[mesh.sides[i] >> 1, mesh.sides[i] & 1]
            ax, ay = bx, by
            bx, by = (
                mesh.points[corner, 0] - mesh.points[first, 0],
                mesh.points[corner, 1] - mesh.points[first, 1],
            )
            twice += ax * by - ay * bx
            reach = max(reach, abs(bx), abs(by))
            doubt = max(doubt, mesh.point_errors[corner, 0], mesh.point_errors[corner, 1])
        size = end - start
        area[c] = abs(twice) / 2
        reach = reach + 2 * doubt
        bound[c] = 4 * size * (2 * doubt * reach + (size + 4) * UNIT * reach * reach) + 1e-300
    return area, bound


@apart(
    *(MESH, HISTORY, INTEGERS, FLOATS, FLOATS, types.float64, types.float64, types.boolean),
    error_model="numpy",
)
def wide(mesh, history, label, area, bound, whole, whole_bound, exact):
    """How many of the regions `label` (per cell) have more than SHARE of the domain's area, `whole`."""
    n = 0
    for cell in range(label.size):
        n = max(n, label[cell] + 1)
    region, region_bound = np.zeros(n), np.zeros(n)
    for cell in range(label.size):
        region[label[cell]] += area[cell]
        region_bound[label[cell]] += bound[cell]
    asked, m, count = np.empty(n, np.int64), 0, 0
    for i in range(n):
        doubt = (region_bound[i] + label.size * UNIT * region[i]) * SLACK
        if not exact and 1e300 > region[i] > SHARE * (whole + whole_bound) * SLACK + doubt:
            count += 1
        elif exact or not region[i] + doubt < SHARE * (whole - whole_bound) / SLACK:
            asked[m] = i
            m += 1
    if m:
        corners = integers(mesh.sides.size, 2)
        for i in range(mesh.sides.size):
            vertex = mesh.ends[mesh.sides[i] >> 1, mesh.sides[i] & 1]
            corners[i, 0], corners[i, 1] = mesh.vertex_lines[vertex, 0], mesh.vertex_lines[vertex, 1]
        count += ask_larger(history, corners, mesh.pointer, label, asked[:m])
    return count


@inside()
def never_on(history):
    """How many neurons are on in no cell."""
    number, start = 0, 0
    for layer in range(len(history.cells)):
        width = history.widths[layer + 1]
        is_on = np.zeros(width, np.uint8)
        for _ in range(history.cells[layer]):
            row = history.on[start : start + width]
            for k in range(width):
                is_on[k] |= row[k]
            start += width
        for k in range(width):
            number += is_on[k] == 0
    return number


@apart(*NETWORK, error_model="numpy")
def described(handle, widths, parameters, linear, corners, exact, group):
    """Counts in the order of `RegionCounts`, the mesh, its history and the linear region of each cell.

    Arguments as of `partition`.
    """
    mesh, history, last = partition(handle, widths, parameters, linear, corners, exact, group, -1)
    cells, counts = len(mesh.pointer) - 1, np.zeros(5, np.int64)
    label = np.zeros(cells, np.int64)
    if len(history.cells):
        label = labels(mesh, history, last, parameters, linear, exact)
    for cell in range(cells):
        counts[0] = max(counts[0], label[cell] + 1)
    counts[1], counts[2] = cells, never_on(history)
    area, bound = areas_of(mesh)
    whole, whole_bound = areas_of(polygon_mesh(corners))
    counts[3] = wide(mesh, history, label, area, bound, whole[0], whole_bound[0], exact)
    counts[4] = wide(mesh, history, np.arange(cells), area, bound, whole[0], whole_bound[0], exact)
    return counts, mesh, history, label


@njit(cache=True)
def count(handle, widths, parameters, linear, corners, exact, group):
    """The counts of `described`."""
    return described(handle, widths, parameters, linear, corners, exact, group)[0]


@njit(cache=True)
def describe(handle, widths, parameters, linear, corners, exact, group):
    """The mesh of `described` as points, ends, sides and pointer, the linear region of each cell, and the history."""
    _, mesh, history, label = described(handle, widths, parameters, linear, corners, exact, group)
    return mesh.points, mesh.ends, mesh.sides, mesh.pointer, label, history


@njit(cache=True)
def cells_up_to(handle, widths, parameters, linear, corners, exact, group, limit):
    """How many activation regions there are; more than `limit` of them need not be all."""
    mesh, _, _ = partition(handle, widths, parameters, linear, corners, exact, group, limit)
    return len(mesh.pointer) - 1
