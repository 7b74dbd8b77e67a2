# ruff: noqa: ANN001, ANN201 - numba infers the types
# mypy: allow-untyped-defs, no-check-untyped-defs
"""The partition of a convex polygon by the neurons of a ReLU network, as a mesh refined layer by layer: compiled.

Cells are convex, every edge knows the cells on both sides and the number of the line it lies on
(`exact.Oracle`). In a layer each edge is cut first, once for both of its cells, then each cell by
itself.
"""

import numpy as np
from numba import types

from triangle_cli.compiling import UNCOUNTED, apart, inside
from triangle_cli.regions.plane.cells import CELLS, EDGES, SIDES, VERTICES, nothing_made, split_cells
from triangle_cli.regions.plane.edges import no_cuts, split_edges
from triangle_cli.regions.plane.kernels import (
    UNDECIDED,
    cells_of,
    classify,
    copy,
    integers,
    joined,
    lengthened,
    rectify,
)
from triangle_cli.regions.plane.products import preactivations, preactivations_after
from triangle_cli.regions.plane.questions import ask_signs, nothing_told, with_answers
from triangle_cli.regions.plane.records import (
    ACTIVATION,
    BITS,
    CUTS,
    FLOAT_ROWS,
    FLOATS,
    HISTORY,
    INTEGER_ROWS,
    INTEGERS,
    LAYER,
    MADE,
    MESH,
    RIM_CUTS,
    SIGN_ROWS,
    TOLD,
    Cuts,
    History,
    Last,
    Layer,
    Made,
    Mesh,
    RimCuts,
)

NETWORK = types.int64, INTEGERS, FLOATS, BITS, INTEGERS  # first arguments of `partition`
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
    here, pointer = np.arange(n), np.zeros(2, np.int64)
    pointer[1] = n
    lines, ends = integers(n, 2), integers(n, 2)
    for i in range(n):
        lines[i, 0], lines[i, 1] = (i - 1) % n, i
        ends[i, 0], ends[i, 1] = i, (i + 1) % n
    return complete(corners, np.zeros((n, 2)), lines, ends, here, pointer, 2 * here)


@inside()
def layer_of(widths, parameters, layer):
    """Weight (out, in) and bias (out,) of a layer, out of the row of all of them."""
    start = 0
    for l in range(layer):
        start += widths[l + 1] * (widths[l] + 1)
    end = start + widths[layer + 1] * widths[layer]
    weight = parameters[start:end].reshape(widths[layer + 1], widths[layer])
    return weight, parameters[end : end + widths[layer + 1]]


@inside(**UNCOUNTED)
def lines_at(mesh, signs, base, lines):
    """Two lines through the vertex, and that of the neuron, of each sign that is UNDECIDED."""
    n = 0
    for v in range(signs.shape[0]):
        for k in range(signs.shape[1]):
            if signs[v, k] == UNDECIDED:
                lines[0, n], lines[1, n] = mesh.vertex_lines[v, 0], mesh.vertex_lines[v, 1]
                lines[2, n] = base + mesh.cell_at[v] * signs.shape[1] + k
                n += 1


@inside(**UNCOUNTED)
def take_signs(found, signs, values, errors):
    """Put the answers in the places of the UNDECIDED signs; values found to be 0 become so."""
    n = 0
    for v in range(signs.shape[0]):
        for k in range(signs.shape[1]):
            if signs[v, k] == UNDECIDED:
                signs[v, k] = found[n]
                if found[n] == 0:
                    values[v, k] = errors[v, k] = 0.0
                n += 1


@inside(inline="always")
def signs_at_vertices(mesh, values, errors, linear, history, exact):
    """Signs of the layer's neurons, 1 of `linear` ones; values found to be 0 become so."""
    signs = np.empty(values.shape, np.int8)
    undecided = classify(values, errors, linear, exact, signs)
    if undecided:
        lines = integers(3, undecided)
        lines_at(mesh, signs, history.cuts[-1, 0], lines)
        take_signs(ask_signs(history, lines), signs, values, errors)
    return signs


