# ruff: noqa: ANN001, ANN201 - numba infers the types
# mypy: allow-untyped-defs, no-check-untyped-defs
"""The partition of a convex polygon by the neurons of a ReLU network, as a mesh refined layer by layer: compiled.

Cells are convex, every edge knows the cells on both sides and the number of the line it lies on
(`exact.Oracle`). In a layer each edge is cut first, once for both of its cells, then each cell by
itself.
"""

import numpy as np
from numba import types

from triangle_cli.compiling import apart, inside
from triangle_cli.regions.plane.cells import CELLS, EDGES, SIDES, VERTICES, nothing_made, split_cells
from triangle_cli.regions.plane.edges import no_cuts, split_edges
from triangle_cli.regions.plane.kernels import (
    cells_of,
    chain_ends,
    classify,
    integers,
    joined,
    lengthened,
    preactivations,
    rectify,
)
from triangle_cli.regions.plane.questions import ask_signs, nothing_told, with_answers
from triangle_cli.regions.plane.records import (
    BITS,
    FLOAT_ROWS,
    FLOATS,
    HISTORY,
    INTEGERS,
    MESH,
    Cuts,
    History,
    Last,
    Layer,
    Made,
    Mesh,
    RimCuts,
)

# arguments of `partition` but the last
NETWORK = (
    types.int64,
    INTEGERS,
    FLOATS,
    BITS,
    FLOAT_ROWS,
    types.boolean,
    types.int64,
)
GROUP = 64  # neurons of the first layer that cut the domain at once


@inside()
def complete(points, point_errors, vertex_lines, ends, edge_lines, pointer, sides):
    """The mesh, from all but its last fields."""
    beside, cell_at = np.empty(ends.shape, np.int64), np.zeros(len(points), np.int64)
    cells_of(pointer, sides, ends, beside, cell_at)
    return Mesh(points, point_errors, vertex_lines, ends, edge_lines, pointer, sides, beside, cell_at)


@inside()
def polygon_mesh(corners):
    """One cell: the convex polygon with these corners (n, 2), anticlockwise."""
    n = len(corners)
    here = np.arange(n)
    lines, ends = integers(n, 2), integers(n, 2)
    for i in range(n):
        lines[i, 0], lines[i, 1] = (i - 1) % n, i
        ends[i, 0], ends[i, 1] = i, (i + 1) % n
    return complete(corners.copy(), np.zeros((n, 2)), lines, ends, here.copy(), np.array([0, n]), 2 * here)


@inside()
def layer_of(widths, parameters, layer):
    """Weight (out, in) and bias (out,) of a layer, out of the row of all of them."""
    start = 0
    for l in range(layer):
        start += widths[l + 1] * (widths[l] + 1)
    end = start + widths[layer + 1] * widths[layer]
    weight = parameters[start:end].reshape(widths[layer + 1], widths[layer])
    return weight, parameters[end : end + widths[layer + 1]]


@inside(inline="always")
def signs_at_vertices(mesh, values, errors, linear, history, exact):
    """Signs of the layer's neurons, 1 of `linear` ones; values found to be 0 become so."""
    signs, pairs = classify(values, errors, exact)
    n = 0
    for i in range(len(pairs)):
        if not linear[pairs[i, 1]]:
            pairs[n, 0], pairs[n, 1] = pairs[i, 0], pairs[i, 1]
            n += 1
    for k in range(values.shape[1]):
        for v in range(len(values) if linear[k] else 0):
            signs[v, k] = 1
    if n:
        lines, base = integers(3, n), history.cuts[-1, 0]
        for i in range(n):
            v, k = pairs[i, 0], pairs[i, 1]
            lines[0, i], lines[1, i] = mesh.vertex_lines[v, 0], mesh.vertex_lines[v, 1]
            lines[2, i] = base + mesh.cell_at[v] * values.shape[1] + k
        found = ask_signs(history, lines)
        for i in range(n):
            v, k = pairs[i, 0], pairs[i, 1]
            signs[v, k] = found[i]
            if found[i] == 0:
                values[v, k] = errors[v, k] = 0.0
    return signs


@inside(inline="always")
def cut_edges_of(mesh, layer, cell_of, history, exact):
    """`split_edges` until no question is left, trimmed; layer: with the signs at the new vertices."""
    base, width = history.cuts[-1, 0], layer.signs.shape[1]
    items = np.arange(len(mesh.ends))
    told, cuts, signs, n = (
        nothing_told(items.size),
        no_cuts(items.size, 2 * items.size + width),
        layer.signs,
        0,
    )
    while items.size:
        cuts, signs, n, asked = split_edges(items, mesh.ends, layer, signs, told, exact, cuts, n)
        if not len(asked):
            break
        lines = integers(3, len(asked))
        for i in range(len(asked)):
            edge = items[asked[i, 0]]
            line = base + cell_of[edge] * width
            lines[0, i], lines[1, i], lines[2, i] = (
                mesh.edge_lines[edge],
                line + asked[i, 2],
                line + asked[i, 3],
            )
        items, told = with_answers(items, told, asked, ask_signs(history, lines))
    cuts = Cuts(cuts.parents[:n], cuts.place[:n], cuts.neuron[:n], cuts.edge[:n], cuts.start, cuts.count)
    return cuts, Layer(signs[: len(layer.values) + n], layer.values, layer.errors)


