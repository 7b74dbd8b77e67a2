"""What the compiled code of training has in common.

Every restart is computed alone, in an order that its own numbers and the points decide: so it ends as the same
numbers, to the bit, whatever other restarts there are, and whatever threads they are shared among.

Points are taken a block at a time, whose values at all layers stay in the processor's first caches. There are as
many as fill whole vectors: what stands past the n points is a copy of the last one, and counts for nothing.
"""

from __future__ import annotations

import math

import numpy as np

from triangle_cli.compiling import njit

LANES = 32  # points are padded to a multiple: four vectors of eight numbers
LONGEST, SHORTEST = 16, 2  # LANES of a block
CACHE = 3 << 17  # bytes of the second cache that a block's values may take

# sums may be reordered so that they use vector instructions; NaN and infinity keep their meaning
compiled = njit(cache=True, nogil=True, fastmath={"reassoc", "contract", "nsz"}, error_model="numpy")


def padded(rows: np.ndarray) -> np.ndarray:
    """The same rows (.., n), each filled up with its last value to a multiple of LANES."""
    missing = -rows.shape[-1] % LANES
    filling = np.repeat(rows[..., -1:], missing, axis=-1)
    return np.ascontiguousarray(np.concatenate([rows, filling], axis=-1))


def block_length(rows: int, dtype: np.dtype) -> int:
    """How many points at a time, where so many rows of numbers belong to them."""
    fitting = CACHE // (rows * LANES * dtype.itemsize)
    return LANES * min(max(fitting, SHORTEST), LONGEST)


@compiled
def lanes(begin: int, block: int, n: int) -> int:
    """How many LANES of points the block at `begin` has."""
    return (min(block, n - begin) + LANES - 1) // LANES


@compiled
def residuals(out: np.ndarray, left: int, m: int) -> float:
    """The sum of the squares of out[:m], (output - y); what stands past the `left` last points becomes 0."""
    zero = out.dtype.type(0)
    for p in range(left, m * LANES):
        out[p] = zero
    total = zero
    for p in range(m * LANES):
        total += out[p] * out[p]
    return total


@compiled
def weighted(out: np.ndarray, roots: np.ndarray, begin: int, left: int, m: int) -> float:
    """As `residuals`, each square times its weight; `out` becomes the residuals times their weights.

    roots: the square roots of all points' weights, padded; of no points where all weigh the same.
    """
    if len(roots) == 0:
        return residuals(out, left, m)
    zero = out.dtype.type(0)
    for p in range(left, m * LANES):
        out[p] = zero
    total = zero
    for p in range(m * LANES):
        root = roots[begin + p]
        scaled = root * out[p]
        total += scaled * scaled
        out[p] = root * scaled
    return total


@compiled
def rooted(rows: np.ndarray, count: int, roots: np.ndarray, begin: int, m: int) -> None:
    """Each of the first `count` rows times the square roots of the weights, where there are any."""
    if len(roots) == 0:
        return
    for k in range(count):
        row = rows[k]
        for p in range(m * LANES):
            row[p] *= roots[begin + p]


@compiled
def add_products(rows: np.ndarray, count: int, m: int, products: np.ndarray) -> None:
    """products[i, j] += rows[i] . rows[j] for j <= i < count, four by four: count is a multiple of four.

    Past the diagonal, entries of the four by four blocks on it are filled too.
    """
    for i in range(0, count, 4):
        a0, a1, a2, a3 = rows[i], rows[i + 1], rows[i + 2], rows[i + 3]
        for j in range(0, i + 4, 4):
            b0, b1, b2, b3 = rows[j], rows[j + 1], rows[j + 2], rows[j + 3]
            s00 = s01 = s02 = s03 = s10 = s11 = s12 = s13 = rows.dtype.type(0)
            s20 = s21 = s22 = s23 = s30 = s31 = s32 = s33 = rows.dtype.type(0)
            for p in range(m * LANES):
                w, x, y, z = a0[p], a1[p], a2[p], a3[p]
                b = b0[p]
                s00 += w * b
                s10 += x * b
                s20 += y * b
                s30 += z * b
                b = b1[p]
                s01 += w * b
                s11 += x * b
                s21 += y * b
                s31 += z * b
                b = b2[p]
                s02 += w * b
                s12 += x * b
                s22 += y * b
                s32 += z * b
                b = b3[p]
                s03 += w * b
                s13 += x * b
                s23 += y * b
                s33 += z * b
            r0, r1, r2, r3 = products[i], products[i + 1], products[i + 2], products[i + 3]
            r0[j] += s00
            r0[j + 1] += s01
            r0[j + 2] += s02
            r0[j + 3] += s03
            r1[j] += s10
            r1[j + 1] += s11
            r1[j + 2] += s12
            r1[j + 3] += s13
            r2[j] += s20
            r2[j + 1] += s21
            r2[j + 2] += s22
            r2[j + 3] += s23
            r3[j] += s30
            r3[j + 1] += s31
            r3[j + 2] += s32
            r3[j + 3] += s33


@compiled
def chained(products: np.ndarray, chain: np.ndarray, normal: np.ndarray, slope: np.ndarray) -> None:
    """The normal equations by theta, (P,), from the sums of products of N other numbers' rows and the residual's.

    products: (N + 1, N + 1) at least, the lower half; chain: (N, P), the numbers' derivatives by theta. To `normal`
    goes the lower half, to `slope` minus the residual's products.
    """
    count, parameters = chain.shape
    through = np.zeros((count, parameters))
    for k in range(count):
        for q in range(count):
            product = products[k, q] if q <= k else products[q, k]
            for i in range(parameters):
                through[k, i] += product * chain[q, i]
    normal[:parameters, :parameters] = 0
    slope[:] = 0
    for k in range(count):
        for i in range(parameters):
            slope[i] -= products[count, k] * chain[k, i]
            for j in range(i + 1):
                normal[i, j] += chain[k, i] * through[k, j]


@compiled
def factor(a: np.ndarray, count: int) -> bool:
    """Cholesky's factor of the matrix whose lower half `a` holds, in its place. False where it is not positive.

    Four rows at a time: `a` has as many rows as the next multiple of four.
    """
    for j in range(count):
        row, square = a[j], 0.0
        for k in range(j):
            square += row[k] * row[k]
        square = row[j] - square
        if not square > 0:
            return False
        root = math.sqrt(square)
        row[j] = root
        for i in range(j // 4 * 4, count, 4):
            r0, r1, r2, r3 = a[i], a[i + 1], a[i + 2], a[i + 3]
            s0 = s1 = s2 = s3 = 0.0
            for k in range(j):
                b = row[k]
                s0 += r0[k] * b
                s1 += r1[k] * b
                s2 += r2[k] * b
                s3 += r3[k] * b
            if i > j:
                r0[j] = (r0[j] - s0) / root
            if i + 1 > j:
                r1[j] = (r1[j] - s1) / root
            if i + 2 > j:
                r2[j] = (r2[j] - s2) / root
            if i + 3 > j:
                r3[j] = (r3[j] - s3) / root
    return True


@compiled
def solve(a: np.ndarray, b: np.ndarray, count: int) -> None:
    """The solution of L L^T x = b in the place of b, (count,), L from `factor`."""
    for i in range(count):
        row, known = a[i], 0.0
        for k in range(i):
            known += row[k] * b[k]
        b[i] = (b[i] - known) / row[i]
    for i in range(count - 1, -1, -1):
        row = a[i]
        b[i] /= row[i]
        for k in range(i):
            b[k] -= row[k] * b[i]