@apart(
    *(INTEGER_ROWS, INTEGERS, MESH, LAYER, TOLD, HISTORY, types.boolean, types.int64),
    *(CUTS, SIGN_ROWS, types.int64),
    error_model="numpy",
)
def cut_asking_edges(asked, items, mesh, layer, told, history, exact, limit, cuts, signs, n):
    """`split_edges` until no question is left."""
    base, width = history.cuts[-1, 0], signs.shape[1]
    while len(asked):
        lines = integers(3, len(asked))
        for i in range(len(asked)):
            edge = items[asked[i, 0]]
            line = base + max(mesh.beside[edge, 0], mesh.beside[edge, 1]) * width  # of a cell at the edge
            lines[0, i], lines[1, i], lines[2, i] = (
                mesh.edge_lines[edge],
                line + asked[i, 2],
                line + asked[i, 3],
            )
        items, told = with_answers(items, told, asked, ask_signs(history, lines))
        cuts, signs, n, asked = split_edges(items, mesh.ends, layer, signs, told, exact, limit, cuts, n)
    return cuts, signs, n


@inside(inline="always")
def cut_edges_of(items, mesh, layer, told, history, exact, limit):
    """`split_edges`, trimmed; layer: with the signs at the new vertices."""
    cuts, signs = no_cuts(items.size, 2 * items.size + layer.signs.shape[1]), layer.signs
    # questions, which are rare, are asked elsewhere: a loop here would count who holds all that goes round in it
    cuts, signs, n, asked = split_edges(items, mesh.ends, layer, signs, told, exact, limit, cuts, 0)
    if len(asked):
        cuts, signs, n = cut_asking_edges(
            asked, items, mesh, layer, told, history, exact, limit, cuts, signs, n
        )
    cuts = Cuts(cuts.parents[:n], cuts.place[:n], cuts.neuron[:n], cuts.edge[:n], cuts.start, cuts.count)
    return cuts, Layer(signs[: len(layer.values) + n], layer.values, layer.errors)


@apart(
    *(INTEGER_ROWS, INTEGERS, MESH, LAYER, RIM_CUTS, types.int64, TOLD, HISTORY),
    *(types.boolean, types.int64, MADE, INTEGERS),
    error_model="numpy",
)
def cut_asking_cells(asked, items, mesh, layer, cuts, pieces, told, history, exact, limit, made, sizes):
    """`split_cells` until no question is left."""
    base, width = history.cuts[-1, 0], layer.signs.shape[1]
    while len(asked):
        lines = integers(3, len(asked))
        for i in range(len(asked)):
            for j in range(3):
                lines[j, i] = base + items[asked[i, 0]] * width + asked[i, 2 + j]
        items, told = with_answers(items, told, asked, ask_signs(history, lines))
        made, asked = split_cells(items, mesh, layer, cuts, told, exact, limit, pieces, made, sizes)
    return made


@inside(inline="always")
def cut_cells_of(items, mesh, layer, cuts, pieces, told, history, exact, limit):
    """`split_cells`, trimmed; pieces: how many edges there are before."""
    room, sizes = 5 * items.size + 32, np.zeros(7, np.int64)
    made = nothing_made(room, 2 * room, room, 6 * room, layer.signs.shape[1])
    made, asked = split_cells(items, mesh, layer, cuts, told, exact, limit, pieces, made, sizes)
    if len(asked):
        made = cut_asking_cells(
            asked, items, mesh, layer, cuts, pieces, told, history, exact, limit, made, sizes
        )
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


