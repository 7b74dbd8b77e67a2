"""Least squares, compiled."""

from __future__ import annotations

import numpy as np

from triangle_cli.training.compiled import LANES, add_products, compiled, factor, lanes, solve

BLOCK = 8 * LANES


@compiled
def fit(columns: np.ndarray, y: np.ndarray, ridge: float, rounds: int, found: np.ndarray) -> None:
    """See `least_squares.least_squares`."""
    restarts, count, n = columns.shape
    size = (count + 4) // 4 * 4
    rows, normal, right = np.zeros((size, BLOCK)), np.empty((size, size)), np.empty(count)
    for r in range(restarts):
        found[r] = 0
        for step in range(rounds):
            if step == 0:
                normal[:] = 0
            right[:] = 0
            for begin in range(0, n, BLOCK):
                m, left = lanes(begin, BLOCK, n), min(BLOCK, n - begin)
                rows[count, :left] = y[r, begin : begin + left]
                for k in range(count):
                    rows[k, :left] = columns[r, k, begin : begin + left]
                    rows[k, left:] = 0
                    for p in range(left):
                        rows[count, p] -= found[r, k] * rows[k, p]
                for k in range(count):
                    total = 0.0
                    for p in range(left):
                        total += rows[k, p] * rows[count, p]
                    right[k] += total
                if step == 0:
                    rows[count] = 0
                    add_products(rows, size, m, normal)
            if step == 0:
                largest = 0.0
                for k in range(count):
                    largest = max(largest, normal[k, k])
                for k in range(count):
                    normal[k, k] += ridge * largest
                    if normal[k, k] == 0:
                        normal[k, k] = 1
                if not factor(normal, count):
                    found[r] = np.nan
                    break
            solve(normal, right, count)
            found[r] += right
