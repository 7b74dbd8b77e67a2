# mypy: allow-untyped-defs, no-check-untyped-defs
# ruff: noqa: ANN001, ANN201 - numba infers the types
"""Volumes of convex cells given by their vertices and the facets that each lies on, in floats."""

import math

import numpy as np

from triangle_cli.compiling import njit
from triangle_cli.regions.space.bits import NONE, ONE, lowest


@njit(cache=True, error_model="numpy", nogil=True)
def volumes(places, facets, pointer):
    """(cells,) volumes. places: (vertices, n), facets: (vertices,) uint64, pointer: (cells + 1,).

    A face is cut into pyramids from its first vertex over those of its facets that do not contain it, down to
    single vertices (Cohen and Hickey, Two algorithms for determining volumes of convex polyhedra, 1979).
    """
    n = places.shape[1]
    result = np.zeros(pointer.size - 1)
    most = 0
    for c in range(pointer.size - 1):
        most = max(most, pointer[c + 1] - pointer[c])
    members = np.zeros((n + 1, most), np.int64)  # vertices of the face of each dimension on the way down
    sizes, todo = np.zeros(n + 1, np.int64), np.zeros(n + 1, np.uint64)
    square = np.zeros((n, n))
    for c in range(pointer.size - 1):
        dimension = n
        sizes[n] = pointer[c + 1] - pointer[c]
        for v in range(sizes[n]):
            members[n, v] = pointer[c] + v
        todo[n] = face_facets(facets, members[n], sizes[n])
        while dimension <= n:
            if dimension == 0:
                result[c] += simplex(places, members, square, n)
                dimension = 1
            elif todo[dimension] == NONE:
                dimension += 1
            else:
                mask = ONE << np.uint64(lowest(todo[dimension]))
                todo[dimension] ^= mask
                size = 0
                for v in range(sizes[dimension]):
                    if facets[members[dimension, v]] & mask:
                        members[dimension - 1, size] = members[dimension, v]
                        size += 1
                sizes[dimension - 1] = size
                dimension -= 1
                if dimension > 0:
                    todo[dimension] = face_facets(facets, members[dimension], size)
    return result


@njit(cache=True)
def face_facets(facets, members, size):
    """A bit for each facet of a face that does not contain the face's first vertex."""
    common, used = ~NONE, NONE
    for v in range(size):
        common &= facets[members[v]]
        used |= facets[members[v]]
    left, found = used & ~common & ~facets[members[0]], NONE
    while left != NONE:
        mask = ONE << np.uint64(lowest(left))
        left ^= mask
        shared, count = ~NONE, 0
        for v in range(size):
            if facets[members[v]] & mask:
                shared &= facets[members[v]]
                count += 1
        others = shared & ~common & ~mask
        is_facet = True
        while others != NONE and is_facet:
            other = ONE << np.uint64(lowest(others))
            others ^= other
            amount = 0
            for v in range(size):
                if facets[members[v]] & other:
                    amount += 1
            # contained in a larger face, or the same facet under a lower number
            is_facet = amount == count and other > mask
        if is_facet:
            found |= mask
    return found


@njit(cache=True, error_model="numpy")
def simplex(places, members, square, n):
    """Volume of the simplex of the first members of all faces on the way down."""
    for i in range(n):
        for j in range(n):
            square[i, j] = places[members[i, 0], j] - places[members[n, 0], j]
    size = 1.0
    for i in range(n):
        pivot = i
        for r in range(i + 1, n):
            if abs(square[r, i]) > abs(square[pivot, i]):
                pivot = r
        if square[pivot, i] == 0.0:
            return 0.0
        for j in range(n):
            square[i, j], square[pivot, j] = square[pivot, j], square[i, j]
        size *= square[i, i]
        for r in range(i + 1, n):
            factor = square[r, i] / square[i, i]
            for j in range(i, n):
                square[r, j] -= factor * square[i, j]
    return abs(size) / math.gamma(n + 1.0)