@inside(**UNCOUNTED)
def cut_into_pieces(mesh, cuts, first_vertex, first_piece, pieces, piece_lines):
    """Ends and lines of the pieces of each edge, whose vertices are numbered from first_vertex on."""
    n = 0
    for e in range(len(mesh.ends)):
        first_piece[e], last = n, mesh.ends[e, 0]
        for i in range(cuts.count[e] + 1):
            pieces[n, 0], piece_lines[n] = last, mesh.edge_lines[e]
            last = first_vertex + cuts.start[e] + i if i < cuts.count[e] else mesh.ends[e, 1]
            pieces[n, 1] = last
            n += 1


@inside(**UNCOUNTED)
def add_lines(mesh, cuts, made, base, width, vertex_lines, edge_lines):
    """Lines of the new vertices and edges as rows after those of the mesh and of its edges' pieces."""
    row = len(mesh.points)
    for i in range(len(cuts.neuron)):
        e = cuts.edge[i]
        cell = max(mesh.beside[e, 0], mesh.beside[e, 1])
        vertex_lines[row, 0] = mesh.edge_lines[e]
        vertex_lines[row, 1] = base + cell * width + cuts.neuron[i]
        row += 1
    for i in range(len(made.makers)):
        for j in range(2):
            vertex_lines[row, j] = base + made.makers[i, 0] * width + made.makers[i, 1 + j]
        row += 1
    row = len(edge_lines) - len(made.lines)
    for i in range(len(made.lines)):
        edge_lines[row + i] = base + made.lines[i, 0] * width + made.lines[i, 1]


@inside(**UNCOUNTED)
def point_to(sizes, pointer):
    """Where the part of each starts, in a row of parts of these sizes, and where the last ends."""
    pointer[0] = 0
    for i in range(len(sizes)):
        pointer[i + 1] = pointer[i] + sizes[i]


@apart(MESH, FLOAT_ROWS, FLOAT_ROWS, BITS, HISTORY, types.boolean, types.int64, error_model="numpy")
def cut(mesh, values, errors, linear, history, exact, limit):
    """Refine the mesh by neurons whose pre-activations at its vertices are `values`, known up to `errors`.

    Returns the new mesh, what it was `Last` cut by, and the on/off row and the old cell of each new cell; no cells, and
    the mesh as it was, if there would be more than `limit`.
    """
    width, old = values.shape[1], len(mesh.ends)
    signs = signs_at_vertices(mesh, values, errors, linear, history, exact)
    items, told = np.arange(old), nothing_told(old)
    cuts, layer = cut_edges_of(items, mesh, Layer(signs, values, errors), told, history, exact, 2 * limit)
    n = old + len(cuts.neuron)
    # lines cross at least one cell at each new vertex, from side to side: for two vertices, there is one cell more
    if len(cuts.neuron) > 2 * limit:
        given_up = Last(values, errors, layer.signs, cuts.parents, cuts.place, integers(0, 3))
        return mesh, given_up, np.empty((0, width), np.uint8), np.empty(0, np.int64)
    first_piece = np.empty(old, np.int64)
    pieces, piece_lines = integers(n, 2), np.empty(n, np.int64)
    cut_into_pieces(mesh, cuts, len(values), first_piece, pieces, piece_lines)
    rim = RimCuts(cuts.parents, cuts.place, cuts.start, cuts.count, first_piece)
    items = items[: len(mesh.pointer) - 1]  # there are fewer cells than edges
    made = cut_cells_of(items, mesh, layer, rim, n, told, history, exact, limit)
    if len(made.sizes) == 0:
        given_up = Last(values, errors, layer.signs, cuts.parents, cuts.place, integers(0, 3))
        return mesh, given_up, np.empty((0, width), np.uint8), np.empty(0, np.int64)

    parents, place = joined(cuts.parents, made.parents), joined(cuts.place, made.place)
    points, point_errors = lengthened(mesh.points, mesh.point_errors, parents, place)
    vertex_lines, edge_lines = integers(len(points), 2), np.empty(n + len(made.lines), np.int64)
    copy(mesh.vertex_lines, vertex_lines, 0)
    copy(piece_lines, edge_lines, 0)
    add_lines(mesh, cuts, made, history.cuts[-1, 0], width, vertex_lines, edge_lines)
    pointer = np.empty(len(made.sizes) + 1, np.int64)
    point_to(made.sizes, pointer)
    new_mesh = complete(
        points, point_errors, vertex_lines, joined(pieces, made.ends), edge_lines, pointer, made.sides
    )
    last_cut = Last(values, errors, layer.signs, parents, place, made.makers)
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


