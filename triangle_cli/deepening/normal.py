"""The normal equations of the loss, and the damped step they give, compiled.

On one piece every activation is a straight line and every derivative of an output by an activation a constant, so
that all rows of the Jacobian there lie in a space of 2 dimensions, of 6 before a tail: {R_p, R_q, 1} times {1 - t, t}.
A piece adds so many rows to the normal equations, however many nodes it has, and 2 more for the price of cutting the
tail.
"""

from __future__ import annotations

import numpy as np

from triangle_cli.compiling import njit
from triangle_cli.deepening.pieces import REORDER, affine, limit

ROWS = 16  # in one update of the normal equations
MOST_ROWS = 8  # of one piece: 6 + 2
DEPENDENT = 1e-14  # of its square, a column of which less is left depends on those before it
SMALLEST_SCALE = (
    1e-9  # of the diagonal's root, relative to the largest: numbers that move nothing stay damped
)


@njit(cache=True, nogil=True, error_model="numpy", fastmath=REORDER)
def _add_rows(normal: np.ndarray, rows: np.ndarray) -> None:
    """normal += rows^T rows, its lower triangle, of rows[:ROWS], (.., P). Two of its rows stay in registers."""
    size = len(normal)
    for i in range(0, size - 1, 2):
        low, high = normal[i], normal[i + 1]
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
def _factorise(gram: np.ndarray, size: int) -> None:
    """gram = L L^T becomes L, in its lower triangle; a column that depends on those before it becomes 0."""
    for j in range(size):
        whole = gram[j, j]
        for k in range(j):
            gram[j, j] -= gram[j, k] * gram[j, k]
        if not gram[j, j] > DEPENDENT * whole:
            for i in range(j, size):
                gram[i, j] = 0.0
            continue
        gram[j, j] = np.sqrt(gram[j, j])
        for i in range(j + 1, size):
            for k in range(j):
                gram[i, j] -= gram[i, k] * gram[j, k]
            gram[i, j] /= gram[j, j]


