# ruff: noqa: ANN001, ANN201 - numba infers the types
# mypy: allow-untyped-defs, no-check-untyped-defs
"""Compiled loop that cuts one edge after another by all neurons of a layer that change sign along it."""

from collections import namedtuple

import numpy as np
from numba import types

from triangle_cli.compiling import UNCOUNTED, apart, inside
from triangle_cli.regions.plane.kernels import UNDECIDED, crossing, floats, grown, integers, lerp, sign_of
from triangle_cli.regions.plane.records import CUTS, INTEGER_ROWS, INTEGERS, LAYER, SIGN_ROWS, TOLD, Cuts

# What is made of one edge: the neurons that cross it, the vertex of each; of each vertex its place in the chain, the
# neuron that made it, where, between which two; and the vertices in order along the edge
Chain = namedtuple("Chain", "across vertex_of rank_of made_by at between order")


@inside()
def no_cuts(edges, room):
    """`Cuts` of so many edges, with room for so many vertices."""
    of_vertices, of_edges = np.empty(2 * room, np.int64), np.zeros(2 * edges, np.int64)
    return Cuts(
        integers(room, 2),
        floats(room, 2),
        of_vertices[:room],
        of_vertices[room:],
        of_edges[:edges],
        of_edges[edges:],
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


@inside()
def empty_chain(width):
    """Room for an edge that all neurons of a layer cross."""
    numbers = integers(5, width)
    return Chain(
        numbers[0], numbers[1], numbers[2], numbers[3], floats(width, 2), integers(width, 2), numbers[4]
    )


@inside(**UNCOUNTED)
def crossings_of(p, q, signs, across):
    """Neurons of opposite signs at p and q, into `across`; returns their number."""
    n = 0
    for k in range(signs.shape[1]):
        across[n] = k
        n += signs[p, k] * signs[q, k] < 0
    return n


@inside(**UNCOUNTED)
def chain_of(p, q, crossings, item, layer, signs, told, exact, chain, asked, n_asked):
    """Put the vertices of an edge from p to q in order; returns their number and that of the questions.

    -1 for the first if an answer is wanted or `asked` is full.
    """
    values, errors = layer.values, layer.errors
    at_answer, length, waits = told.start[item], 0, False
    for c in range(crossings):
        k = chain.across[c]
        before, hit = 0, -1
        for position in range(length):
            w = chain.order[position]
            a, b = chain.between[w, 0], chain.between[w, 1]
            value, error = lerp(
                values[a, k], errors[a, k], values[b, k], errors[b, k], chain.at[w, 0], chain.at[w, 1]
            )
            sign = UNDECIDED if exact else sign_of(value, error)
            if sign == UNDECIDED:
                key = c * (1 << 32) + position
                if at_answer < told.start[item + 1] and told.key[at_answer] == key:
                    sign = told.sign[at_answer]
                    at_answer += 1
                else:
                    if n_asked == len(asked):
                        return -1, n_asked
                    asked[n_asked, 0], asked[n_asked, 1] = item, key
                    asked[n_asked, 2], asked[n_asked, 3] = chain.made_by[w], k
                    n_asked += 1
                    waits = True
            if sign == signs[p, k]:
                before = position + 1
            elif sign == 0:
                hit = w
        if waits:
            return -1, n_asked
        if hit >= 0:
            chain.vertex_of[c] = hit
            continue
        swapped, t, t_error = crossing(
            max(values[p, k] * signs[p, k], 0.0),
            errors[p, k],
            max(values[q, k] * signs[q, k], 0.0),
            errors[q, k],
        )
        w = length
        chain.made_by[w] = k
        chain.at[w, 0], chain.at[w, 1] = t, t_error
        chain.between[w, 0], chain.between[w, 1] = (q, p) if swapped else (p, q)
        for position in range(length, before, -1):
            chain.order[position] = chain.order[position - 1]
        chain.order[before] = w
        chain.vertex_of[c] = w
        length += 1
    return length, n_asked


@inside(**UNCOUNTED)
def add_chain(e, p, q, length, crossings, old, signs, chain, cuts, n):
    """The vertices of edge e as rows of `cuts` from the n-th on, and their signs."""
    for position in range(length):
        w, row = chain.order[position], n + position
        chain.rank_of[w] = position
        cuts.parents[row, 0], cuts.parents[row, 1] = chain.between[w, 0], chain.between[w, 1]
        cuts.place[row, 0], cuts.place[row, 1] = chain.at[w, 0], chain.at[w, 1]
        cuts.neuron[row], cuts.edge[row] = chain.made_by[w], e
        for k in range(signs.shape[1]):  # 0 only where both ends are 0; neurons that cross are set below
            signs[old + row, k] = signs[p, k] if signs[p, k] != 0 else signs[q, k]
    for c in range(crossings):
        k, rank = chain.across[c], chain.rank_of[chain.vertex_of[c]]
        signs[old + n + rank, k] = 0
        for position in range(rank + 1, length):
            signs[old + n + position, k] = signs[q, k]


@inside(**UNCOUNTED)
def split_some_edges(first, items, ends, layer, signs, told, exact, cuts, chain, asked, sizes):
    """`split_edges` of the items from the first on; returns the first that there was no room for."""
    width, old = signs.shape[1], len(layer.values)
    for item in range(first, items.size):
        e, n = items[item], sizes[0]
        if n + width > len(cuts.neuron) or old + n + width > len(signs):
            return item
        p, q = ends[e, 0], ends[e, 1]
        crossings = crossings_of(p, q, signs, chain.across)
        length, n_asked = chain_of(p, q, crossings, item, layer, signs, told, exact, chain, asked, sizes[1])
        if length < 0:
            if n_asked == len(asked):  # with more room all over again
                return item
            sizes[1] = n_asked
            continue
        cuts.start[e], cuts.count[e] = n, length
        add_chain(e, p, q, length, crossings, old, signs, chain, cuts, n)
        sizes[0] = n + length
    return items.size


@apart(
    *(INTEGERS, INTEGER_ROWS, LAYER, SIGN_ROWS, TOLD, types.boolean, types.int64, CUTS, types.int64),
    error_model="numpy",
)
def split_edges(items, ends, layer, signs, told, exact, limit, cuts, n):
    """Cut each edge of `items` by all neurons of the layer that change sign along it.

    Neurons that cross at one point share one vertex. Adds the new vertices of each edge, in order from its first end,
    to the first n of `cuts`, and their signs to `signs`, which starts with those of the old vertices. Returns both, n,
    and the questions (item index, key, neuron of the vertex, neuron asked). Gives up, without questions, at more than
    `limit` new vertices.
    """
    width, old = signs.shape[1], len(layer.values)
    asked, chain = integers(64, 4), empty_chain(width)
    sizes, item = np.zeros(2, np.int64), 0
    sizes[0] = n
    while True:
        item = split_some_edges(item, items, ends, layer, signs, told, exact, cuts, chain, asked, sizes)
        if item == items.size:
            return cuts, signs, sizes[0], asked[: sizes[1]]
        if sizes[0] > limit:
            return cuts, signs, sizes[0], asked[:0]
        if sizes[0] + width > len(cuts.neuron) or old + sizes[0] + width > len(signs):
            room = 2 * (sizes[0] + width)
            cuts, signs = roomier_cuts(cuts, room), grown(signs, old + room)
        else:
            asked = grown(asked, len(asked) + 1)
