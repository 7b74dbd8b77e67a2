# ruff: noqa: ANN001, ANN201 - numba infers the types
# mypy: allow-untyped-defs, no-check-untyped-defs
"""Compiled loop that cuts one convex cell after another by the lines of one layer's neurons.

The neurons that take both signs in a cell are put in one by one: their signs at the cell's vertices, a new
vertex on each inner edge with opposite ends, a new edge across each polygon with two zeros that are not
neighbours.
"""

from collections import namedtuple

import numpy as np
from numba import types

from triangle_cli.compiling import UNCOUNTED, apart, inside
from triangle_cli.regions.plane.halfedges import (
    WORK,
    cut_edges,
    cut_faces,
    evaluate,
    find_zeros,
    load_rim,
    read_on,
    sign_rim,
    work_space,
)
from triangle_cli.regions.plane.kernels import UNDECIDED, floats, grown, integers, lerp, sign_of
from triangle_cli.regions.plane.records import INTEGER_ROWS, INTEGERS, LAYER, MADE, MESH, RIM_CUTS, TOLD, Made

# Of the neurons of a layer in one cell: whether they are positive and negative anywhere on its rim, those that are
# both, and for each of them the next whose line is the same, or -1
Active = namedtuple("Active", "positive negative neurons twin")
ACTIVE = types.NamedTuple((types.uint8[::1], types.uint8[::1], INTEGERS, INTEGERS), Active)

# What is counted: rows in use, and, of the cell that is next, those that it takes and the room to cut it in
VERTICES, EDGES, CELLS, SIDES, ASKED, RIM, LINES = range(7)


@inside()
def nothing_made(vertices, edges, cells, sides, width):
    """`Made` with room for so many rows."""
    pairs, numbers = integers(vertices + 2 * edges, 2), np.empty(2 * cells + sides, np.int64)
    return Made(
        pairs[:vertices],
        floats(vertices, 2),
        integers(vertices, 3),
        pairs[vertices : vertices + edges],
        pairs[vertices + edges :],
        numbers[:cells],
        numbers[2 * cells :],
        numbers[cells : 2 * cells],
        np.empty((cells, width), np.uint8),
    )


@inside()
def roomier(made, vertices, edges, cells, sides):
    """`made` with room for so many rows."""
    return Made(
        grown(made.parents, vertices),
        grown(made.place, vertices),
        grown(made.makers, vertices),
        grown(made.ends, edges),
        grown(made.lines, edges),
        grown(made.sizes, cells),
        grown(made.sides, sides),
        grown(made.origin, cells),
        grown(made.on, cells),
    )


@inside(**UNCOUNTED)
def find_active(mesh, layer, cuts, cell, active):
    """The neurons that take both signs in a cell, into `active`; returns their number, and that of the rim's pieces."""
    width, rim = active.positive.size, 0
    for k in range(width):
        active.positive[k] = active.negative[k] = 0
    for i in range(mesh.pointer[cell], mesh.pointer[cell + 1]):
        edge, turn = mesh.sides[i] >> 1, mesh.sides[i] & 1
        corner = mesh.ends[edge, turn]
        for k in range(width):
            active.positive[k] |= layer.signs[corner, k] > 0
            active.negative[k] |= layer.signs[corner, k] < 0
        rim += cuts.count[edge] + 1
    n = 0
    for k in range(width):
        active.neurons[n] = k
        n += active.positive[k] & active.negative[k]
    return n, rim


@inside(**UNCOUNTED)
def sign_inner(item, layer, cuts, told, exact, k, a, rim, nv, at_answer, work, asked, n_asked):
    """Signs of neuron k, the a-th of the cell, at its inner vertices.

    Returns how many answers have been used and how many questions there are; those that `asked` has no room for are
    counted only.
    """
    for w in range(rim, nv):
        p, q = work.base[w, 0], work.base[w, 1]
        sign = work.sign[p] | work.sign[q]  # that of either end, if not 0
        if work.sign[p] == UNDECIDED or work.sign[q] == UNDECIDED:
            sign = UNDECIDED
        elif work.sign[p] * work.sign[q] < 0:
            evaluate(layer, cuts, k, a, rim, p, work)
            evaluate(layer, cuts, k, a, rim, q, work)
            work.value[w], work.error[w] = lerp(
                work.value[p], work.error[p], work.value[q], work.error[q], work.at[w, 0], work.at[w, 1]
            )
            work.known[w] = a
            sign = UNDECIDED if exact else sign_of(work.value[w], work.error[w])
            if sign == UNDECIDED:
                key = a * (1 << 32) + w
                if at_answer < told.start[item + 1] and told.key[at_answer] == key:
                    sign = told.sign[at_answer]
                    at_answer += 1
                else:
                    if n_asked < len(asked):
                        asked[n_asked, 0], asked[n_asked, 1], asked[n_asked, 4] = item, key, k
                        asked[n_asked, 2], asked[n_asked, 3] = work.maker[w, 0], work.maker[w, 1]
                    n_asked += 1
            if sign == 0:
                work.value[w] = work.error[w] = 0.0
        work.sign[w] = sign
    return at_answer, n_asked