@njit(cache=True, nogil=True, error_model="numpy")
def _carry(
    theta: np.ndarray, widths: np.ndarray, starts: np.ndarray, u: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """What goes into each layer on the breakpoints, (layers, width, n), and which of it is on, piece by piece."""
    layers, widest, n = len(widths) - 1, widths.max(), len(u)
    values = np.zeros((layers, widest, n))
    on = np.zeros((layers, widest, n - 1), np.bool_)
    values[0, 0] = u
    for layer in range(layers - 1):
        before = affine(theta, starts[layer], values[layer, : widths[layer]], widths[layer + 1])
        for i in range(widths[layer + 1]):
            for k in range(n - 1):
                on[layer + 1, i, k] = before[i, k] + before[i, k + 1] > 0
            for k in range(n):
                values[layer + 1, i, k] = max(before[i, k], 0.0)
    return values, on


@njit(cache=True, nogil=True, error_model="numpy")
def _seed(back: np.ndarray, outputs: np.ndarray, k: int, sign: float) -> int:
    """Set `back`, (3, width), to what is fitted on piece k: p, q and y apart (3), or one straight line of them (1)."""
    back[:] = 0.0
    if len(outputs) == 1:
        back[0, 0] = 1.0
        return 1
    p, p_end, q, q_end = outputs[0, k], outputs[0, k + 1], outputs[1, k], outputs[1, k + 1]
    if (p + p_end > 0 and q + q_end > 0) or (p < q) != (p_end < q_end):
        for o in range(3):
            back[o, o] = 1.0
        return 3
    back[0, 2] = 1.0
    back[0, 0 if p + p_end < q + q_end else 1] = sign  # R is min(p, q) there
    return 1


@njit(cache=True, nogil=True, error_model="numpy")
def _propagate_back(
    back: np.ndarray,
    count: int,
    theta: np.ndarray,
    widths: np.ndarray,
    starts: np.ndarray,
    on: np.ndarray,
    k: int,
) -> None:
    """Fill back[:-1] from back[-1]: (layers, 3, width), derivatives by what each layer gives before its ReLU."""
    for layer in range(len(back) - 1, 0, -1):
        fan_in, fan_out = widths[layer], widths[layer + 1]
        for o in range(count):
            for j in range(fan_in):
                total = 0.0
                if on[layer, j, k]:
                    for i in range(fan_out):
                        total += back[layer, o, i] * theta[starts[layer] + i * (fan_in + 1) + j]
                back[layer - 1, o, j] = total


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
    """One row over all parameters: for each output, factors (left end, right end) times its derivative."""
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
def _sum_nodes(
    gram: np.ndarray,
    energy: np.ndarray,
    moments: np.ndarray,
    count: int,
    outputs: np.ndarray,
    k: int,
    sign: float,
    nodes: tuple[np.ndarray, np.ndarray, np.ndarray],
    cut: float,
) -> None:
    """Over the nodes of a piece, (t, weight, residual): the Gram matrix of the basis, and the residual's moments.

    energy, (2, 2): the Gram matrix of {1 - t, t} where the tail bends, times `cut`; see `pieces.tail_energy`.
    """
    gram[:], energy[:], moments[:] = 0.0, 0.0, 0.0
    basis, line = np.empty(6), np.empty(2)
    for i in range(len(nodes[0])):
        t, weight, residual = nodes[0][i], nodes[1][i], nodes[2][i]
        line[0], line[1] = 1 - t, t
        if count == 1:
            basis[0], basis[1] = line
        else:
            p = line[0] * outputs[0, k] + t * outputs[0, k + 1]
            q = line[0] * outputs[1, k] + t * outputs[1, k + 1]
            _, by_p, by_q = limit(p, q)
            for a in range(2):
                basis[a], basis[2 + a], basis[4 + a] = sign * by_p * line[a], sign * by_q * line[a], line[a]
            if p > 0 and q > 0:
                for a in range(2):
                    scaled = cut * weight * line[a]
                    energy[a, 0] += scaled * line[0]
                    energy[a, 1] += scaled * line[1]
                    moments[a] -= scaled * (p + q)
                    moments[2 + a] -= scaled * (p + q)
        for a in range(2 * count):
            scaled = weight * basis[a]
            moments[a] += scaled * residual
            for b in range(a + 1):
                gram[a, b] += scaled * basis[b]


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
    """J^T W J, (P, P), its lower triangle, and J^T W residual, (P,): J the derivative of what is fitted at the nodes.

    With cut > 0 both hold cut times `tail_energy` as well, as the square of a residual 0 - (p + q).
    """
    layers = len(widths) - 1
    starts = np.zeros(layers + 1, np.int64)
    for layer in range(layers):
        starts[layer + 1] = starts[layer] + widths[layer + 1] * (widths[layer] + 1)
    values, on = _carry(theta, widths, starts, u)
    normal, slope = np.zeros((starts[-1], starts[-1])), np.zeros(starts[-1])
    rows, row, filled = np.zeros((ROWS + MOST_ROWS, starts[-1])), np.zeros(starts[-1]), 0
    back = np.zeros((layers, 3, max(widths.max(), 3)))
    gram, energy, moments, factors = np.zeros((6, 6)), np.zeros((2, 2)), np.zeros(6), np.zeros(6)
    for k in range(len(u) - 1):
        low, high = first[k], first[k + 1]
        if low == high:
            continue
        count = _seed(back[layers - 1], outputs, k, sign)
        _propagate_back(back, count, theta, widths, starts, on, k)
        nodes = (local[low:high], weight[low:high], residual[low:high])
        _sum_nodes(gram, energy, moments, count, outputs, k, sign, nodes, cut)
        _fill_row(row, moments, count, back, values, k, widths)
        slope += row
        _factorise(gram, 2 * count)
        for a in range(2 * count):
            if gram[a, a] > 0:
                for b in range(2 * count):
                    factors[b] = gram[b, a] if b >= a else 0.0
                _fill_row(rows[filled], factors, count, back, values, k, widths)
                filled += 1
        _factorise(energy, 2)
        for a in range(2):
            if energy[a, a] > 0:
                for b in range(2):
                    factors[b] = factors[2 + b] = energy[b, a] if b >= a else 0.0
                factors[4:] = 0.0
                _fill_row(rows[filled], factors, count, back, values, k, widths)
                filled += 1
        if filled >= ROWS:
            _add_rows(normal, rows)
            filled -= ROWS
            rows[:filled] = rows[ROWS : ROWS + filled]
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
    """(step, whether there is one) of (J^T J + damping D) step = slope, D the diagonal of J^T J; by Cholesky.

    Marquardt's scaling (1963) makes the step blind to the scale of a neuron. Only the lower triangle of `normal` is
    read.
    """
    size = len(normal)
    scale = np.empty(size)
    for i in range(size):
        scale[i] = np.sqrt(normal[i, i])
    least = SMALLEST_SCALE * scale.max()
    if not least > 0:
        return np.zeros(size), False
    for i in range(size):
        scale[i] = 1 / max(scale[i], least)
    factor = np.empty((size, size))
    for i in range(size):
        row = factor[i]
        for j in range(i):
            row[j] = (normal[i, j] * scale[i] * scale[j] - _dot(row, factor[j], j)) / factor[j, j]
        left = normal[i, i] * scale[i] * scale[i] + damping - _dot(row, row, i)
        if not left > 0:
            return np.zeros(size), False
        row[i] = np.sqrt(left)
    step = slope * scale
    for i in range(size):
        step[i] = (step[i] - _dot(factor[i], step, i)) / factor[i, i]
    for i in range(size - 1, -1, -1):
        step[i] /= factor[i, i]
        for j in range(i):
            step[j] -= factor[i, j] * step[i]
    step *= scale
    return step, bool(np.isfinite(step).all())
