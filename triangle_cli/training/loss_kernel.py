"""The loss of a batch of small networks and its derivative in one compiled pass, for the CPU.

Layers of width 4 are too small for a call each: a matrix product spends more on being called than on
multiplying. Here a restart's points go through all layers, forwards and backwards, a block at a time that
stays in the processor's first cache. Compiled by numba at the first call and kept on disk.
"""

from __future__ import annotations

import numpy as np
from numba import njit

BLOCK = 128  # points at a time: 6 layers of 4 neurons take 24 kB

# sums may be reordered so that they use vector instructions; NaN and infinity keep their meaning
REORDER = {"reassoc", "contract", "nsz"}


@njit(cache=True, nogil=True, fastmath=REORDER, error_model="numpy")
def _combine(
    weights: np.ndarray, start: int, stride: int, rows: np.ndarray, count: int, out: np.ndarray, m: int
) -> None:
    """out[p] += sum_k weights[start + k stride] rows[k, p], four rows at a time."""
    k = 0
    while k + 4 <= count:
        w0, w1 = weights[start + k * stride], weights[start + (k + 1) * stride]
        w2, w3 = weights[start + (k + 2) * stride], weights[start + (k + 3) * stride]
        r0, r1, r2, r3 = rows[k], rows[k + 1], rows[k + 2], rows[k + 3]
        for p in range(m):
            out[p] += w0 * r0[p] + w1 * r1[p] + w2 * r2[p] + w3 * r3[p]
        k += 4
    while k < count:
        w, row = weights[start + k * stride], rows[k]
        for p in range(m):
            out[p] += w * row[p]
        k += 1


@njit(cache=True, nogil=True, fastmath=REORDER, error_model="numpy")
def loss_and_derivative(
    theta: np.ndarray,
    widths: np.ndarray,
    x: np.ndarray,
    y: np.ndarray,
    loss: np.ndarray,
    derivative: np.ndarray,
) -> None:
    """Fill `loss` (R,) and `derivative` (R, P) for the parameters theta (R, P), in the order of `Network.flatten`.

    widths: of the inputs, the hidden layers and the one output. x: (inputs, n), y: (n,).
    """
    restarts, n, depth = theta.shape[0], y.shape[0], len(widths) - 1
    offsets = np.zeros(depth + 1, np.int64)
    for layer in range(depth):
        offsets[layer + 1] = offsets[layer] + widths[layer + 1] * (widths[layer] + 1)
    values = np.empty((depth + 1, widths.max(), BLOCK), theta.dtype)
    signal = np.empty((widths.max(), BLOCK), theta.dtype)
    behind = np.empty((widths.max(), BLOCK), theta.dtype)
    for restart in range(restarts):
        weights, slopes = theta[restart], derivative[restart]
        slopes[:] = 0
        total = 0.0
        for begin in range(0, n, BLOCK):
            m = min(BLOCK, n - begin)
            for k in range(widths[0]):
                values[0, k, :m] = x[k, begin : begin + m]
            for layer in range(depth):
                inputs = widths[layer]
                for j in range(widths[layer + 1]):
                    start, out = offsets[layer] + j * (inputs + 1), values[layer + 1, j]
                    out[:m] = weights[start + inputs]
                    _combine(weights, start, 1, values[layer], inputs, out, m)
                    if layer < depth - 1:
                        for p in range(m):
                            out[p] = 0.0 if out[p] <= 0 else out[p]  # a NaN stays one
            residual = signal[0]
            for p in range(m):
                difference = values[depth, 0, p] - y[begin + p]
                total += difference * difference
                residual[p] = difference * (2.0 / n)
            for layer in range(depth - 1, -1, -1):
                inputs, outputs = widths[layer], widths[layer + 1]
                for j in range(outputs):
                    start, from_above = offsets[layer] + j * (inputs + 1), signal[j]
                    for k in range(inputs):
                        row, dot = values[layer, k], 0.0
                        for p in range(m):
                            dot += from_above[p] * row[p]
                        slopes[start + k] += dot
                    dot = 0.0
                    for p in range(m):
                        dot += from_above[p]
                    slopes[start + inputs] += dot
                if layer > 0:
                    for k in range(inputs):
                        below, row = behind[k], values[layer, k]
                        below[:m] = 0
                        _combine(weights, offsets[layer] + k, inputs + 1, signal, outputs, below, m)
                        for p in range(m):
                            below[p] = below[p] if row[p] > 0 else 0.0
                    signal, behind = behind, signal
        loss[restart] = total / n