@apart(*NETWORK, MESH, types.boolean, types.int64, types.int64, error_model="numpy")
def partition(handle, widths, parameters, linear, counts, domain, exact, group, limit):
    """Cut the domain, a `polygon_mesh`, by all hidden neurons but the `linear`.

    widths: neurons of each level from the inputs on; parameters: weights and biases, layer after layer; linear: of the
    hidden neurons; counts: as of `RegionCounts`, of which the number of cells is kept up to date; group: neurons of the
    first layer that cut at once; limit: of cells; the number is more, and the cut that makes more is not made, where
    there are more.
    Returns the mesh, its `History` and what it was `Last` cut by.
    """
    mesh = domain
    layers, next_line, n, m = len(widths) - 2, len(domain.ends), 0, 0
    numbered = integers(layers + widths[1] // group, 4)
    cells, all_on, all_parents = np.empty(layers, np.int64), np.empty(0, np.uint8), np.empty(0, np.int64)
    history = History(handle, widths, numbered[:0], cells[:0], all_on, all_parents)
    # of the cells after each group, and before the first
    rows, parents = [np.empty((0, 0), np.uint8)], [np.arange(1)]
    was_linear, is_grouped = linear[:0], False
    inputs, errors = mesh.points, mesh.point_errors
    last = Last(inputs, errors, np.empty((0, 0), np.int8), integers(0, 2), inputs, integers(0, 3))
    for layer in range(layers):
        weight, bias = layer_of(widths, parameters, layer)
        width = len(bias)
        is_linear = linear[n : n + width]
        n += width
        # a wide first layer cuts some neurons at a time, so that few lines cross any one cell; later layers need none
        # of this, their cells are small already
        step = group if layer == 0 else width
        for first in range(0, width, step):
            end = min(first + step, width)
            numbered[m, 0], numbered[m, 1] = next_line, layer
            numbered[m, 2], numbered[m, 3] = first, end - first
            next_line, m = next_line + (len(mesh.pointer) - 1) * (end - first), m + 1
            history = History(handle, widths, numbered[:m], cells[:layer], all_on, all_parents)
            if layer == 0:
                rows_of, offsets = weight[first:end], bias[first:end]
                values, bounds = preactivations(rows_of, offsets, mesh.points, mesh.point_errors)
            elif is_grouped:
                values, bounds = preactivations(weight, bias, inputs, errors)
            else:
                values, bounds = preactivations_after(last, was_linear, weight, bias)
            mesh, last, on, origin = cut(mesh, values, bounds, is_linear[first:end], history, exact, limit)
            if len(origin) == 0:
                counts[ACTIVATION] = limit + 1
                return mesh, history, last
            counts[ACTIVATION] = len(origin)
            if step < width:
                rows.append(on)
                parents.append(origin)
        if step < width:
            on, origin = joined_groups(rows, parents, width)
        cells[layer] = len(origin)
        all_on, all_parents = joined(all_on, on.reshape(on.size)), joined(all_parents, origin)
        history = History(handle, widths, numbered[:m], cells[: layer + 1], all_on, all_parents)
        was_linear, is_grouped = is_linear, step < width
        if is_grouped and layer < layers - 1:  # what it was last cut by is but its last neurons
            inputs, errors = preactivations(weight, bias, mesh.points, mesh.point_errors)
            for v in range(len(inputs)):
                rectify(inputs, errors, v, np.empty(0, np.int8), is_linear, inputs[v], errors[v])
    return mesh, history, last
