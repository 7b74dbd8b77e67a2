# ruff: noqa: ANN001, ANN201 - numba infers the types
# mypy: allow-untyped-defs, no-check-untyped-defs
"""Compiled loop that cuts one convex cell after another by the lines of one layer's neurons.

The neurons that take both signs in a cell are put in one by one: their signs at the cell's vertices, a new
vertex on each inner edge with opposite ends, a new edge across each polygon with two zeros that are not
neighbours. The cell is kept as half-edges: h and h ^ 1 are twins, of the boundary (the rim) only even ones
are used.
"""

from collections import namedtuple

import numpy as np

from triangle_cli.compiling import njit
from triangle_cli.regions.plane.kernels import UNDECIDED, crossing, grown, lerp, sign_of

Cells = namedtuple("Cells", "pointer sides ends")  # as in `mesh.Mesh`
Layer = namedtuple("Layer", "signs values errors")  # signs also at the new vertices on edges
Cuts = namedtuple("Cuts", "parents place start count first_piece")  # new vertices on edges, see `split_edges`
Told = namedtuple("Told", "start key sign")  # answers per item

# vertices: name in the mesh, a half-edge from it, .., the two it lies between, where, neurons crossing;
# half-edges: .., neuron of an inner edge, side of a rim edge; faces: a half-edge, zeros, the first two
Work = namedtuple(
    "Work",
    "name out sign value error base at maker origin after ahead face line code side zeros zero stack reached",
)
Made = namedtuple("Made", "parents place makers ends lines sizes sides origin on asked")  # what is returned


@njit(cache=True)
def work_space(rim, lines):
    """Room for a cell with up to `rim` sides and up to so many lines across, each crossing all others."""
    vertices = rim + lines * (lines - 1) // 2
    edges = rim + lines * lines
    faces = vertices - rim + lines + 1
    return Work(
        np.empty(vertices, np.int64),
        np.empty(vertices, np.int64),
        np.empty(vertices, np.int8),
        np.empty(vertices),
        np.empty(vertices),
        np.empty((vertices, 2), np.int64),
        np.empty((vertices, 2)),
        np.empty((vertices, 2), np.int64),
        np.empty(2 * edges, np.int64),
        np.empty(2 * edges, np.int64),
        np.empty(2 * edges, np.int64),
        np.empty(2 * edges, np.int64),
        np.empty(edges, np.int64),
        np.empty(rim, np.int64),
        np.empty(faces, np.int64),
        np.zeros(faces, np.int64),
        np.empty((faces, 2), np.int64),
        np.empty(faces, np.int64),
        np.empty(faces, np.bool_),
    )


@njit(cache=True)
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
        made.asked,
    )


@njit(cache=True, inline="always")
def load_rim(cells, cuts, cell, old, work):
    """Set up the cell's boundary, pieces of its edges; returns the number of pieces."""
    n = 0
    for i in range(cells.pointer[cell], cells.pointer[cell + 1]):
        edge, turn = cells.sides[i] >> 1, cells.sides[i] & 1
        pieces = cuts.count[edge] + 1
        for j in range(pieces):
            piece = pieces - 1 - j if turn else j
            if j == 0:
                work.name[n] = cells.ends[edge, turn]
            else:
                work.name[n] = old + cuts.start[edge] + (piece if turn else piece - 1)
            work.code[n] = 2 * (cuts.first_piece[edge] + piece) + turn
            work.origin[2 * n], work.face[2 * n], work.out[n] = n, 0, 2 * n
            work.after[2 * n], work.ahead[2 * n] = 2 * n + 2, 2 * n - 2
            n += 1
    work.after[2 * n - 2], work.ahead[0] = 0, 2 * n - 2
    work.side[0] = work.zeros[0] = 0
    return n


