"""Optimal cuts of points into runs, compiled."""

from __future__ import annotations

import numpy as np

from triangle_cli.compiling import njit

compiled = njit(cache=True, error_model="numpy")


@compiled
def _extend(
    state: np.ndarray, starts: np.ndarray, count: int, x: float, y: float, inner: np.ndarray, point: int
) -> None:
    """Add a point to `count` runs: means and moments are updated, and errors found, for all at once.

    state: (7, ..): mean x, mean y, xx, xy, yy, the squared error of the least-squares line, and the weight so far.
    Moments about the mean keep the digits that sums of squares lose when errors are 1e-12 of the values.
    inner: (4,), the weight of the point and its own xx, xy, yy about x and y: it may stand for several.
    """
    mean_x, mean_y, xx, xy, yy, errors, sizes = (
        state[0], state[1], state[2], state[3], state[4], state[5], state[6],
    )  # fmt: skip
    w = inner[0]
    alone = inner[1] == 0
    for k in range(count):
        size = sizes[k] + w
        from_x, from_y = x - mean_x[k], y - mean_y[k]
        mx, my = mean_x[k] + w * from_x / size, mean_y[k] + w * from_y / size
        a = xx[k] + (inner[1] + w * from_x * (x - mx))
        b = xy[k] + (inner[2] + w * from_x * (y - my))
        c = yy[k] + (inner[3] + w * from_y * (y - my))
        left = c - b / a * b if a > 0 else c
        mean_x[k], mean_y[k], xx[k], xy[k], yy[k], sizes[k] = mx, my, a, b, c, size
        exact = alone and point + 1 - starts[k] <= 2  # through two points goes a line
        errors[k] = left if left > 0 and not exact else 0.0


@compiled
def _open(state: np.ndarray, starts: np.ndarray, count: int, point: int) -> int:
    """One more run, that starts at this point; returns how many there are."""
    starts[count] = point
    for row in range(5):
        state[row, count] = 0.0
    state[6, count] = 0.0
    return count + 1


@compiled
def _keep(state: np.ndarray, starts: np.ndarray, costs: np.ndarray, count: int, most: float) -> int:
    """Forget the runs that with what is on their left cost more; returns how many are left."""
    kept = 0
    for k in range(count):
        if costs[starts[k]] + state[5, k] <= most:
            if kept < k:
                starts[kept] = starts[k]
                for row in range(5):
                    state[row, kept] = state[row, k]
                state[6, kept] = state[6, k]
            kept += 1
    return kept


@compiled
def cut(
    x: np.ndarray, y: np.ndarray, inner: np.ndarray, price: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The best cut of the first 0, 1, .. n points: pieces, squared errors, and both with `price` for each piece.

    inner: (n, 4), see `_extend`. An infinite price leaves one piece.
    """
    n = len(x)
    pieces, errors, costs = np.zeros(n + 1, np.int64), np.zeros(n + 1), np.zeros(n + 1)
    state, starts, count = np.empty((7, n)), np.empty(n, np.int64), 0
    single = price == np.inf
    for point in range(n):
        if not single or point == 0:
            count = _open(state, starts, count, point)
        _extend(state, starts, count, x[point], y[point], inner[point], point)
        best, least = 0, np.inf
        for k in range(count):
            cost = costs[starts[k]] + state[5, k]
            if cost < least:
                best, least = k, cost
        first = starts[best]
        pieces[point + 1], errors[point + 1] = pieces[first] + 1, errors[first] + state[5, best]
        costs[point + 1] = least if single else least + price
        if not single:
            count = _keep(state, starts, costs, count, costs[point + 1])
    return pieces, errors, costs


@compiled
def runs_within(
    x: np.ndarray,
    y: np.ndarray,
    inner: np.ndarray,
    price: float,
    left: np.ndarray,
    right: np.ndarray,
    slack: float,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The runs that lie in some cut within `slack` of the best: their first points, ends and squared errors.

    left, right: (n + 1,), the best costs of the points before and from each on. Ordered by ends.
    """
    n = len(x)
    state, starts, count = np.empty((7, n)), np.empty(n, np.int64), 0
    firsts, ends, errors = np.empty(n, np.int64), np.empty(n, np.int64), np.empty(n)
    found = 0
    for point in range(n):
        count = _open(state, starts, count, point)
        _extend(state, starts, count, x[point], y[point], inner[point], point)
        for k in range(count):
            if left[starts[k]] + state[5, k] + price + right[point + 1] <= left[n] + slack:
                if found == len(errors):
                    firsts = np.concatenate((firsts, np.empty_like(firsts)))
                    ends, errors = np.concatenate((ends, ends)), np.concatenate((errors, errors))
                firsts[found], ends[found], errors[found] = starts[k], point + 1, state[5, k]
                found += 1
        count = _keep(state, starts, left, count, left[point + 1] + slack)
    return firsts[:found], ends[:found], errors[:found]


@compiled
def best_of(firsts: np.ndarray, ends: np.ndarray, errors: np.ndarray, n: int, pieces: int) -> float:
    """The least sum of errors of so many of the runs, end to end over all points; infinite where there is none."""
    place = np.full(n + 1, -1)
    place[0], nodes = 0, 1
    for end in ends:
        if place[end] < 0:
            place[end] = nodes
            nodes += 1
    best = np.full((nodes, pieces + 1), np.inf)
    best[0, 0] = 0.0
    for run in range(len(ends)):
        if place[firsts[run]] >= 0:
            before, after = best[place[firsts[run]]], best[place[ends[run]]]
            for k in range(pieces):
                after[k + 1] = min(after[k + 1], before[k] + errors[run])
    return best[place[n], pieces]