@inside(inline="always")
def cut_cells_of(mesh, layer, cuts, pieces, history, exact):
    """`split_cells` until no question is left, trimmed; pieces: how many edges there are before."""
    base, width = history.cuts[-1, 0], layer.signs.shape[1]
    items = np.arange(len(mesh.pointer) - 1)
    room = 3 * items.size + 32
    told, sizes = nothing_told(items.size), np.zeros(7, np.int64)
    made = nothing_made(room, 2 * room, room, 6 * room, width)
    while items.size:
        made, asked = split_cells(items, mesh, layer, cuts, told, exact, pieces, made, sizes)
        if not len(asked):
            break
        lines = integers(3, len(asked))
        for i in range(len(asked)):
            for j in range(3):
                lines[j, i] = base + items[asked[i, 0]] * width + asked[i, 2 + j]
        items, told = with_answers(items, told, asked, ask_signs(history, lines))
    vertices, edges, cells, sides = sizes[VERTICES], sizes[EDGES], sizes[CELLS], sizes[SIDES]
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


@apart(MESH, FLOAT_ROWS, FLOAT_ROWS, BITS, HISTORY, types.boolean, error_model="numpy")
def cut(mesh, values, errors, linear, history, exact):
    """Refine the mesh by neurons whose pre-activations at its vertices are `values`, known up to `errors`.

    Returns the new mesh, what it was `Last` cut by, and the on/off row and the old cell of each new cell.
    """
    width, old = values.shape[1], len(mesh.ends)
    base = history.cuts[-1, 0]
    cell_of = np.empty(old, np.int64)  # a cell at each edge
    for e in range(old):
        cell_of[e] = max(mesh.beside[e, 0], mesh.beside[e, 1])
    signs = signs_at_vertices(mesh, values, errors, linear, history, exact)
    cuts, layer = cut_edges_of(mesh, Layer(signs, values, errors), cell_of, history, exact)
    n = len(cuts.neuron)

    first_piece = np.empty(old, np.int64)
    pieces = integers(old + n, 2)
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
    lines, makers = integers(n + len(made.makers), 2), np.empty(len(made.makers), np.int64)
    for i in range(n):
        lines[i, 0] = mesh.edge_lines[cuts.edge[i]]
        lines[i, 1] = base + cell_of[cuts.edge[i]] * width + cuts.neuron[i]
    for i in range(len(made.makers)):
        makers[i] = made.makers[i, 0]
        for j in range(2):
            lines[n + i, j] = base + made.makers[i, 0] * width + made.makers[i, 1 + j]
    inner_lines = np.empty(len(made.lines), np.int64)
    for i in range(len(made.lines)):
        inner_lines[i] = base + made.lines[i, 0] * width + made.lines[i, 1]
    pointer = np.zeros(len(made.sizes) + 1, np.int64)
    for i in range(len(made.sizes)):
        pointer[i + 1] = pointer[i] + made.sizes[i]
    parents = joined(cuts.parents, made.parents)
    place = joined(cuts.place, made.place)
    points, point_errors = lengthened(mesh.points, mesh.point_errors, parents, place)
    new_mesh = complete(
        points,
        point_errors,
        joined(mesh.vertex_lines, lines),
        joined(pieces, made.ends),
        joined(piece_lines, inner_lines),
        pointer,
        made.sides,
    )
    last_cut = Last(values, errors, layer.signs, parents, place, makers)
    return new_mesh, last_cut, made.on, made.origin


@inside()
def joined_groups(rows, parents, width):
    """On/off rows and parents of the last cells, from those after each group of neurons and before the first."""
    cells, first = np.arange(len(rows[-1])), width
    on = np.empty((cells.size, width), np.uint8)
    for step in range(len(rows) - 1, 0, -1):
        row, parent = rows[step], parents[step]
        first -= row.shape[1]
        for i in range(cells.size):
            for k in range(row.shape[1]):
                on[i, first + k] = row[cells[i], k]
            cells[i] = parent[cells[i]]
    return on, cells


@apart(*NETWORK, types.int64, error_model="numpy")
def partition(handle, widths, parameters, linear, corners, exact, group, limit):
    """Cut the convex polygon `corners` (n, 2), anticlockwise, by all hidden neurons but the `linear`.

    widths: neurons of each level from the inputs on; parameters: weights and biases, layer after layer; linear: of the
    hidden neurons; group: neurons of the first layer that cut at once; limit: cells after which to stop, -1: none.
    Returns the mesh, its `History` and what it was `Last` cut by.
    """
    mesh = polygon_mesh(corners)
    nothing = integers(0, 4), np.empty(0, np.int64), np.empty(0, np.uint8), np.empty(0, np.int64)
    history = History(handle, widths, *nothing)
    next_line, n = len(corners), 0
    inputs, errors = mesh.points, mesh.point_errors
    last = Last(inputs, errors, np.empty((0, 0), np.int8), integers(0, 2), inputs, np.empty(0, np.int64))
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
            end = min(first + step, width)
            row = np.array([[next_line, layer, first, end - first]])
            next_line += (len(mesh.pointer) - 1) * (end - first)
            numbered = joined(history.cuts, row)
            history = History(handle, widths, numbered, history.cells, history.on, history.parent)
            if first:
                inputs, errors = mesh.points, mesh.point_errors
            values, bounds = preactivations(weight[first:end], bias[first:end], inputs, errors)
            mesh, last, on, origin = cut(mesh, values, bounds, is_linear[first:end], history, exact)
            rows.append(on)
            parents.append(origin)
        if step < width:
            on, origin = joined_groups(rows, parents, width)
        history = History(
            handle,
            widths,
            history.cuts,
            joined(history.cells, np.array([len(origin)])),
            joined(history.on, on.reshape(on.size)),
            joined(history.parent, origin),
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
