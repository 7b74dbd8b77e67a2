"""Compiled loop that cuts one convex cell after another by the lines of one layer's neurons."""

import numpy as np
from numba import njit

from triangle_cli.regions.plane_kernels import UNDECIDED, crossing, grown, lerp, sign_of


@njit(cache=True, error_model="numpy")
def split_cells(
    items,
    pointer,
    sides,
    ends,
    signs,
    values,
    errors,
    parents,
    place,
    piece_start,
    piece_count,
    first_piece,
    told_start,
    told_key,
    told_sign,
    exact,
    vertex_base,
    edge_base,
):
    """Cut each cell of `items` by all neurons of the layer that take both signs in it.

    A cell is a cycle of sides, 2 * edge + (1 if walked backwards), anticlockwise. Its edges are already cut
    (`split_edges`); `signs` knows all vertices on them, `values` and `errors` only the older ones. Neurons are put
    in one by one: signs at the cell's vertices, a new vertex on each inner edge with opposite ends, a new edge across
    each polygon with two zeros that are not neighbours. The cell's half-edges h and h ^ 1 are twins; only even ones
    of its boundary are used.

    Returns parents, place and (cell, neuron, neuron) of the new vertices; ends and (cell, neuron) of the new edges;
    the new cells' number of sides, sides, (item index) parent and on/off rows; and the questions (item index,
    key, neuron and neuron of the vertex, neuron asked).
    """
    width = signs.shape[1]
    old = values.shape[0]
    out_parents = np.empty((64, 2), np.int64)
    out_place = np.empty((64, 2))
    out_makers = np.empty((64, 3), np.int64)
    out_ends = np.empty((64, 2), np.int64)
    out_lines = np.empty((64, 2), np.int64)
    out_sizes = np.empty(64, np.int64)
    out_sides = np.empty(64, np.int64)
    out_origin = np.empty(64, np.int64)
    out_on = np.empty((64, width), np.uint8)
    asked = np.empty((64, 5), np.int64)
    n_vertices = n_edges = n_cells = n_sides = n_asked = 0

    positive = np.empty(width, np.uint8)
    negative = np.empty(width, np.uint8)
    active = np.empty(width, np.int64)
    # the cell's vertices
    name = np.empty(64, np.int64)  # in the whole mesh
    base = np.empty((64, 2), np.int64)  # lies between these two
    at = np.empty((64, 2))
    maker = np.empty((64, 2), np.int64)
    out = np.empty(64, np.int64)  # a half-edge that starts here
    sign = np.empty(64, np.int8)
    value = np.empty(64)
    error = np.empty(64)
    # its half-edges
    origin = np.empty(64, np.int64)
    after = np.empty(64, np.int64)
    ahead = np.empty(64, np.int64)
    face = np.empty(64, np.int64)
    line = np.empty(64, np.int64)
    code = np.empty(64, np.int64)
    # its faces
    some_side = np.empty(64, np.int64)
    zeros = np.zeros(64, np.int64)
    zero = np.empty((64, 2), np.int64)
    touched = np.empty(64, np.int64)
    reached = np.zeros(64, np.bool_)
    twin_line = np.empty(width, np.int64)  # the next neuron with the same line in this cell, -1: none

    for item in range(items.size):
        cell = items[item]
        positive[:] = 0
        negative[:] = 0
        rim = 0
        for i in range(pointer[cell], pointer[cell + 1]):
            edge, turn = sides[i] >> 1, sides[i] & 1
            corner = signs[ends[edge, turn]]
            for k in range(width):
                positive[k] |= corner[k] > 0
                negative[k] |= corner[k] < 0
            rim += piece_count[edge] + 1
        n_active = 0
        for k in range(width):
            if positive[k] and negative[k]:
                active[n_active] = k
                n_active += 1
        if n_active == 0:
            out_sides = grown(out_sides, n_sides + rim)
            for i in range(pointer[cell], pointer[cell + 1]):  # no neuron changes sign: no side was cut
                out_sides[n_sides] = 2 * first_piece[sides[i] >> 1] + (sides[i] & 1)
                n_sides += 1
            out_sizes = grown(out_sizes, n_cells + 1)
            out_origin = grown(out_origin, n_cells + 1)
            out_on = grown(out_on, n_cells + 1)
            out_sizes[n_cells], out_origin[n_cells] = rim, item
            out_on[n_cells] = positive
            n_cells += 1
            continue

        name, out, sign, value, error = (
            grown(name, rim),
            grown(out, rim),
            grown(sign, rim),
            grown(value, rim),
            grown(error, rim),
        )
        origin, after, ahead = grown(origin, 2 * rim), grown(after, 2 * rim), grown(ahead, 2 * rim)
        face, line, code = grown(face, 2 * rim), grown(line, rim), grown(code, rim)
        n = 0
        for i in range(pointer[cell], pointer[cell + 1]):
            edge, turn = sides[i] >> 1, sides[i] & 1
            pieces = piece_count[edge] + 1
            for j in range(pieces):
                piece = pieces - 1 - j if turn else j
                if j == 0:
                    name[n] = ends[edge, turn]
                else:
                    name[n] = old + piece_start[edge] + (piece if turn else piece - 1)
                code[n] = 2 * (first_piece[edge] + piece) + turn
                origin[2 * n], face[2 * n], out[n] = n, 0, 2 * n
                after[2 * n], ahead[2 * n] = 2 * n + 2, 2 * n - 2
                n += 1
        after[2 * rim - 2], ahead[0] = 0, 2 * rim - 2
        nv, ne, nf = rim, rim, 1
        some_side[0] = 0
        zeros[0] = 0
        told = told_start[item]
        waits = False

        for a in range(n_active):
            k = active[a]
            for w in range(rim):
                v = name[w]
                sign[w] = signs[v, k]
                if sign[w] == 0:
                    value[w] = error[w] = 0.0
                elif v < old:
                    value[w], error[w] = values[v, k], errors[v, k]
                else:
                    p, q = parents[v - old, 0], parents[v - old, 1]
                    value[w], error[w] = lerp(
                        values[p, k],
                        errors[p, k],
                        values[q, k],
                        errors[q, k],
                        place[v - old, 0],
                        place[v - old, 1],
                    )
            for w in range(rim, nv):
                p, q = base[w, 0], base[w, 1]
                value[w], error[w] = lerp(value[p], error[p], value[q], error[q], at[w, 0], at[w, 1])
                if sign[p] == UNDECIDED or sign[q] == UNDECIDED:
                    sign[w] = UNDECIDED
                    continue
                if sign[p] == sign[q] or sign[q] == 0:
                    sign[w] = sign[p]
                elif sign[p] == 0:
                    sign[w] = sign[q]
                else:
                    found = UNDECIDED if exact else sign_of(value[w], error[w])
                    if found == UNDECIDED:
                        key = a * (1 << 32) + w
                        if told < told_start[item + 1] and told_key[told] == key:
                            found = told_sign[told]
                            told += 1
                        else:
                            asked = grown(asked, n_asked + 1)
                            asked[n_asked, 0], asked[n_asked, 1], asked[n_asked, 4] = item, key, k
                            asked[n_asked, 2], asked[n_asked, 3] = maker[w, 0], maker[w, 1]
                            n_asked += 1
                            waits = True
                    sign[w] = found
                if sign[w] == 0:
                    value[w] = error[w] = 0.0
            if waits:
                break

            room = nv + ne - rim
            name, out, sign, value, error = (
                grown(name, room),
                grown(out, room),
                grown(sign, room),
                grown(value, room),
                grown(error, room),
            )
            base, at, maker = grown(base, room), grown(at, room), grown(maker, room)
            room = 2 * (2 * ne + nf)
            origin, after, ahead = grown(origin, room), grown(after, room), grown(ahead, room)
            face, line = grown(face, room), grown(line, room)
            some_side, zeros, zero = grown(some_side, 2 * nf), grown(zeros, 2 * nf), grown(zero, 2 * nf)
            touched = grown(touched, 2 * nf)

            for e in range(rim, ne):
                h, back = 2 * e, 2 * e + 1
                p, q = origin[h], origin[back]
                if sign[p] * sign[q] >= 0:
                    continue
                swapped, t, t_error = crossing(
                    max(value[p] * sign[p], 0.0), error[p], max(value[q] * sign[q], 0.0), error[q]
                )
                w = nv
                base[w, 0], base[w, 1] = (q, p) if swapped else (p, q)
                at[w, 0], at[w, 1] = t, t_error
                maker[w, 0], maker[w, 1] = line[e], k
                sign[w] = 0
                nv += 1
                # h: p -> w, new: w -> q, new ^ 1: q -> w, back: w -> p
                new = 2 * ne
                out[w] = new  # even: keeps its origin when it is cut
                line[ne] = line[e]
                ne += 1
                origin[new], face[new] = w, face[h]
                after[new], ahead[new] = after[h], h
                ahead[after[h]] = new
                after[h] = new
                origin[new + 1], face[new + 1] = q, face[back]
                after[new + 1], ahead[new + 1] = back, ahead[back]
                after[ahead[back]] = new + 1
                ahead[back] = new + 1
                origin[back] = w

            n_touched = 0
            for w in range(nv):
                if sign[w] != 0:
                    continue
                h = out[w]
                while True:  # around the vertex: backwards from the rim, or all around
                    f = face[h]
                    if zeros[f] == 0:
                        touched[n_touched] = f
                        n_touched += 1
                    if zeros[f] < 2:
                        zero[f, zeros[f]] = h
                    zeros[f] += 1
                    if ahead[h] < 2 * rim:
                        break
                    h = ahead[h] ^ 1
                    if h == out[w]:
                        break
            faces = nf
            for i in range(n_touched):
                f = touched[i]
                crossed = zeros[f] == 2
                zeros[f] = 0
                g, h = zero[f, 0], zero[f, 1]
                if not crossed or after[g] == h or after[h] == g:
                    continue
                new = 2 * ne
                line[ne] = k
                ne += 1
                # new: origin[g] -> origin[h] closes the walk from h; its twin closes the walk from g
                origin[new], origin[new + 1] = origin[g], origin[h]
                before_g, before_h = ahead[g], ahead[h]
                after[before_h], ahead[new + 1] = new + 1, before_h
                after[new + 1], ahead[g] = g, new + 1
                after[before_g], ahead[new] = new, before_g
                after[new], ahead[h] = h, new
                face[new + 1] = f
                some_side[f], some_side[nf] = g, h
                zeros[nf] = 0
                s = new
                while True:
                    face[s] = nf
                    s = after[s]
                    if s == new:
                        break
                nf += 1
            twin_line[k] = -1
            if nf == faces:  # the line runs along that of an earlier neuron
                for e in range(rim, ne):
                    if sign[origin[2 * e]] == 0 and sign[origin[2 * e + 1]] == 0:
                        twin_line[k] = twin_line[line[e]]
                        twin_line[line[e]] = k
                        break
        if waits:
            continue

        inner = nv - rim
        out_parents = grown(out_parents, n_vertices + inner)
        out_place = grown(out_place, n_vertices + inner)
        out_makers = grown(out_makers, n_vertices + inner)
        for w in range(rim, nv):
            i = n_vertices + w - rim
            name[w] = vertex_base + i
            out_parents[i, 0], out_parents[i, 1] = name[base[w, 0]], name[base[w, 1]]
            out_place[i] = at[w]
            out_makers[i, 0], out_makers[i, 1], out_makers[i, 2] = cell, maker[w, 0], maker[w, 1]
        out_ends = grown(out_ends, n_edges + ne - rim)
        out_lines = grown(out_lines, n_edges + ne - rim)
        for e in range(rim, ne):
            i = n_edges + e - rim
            out_ends[i, 0], out_ends[i, 1] = name[origin[2 * e]], name[origin[2 * e + 1]]
            out_lines[i, 0], out_lines[i, 1] = cell, line[e]
        out_sizes = grown(out_sizes, n_cells + nf)
        out_origin = grown(out_origin, n_cells + nf)
        out_on = grown(out_on, n_cells + nf)
        out_sides = grown(out_sides, n_sides + rim + 2 * (ne - rim))
        for f in range(nf):
            h = some_side[f]
            size = 0
            while True:
                e = h >> 1
                out_sides[n_sides + size] = code[e] if e < rim else 2 * (edge_base + n_edges + e - rim) + (h & 1)
                size += 1
                h = after[h]
                if h == some_side[f]:
                    break
            out_sizes[n_cells + f], out_origin[n_cells + f] = size, item
            n_sides += size
        # on/off rows: read off on the rim, then from face to face, turning the neurons of the edge between
        reached = grown(reached, nf)
        reached[:nf] = False
        first = face[0]
        out_on[n_cells + first] = positive
        for a in range(n_active):
            k = active[a]
            s = signs[name[0], k] if signs[name[0], k] != 0 else signs[name[1], k]
            out_on[n_cells + first, k] = s > 0
        reached[first] = True
        touched[0] = first
        n_touched = 1
        while n_touched:
            n_touched -= 1
            f = touched[n_touched]
            h = some_side[f]
            while True:
                if h >= 2 * rim and not reached[face[h ^ 1]]:
                    g = face[h ^ 1]
                    reached[g] = True
                    out_on[n_cells + g] = out_on[n_cells + f]
                    k = line[h >> 1]
                    while k >= 0:
                        out_on[n_cells + g, k] ^= 1
                        k = twin_line[k]
                    touched[n_touched] = g
                    n_touched += 1
                h = after[h]
                if h == some_side[f]:
                    break
        n_cells += nf
        n_vertices += inner
        n_edges += ne - rim
    return (
        out_parents[:n_vertices],
        out_place[:n_vertices],
        out_makers[:n_vertices],
        out_ends[:n_edges],
        out_lines[:n_edges],
        out_sizes[:n_cells],
        out_sides[:n_sides],
        out_origin[:n_cells],
        out_on[:n_cells],
        asked[:n_asked],
    )
