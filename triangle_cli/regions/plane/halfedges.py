# ruff: noqa: ANN001, ANN201 - numba infers the types
# mypy: allow-untyped-defs, no-check-untyped-defs
"""One convex cell as half-edges, and what a line does to it.

h and h ^ 1 are twins, of the boundary (the rim) only even ones are used.
"""

from collections import namedtuple

import numpy as np
from numba import types

from triangle_cli.compiling import UNCOUNTED, inside
from triangle_cli.regions.plane.kernels import crossing, floats, integers, lerp
from triangle_cli.regions.plane.records import FLOAT_ROWS, FLOATS, INTEGER_ROWS, INTEGERS

# vertices: name in the mesh, a half-edge from it, sign of the last neuron, the last whose value and bound are known,
# these, the two it lies between, where, neurons crossing;
# half-edges: .., neuron of an inner edge, side of a rim edge; faces: a half-edge, zeros, the first two
Work = namedtuple(
    "Work",
    "name out sign known value error base at maker origin after ahead face line code side zeros zero stack reached",
)
WORK = types.NamedTuple(
    (
        *(
            INTEGERS,
            INTEGERS,
            types.int8[::1],
            INTEGERS,
            FLOATS,
            FLOATS,
            INTEGER_ROWS,
            FLOAT_ROWS,
            INTEGER_ROWS,
        ),
        *(INTEGERS, INTEGERS, INTEGERS, INTEGERS, INTEGERS, INTEGERS),
        *(INTEGERS, INTEGERS, INTEGER_ROWS, INTEGERS, INTEGERS),
    ),
    Work,
)


@inside()
def work_space(rim, lines):
    """Room for a cell with up to `rim` sides and up to so many lines across, each crossing all others."""
    v, h = rim + lines * (lines - 1) // 2, 2 * (rim + lines * lines)
    f = v - rim + lines + 1
    # a few arrays, cut up: each is a call to the allocator
    of_vertices, of_halves = np.empty(3 * v, np.int64), np.empty(5 * h, np.int64)
    of_faces, pairs, numbers = np.empty(4 * f + rim, np.int64), integers(2 * v + f, 2), np.empty(2 * v)
    return Work(
        of_vertices[:v],
        of_vertices[v : 2 * v],
        np.empty(v, np.int8),
        of_vertices[2 * v :],
        numbers[:v],
        numbers[v:],
        pairs[:v],
        floats(v, 2),
        pairs[v : 2 * v],
        of_halves[:h],
        of_halves[h : 2 * h],
        of_halves[2 * h : 3 * h],
        of_halves[3 * h : 4 * h],
        of_halves[4 * h :],
        of_faces[4 * f :],
        of_faces[:f],
        of_faces[f : 2 * f],
        pairs[2 * v :],
        of_faces[2 * f : 3 * f],
        of_faces[3 * f : 4 * f],
    )


@inside(**UNCOUNTED)
def load_rim(mesh, cuts, cell, old, work):
    """Set up the cell's boundary, pieces of its edges."""
    n = 0
    for i in range(mesh.pointer[cell], mesh.pointer[cell + 1]):
        edge, turn = mesh.sides[i] >> 1, mesh.sides[i] & 1
        pieces = cuts.count[edge] + 1
        for j in range(pieces):
            piece = pieces - 1 - j if turn else j
            if j == 0:
                work.name[n] = mesh.ends[edge, turn]
            else:
                work.name[n] = old + cuts.start[edge] + (piece if turn else piece - 1)
            work.known[n] = -1
            work.code[n] = 2 * (cuts.first_piece[edge] + piece) + turn
            work.origin[2 * n], work.face[2 * n], work.out[n] = n, 0, 2 * n
            work.after[2 * n], work.ahead[2 * n] = 2 * n + 2, 2 * n - 2
            n += 1
    work.after[2 * n - 2], work.ahead[0] = 0, 2 * n - 2
    work.side[0] = work.zeros[0] = 0


@inside(**UNCOUNTED)
def sign_rim(layer, k, rim, work):
    """Signs of neuron k on the rim."""
    for w in range(rim):
        work.sign[w] = layer.signs[work.name[w], k]


@inside(**UNCOUNTED)
def evaluate(layer, cuts, k, a, rim, vertex, work):
    """Value and bound of neuron k, the a-th of the cell, at a vertex of known sign."""
    old, n = len(layer.values), 1
    work.stack[0] = vertex
    while n:  # first at the vertices that it lies between, back to the rim
        w = work.stack[n - 1]
        p, q = work.base[w, 0], work.base[w, 1]
        if work.known[w] == a:
            n -= 1
        elif work.sign[w] == 0:
            work.value[w] = work.error[w] = 0.0
            work.known[w] = a
        elif w < rim:
            v = work.name[w]
            if v < old:
                work.value[w], work.error[w] = layer.values[v, k], layer.errors[v, k]
            else:
                p, q = cuts.parents[v - old, 0], cuts.parents[v - old, 1]
                t, t_error = cuts.place[v - old, 0], cuts.place[v - old, 1]
                work.value[w], work.error[w] = lerp(
                    layer.values[p, k], layer.errors[p, k], layer.values[q, k], layer.errors[q, k], t, t_error
                )
            work.known[w] = a
        elif work.known[p] != a:
            work.stack[n] = p
            n += 1
        elif work.known[q] != a:
            work.stack[n] = q
            n += 1
        else:
            work.value[w], work.error[w] = lerp(
                work.value[p], work.error[p], work.value[q], work.error[q], work.at[w, 0], work.at[w, 1]
            )
            work.known[w] = a


@inside(**UNCOUNTED)
def cut_edges(layer, cuts, k, a, rim, nv, ne, work):
    """A new vertex on each inner edge with opposite ends; returns the numbers of vertices and edges.

    k: the neuron, the a-th of the cell.
    """
    for e in range(rim, ne):
        h, back = 2 * e, 2 * e + 1
        p, q = work.origin[h], work.origin[back]
        if work.sign[p] * work.sign[q] >= 0:
            continue
        evaluate(layer, cuts, k, a, rim, p, work)
        evaluate(layer, cuts, k, a, rim, q, work)
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
        work.sign[w], work.known[w] = 0, -1
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


@inside(**UNCOUNTED)
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


@inside(**UNCOUNTED)
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


@inside(**UNCOUNTED)
def read_on(rows, first, n_active, active, signs, rim, nf, work):
    """On/off rows of the faces from `first` on: read off on the rim, then from face to face.

    Between two faces the neuron of their edge turns, and all of its twins, neurons with the same line here.
    """
    for f in range(nf):
        work.reached[f] = 0
    start = work.face[0]
    row = first + start
    for k in range(rows.shape[1]):
        rows[row, k] = active.positive[k]
    for a in range(n_active):  # no side of the cell lies on an active neuron's line
        k = active.neurons[a]
        v = work.name[0] if signs[work.name[0], k] != 0 else work.name[1]
        rows[row, k] = signs[v, k] > 0
    work.reached[start] = 1
    work.stack[0] = start
    n = 1
    while n:
        n -= 1
        f = work.stack[n]
        h = work.side[f]
        while True:
            if h >= 2 * rim and not work.reached[work.face[h ^ 1]]:
                g = work.face[h ^ 1]
                work.reached[g] = 1
                for k in range(rows.shape[1]):
                    rows[first + g, k] = rows[first + f, k]
                k = work.line[h >> 1]
                while k >= 0:
                    rows[first + g, k] ^= 1
                    k = active.twin[k]
                work.stack[n] = g
                n += 1
            h = work.after[h]
            if h == work.side[f]:
                break