@inside(**UNCOUNTED)
def find_twin(k, first, end, active, work):
    """Note that the line of neuron k, which cut no face, runs along that of an earlier neuron, if so."""
    for e in range(first, end):
        if work.sign[work.origin[2 * e]] == 0 and work.sign[work.origin[2 * e + 1]] == 0:
            active.twin[k] = active.twin[work.line[e]]
            active.twin[work.line[e]] = k
            break


@inside(**UNCOUNTED)
def cut_cell(item, mesh, layer, cuts, cell, told, exact, rim, n_active, active, work, asked, n_asked):
    """Cut a cell by its active neurons; returns the numbers of vertices, edges and faces, and of questions.

    As many faces as 0 if a question waits for its answer.
    """
    load_rim(mesh, cuts, cell, len(layer.values), work)
    nv, ne, nf, at_answer = rim, rim, 1, told.start[item]
    for a in range(n_active):
        k = active.neurons[a]
        sign_rim(layer, k, rim, work)
        at_answer, n = sign_inner(
            item, layer, cuts, told, exact, k, a, rim, nv, at_answer, work, asked, n_asked
        )
        if n > n_asked:
            return nv, ne, 0, n
        nv, ne = cut_edges(layer, cuts, k, a, rim, nv, ne, work)
        touched, faces = find_zeros(rim, nv, work), nf
        ne, nf = cut_faces(k, touched, ne, nf, work)
        active.twin[k] = -1
        if nf == faces:
            find_twin(k, rim, ne, active, work)
    return nv, ne, nf, n_asked


@inside(**UNCOUNTED)
def add_cell(cell, rim, nv, ne, nf, n_active, layer, active, vertex_base, edge_base, work, made, sizes):
    """What a cell has been cut into as rows of `made` after those in use."""
    for w in range(rim, nv):
        i = sizes[VERTICES] + w - rim
        work.name[w] = vertex_base + i
        made.parents[i, 0], made.parents[i, 1] = work.name[work.base[w, 0]], work.name[work.base[w, 1]]
        made.place[i, 0], made.place[i, 1] = work.at[w, 0], work.at[w, 1]
        made.makers[i, 0], made.makers[i, 1], made.makers[i, 2] = cell, work.maker[w, 0], work.maker[w, 1]
    for e in range(rim, ne):
        i = sizes[EDGES] + e - rim
        made.ends[i, 0], made.ends[i, 1] = work.name[work.origin[2 * e]], work.name[work.origin[2 * e + 1]]
        made.lines[i, 0], made.lines[i, 1] = cell, work.line[e]
    sides = sizes[SIDES]
    new = edge_base + sizes[EDGES] - rim  # the number of edge e in the mesh is new + e
    for f in range(nf):
        i, h = sizes[CELLS] + f, work.side[f]
        made.origin[i], made.sizes[i] = cell, -sides
        while True:
            e = h >> 1
            made.sides[sides] = work.code[e] if e < rim else 2 * (new + e) + (h & 1)
            sides += 1
            h = work.after[h]
            if h == work.side[f]:
                break
        made.sizes[i] += sides
    read_on(made.on, sizes[CELLS], n_active, active, layer.signs, rim, nf, work)
    sizes[VERTICES] += nv - rim
    sizes[EDGES] += ne - rim
    sizes[CELLS] += nf
    sizes[SIDES] = sides


