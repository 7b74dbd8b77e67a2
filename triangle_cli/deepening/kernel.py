"""The exact-integral loss of a front and its normal equations, compiled: where Levenberg-Marquardt spends its time.

A network of u in [0, 1] is piecewise linear between its breakpoints. On one piece every activation is a straight line and every
derivative of an output by an activation a constant, so that all rows of the Jacobian there lie in a space of 2 dimensions
(of 6 with the tail: {R_p, R_q, 1} times {1 - t, t}), however many nodes a piece has. The normal equations take a row for
each dimension of each piece, not for each node.

Parameters are one vector, layer by layer, each row of weights followed by its bias (the order of `Network.flatten`).
`widths` are those of the input, 1, of the hidden layers and of the outputs: y alone, or (p, q, y) before a tail.
"""

from __future__ import annotations

import numpy as np
from numba import njit

NARROW = 1e-13  # a piece of this width is not split further: its ends agree to rounding
ROWS = 16  # of the Jacobian, in one update of the normal equations: two pieces of six and two
NODES, WEIGHTS = (array for array in np.polynomial.legendre.leggauss(8))
FEW_NODES, FEW_WEIGHTS = (array for array in np.polynomial.legendre.leggauss(4))
MANY_PIECES = 64  # from so many pieces on, 4 nodes integrate the square of a smooth error on each

# sums may be reordered so that they use vector instructions; NaN and infinity keep their meaning
REORDER = {"reassoc", "contract", "nsz"}


@njit(cache=True, nogil=True, error_model="numpy")
def limit(p: float, q: float) -> tuple[float, float, float]:
    """R(p, q), and its derivatives by p and by q: see `tail`."""
    if p > 0 and q > 0:
        total = p + q
        a, b = p / total, q / total
        return p * b, b * b, a * a
    if p < q:
        return p, 1.0, 0.0
    return q, 0.0, 1.0


@njit(cache=True, nogil=True, error_model="numpy")
def _sorted_insert(values: np.ndarray, labels: np.ndarray, count: int, value: float, label: int) -> None:
    """Put `value` into the ascending values[:count], and `label` beside it."""
    k = count
    while k > 0 and values[k - 1] > value:
        values[k], labels[k] = values[k - 1], labels[k - 1]
        k -= 1
    values[k], labels[k] = value, label


@njit(cache=True, nogil=True, error_model="numpy")
def _split(u: np.ndarray, rows: np.ndarray, bends: int) -> tuple[np.ndarray, np.ndarray]:
    """The breakpoints u, (n,), and rows (m, n) of values on them, with the zeros of the first `bends` rows added."""
    n, added = len(u), 0
    for k in range(n - 1):
        if u[k + 1] - u[k] > NARROW:
            for i in range(bends):
                if rows[i, k] < 0 < rows[i, k + 1] or rows[i, k + 1] < 0 < rows[i, k]:
                    added += 1
    if added == 0:
        return u, rows
    count = len(rows)
    finer, values = np.empty(n + added), np.empty((count, n + added))
    times, which = np.empty(bends), np.empty(bends, np.int64)
    place = 0
    for k in range(n):
        finer[place] = u[k]
        for i in range(count):
            values[i, place] = rows[i, k]
        place += 1
        if k == n - 1 or not u[k + 1] - u[k] > NARROW:
            continue
        zeros = 0
        for i in range(bends):
            low, high = rows[i, k], rows[i, k + 1]
            if low < 0 < high or high < 0 < low:
                _sorted_insert(times, which, zeros, low / (low - high), i)
                zeros += 1
        for zero in range(zeros):
            t = times[zero]
            finer[place] = u[k] + t * (u[k + 1] - u[k])
            for i in range(count):
                values[i, place] = rows[i, k] + t * (rows[i, k + 1] - rows[i, k])
            values[which[zero], place] = 0.0
            place += 1
    return finer, values


