# ruff: noqa: ANN001, ANN201 - numba infers the types
# mypy: allow-untyped-defs, no-check-untyped-defs
"""The partition of a convex polygon by the neurons of a ReLU network, as a mesh refined layer by layer: compiled.

Cells are convex, every edge knows the cells on both sides and the number of the line it lies on
(`exact.Oracle`). In a layer each edge is cut first, once for both of its cells, then each cell by
itself.
"""

from collections import namedtuple

import numpy as np

from triangle_cli.compiling import njit
from triangle_cli.regions.plane.cells import Made, nothing_made, split_cells
from triangle_cli.regions.plane.edges import Cuts, no_cuts, split_edges
from triangle_cli.regions.plane.halfedges import Layer, RimCuts
from triangle_cli.regions.plane.kernels import (
    cells_of,
    chain_ends,
    classify,
    lengthened,
    preactivations,
    rectify,
)
from triangle_cli.regions.plane.questions import History, ask_signs, nothing_told, with_answers

GROUP = 64  # neurons of the first layer that cut the domain at once

# points (n, 2) of the vertices, how far they may be from the true ones, and the two lines that each is on; ends (m, 2)
# of the edges, and their lines; cell i has sides pointer[i] .. pointer[i + 1], each 2 * edge + (1 if walked from its
# second end to the first), anticlockwise; cells left and right of each edge, -1 outside; some cell at each vertex
Mesh = namedtuple("Mesh", "points point_errors vertex_lines ends edge_lines pointer sides beside cell_at")

# How the last layer cut: pre-activations, bounds and signs at the vertices before and, signs only, on their edges; of
# all new vertices, those on edges first, the two that each lies between, where, and the cell of those within it
Last = namedtuple("Last", "values errors signs parents place cells")


@njit(cache=True)
def complete(points, point_errors, vertex_lines, ends, edge_lines, pointer, sides):
    """The mesh, from all but its last fields."""
    beside, cell_at = np.empty(ends.shape, np.int64), np.zeros(len(points), np.int64)
    cells_of(pointer, sides, ends, beside, cell_at)
    return Mesh(points, point_errors, vertex_lines, ends, edge_lines, pointer, sides, beside, cell_at)


@njit(cache=True)
def polygon_mesh(corners):
    """One cell: the convex polygon with these corners (n, 2), anticlockwise."""
    n = len(corners)
    here = np.arange(n)
    lines, ends = np.empty((n, 2), np.int64), np.empty((n, 2), np.int64)
    for i in range(n):
        lines[i, 0], lines[i, 1] = (i - 1) % n, i
        ends[i, 0], ends[i, 1] = i, (i + 1) % n
    return complete(corners.copy(), np.zeros((n, 2)), lines, ends, here.copy(), np.array([0, n]), 2 * here)


@njit(cache=True)
def layer_of(widths, parameters, layer):
    """Weight (out, in) and bias (out,) of a layer, out of the row of all of them."""
    start = 0
    for l in range(layer):
        start += widths[l + 1] * (widths[l] + 1)
    end = start + widths[layer + 1] * widths[layer]
    weight = parameters[start:end].reshape(widths[layer + 1], widths[layer])
    return weight, parameters[end : end + widths[layer + 1]]


@njit(inline="always")
def signs_at_vertices(mesh, values, errors, linear, history, exact):
    """Signs of the layer's neurons, 1 of `linear` ones; values found to be 0 become so."""
    signs, pairs = classify(values, errors, exact)
    n = 0
    for i in range(len(pairs)):
        if not linear[pairs[i, 1]]:
            pairs[n, 0], pairs[n, 1] = pairs[i, 0], pairs[i, 1]
            n += 1
    for k in range(values.shape[1]):
        if linear[k]:
            signs[:, k] = 1
    if n:
        v, k = pairs[:n, 0].copy(), pairs[:n, 1].copy()
        lines = history.cuts[-1, 0] + mesh.cell_at[v] * values.shape[1] + k
        points = mesh.vertex_lines[v]
        found = ask_signs(history, points[:, 0].copy(), points[:, 1].copy(), lines)
        for i in range(n):
            signs[v[i], k[i]] = found[i]
            if found[i] == 0:
                values[v[i], k[i]] = errors[v[i], k[i]] = 0.0
    return signs


