# ruff: noqa: ANN001, ANN201 - numba infers the types
# mypy: allow-untyped-defs, no-check-untyped-defs
"""Compiled loops of the two-dimensional region counter: signs, edges and polygons cut by one layer's neurons.

Every float comes with a bound on its distance from the true value. A sign is taken from a float only beyond
its bound; otherwise the kernel asks: it leaves out the edge or cell, returns the questions, and is called
again with the answers (`exact.py`). An answer is found by its key, which grows in the order of the
questions.
"""

import numpy as np

from triangle_cli.compiling import njit

UNIT = 2.0**-52  # twice the relative rounding error of one float64 operation
TINY = 1e-200  # added to every bound that is not exactly 0: covers all underflow
SLACK = 1.0 + 1e-9  # covers the rounding of the bounds themselves
UNDECIDED = 2


@njit(cache=True, error_model="numpy")
def lerp(low, low_error, high, high_error, t, t_error):
    """Value and bound at low + t (high - low), 0 <= t <= 1/2."""
    rise = high - low
    value = low + t * rise
    if rise == 0.0 and low_error == 0.0 and high_error == 0.0:
        return value, 0.0
    error = (1.0 - t) * low_error + t * high_error + t_error * (abs(rise) + low_error + high_error)
    return value, (error + UNIT * (t * abs(rise) + abs(value))) * SLACK + TINY


@njit(cache=True, error_model="numpy")
def sign_of(value, error):
    """-1, 0 or 1 beyond doubt, else UNDECIDED (also for NaN). A bound of 0 means that the float is exact."""
    if value > error and value < 1e300:
        return 1
    if value < -error and value > -1e300:
        return -1
    if error == 0.0 and value == 0.0:
        return 0
    return UNDECIDED


@njit(cache=True, error_model="numpy")
def crossing(a, a_error, b, b_error):
    """Where a segment with |values| a, b at its ends is cut: swapped ends or not, t <= 1/2, its bound."""
    swapped = b < a
    if swapped:
        a, b, a_error, b_error = b, a, b_error, a_error
    total = a + b
    if not (1e-150 < total < 1e150):
        return swapped, 0.5, 1.0
    a, b, a_error, b_error = a / total, b / total, a_error / total, b_error / total
    least = 1.0 - a_error - b_error
    if not least > 0.0:
        return swapped, 0.5, 1.0
    error = ((a_error * b + b_error * a) / least + 2.0 * UNIT * a) * SLACK + TINY
    return swapped, a, min(error, 1.0)


@njit(cache=True)
def grown(array, size):
    """`array`, or a copy at least twice as long if it has fewer than `size` rows."""
    if size <= array.shape[0]:
        return array
    larger = np.zeros((max(size, 2 * array.shape[0]), *array.shape[1:]), array.dtype)
    larger[: array.shape[0]] = array
    return larger


@njit(cache=True, error_model="numpy")
def spread(values, errors, gamma):
    """What |weights| are to be multiplied by to bound a dot product of relative error gamma."""
    result = np.empty(values.shape)
    for v in range(values.shape[0]):
        for k in range(values.shape[1]):
            is_zero = values[v, k] == 0.0 and errors[v, k] == 0.0  # not: the bound is 0, which may underflow
            result[v, k] = 0.0 if is_zero else errors[v, k] + gamma * abs(values[v, k]) + TINY
    return result


@njit(cache=True, error_model="numpy")
def classify(values, errors, exact):
    """Signs (n, width) int8 of values known up to errors, and the pairs (row, neuron) left UNDECIDED."""
    signs = np.empty(values.shape, np.int8)
    pairs = np.empty((64, 2), np.int64)
    n = 0
    for v in range(values.shape[0]):
        decided = 0
        for k in range(values.shape[1]):  # no branch: half of all signs are either
            value, error = values[v, k], errors[v, k]
            sign = np.int8((value > error) & (value < 1e300)) - np.int8((value < -error) & (value > -1e300))
            signs[v, k] = sign
            decided += (sign != 0) | ((error == 0.0) & (value == 0.0))
        if decided == values.shape[1] and not exact:
            continue
        for k in range(values.shape[1]):
            if exact or sign_of(values[v, k], errors[v, k]) == UNDECIDED:
                pairs = grown(pairs, n + 1)
                pairs[n, 0] = v
                pairs[n, 1] = k
                n += 1
    return signs, pairs[:n]