@njit(cache=True, nogil=True, error_model="numpy")
def _affine(theta: np.ndarray, start: int, inputs: np.ndarray, fan_out: int) -> np.ndarray:
    """One layer before its ReLU, (fan_out, n), of inputs (fan_in, n)."""
    fan_in, n = inputs.shape
    out = np.empty((fan_out, n))
    for i in range(fan_out):
        row = start + i * (fan_in + 1)
        out[i] = theta[row + fan_in]
        for j in range(fan_in):
            w = theta[row + j]
            for k in range(n):
                out[i, k] += w * inputs[j, k]
    return out


@njit(cache=True, nogil=True, error_model="numpy")
def breakpoints(theta: np.ndarray, widths: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The breakpoints, (n,), ascending from 0 to 1, and the outputs on them, (outputs, n).

    Before a tail the zeros of p and of q count as breakpoints: R bends there.
    """
    u = np.array([0.0, 1.0])
    values = np.array([[0.0, 1.0]])
    start, layers = 0, len(widths) - 1
    for layer in range(layers - 1):
        values = _affine(theta, start, values, widths[layer + 1])
        start += widths[layer + 1] * (widths[layer] + 1)
        u, values = _split(u, values, widths[layer + 1])
        values = np.maximum(values, 0.0)
    outputs = _affine(theta, start, values, widths[layers])
    if widths[layers] == 3:
        u, outputs = _split(u, outputs, 2)
    return u, outputs


@njit(cache=True, nogil=True, error_model="numpy")
def _cuts(outputs: np.ndarray, k: int, times: np.ndarray, labels: np.ndarray) -> int:
    """Where on piece k, in (0, 1), p = q, p = 3 q or 3 p = q: how many, written to `times`.

    R is smooth there, but as curved as a rational function gets: between the cuts Gauss nodes are exact to rounding.
    """
    p, q = outputs[0, k], outputs[1, k]
    p_end, q_end = outputs[0, k + 1], outputs[1, k + 1]
    positive = p + p_end > 0 and q + q_end > 0
    count = 0
    for a, b in ((1.0, 1.0), (1.0, 3.0), (3.0, 1.0)):
        low, high = a * p - b * q, a * p_end - b * q_end
        if (low < 0 < high or high < 0 < low) and (positive or a == b):
            _sorted_insert(times, labels, count, low / (low - high), 0)
            count += 1
    return count


@njit(cache=True, nogil=True, error_model="numpy")
def gauss_nodes(u: np.ndarray, outputs: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Nodes of the integral over [0, 1], piece by piece: (u, t in its piece, weight, first node of each piece)."""
    pieces, tailed = len(u) - 1, len(outputs) == 3
    few = pieces >= MANY_PIECES and not tailed
    z, w = (FEW_NODES, FEW_WEIGHTS) if few else (NODES, WEIGHTS)
    times, labels = np.empty(5), np.empty(5, np.int64)
    first = np.zeros(pieces + 1, np.int64)
    for k in range(pieces):
        spans = 0
        if u[k + 1] > u[k]:
            spans = 1 + (_cuts(outputs, k, times, labels) if tailed else 0)
        first[k + 1] = first[k] + spans * len(z)
    nodes, local, weight = np.empty(first[-1]), np.empty(first[-1]), np.empty(first[-1])
    for k in range(pieces):
        width, place = u[k + 1] - u[k], first[k]
        if not width > 0:
            continue
        count = _cuts(outputs, k, times, labels) if tailed else 0
        low = 0.0
        for span in range(count + 1):
            high = times[span] if span < count else 1.0
            for i in range(len(z)):
                t = low + (high - low) * 0.5 * (z[i] + 1)
                local[place], nodes[place] = t, u[k] + t * width
                weight[place] = 0.5 * w[i] * (high - low) * width
                place += 1
            low = high
    return nodes, local, weight, first


@njit(cache=True, nogil=True, error_model="numpy")
def sample_nodes(u: np.ndarray, samples: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The ascending samples (n,) as nodes: (t in its piece, first sample of each piece)."""
    pieces = len(u) - 1
    first, local = np.zeros(pieces + 1, np.int64), np.empty(len(samples))
    place = 0
    for k in range(pieces):
        first[k] = place
        width = u[k + 1] - u[k]
        while place < len(samples) and (samples[place] < u[k + 1] or k == pieces - 1):
            local[place] = (samples[place] - u[k]) / width if width > 0 else 0.0
            place += 1
    first[pieces] = place
    return local, first


@njit(cache=True, nogil=True, error_model="numpy")
def fitted(outputs: np.ndarray, local: np.ndarray, first: np.ndarray, sign: float) -> np.ndarray:
    """y, or y + sign R(p, q), at the nodes."""
    values = np.empty(len(local))
    tailed, last = len(outputs) == 3, len(outputs) - 1
    for k in range(len(first) - 1):
        for i in range(first[k], first[k + 1]):
            t = local[i]
            value = (1 - t) * outputs[last, k] + t * outputs[last, k + 1]
            if tailed:
                p = (1 - t) * outputs[0, k] + t * outputs[0, k + 1]
                q = (1 - t) * outputs[1, k] + t * outputs[1, k + 1]
                value += sign * limit(p, q)[0]
            values[i] = value
    return values


@njit(cache=True, nogil=True, error_model="numpy")
def tail_energy(outputs: np.ndarray, local: np.ndarray, weight: np.ndarray, first: np.ndarray) -> float:
    """The integral of (p + q)^2 where both are positive: what cutting the tail costs is proportional to it."""
    total = 0.0
    for k in range(len(first) - 1):
        for i in range(first[k], first[k + 1]):
            t = local[i]
            p = (1 - t) * outputs[0, k] + t * outputs[0, k + 1]
            q = (1 - t) * outputs[1, k] + t * outputs[1, k + 1]
            if p > 0 and q > 0:
                total += weight[i] * (p + q) * (p + q)
    return total


@njit(cache=True, nogil=True, error_model="numpy", fastmath=REORDER)
def _add_rows(normal: np.ndarray, rows: np.ndarray) -> None:
    """normal += rows^T rows, its lower triangle; rows: (ROWS, P)."""
    size = len(normal)
    for i in range(0, size - 1, 2):
        high, low = normal[i + 1], normal[i]
        for j in range(i + 2):
            above, below = low[j], high[j]
            for r in range(ROWS):
                above += rows[r, i] * rows[r, j]
                below += rows[r, i + 1] * rows[r, j]
            low[j], high[j] = above, below
    if size % 2:
        row = normal[size - 1]
        for j in range(size):
            value = row[j]
            for r in range(ROWS):
                value += rows[r, size - 1] * rows[r, j]
            row[j] = value


@njit(cache=True, nogil=True, error_model="numpy")
def _half(gram: np.ndarray, size: int) -> None:
    """The factor L of gram = L L^T in its lower triangle; what depends on what came before is left out."""
    for j in range(size):
        whole = gram[j, j]
        for k in range(j):
            gram[j, j] -= gram[j, k] * gram[j, k]
        if gram[j, j] <= 1e-14 * whole or not whole > 0:
            for i in range(j, size):
                gram[i, j] = 0.0
            continue
        gram[j, j] = np.sqrt(gram[j, j])
        for i in range(j + 1, size):
            for k in range(j):
                gram[i, j] -= gram[i, k] * gram[j, k]
            gram[i, j] /= gram[j, j]


@njit(cache=True, nogil=True, error_model="numpy", fastmath=REORDER)
def _fill_row(
    row: np.ndarray,
    factors: np.ndarray,
    count: int,
    back: np.ndarray,
    values: np.ndarray,
    k: int,
    widths: np.ndarray,
) -> None:
    """One row over all parameters: sum_o (factors[2 o] (left end) + factors[2 o + 1] (right end)) d out_o / d theta.

    back: (layers, outputs, width), the outputs' derivatives on this piece by what each layer gives before its ReLU.
    """
    place = 0
    for layer in range(len(widths) - 1):
        fan_in = widths[layer]
        for i in range(widths[layer + 1]):
            left = right = 0.0
            for o in range(count):
                left += factors[2 * o] * back[layer, o, i]
                right += factors[2 * o + 1] * back[layer, o, i]
            for j in range(fan_in):
                row[place + j] = left * values[layer, j, k] + right * values[layer, j, k + 1]
            row[place + fan_in] = left + right
            place += fan_in + 1


@njit(cache=True, nogil=True, error_model="numpy")
def normal_equations(
    theta: np.ndarray,
    widths: np.ndarray,
    sign: float,
    u: np.ndarray,
    outputs: np.ndarray,
    local: np.ndarray,
    weight: np.ndarray,
    first: np.ndarray,
    residual: np.ndarray,
    cut: float,
) -> tuple[np.ndarray, np.ndarray]:
    """J^T W J, (P, P), lower triangle, and J^T W residual, (P,), J the derivative of what is fitted at the nodes."""
    layers, widest, n = len(widths) - 1, widths.max(), len(u)
    tailed = widths[layers] == 3
    starts = np.zeros(layers + 1, np.int64)
    for layer in range(layers):
        starts[layer + 1] = starts[layer] + widths[layer + 1] * (widths[layer] + 1)
    size = starts[layers]
    values = np.zeros((layers, widest, n))  # what goes into each layer, at the breakpoints
    active = np.zeros((layers, widest, n - 1), np.bool_)  # after each layer but the last, on the pieces
    values[0, 0] = u
    for layer in range(layers - 1):
        fan_out = widths[layer + 1]
        before = _affine(theta, starts[layer], values[layer, : widths[layer]], fan_out)
        for i in range(fan_out):
            for k in range(n - 1):
                active[layer, i, k] = before[i, k] + before[i, k + 1] > 0
            for k in range(n):
                values[layer + 1, i, k] = max(before[i, k], 0.0)
    normal, slope = np.zeros((size, size)), np.zeros(size)
    rows, row, filled = np.zeros((ROWS, size)), np.zeros(size), 0
    back = np.zeros((layers, 3, widest))
    gram, moments, rho, basis = np.zeros((6, 6)), np.zeros(6), np.zeros(3), np.zeros(6)
    energy = np.zeros((2, 2))
    for k in range(n - 1):
        if first[k + 1] == first[k]:
            continue
        # of which outputs the fitted function is made on this piece
        p, p_end, q, q_end = 0.0, 0.0, 0.0, 0.0
        curved = False
        if tailed:
            p, p_end, q, q_end = outputs[0, k], outputs[0, k + 1], outputs[1, k], outputs[1, k + 1]
            curved = (p + p_end > 0 and q + q_end > 0) or (p < q) != (p_end < q_end)
        count = 3 if curved else 1
        back[layers - 1] = 0.0
        if curved:
            for o in range(3):
                back[layers - 1, o, o] = 1.0
        elif tailed:
            back[layers - 1, 0, 2] = 1.0
            back[layers - 1, 0, 0 if p + p_end < q + q_end else 1] = sign
        else:
            back[layers - 1, 0, 0] = 1.0
        for layer in range(layers - 2, -1, -1):
            fan_in, fan_out = widths[layer + 1], widths[layer + 2]
            for o in range(count):
                for j in range(fan_in):
                    total = 0.0
                    if active[layer, j, k]:
                        for i in range(fan_out):
                            total += back[layer + 1, o, i] * theta[starts[layer + 1] + i * (fan_in + 1) + j]
                    back[layer, o, j] = total
        # the Gram matrix of the basis on the nodes of this piece, and the residual's moments
        dims = 2 * count
        for a in range(dims):
            moments[a] = 0.0
            for b in range(a + 1):
                gram[a, b] = 0.0
        energy[:] = 0.0
        for i in range(first[k], first[k + 1]):
            t = local[i]
            rho[0] = 1.0
            if curved:
                p_here, q_here = (1 - t) * p + t * p_end, (1 - t) * q + t * q_end
                _, by_p, by_q = limit(p_here, q_here)
                if p_here > 0 and q_here > 0:
                    scaled = cut * weight[i]
                    energy[0, 0] += scaled * (1 - t) * (1 - t)
                    energy[1, 0] += scaled * (1 - t) * t
                    energy[1, 1] += scaled * t * t
                    for o in range(2):
                        moments[2 * o] -= scaled * (p_here + q_here) * (1 - t)
                        moments[2 * o + 1] -= scaled * (p_here + q_here) * t
                rho[0], rho[1], rho[2] = sign * by_p, sign * by_q, 1.0
            for o in range(count):
                basis[2 * o], basis[2 * o + 1] = rho[o] * (1 - t), rho[o] * t
            for a in range(dims):
                scaled = weight[i] * basis[a]
                moments[a] += scaled * residual[i]
                for b in range(a + 1):
                    gram[a, b] += scaled * basis[b]
        _fill_row(row, moments, count, back, values, k, widths)
        slope += row
        _half(gram, dims)
        if filled + dims + 2 > ROWS:
            rows[filled:] = 0.0
            _add_rows(normal, rows)
            filled = 0
        for a in range(dims):
            if gram[a, a] > 0:
                for b in range(dims):
                    basis[b] = gram[b, a] if b >= a else 0.0
                _fill_row(rows[filled], basis, count, back, values, k, widths)
                filled += 1
        if curved and cut > 0:
            _half(energy, 2)
            for a in range(2):
                if energy[a, a] > 0:
                    for b in range(2):
                        basis[b] = basis[b + 2] = energy[b, a] if b >= a else 0.0
                    basis[4] = basis[5] = 0.0
                    _fill_row(rows[filled], basis, count, back, values, k, widths)
                    filled += 1
    rows[filled:] = 0.0
    _add_rows(normal, rows)
    return normal, slope


@njit(cache=True, nogil=True, error_model="numpy", fastmath=REORDER)
def _dot(a: np.ndarray, b: np.ndarray, count: int) -> float:
    total = 0.0
    for k in range(count):
        total += a[k] * b[k]
    return total


@njit(cache=True, nogil=True, error_model="numpy")
def damped_step(normal: np.ndarray, slope: np.ndarray, damping: float) -> tuple[np.ndarray, bool]:
    """(step, solved) of (J^T J + damping D) step = slope, D the diagonal of J^T J (Marquardt 1963); by Cholesky.

    Only the lower triangle of `normal` is read, and nothing written.
    """
    size = len(normal)
    scale = np.empty(size)
    for i in range(size):
        scale[i] = np.sqrt(normal[i, i])
    least = 1e-9 * scale.max()
    if not least > 0:
        return np.zeros(size), False
    for i in range(size):
        scale[i] = 1 / max(scale[i], least)
    factor = np.empty((size, size))
    for i in range(size):
        row = factor[i]
        for j in range(i + 1):
            value = normal[i, j] * scale[i] * scale[j] - _dot(row, factor[j], j)
            if i == j:
                value += damping
                if not value > 0:
                    return np.zeros(size), False
                row[j] = np.sqrt(value)
            else:
                row[j] = value / factor[j, j]
    step = slope * scale
    for i in range(size):
        step[i] = (step[i] - _dot(factor[i], step, i)) / factor[i, i]
    for i in range(size - 1, -1, -1):
        step[i] /= factor[i, i]
        for j in range(i):
            step[j] -= factor[i, j] * step[i]
    return step * scale, True