@njit(inline="always")
def cut_edges_of(mesh, layer, cell_of, history, exact):
    """`split_edges` until no question is left, trimmed; layer: with the signs at the new vertices."""
    base, width = history.cuts[-1, 0], layer.signs.shape[1]
    items = np.arange(len(mesh.ends))
    told, cuts, signs, n = nothing_told(items.size), no_cuts(items.size), layer.signs, 0
    while items.size:
        cuts, signs, n, asked = split_edges(items, mesh.ends, layer, signs, told, exact, cuts, n)
        if not len(asked):
            break
        index, key = asked[:, 0].copy(), asked[:, 1].copy()
        asker = items[index]
        line = base + cell_of[asker] * width
        found = ask_signs(history, mesh.edge_lines[asker], line + asked[:, 2], line + asked[:, 3])
        items, told = with_answers(items, told, index, key, found)
    cuts = Cuts(cuts.parents[:n], cuts.place[:n], cuts.neuron[:n], cuts.edge[:n], cuts.start, cuts.count)
    return cuts, Layer(signs[: len(layer.values) + n], layer.values, layer.errors)


@njit(inline="always")
def cut_cells_of(mesh, layer, cuts, pieces, history, exact):
    """`split_cells` until no question is left, trimmed; pieces: how many edges there are before."""
    base, width = history.cuts[-1, 0], layer.signs.shape[1]
    items = np.arange(len(mesh.pointer) - 1)
    told, made, sizes = nothing_told(items.size), nothing_made(items.size, width), np.zeros(4, np.int64)
    while items.size:
        made, asked = split_cells(items, mesh, layer, cuts, told, exact, pieces, made, sizes)
        if not len(asked):
            break
        index, key = asked[:, 0].copy(), asked[:, 1].copy()
        line = base + items[index] * width
        found = ask_signs(history, line + asked[:, 2], line + asked[:, 3], line + asked[:, 4])
        items, told = with_answers(items, told, index, key, found)
    vertices, edges, cells, sides = sizes
    return Made(
        made.parents[:vertices],
        made.place[:vertices],
        made.makers[:vertices],
        made.ends[:edges],
        made.lines[:edges],
        made.sizes[:cells],
        made.sides[:sides],
        made.origin[:cells],
        made.on[:cells],
    )


@njit(error_model="numpy", inline="always")
def cut(mesh, values, errors, linear, history, exact):
    """Refine the mesh by neurons whose pre-activations at its vertices are `values`, known up to `errors`.

    Returns the new mesh, what it was `Last` cut by, and the on/off row and the old cell of each new cell.
    """
    width, old = values.shape[1], len(mesh.ends)
    base = history.cuts[-1, 0]
    cell_of = np.maximum(mesh.beside[:, 0], mesh.beside[:, 1])  # a cell at each edge
    signs = signs_at_vertices(mesh, values, errors, linear, history, exact)
    cuts, layer = cut_edges_of(mesh, Layer(signs, values, errors), cell_of, history, exact)
    n = len(cuts.neuron)

    first_piece = np.empty(old, np.int64)
    pieces = np.empty((old + n, 2), np.int64)
    piece_lines = np.empty(old + n, np.int64)
    last = 0
    for e in range(old):
        first_piece[e] = last
        for _ in range(cuts.count[e] + 1):
            piece_lines[last] = mesh.edge_lines[e]
            last += 1
    chain_ends(mesh.ends, cuts.start, cuts.count, len(values), first_piece, pieces)

    rim = RimCuts(cuts.parents, cuts.place, cuts.start, cuts.count, first_piece)
    made = cut_cells_of(mesh, layer, rim, len(pieces), history, exact)
    lines = np.empty((n + len(made.makers), 2), np.int64)  # of the new vertices
    for i in range(n):
        lines[i, 0] = mesh.edge_lines[cuts.edge[i]]
        lines[i, 1] = base + cell_of[cuts.edge[i]] * width + cuts.neuron[i]
    for i in range(len(made.makers)):
        for j in range(2):
            lines[n + i, j] = base + made.makers[i, 0] * width + made.makers[i, 1 + j]
    inner_lines = base + made.lines[:, 0] * width + made.lines[:, 1]
    pointer = np.zeros(len(made.sizes) + 1, np.int64)
    for i in range(len(made.sizes)):
        pointer[i + 1] = pointer[i] + made.sizes[i]
    parents = np.concatenate((cuts.parents, made.parents))
    place = np.concatenate((cuts.place, made.place))
    points, point_errors = lengthened(mesh.points, mesh.point_errors, parents, place)
    new_mesh = complete(
        points,
        point_errors,
        np.concatenate((mesh.vertex_lines, lines)),
        np.concatenate((pieces, made.ends)),
        np.concatenate((piece_lines, inner_lines)),
        pointer,
        made.sides,
    )
    last_cut = Last(values, errors, layer.signs, parents, place, made.makers[:, 0].copy())
    return new_mesh, last_cut, made.on, made.origin