@njit(cache=True, error_model="numpy", inline="always")
def sign_rim(layer, cuts, k, rim, work):
    """Signs and values of neuron k on the rim."""
    old = layer.values.shape[0]
    for w in range(rim):
        v = work.name[w]
        work.sign[w] = layer.signs[v, k]
        if work.sign[w] == 0:
            work.value[w] = work.error[w] = 0.0
        elif v < old:
            work.value[w], work.error[w] = layer.values[v, k], layer.errors[v, k]
        else:
            p, q = cuts.parents[v - old, 0], cuts.parents[v - old, 1]
            t, t_error = cuts.place[v - old, 0], cuts.place[v - old, 1]
            work.value[w], work.error[w] = lerp(
                layer.values[p, k], layer.errors[p, k], layer.values[q, k], layer.errors[q, k], t, t_error
            )


@njit(cache=True, error_model="numpy", inline="always")
def cut_edges(k, rim, nv, ne, work):
    """A new vertex on each inner edge with opposite ends; returns the numbers of vertices and edges."""
    for e in range(rim, ne):
        h, back = 2 * e, 2 * e + 1
        p, q = work.origin[h], work.origin[back]
        if work.sign[p] * work.sign[q] >= 0:
            continue
        swapped, t, t_error = crossing(
            max(work.value[p] * work.sign[p], 0.0),
            work.error[p],
            max(work.value[q] * work.sign[q], 0.0),
            work.error[q],
        )
        w, new = nv, 2 * ne
        work.base[w, 0], work.base[w, 1] = (q, p) if swapped else (p, q)
        work.at[w, 0], work.at[w, 1] = t, t_error
        work.maker[w, 0], work.maker[w, 1] = work.line[e], k
        work.sign[w] = 0
        work.out[w] = new  # even: keeps its origin when it is cut
        work.line[ne] = work.line[e]
        nv, ne = nv + 1, ne + 1
        # h: p -> w, new: w -> q, new ^ 1: q -> w, back: w -> p
        work.origin[new], work.face[new] = w, work.face[h]
        work.after[new], work.ahead[new] = work.after[h], h
        work.ahead[work.after[h]] = new
        work.after[h] = new
        work.origin[new + 1], work.face[new + 1] = q, work.face[back]
        work.after[new + 1], work.ahead[new + 1] = back, work.ahead[back]
        work.after[work.ahead[back]] = new + 1
        work.ahead[back] = new + 1
        work.origin[back] = w
    return nv, ne


@njit(cache=True, inline="always")
def find_zeros(rim, nv, work):
    """Count the zeros of each face, note the first two; returns the number of faces on the stack."""
    n = 0
    for w in range(nv):
        if work.sign[w] != 0:
            continue
        h = work.out[w]
        while True:  # around the vertex: from one side of the rim to the other, or all around
            f = work.face[h]
            if work.zeros[f] == 0:
                work.stack[n] = f
                n += 1
            if work.zeros[f] < 2:
                work.zero[f, work.zeros[f]] = h
            work.zeros[f] += 1
            if work.ahead[h] < 2 * rim:
                break
            h = work.ahead[h] ^ 1
            if h == work.out[w]:
                break
    return n


@njit(cache=True, inline="always")
def cut_faces(k, n, ne, nf, work):
    """A new edge across each of the n faces on the stack that k's line cuts; returns ne, nf.

    A line through a convex polygon meets its boundary twice; with more zeros, or neighbours, it runs along
    it.
    """
    for i in range(n):
        f = work.stack[i]
        crossed = work.zeros[f] == 2
        work.zeros[f] = 0
        g, h = work.zero[f, 0], work.zero[f, 1]
        if not crossed or work.after[g] == h or work.after[h] == g:
            continue
        new = 2 * ne
        work.line[ne] = k
        ne += 1
        # new: origin[g] -> origin[h] closes the walk from h; its twin closes the walk from g
        work.origin[new], work.origin[new + 1] = work.origin[g], work.origin[h]
        before_g, before_h = work.ahead[g], work.ahead[h]
        work.after[before_h], work.ahead[new + 1] = new + 1, before_h
        work.after[new + 1], work.ahead[g] = g, new + 1
        work.after[before_g], work.ahead[new] = new, before_g
        work.after[new], work.ahead[h] = h, new
        work.face[new + 1] = f
        work.side[f], work.side[nf] = g, h
        work.zeros[nf] = 0
        s = h
        while True:
            work.face[s] = nf
            s = work.after[s]
            if s == h:
                break
        nf += 1
    return ne, nf