@apart(
    *(types.int64, INTEGERS, MESH, LAYER, RIM_CUTS, TOLD, types.boolean, types.int64, types.int64),
    *(ACTIVE, WORK, INTEGER_ROWS, MADE, INTEGERS, INTEGERS),
    error_model="numpy",
    **UNCOUNTED,
)
def split_some_cells(
    first, items, mesh, layer, cuts, told, exact, limit, edge_base, active, work, asked, made, sizes, wanted
):
    """`split_cells` of the items from the first on; returns the first that there was no room for, and what it takes.

    There is no room for more than `limit` cells.
    """
    vertex_base = len(layer.values) + len(cuts.parents)
    for item in range(first, items.size):
        cell = items[item]
        for i in range(wanted.size):
            wanted[i] = sizes[i]
        n_active, rim = find_active(mesh, layer, cuts, cell, active)
        wanted[RIM], wanted[LINES] = rim, n_active
        if rim > sizes[RIM] or n_active > sizes[LINES]:
            return item
        nv, ne, nf, n_asked = cut_cell(
            item, mesh, layer, cuts, cell, told, exact, rim, n_active, active, work, asked, sizes[ASKED]
        )
        if nf == 0:
            wanted[ASKED] = n_asked
            if n_asked > len(asked):
                return item
            sizes[ASKED] = n_asked
            continue
        wanted[VERTICES] += nv - rim
        wanted[EDGES] += ne - rim
        wanted[CELLS] += nf
        wanted[SIDES] += rim + 2 * (ne - rim)
        if (
            wanted[VERTICES] > len(made.parents)
            or wanted[EDGES] > len(made.ends)
            or wanted[CELLS] > min(limit, len(made.sizes))
            or wanted[SIDES] > len(made.sides)
        ):
            return item
        add_cell(cell, rim, nv, ne, nf, n_active, layer, active, vertex_base, edge_base, work, made, sizes)
    return items.size


@inside()
def nothing_active(width):
    """Room for `Active` of so many neurons."""
    signs, neurons = np.empty(2 * width, np.uint8), integers(2, width)
    return Active(signs[:width], signs[width:], neurons[0], neurons[1])


@apart(
    *(types.int64, INTEGERS, MESH, LAYER, RIM_CUTS, TOLD, types.boolean, types.int64, types.int64),
    *(INTEGER_ROWS, MADE, INTEGERS, INTEGERS),
    error_model="numpy",
)
def split_more_cells(
    item, items, mesh, layer, cuts, told, exact, limit, edge_base, asked, made, sizes, wanted
):
    """`split_cells` of the items from one on that there was no room for; wanted: what it takes."""
    active = nothing_active(layer.signs.shape[1])
    while wanted[CELLS] <= limit:
        if wanted[RIM] > sizes[RIM] or wanted[LINES] > sizes[LINES]:
            for i in (RIM, LINES):
                sizes[i] = max(sizes[i], wanted[i] + wanted[i] // 4)
        work = work_space(sizes[RIM], sizes[LINES])
        asked = grown(asked, wanted[ASKED])
        made = roomier(made, wanted[VERTICES], wanted[EDGES], wanted[CELLS], wanted[SIDES])
        item = split_some_cells(
            *(item, items, mesh, layer, cuts, told, exact, limit, edge_base),
            *(active, work, asked, made, sizes, wanted),
        )
        if item == items.size:
            return made, asked[: sizes[ASKED]]
    sizes[CELLS] = 0
    return made, asked[:0]


@apart(
    *(INTEGERS, MESH, LAYER, RIM_CUTS, TOLD, types.boolean, types.int64, types.int64, MADE, INTEGERS),
    error_model="numpy",
)
def split_cells(items, mesh, layer, cuts, told, exact, limit, edge_base, made, sizes):
    """Cut each cell of `items` by all neurons of the layer that take both signs in it.

    Adds to `made`, whose first `sizes` vertices, edges, cells and sides are in use; vertices are numbered from the
    layer's signs on, edges from edge_base. Returns it, and the questions (item index, key, neuron and neuron of the
    vertex, neuron asked). Gives up, without cells or questions, at more than `limit` cells.
    """
    asked = integers(64, 5)
    sizes[ASKED], sizes[RIM], sizes[LINES] = 0, 48, 16
    wanted = sizes.copy()
    work, active = work_space(sizes[RIM], sizes[LINES]), nothing_active(layer.signs.shape[1])
    item = split_some_cells(
        0, items, mesh, layer, cuts, told, exact, limit, edge_base, active, work, asked, made, sizes, wanted
    )
    if item == items.size:
        return made, asked[: sizes[ASKED]]
    return split_more_cells(
        item, items, mesh, layer, cuts, told, exact, limit, edge_base, asked, made, sizes, wanted
    )