@njit(cache=True)
def joined(rows, parents, width):
    """On/off rows and parents of the last cells, from those after each group of neurons and before the first."""
    cells, first = np.arange(len(rows[-1])), width
    on = np.empty((cells.size, width), np.uint8)
    for step in range(len(rows) - 1, 0, -1):
        first -= rows[step].shape[1]
        for i in range(cells.size):
            on[i, first : first + rows[step].shape[1]] = rows[step][cells[i]]
            cells[i] = parents[step][cells[i]]
    return on, cells


@njit(error_model="numpy", inline="always")
def partition(handle, widths, parameters, linear, corners, exact, group, limit):
    """Cut the convex polygon `corners` (n, 2), anticlockwise, by all hidden neurons but the `linear`.

    widths: neurons of each level from the inputs on; parameters: weights and biases, layer after layer; linear: of the
    hidden neurons; group: neurons of the first layer that cut at once; limit: cells after which to stop, -1: none.
    Returns the mesh, its `History` and what it was `Last` cut by.
    """
    mesh = polygon_mesh(corners)
    nothing = np.empty((0, 4), np.int64), np.empty(0, np.int64), np.empty(0, np.uint8), np.empty(0, np.int64)
    history = History(handle, widths, *nothing)
    next_line, n = len(corners), 0
    inputs, errors = mesh.points, mesh.point_errors
    last = Last(
        inputs, errors, np.empty((0, 0), np.int8), np.empty((0, 2), np.int64), inputs, np.empty(0, np.int64)
    )
    for layer in range(len(widths) - 2):
        if 0 <= limit < len(mesh.pointer) - 1:
            break
        weight, bias = layer_of(widths, parameters, layer)
        width = len(bias)
        is_linear = linear[n : n + width]
        n += width
        # a wide first layer cuts some neurons at a time, so that few lines cross any one cell; later layers need none
        # of this, their cells are small already
        step = group if layer == 0 else width
        rows, parents = [np.empty((0, 0), np.uint8)], [np.arange(len(mesh.pointer) - 1)]
        for first in range(0, width, step):
            part = slice(first, min(first + step, width))
            row = np.array([[next_line, layer, first, part.stop - first]])
            next_line += (len(mesh.pointer) - 1) * (part.stop - first)
            numbered = np.concatenate((history.cuts, row))
            history = History(handle, widths, numbered, history.cells, history.on, history.parent)
            if first:
                inputs, errors = mesh.points, mesh.point_errors
            values, bounds = preactivations(weight[part], bias[part], inputs, errors)
            mesh, last, on, origin = cut(mesh, values, bounds, is_linear[part], history, exact)
            rows.append(on)
            parents.append(origin)
        if step < width:
            on, origin = joined(rows, parents, width)
        history = History(
            handle,
            widths,
            history.cuts,
            np.append(history.cells, len(origin)),
            np.concatenate((history.on, on.reshape(on.size))),
            np.concatenate((history.parent, origin)),
        )
        if layer == len(widths) - 3:
            break
        if step < width:
            inputs, errors = preactivations(weight, bias, mesh.points, mesh.point_errors)
            rectify(inputs, errors, np.empty((0, width), np.int8), is_linear)
        else:
            inputs, errors = lengthened(last.values, last.errors, last.parents, last.place)
            rectify(inputs, errors, last.signs, is_linear)
    return mesh, history, last
