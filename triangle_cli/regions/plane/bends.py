# ruff: noqa: ANN001, ANN201 - numba infers the types
# mypy: allow-untyped-defs, no-check-untyped-defs
"""Whether the outputs bend at an edge, told by their values at four corners: compiled."""

import numpy as np

from triangle_cli.compiling import UNCOUNTED, inside
from triangle_cli.regions.plane.kernels import SLACK, TINY, UNIT


@inside()
def opposite_of(mesh):
    """A corner of the cell left and right of each edge, (m, 2), that is far from the edge."""
    opposite = np.zeros(mesh.ends.shape, np.int64)
    set_opposite(mesh, opposite)
    return opposite


@inside(**UNCOUNTED)
def set_opposite(mesh, opposite):
    """`opposite_of` into an array."""
    for cell in range(len(mesh.pointer) - 1):
        start, size = mesh.pointer[cell], mesh.pointer[cell + 1] - mesh.pointer[cell]
        for i in range(size):
            edge, turn = mesh.sides[start + i] >> 1, mesh.sides[start + i] & 1
            across = i + 1 + size // 2
            far = mesh.sides[start + (across if across < size else across - size)]
            opposite[edge, turn] = mesh.ends[far >> 1, far & 1]


@inside(**UNCOUNTED)
def bends(mesh, edge, opposite, outputs, bounds):
    """Whether some output surely is no affine map around an edge, told by its values there.

    With the edge's ends and a corner on either side at 0, q, a and b, values 0, u, v and w belong to one affine map if
    w (q x a) = u (b x a) + v (q x b).
    """
    p = mesh.ends[edge, 0]
    x = mesh.points
    q, a, b = mesh.ends[edge, 1], opposite[edge, 0], opposite[edge, 1]
    doubt = reach = 0.0  # sums, not maxima, which NaN might leave as they are
    for vertex in (p, q, a, b):
        for i in range(2):
            doubt += mesh.point_errors[vertex, i]
            reach += abs(x[vertex, i] - x[p, i])
    doubt = 2.0 * doubt + UNIT * reach
    qx, qy, ax, ay = x[q, 0] - x[p, 0], x[q, 1] - x[p, 1], x[a, 0] - x[p, 0], x[a, 1] - x[p, 1]
    bx, by = x[b, 0] - x[p, 0], x[b, 1] - x[p, 1]
    qa, ba, qb = qx * ay - qy * ax, bx * ay - by * ax, qx * by - qy * bx
    size = abs(qa) + abs(ba) + abs(qb)
    size_error = (4.0 * doubt * (reach + doubt) + 4.0 * UNIT * reach * reach) * SLACK + 1e-300
    for o in range(outputs.shape[1]):
        u, v, w = outputs[q, o] - outputs[p, o], outputs[a, o] - outputs[p, o], outputs[b, o] - outputs[p, o]
        rise = abs(u) + abs(v) + abs(w)
        error = 2.0 * (bounds[p, o] + bounds[q, o] + bounds[a, o] + bounds[b, o]) + UNIT * rise
        bound = 3.0 * (rise * size_error + error * (size + size_error)) + 8.0 * UNIT * rise * size
        gap = abs(w * qa - u * ba - v * qb)
        if gap > bound * SLACK + TINY and gap < 1e300:
            return True
    return False