@njit(cache=True, inline="always")
def read_on(rows, first, positive, active, signs, twin, rim, nf, work):
    """On/off rows of the faces from `first` on: read off on the rim, then from face to face.

    Between two faces the neuron of their edge turns, and all of its `twin`s, neurons with the same line here.
    """
    for f in range(nf):
        work.reached[f] = False
    start = work.face[0]
    row = first + start
    for k in range(positive.size):
        rows[row, k] = positive[k]
    for k in active:  # no side of the cell lies on an active neuron's line
        v = work.name[0] if signs[work.name[0], k] != 0 else work.name[1]
        rows[row, k] = signs[v, k] > 0
    work.reached[start] = True
    work.stack[0] = start
    n = 1
    while n:
        n -= 1
        f = work.stack[n]
        h = work.side[f]
        while True:
            if h >= 2 * rim and not work.reached[work.face[h ^ 1]]:
                g = work.face[h ^ 1]
                work.reached[g] = True
                for k in range(positive.size):
                    rows[first + g, k] = rows[first + f, k]
                k = work.line[h >> 1]
                while k >= 0:
                    rows[first + g, k] ^= 1
                    k = twin[k]
                work.stack[n] = g
                n += 1
            h = work.after[h]
            if h == work.side[f]:
                break


@njit(cache=True, error_model="numpy")
def split_cells(items, cells, layer, cuts, told, exact, vertex_base, edge_base):
    """Cut each cell of `items` by all neurons of the layer that take both signs in it.

    Returns `Made`: parents, place and (cell, neuron, neuron) of the new vertices, to be numbered from
    vertex_base; ends and (cell, neuron) of the new edges, from edge_base; the new cells' numbers of sides,
    sides, item they come from and on/off rows; and the questions (item index, key, neuron and neuron of the
    vertex, neuron asked).
    """
    width = layer.signs.shape[1]
    made = Made(
        np.empty((64, 2), np.int64),
        np.empty((64, 2)),
        np.empty((64, 3), np.int64),
        np.empty((64, 2), np.int64),
        np.empty((64, 2), np.int64),
        np.empty(items.size, np.int64),
        np.empty(4 * items.size, np.int64),
        np.empty(items.size, np.int64),
        np.empty((items.size, width), np.uint8),
        np.empty((0, 5), np.int64),
    )
    asked = np.empty((64, 5), np.int64)
    n_vertices = n_edges = n_cells = n_sides = n_asked = 0
    room_rim, room_lines = 64, 8
    work = work_space(room_rim, room_lines)
    positive, negative = np.empty(width, np.uint8), np.empty(width, np.uint8)
    all_active, twin = np.empty(width, np.int64), np.empty(width, np.int64)
    for item in range(items.size):
        cell = items[item]
        for k in range(width):
            positive[k] = negative[k] = 0
        rim = 0
        for i in range(cells.pointer[cell], cells.pointer[cell + 1]):
            edge, turn = cells.sides[i] >> 1, cells.sides[i] & 1
            corner = cells.ends[edge, turn]
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
        load_rim(cells, cuts, cell, layer.values.shape[0], work)
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
            made.origin[n_cells + f] = item
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
    return Made(
        made.parents[:n_vertices],
        made.place[:n_vertices],
        made.makers[:n_vertices],
        made.ends[:n_edges],
        made.lines[:n_edges],
        made.sizes[:n_cells],
        made.sides[:n_sides],
        made.origin[:n_cells],
        made.on[:n_cells],
        asked[:n_asked],
    )
