# ruff: noqa: ANN001, ANN201 - numba infers the types
# mypy: allow-untyped-defs, no-check-untyped-defs
"""Compiled loop that cuts one edge after another by all neurons of a layer that change sign along it."""

import numpy as np
from numba import types

from triangle_cli.compiling import apart, inside
from triangle_cli.regions.plane.kernels import UNDECIDED, crossing, floats, grown, integers, lerp, sign_of
from triangle_cli.regions.plane.records import CUTS, INTEGER_ROWS, INTEGERS, LAYER, SIGN_ROWS, TOLD, Cuts


@inside()
def no_cuts(edges):
    """`Cuts` with room for some vertices."""
    return Cuts(
        integers(edges, 2),
        floats(edges, 2),
        np.empty(edges, np.int64),
        np.empty(edges, np.int64),
        np.zeros(edges, np.int64),
        np.zeros(edges, np.int64),
    )


@inside()
def roomier_cuts(cuts, size):
    """`cuts` with room for so many vertices."""
    return Cuts(
        grown(cuts.parents, size),
        grown(cuts.place, size),
        grown(cuts.neuron, size),
        grown(cuts.edge, size),
        cuts.start,
        cuts.count,
    )


@apart(
    *(INTEGERS, INTEGER_ROWS, LAYER, SIGN_ROWS, TOLD, types.boolean, CUTS, types.int64), error_model="numpy"
)
def split_edges(items, ends, layer, signs, told, exact, cuts, n):
    """Cut each edge of `items` by all neurons of the layer that change sign along it.

    Neurons that cross at one point share one vertex. Adds the new vertices of each edge, in order from its first end,
    to the first n of `cuts`, and their signs to `signs`, which starts with those of the old vertices. Returns both, n,
    and the questions (item index, key, neuron of the vertex, neuron asked).
    """
    width, old = signs.shape[1], len(layer.values)
    values, errors = layer.values, layer.errors
    asked = integers(64, 4)
    n_asked = 0
    across = np.empty(width, np.int64)  # the neurons that cross this edge
    vertex_of = np.empty(width, np.int64)  # c-th crossing neuron -> its vertex
    rank_of = np.empty(width, np.int64)  # vertex -> place in the chain
    chain = np.empty(width, np.int64)  # vertices in order along the edge
    made_by = np.empty(width, np.int64)
    made_at = floats(width, 2)
    made_from = integers(width, 2)
    for item in range(items.size):
        e = items[item]
        p, q = ends[e, 0], ends[e, 1]
        crossings = 0
        for k in range(width):
            if signs[p, k] * signs[q, k] < 0:
                across[crossings] = k
                crossings += 1
        at_answer = told.start[item]
        length = 0
        waits = False
        for c in range(crossings):
            k = across[c]
            before = 0
            hit = -1
            for position in range(length):
                w = chain[position]
                a, b = made_from[w, 0], made_from[w, 1]
                value, error = lerp(
                    values[a, k], errors[a, k], values[b, k], errors[b, k], made_at[w, 0], made_at[w, 1]
                )
                sign = UNDECIDED if exact else sign_of(value, error)
                if sign == UNDECIDED:
                    key = c * (1 << 32) + position
                    if at_answer < told.start[item + 1] and told.key[at_answer] == key:
                        sign = told.sign[at_answer]
                        at_answer += 1
                    else:
                        asked = grown(asked, n_asked + 1)
                        asked[n_asked, 0], asked[n_asked, 1] = item, key
                        asked[n_asked, 2], asked[n_asked, 3] = made_by[w], k
                        n_asked += 1
                        waits = True
                if sign == signs[p, k]:
                    before = position + 1
                elif sign == 0:
                    hit = w
            if waits:
                break
            if hit >= 0:
                vertex_of[c] = hit
                continue
            swapped, t, t_error = crossing(
                max(values[p, k] * signs[p, k], 0.0),
                errors[p, k],
                max(values[q, k] * signs[q, k], 0.0),
                errors[q, k],
            )
            w = length
            made_by[w] = k
            made_at[w, 0], made_at[w, 1] = t, t_error
            made_from[w, 0], made_from[w, 1] = (q, p) if swapped else (p, q)
            for position in range(length, before, -1):
                chain[position] = chain[position - 1]
            chain[before] = w
            vertex_of[c] = w
            length += 1
        if waits:
            continue
        cuts.start[e], cuts.count[e] = n, length
        if length == 0:
            continue
        if n + length > len(cuts.neuron):
            cuts = roomier_cuts(cuts, n + length)
        signs = grown(signs, old + n + length)
        for position in range(length):
            w = chain[position]
            row = n + position
            rank_of[w] = position
            cuts.parents[row, 0], cuts.parents[row, 1] = made_from[w, 0], made_from[w, 1]
            cuts.place[row, 0], cuts.place[row, 1] = made_at[w, 0], made_at[w, 1]
            cuts.neuron[row], cuts.edge[row] = made_by[w], e
            for k in range(width):  # 0 only where both ends are 0; neurons that cross are set below
                signs[old + row, k] = signs[p, k] if signs[p, k] != 0 else signs[q, k]
        for c in range(crossings):
            k = across[c]
            rank = rank_of[vertex_of[c]]
            signs[old + n + rank, k] = 0
            for position in range(rank + 1, length):
                signs[old + n + position, k] = signs[q, k]
        n += length
    return cuts, signs, n, asked[:n_asked]
