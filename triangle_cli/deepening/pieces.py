"""A front on its pieces, compiled: breakpoints, Gauss nodes between them, and what the front gives there.

Parameters are one vector, layer by layer, each row of weights followed by its bias (the order of `Network.flatten`).
`widths` are those of the input, 1, of the hidden layers and of the outputs: y alone, or (p, q, y) before a tail.
The input u is in [0, 1].
"""

from __future__ import annotations

import numpy as np

from triangle_cli.compiling import njit

NARROW = 1e-13  # a piece of this width is not split further: its ends agree to rounding
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
def affine(theta: np.ndarray, start: int, inputs: np.ndarray, fan_out: int) -> np.ndarray:
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
        values = affine(theta, start, values, widths[layer + 1])
        start += widths[layer + 1] * (widths[layer] + 1)
        u, values = _split(u, values, widths[layer + 1])
        values = np.maximum(values, 0.0)
    outputs = affine(theta, start, values, widths[layers])
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
