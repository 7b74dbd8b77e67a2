"""The floor: the least mean squared error that any function with so many linear pieces could have."""

from __future__ import annotations

import numpy as np


def segment_errors(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The squared error of the least-squares line through points i..j, for all i <= j: (n, n).

    Means and moments are updated point by point, for all i at once, which keeps the digits that sums of
    squares lose when errors are 1e-12 of the values.
    """
    n = len(x)
    errors = np.zeros((n, n))
    count, mean_x, mean_y = np.zeros(n), np.zeros(n), np.zeros(n)
    xx, xy, yy = np.zeros(n), np.zeros(n), np.zeros(n)
    for j in range(n):
        open_ = slice(0, j + 1)  # segments that start at or before j
        count[open_] += 1
        from_x, from_y = x[j] - mean_x[open_], y[j] - mean_y[open_]
        mean_x[open_] += from_x / count[open_]
        mean_y[open_] += from_y / count[open_]
        xx[open_] += from_x * (x[j] - mean_x[open_])
        xy[open_] += from_x * (y[j] - mean_y[open_])
        yy[open_] += from_y * (y[j] - mean_y[open_])
        slope = np.divide(xy[open_], xx[open_], out=np.zeros(j + 1), where=xx[open_] > 0)
        errors[open_, j] = np.where(count[open_] > 2, np.maximum(yy[open_] - slope * xy[open_], 0.0), 0.0)
    return errors


def floors(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The floor for 1, 2, ... n // 2 pieces; any more pieces pass through every point, so theirs is 0.

    Optimal segmentation by dynamic programming: O(n^2) per piece. The pieces need not join, so this bounds
    every continuous function of as many pieces from below, on these points.

    Args:
        x: (n,), increasing.
        y: (n,).

    Returns:
        (max(1, n // 2),), mean squared errors, not increasing.
    """
    n = len(x)
    cost = np.full((n + 1, n + 1), np.inf)  # cost[i, j]: one piece over points i .. j - 1
    errors = segment_errors(x, y)
    for i in range(n):
        cost[i, i + 1 :] = errors[i, i:]
    best = cost[0].copy()  # best[j]: the first j points with the pieces so far
    found = [best[n] / n]
    for _ in range(1, max(1, n // 2)):
        best = (best[:, None] + cost).min(0)
        found.append(best[n] / n)
    return np.minimum.accumulate(np.array(found))
