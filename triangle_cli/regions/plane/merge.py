# ruff: noqa: ANN001, ANN201 - numba infers the types
# mypy: allow-untyped-defs, no-check-untyped-defs
"""From activation regions to linear regions, compiled: neighbours across an edge with one affine map are one region.

That two maps differ is told by values of the outputs at four corners, else by products of weights where a single
neuron turns, else, as that they are the same, in integers.
"""

import numpy as np
from numba import types

from triangle_cli.compiling import apart, inside, njit
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
    on_edges = old + len(last.parents) - len(last.cells)  # the first vertex within a cell
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
            if v > on_edges and last.cells[v - on_edges] != last.cells[v - on_edges - 1]:
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


@inside()
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


@inside()
def turning(history, first_row, first_cell, left, right):
    """How many neurons differ between two final cells (2: two or more)."""
    flips = 0
    for layer in range(len(history.cells) - 1, -1, -1):
        if left == right or flips > 1:
            break
        width = history.widths[layer + 1]
        a, b = first_row[layer] + left * width, first_row[layer] + right * width
        for k in range(width):
            flips += history.on[a + k] ^ history.on[b + k]
        left, right = history.parent[first_cell[layer] + left], history.parent[first_cell[layer] + right]
    return min(flips, 2)


@inside()
def is_heard(history, parameters, first_row, first_cell, layer, neuron, cell):
    """Whether some output surely depends on `neuron` of `layer` in a final cell.

    On both sides of an edge where that neuron alone turns, all later neurons keep their state: the map
    changes by the neuron's own slope times its weight in the outputs, a product of masked matrices.
    """
    last = len(history.cells) - 1
    within = np.empty(last + 1, np.int64)  # the cell after each layer
    for l in range(last, -1, -1):
        within[l] = cell
        cell = history.parent[first_cell[l] + cell]
    values, errors = np.zeros(history.widths[layer + 1]), np.zeros(history.widths[layer + 1])
    values[neuron] = 1.0
    for l in range(layer, last + 1):
        weight, _ = layer_of(history.widths, parameters, l + 1)
        outputs, inputs = weight.shape
        start, gamma = first_row[l] + within[l] * inputs, (inputs + 4) * UNIT
        after, after_error = np.zeros(outputs), np.zeros(outputs)
        for o in range(outputs):
            total = bound = 0.0
            for k in range(inputs):
                w = weight[o, k] if history.on[start + k] or l == layer else 0.0
                if w != 0.0 and (values[k] != 0.0 or errors[k] != 0.0):
                    total += w * values[k]
                    bound += abs(w) * (gamma * abs(values[k]) + errors[k]) + TINY
            after[o], after_error[o] = total, bound * SLACK
            if l == last and abs(total) > bound * SLACK and abs(total) < 1e300:
                return True
        if l == layer:  # a weight as it is
            after_error[:] = 0.0
        values, errors = after, after_error
    return False


@apart(MESH, HISTORY, LAST, FLOATS, BITS, types.boolean, error_model="numpy")
def labels(mesh, history, last, parameters, linear, exact):
    """Linear region (label 0, 1, ..) of each activation region."""
    depth, cells = len(history.cells), len(mesh.pointer) - 1
    first_row, first_cell = np.zeros(depth + 1, np.int64), np.zeros(depth + 1, np.int64)
    for layer in range(depth):
        first_row[layer + 1] = first_row[layer] + history.cells[layer] * history.widths[layer + 1]
        first_cell[layer + 1] = first_cell[layer] + history.cells[layer]
    outputs, bounds, opposite = floats(0, 0), floats(0, 0), mesh.ends
    weight, bias = layer_of(history.widths, parameters, depth)
    if depth > 1 and not exact:
        outputs, bounds = outputs_at(last, linear[len(linear) - weight.shape[1] :], weight, bias)
        opposite = opposite_of(mesh)
    reaches = np.zeros(weight.shape[1], np.bool_)  # the outputs, from the last hidden layer
    for o in range(len(bias)):
        for k in range(reaches.size):
            reaches[k] |= weight[o, k] != 0.0
    pairs, n = integers(64, 2), 0
    for edge in range(len(mesh.ends)):
        left, right = mesh.beside[edge, 0], mesh.beside[edge, 1]
        if left < 0 or right < 0:
            continue
        if not exact:
            if outputs.size and bends(mesh, edge, opposite, outputs, bounds):
                continue
            if turning(history, first_row, first_cell, left, right) == 1:
                line = mesh.edge_lines[edge]
                cut = len(history.cuts) - 1
                while history.cuts[cut, 0] > line:
                    cut -= 1
                layer = history.cuts[cut, 1]
                neuron = history.cuts[cut, 2] + (line - history.cuts[cut, 0]) % history.cuts[cut, 3]
                if layer == depth - 1:
                    if reaches[neuron]:
                        continue
                elif is_heard(history, parameters, first_row, first_cell, layer, neuron, left):
                    continue
        pairs = grown(pairs, n + 1)
        pairs[n, 0], pairs[n, 1] = left, right
        n += 1
    if n == 0:
        return np.arange(cells)
    same, kept = ask_same_maps(history, pairs[:n]), 0
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