@njit(cache=True)
def rectify(values, errors, signs, linear):
    """ReLU in place, but for `linear` neurons. Rows after those of `signs` are off where the bound says so."""
    for v in range(values.shape[0]):
        for k in range(values.shape[1]):
            if linear[k]:
                continue
            off = signs[v, k] <= 0 if v < signs.shape[0] else values[v, k] < -errors[v, k]
            values[v, k] = 0.0 if off or values[v, k] < 0.0 else values[v, k]
            errors[v, k] = 0.0 if off else errors[v, k]


@njit(cache=True, error_model="numpy")
def interpolate(values, errors, first, parents, place):
    """Fill rows first.. of values and errors, in order, each between two earlier rows (`lerp`)."""
    for i in range(parents.shape[0]):
        p, q = parents[i, 0], parents[i, 1]
        t, t_error = place[i, 0], place[i, 1]
        for k in range(values.shape[1]):
            value, error = lerp(values[p, k], errors[p, k], values[q, k], errors[q, k], t, t_error)
            values[first + i, k] = value
            errors[first + i, k] = error


@njit(cache=True, error_model="numpy")
def split_edges(items, ends, signs, values, errors, told_start, told_key, told_sign, exact, start, count):
    """Cut each edge of `items` by all neurons of the layer that change sign along it.

    Neurons that cross at one point share one vertex. Sets start, count of each edge to its run of new
    vertices, in order from its first end. Returns parents (n, 2), place (n, 2), neuron (n,), sign rows (n,
    width) of the new vertices, and questions (item index, key, neuron of the vertex, neuron asked).
    """
    width = signs.shape[1]
    parents = np.empty((64, 2), np.int64)
    place = np.empty((64, 2))
    neuron = np.empty(64, np.int64)
    rows = np.empty((64, width), np.int8)
    asked = np.empty((64, 4), np.int64)
    n = 0
    n_asked = 0
    across = np.empty(width, np.int64)  # the neurons that cross this edge
    vertex_of = np.empty(width, np.int64)  # c-th crossing neuron -> its vertex
    rank_of = np.empty(width, np.int64)  # vertex -> place in the chain
    chain = np.empty(width, np.int64)  # vertices in order along the edge
    made_by = np.empty(width, np.int64)
    made_at = np.empty((width, 2))
    made_from = np.empty((width, 2), np.int64)
    for item in range(items.size):
        e = items[item]
        p, q = ends[e, 0], ends[e, 1]
        crossings = 0
        for k in range(width):
            if signs[p, k] * signs[q, k] < 0:
                across[crossings] = k
                crossings += 1
        told = told_start[item]
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
                    if told < told_start[item + 1] and told_key[told] == key:
                        sign = told_sign[told]
                        told += 1
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
        start[e], count[e] = n, length
        if length == 0:
            continue
        parents = grown(parents, n + length)
        place = grown(place, n + length)
        neuron = grown(neuron, n + length)
        rows = grown(rows, n + length)
        for position in range(length):
            w = chain[position]
            rank_of[w] = position
            parents[n + position, 0], parents[n + position, 1] = made_from[w, 0], made_from[w, 1]
            place[n + position, 0], place[n + position, 1] = made_at[w, 0], made_at[w, 1]
            neuron[n + position] = made_by[w]
            for k in range(width):  # 0 only where both ends are 0; neurons that cross are set below
                rows[n + position, k] = signs[p, k] if signs[p, k] != 0 else signs[q, k]
        for c in range(crossings):
            k = across[c]
            rank = rank_of[vertex_of[c]]
            rows[n + rank, k] = 0
            for position in range(rank + 1, length):
                rows[n + position, k] = signs[q, k]
        n += length
    return parents[:n], place[:n], neuron[:n], rows[:n], asked[:n_asked]


@njit(cache=True)
def chain_ends(ends, start, count, first_vertex, first_edge, children):
    """Ends of the pieces of each edge: first_edge[e] .. through the vertices first_vertex + start[e] .. ."""
    for e in range(ends.shape[0]):
        last = ends[e, 0]
        for i in range(count[e]):
            w = first_vertex + start[e] + i
            children[first_edge[e] + i, 0], children[first_edge[e] + i, 1] = last, w
            last = w
        children[first_edge[e] + count[e], 0] = last
        children[first_edge[e] + count[e], 1] = ends[e, 1]


@njit(cache=True)
def cells_of(pointer, sides, ends, cells_beside, cell_at):
    """Cells left and right of each edge (-1: outside), and some cell at each vertex."""
    cells_beside[:] = -1
    for c in range(pointer.size - 1):
        for i in range(pointer[c], pointer[c + 1]):
            edge, turn = sides[i] >> 1, sides[i] & 1
            cells_beside[edge, turn] = c
            cell_at[ends[edge, turn]] = c
