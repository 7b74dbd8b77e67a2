"""The floor: the least mean squared error that any function with so many linear pieces could have.

n points are cut into K runs, each with its least-squares line. Cutting costs nothing by itself, so K is fixed; but
for a price on every piece the best way is found in one pass over the points, a run's start being forgotten once
another is better for good (PELT: Killick, Fearnhead, Eckley 2012, exact because a run costs no less than its
parts). Where some price makes K pieces the best number, their cost is the floor: no other K pieces are cheaper. The
price is searched along the lower hull of all (K, cost). A K above the hull is found among the runs that the best
price does not rule out.
"""

from __future__ import annotations

from bisect import bisect_left

import numpy as np

MOST_POINTS = 10_000  # above, the asymptote stands for the floor
NOISE = 16 * np.finfo(np.float64).eps  # of the values: what is fitted so well is fitted exactly
SAME = 1e-13  # relative, of two costs
SLACK = 0.05  # of the price: how far above the best a run may be, at first


class Floors:
    """The floors of some points, each found when it is asked for.

    Args:
        x: (n,), increasing.
        y: (n,).
        weight: (n,), of mean 1; None: all weigh the same.
        measured: whether y are samples, with noise. More than `MOST_POINTS` of them are cut between groups of
            neighbours only: a hair above the floor. Of a smooth function there is an asymptote in its place.
    """

    def __init__(
        self, x: np.ndarray, y: np.ndarray, weight: np.ndarray | None = None, measured: bool = False
    ) -> None:
        self.x, self.y = (np.ascontiguousarray(values, np.float64) for values in (x, y))
        self.count, self.grouped = len(self.x), measured and len(self.x) > MOST_POINTS
        self.exact = len(self.x) <= MOST_POINTS or self.grouped
        self.inner = np.zeros((len(self.x), 4))
        self.inner[:, 0] = 1.0 if weight is None else weight
        if self.grouped:
            self.x, self.y, self.inner = gathered(self.x, self.y, self.inner[:, 0])
        self._found: dict[int, float] = {}  # squared errors, by pieces
        self._hull: list[tuple[int, float]] = []  # those that some price makes the best, pieces ascending

    @property
    def kind(self) -> str:
        """'exact' for these points; 'grouped' or 'asymptotic' where they are too many to look for it."""
        if self.grouped:
            return "grouped"
        return "exact" if self.exact else "asymptotic"

    def __call__(self, pieces: int) -> float:
        """The least mean squared error of so many pieces; `asymptote` for more than `MOST_POINTS` points.

        The pieces need not join, so this bounds every continuous function of as many from below, on these points.
        Pieces of two points cost nothing: where there are enough of them the floor is 0.
        """
        n = self.count
        if 2 * pieces >= n:
            return 0.0
        if not self.exact:
            return asymptote(self.x, self.y, pieces)
        pieces = min(pieces, len(self.x))
        if pieces not in self._found:
            self._found[pieces] = self._search(pieces)
        return self._found[pieces] / n

    def _search(self, pieces: int) -> float:
        if not self._hull:
            whole = self._best(np.inf)  # one piece
            self._hull = [whole, self._best(0.0) if self.grouped else ((len(self.x) + 1) // 2, 0.0)]
            if pieces >= self._hull[-1][0]:
                return self._hull[-1][1]
        enough = self.count * (NOISE * np.abs(self.y).max()) ** 2
        guess = 4 * self.count * asymptote(self.x, self.y, pieces) / pieces  # the slope of the asymptote
        for _ in range(len(self.x)):
            place = bisect_left(self._hull, (pieces, -1.0))
            more, error = self._hull[place]
            if more == pieces:
                return error
            fewer, above = self._hull[place - 1]
            if above <= enough:
                return above
            # between two corners of the hull lies another, below the line through both; or none
            price = (above - error) / (more - fewer)
            chord = above + price * fewer
            if price < guess < above:
                price, guess = guess, 0.0
                chord = np.inf
            corner = self._best(price)
            if corner[1] + price * corner[0] >= chord * (1 - SAME):
                return corner[1] if corner[0] == pieces else self._above_hull(pieces, price)
            if corner not in self._hull:
                self._hull.insert(bisect_left(self._hull, corner), corner)
        raise AssertionError("the hull has no more corners than there are points")

    def _best(self, price: float) -> tuple[int, float]:
        """The best number of pieces at this price each, and their squared error."""
        from triangle_cli.fit.floors_kernel import cut  # numba, when it is needed

        pieces, errors, _ = cut(self.x, self.y, self.inner, price)
        return int(pieces[-1]), float(errors[-1])

    def _above_hull(self, pieces: int, price: float) -> float:
        """The least squared error of so many pieces, where no price makes them the best number.

        A run that lies in a cut of K pieces cannot cost more, with the best on its left and right, than that cut.
        So runs up to some slack above the best are collected, until a cut of K of them is within the slack.
        """
        from triangle_cli.fit.floors_kernel import best_of, cut, runs_within

        backwards = self.inner[::-1] * np.array([1.0, 1.0, -1.0, 1.0])
        _, _, left = cut(self.x, self.y, self.inner, price)
        _, _, right = cut(-self.x[::-1], self.y[::-1].copy(), backwards, price)
        slack = SLACK * price
        while True:
            runs = runs_within(self.x, self.y, self.inner, price, left, right[::-1].copy(), slack)
            found = best_of(*runs, len(self.x), pieces)
            if found + price * pieces <= left[-1] + slack:
                return found
            slack *= 4


def gathered(x: np.ndarray, y: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """`MOST_POINTS` groups of neighbours: their means of x and y, and (n, 4) weights and moments about these."""
    group = np.arange(len(x)) * MOST_POINTS // len(x)
    total = np.bincount(group, weight)
    mean_x, mean_y = np.bincount(group, weight * x) / total, np.bincount(group, weight * y) / total
    off_x, off_y = x - mean_x[group], y - mean_y[group]
    products = (off_x * off_x, off_x * off_y, off_y * off_y)
    return mean_x, mean_y, np.stack([total, *(np.bincount(group, weight * p) for p in products)], 1)


def asymptote(x: np.ndarray, y: np.ndarray, pieces: int) -> float:
    """(integral |f''|^(2/5))^5 / (720 K^4) over the length of the interval: what the floor tends to for many points.

    f'' from second differences of at most `MOST_POINTS` of the points.
    """
    step = -(-len(x) // MOST_POINTS)
    x, y = x[::step], y[::step]
    if len(x) < 3:
        return 0.0
    slopes, middles = np.diff(y) / np.diff(x), (x[1:] + x[:-1]) / 2
    bend = np.abs(np.diff(slopes) / np.diff(middles)) ** 0.4
    whole = (bend * np.diff(middles)).sum() * (x[-1] - x[0]) / (middles[-1] - middles[0])
    return float(whole**5 / (720 * pieces**4 * (x[-1] - x[0])))
