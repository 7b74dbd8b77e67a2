# ruff: noqa: ANN001, ANN201 - numba infers the types
# mypy: allow-untyped-defs, no-check-untyped-defs
"""Compiled loop that cuts one convex cell after another by the lines of one layer's neurons.

The neurons that take both signs in a cell are put in one by one: their signs at the cell's vertices, a new
vertex on each inner edge with opposite ends, a new edge across each polygon with two zeros that are not
neighbours.
"""

import numpy as np
from numba import types

from triangle_cli.compiling import apart, inside
from triangle_cli.regions.plane.halfedges import (
    cut_edges,
    cut_faces,
    find_zeros,
    load_rim,
    read_on,
    sign_rim,
    work_space,
)
from triangle_cli.regions.plane.kernels import UNDECIDED, floats, grown, integers, lerp, sign_of
from triangle_cli.regions.plane.records import INTEGERS, LAYER, MADE, MESH, RIM_CUTS, TOLD, Made


@inside()
def nothing_made(cells, width):
    """`Made` with room for some rows."""
    return Made(
        integers(cells, 2),
        floats(cells, 2),
        integers(cells, 3),
        integers(cells, 2),
        integers(cells, 2),
        np.empty(cells, np.int64),
        np.empty(4 * cells, np.int64),
        np.empty(cells, np.int64),
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


@apart(
    *(INTEGERS, MESH, LAYER, RIM_CUTS, TOLD, types.boolean, types.int64, MADE, INTEGERS), error_model="numpy"
)
def split_cells(items, mesh, layer, cuts, told, exact, edge_base, made, sizes):
    """Cut each cell of `items` by all neurons of the layer that take both signs in it.

    Adds to `made`, whose first `sizes` vertices, edges, cells and sides are in use; vertices are numbered from the
    layer's signs on, edges from edge_base. Returns it, and the questions (item index, key, neuron and neuron of the
    vertex, neuron asked).
    """
    width = layer.signs.shape[1]
    asked = integers(64, 5)
    n_vertices, n_edges, n_cells, n_sides, n_asked = sizes[0], sizes[1], sizes[2], sizes[3], 0
    vertex_base = len(layer.values) + cuts.parents.shape[0]
    room_rim, room_lines = 16, 4
    work = work_space(room_rim, room_lines)
    positive, negative = np.empty(width, np.uint8), np.empty(width, np.uint8)
    all_active, twin = np.empty(width, np.int64), np.empty(width, np.int64)
    for item in range(items.size):
        cell = items[item]
        for k in range(width):
            positive[k] = negative[k] = 0
        rim = 0
        for i in range(mesh.pointer[cell], mesh.pointer[cell + 1]):
            edge, turn = mesh.sides[i] >> 1, mesh.sides[i] & 1
            corner = mesh.ends[edge, turn]
            for k in range(width):
                positive[k] |= layer.signs[corner, k] > 0
                negative[k] |= layer.signs[corner, k] < 0
            rim += cuts.count[edge] + 1
        n_active = 0
        for k in range(width):
            if positive[k] and negative[k]:
                all_active[n_active] = k
                n_active += 1
        active = all_active[:n_active]
        if rim > room_rim or n_active > room_lines:
            room_rim, room_lines = max(room_rim, 2 * rim), max(room_lines, 2 * n_active)
            work = work_space(room_rim, room_lines)
        load_rim(mesh, cuts, cell, len(layer.values), work)
        nv, ne, nf = rim, rim, 1
        at_answer = told.start[item]
        waits = False
        for a in range(n_active):
            k = active[a]
            sign_rim(layer, cuts, k, rim, work)
            for w in range(rim, nv):
                p, q = work.base[w, 0], work.base[w, 1]
                work.value[w], work.error[w] = lerp(
                    work.value[p], work.error[p], work.value[q], work.error[q], work.at[w, 0], work.at[w, 1]
                )
                if work.sign[p] == UNDECIDED or work.sign[q] == UNDECIDED:
                    work.sign[w] = UNDECIDED
                elif work.sign[p] * work.sign[q] >= 0:  # the sign of either end, if not 0
                    work.sign[w] = work.sign[p] | work.sign[q]
                else:
                    sign = UNDECIDED if exact else sign_of(work.value[w], work.error[w])
                    if sign == UNDECIDED:
                        key = a * (1 << 32) + w
                        if at_answer < told.start[item + 1] and told.key[at_answer] == key:
                            sign = told.sign[at_answer]
                            at_answer += 1
                        else:
                            asked = grown(asked, n_asked + 1)
                            asked[n_asked, 0], asked[n_asked, 1], asked[n_asked, 4] = item, key, k
                            asked[n_asked, 2], asked[n_asked, 3] = work.maker[w, 0], work.maker[w, 1]
                            n_asked += 1
                            waits = True
                    work.sign[w] = sign
                if work.sign[w] == 0:
                    work.value[w] = work.error[w] = 0.0
            if waits:
                break
            nv, ne = cut_edges(k, rim, nv, ne, work)
            touched = find_zeros(rim, nv, work)
            faces = nf
            ne, nf = cut_faces(k, touched, ne, nf, work)
            twin[k] = -1
            if nf == faces:  # the line runs along that of an earlier neuron
                for e in range(rim, ne):
                    if work.sign[work.origin[2 * e]] == 0 and work.sign[work.origin[2 * e + 1]] == 0:
                        twin[k] = twin[work.line[e]]
                        twin[work.line[e]] = k
                        break
        if waits:
            continue

        vertices, edges = n_vertices + nv - rim, n_edges + ne - rim
        sides = n_sides + rim + 2 * (ne - rim)
        if (
            vertices > len(made.parents)
            or edges > len(made.ends)
            or n_cells + nf > len(made.sizes)
            or sides > len(made.sides)
        ):
            made = roomier(made, vertices, edges, n_cells + nf, sides)
        for w in range(rim, nv):
            i = n_vertices + w - rim
            work.name[w] = vertex_base + i
            made.parents[i, 0], made.parents[i, 1] = work.name[work.base[w, 0]], work.name[work.base[w, 1]]
            made.place[i, 0], made.place[i, 1] = work.at[w, 0], work.at[w, 1]
            made.makers[i, 0], made.makers[i, 1], made.makers[i, 2] = cell, work.maker[w, 0], work.maker[w, 1]
        for e in range(rim, ne):
            i = n_edges + e - rim
            made.ends[i, 0], made.ends[i, 1] = (
                work.name[work.origin[2 * e]],
                work.name[work.origin[2 * e + 1]],
            )
            made.lines[i, 0], made.lines[i, 1] = cell, work.line[e]
        for f in range(nf):
            h = work.side[f]
            made.origin[n_cells + f] = cell
            made.sizes[n_cells + f] = -n_sides
            while True:
                e = h >> 1
                made.sides[n_sides] = (
                    work.code[e] if e < rim else 2 * (edge_base + n_edges + e - rim) + (h & 1)
                )
                n_sides += 1
                h = work.after[h]
                if h == work.side[f]:
                    break
            made.sizes[n_cells + f] += n_sides
        read_on(made.on, n_cells, positive, active, layer.signs, twin, rim, nf, work)
        n_vertices, n_edges = vertices, edges
        n_cells += nf
    sizes[0], sizes[1], sizes[2], sizes[3] = n_vertices, n_edges, n_cells, n_sides
    return made, asked[:n_asked]
