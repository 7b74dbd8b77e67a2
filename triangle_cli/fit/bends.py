"""Which way samples bend: the convex and the concave function nearest to them, compared with each other and the noise.

Points are gathered in order into at most `GROUPS` groups, each with its mean. The nearest convex function is

    f(t) = a + b t + sum_i c_i relu(t - t_i),  c_i >= 0

with knots at the groups (Hildreth 1954: the least-squares convex fit is linear between the points), found by an active
set (Lawson and Hanson, Solving Least Squares Problems, chapter 23). The noise is what neighbours do not say of a point
(Gasser, Sroka and Jennen-Steinmetz 1986). Where even the nearer of the two misses the samples by more than the noise,
they are neither convex nor concave.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

GROUPS = 128
SURE = 4.0  # standard deviations of a mean square of noise
EXACT = 1e-24  # of the values' mean square: what is fitted so well is fitted


@dataclass(frozen=True)
class Bends:
    """What was found.

    word: convex, concave, a straight line or neither convex nor concave; convex, concave: the mean squared error of
    the nearest such function, beside what no function could explain; noise: the variance of one sample; knots and
    values: the nearest function of that kind, (m,), or for neither the means of the groups.
    """

    word: str
    convex: float
    concave: float
    noise: float
    knots: np.ndarray
    values: np.ndarray

    def __str__(self) -> str:
        """`convex: the nearest convex function leaves MSE 1e-4, the nearest concave one 3e-2, noise about 1e-4`."""
        noise = f", noise about {self.noise:.2g}" if self.noise > 0 else ""
        return (
            f"{self.word}: the nearest convex function leaves MSE {self.convex:.2g}, the nearest concave one "
            f"{self.concave:.2g}{noise}"
        )


def find_bends(x: np.ndarray, y: np.ndarray, weight: np.ndarray, within: np.ndarray, rows: int) -> Bends:
    """Which way samples bend.

    Args:
        x: (n,), increasing. y, weight: (n,), a mean and a sum of weights at each.
        within: (n,), the weighted squares about each mean.
        rows: how many samples there are, at those n places.
    """
    noise = _noise(x, y, weight, within, rows)
    group = np.arange(len(x)) * min(GROUPS, len(x)) // len(x)
    total = np.bincount(group, weight)
    t, means = np.bincount(group, weight * x) / total, np.bincount(group, weight * y) / total
    unit = (t - t[0]) / (t[-1] - t[0]) if len(t) > 1 else t
    up, down = nearest_convex(unit, means, total), -nearest_convex(unit, -means, total)
    convex, concave = (float(total @ (means - f) ** 2) for f in (up, down))
    straight = EXACT * float(total @ means**2)
    allowed = noise * len(t) * (1 + SURE * np.sqrt(3 / len(t)))
    if max(convex, concave) <= straight:
        word = "a straight line"
    elif min(convex, concave) > max(allowed, straight):
        word = "neither convex nor concave"
    else:
        word = "convex" if convex <= concave else "concave"
    shape = {"convex": up, "concave": down}.get(word, means)
    return Bends(word, convex / total.sum(), concave / total.sum(), noise, t, shape)


def _noise(x: np.ndarray, y: np.ndarray, weight: np.ndarray, within: np.ndarray, rows: int) -> float:
    """The variance of a sample of weight 1, from three neighbours at a time, and from rows that share an x."""
    if len(x) < 3:
        return 0.0
    share = (x[2:] - x[1:-1]) / (x[2:] - x[:-2])
    error = y[1:-1] - share * y[:-2] - (1 - share) * y[2:]
    spread = 1 / weight[1:-1] + share**2 / weight[:-2] + (1 - share) ** 2 / weight[2:]
    return float(((error**2 / spread).sum() + within.sum()) / (len(x) - 2 + rows - len(x)))


def nearest_convex(t: np.ndarray, y: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """The least-squares convex fit to y (n,) at t (n,), increasing in [0, 1]: its values at t."""
    if len(t) < 3 or (np.diff(np.diff(y) / np.diff(t)) >= 0).all():
        return y.copy()
    root = np.sqrt(weight / weight.max())
    columns = [np.ones_like(t), t, *(np.maximum(t - knot, 0) for knot in t[1:-1])]
    basis, wanted = root[:, None] * np.stack(columns, 1), root * y
    length = np.linalg.norm(basis, axis=0)
    basis /= length
    least = 1e-10 * np.linalg.norm(wanted)
    chosen = np.zeros(len(columns), bool)
    chosen[:2] = True
    solution = np.zeros(len(columns))
    for _ in range(3 * len(columns)):
        solution, chosen = _best(basis, wanted, solution, chosen)
        slope = basis.T @ (wanted - basis @ solution)
        slope[chosen] = 0
        place = int(slope.argmax())
        if slope[place] <= least:
            break
        chosen[place] = True
    return basis @ solution / root


def _best(
    basis: np.ndarray, wanted: np.ndarray, before: np.ndarray, chosen: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Least squares on the chosen columns, from `before` on, without those that would turn negative."""
    chosen = chosen.copy()
    while True:
        after = np.zeros_like(before)
        after[chosen] = np.linalg.lstsq(basis[:, chosen], wanted, rcond=None)[0]
        negative = chosen & (after <= 0)
        negative[:2] = False  # the straight part may be anything
        if not negative.any():
            return after, chosen
        fall = before[negative] - after[negative]
        share = np.where(fall > 0, before[negative] / np.where(fall > 0, fall, 1), 0).min()
        before = before + share * (after - before)
        gone = negative & (before <= 1e-14 * np.abs(before).max(initial=0))
        chosen &= ~(gone if gone.any() else negative)
        before[~chosen] = 0
