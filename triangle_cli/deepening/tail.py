"""The sum of infinitely many projective tents (see `construction.tents`), in closed form.

    R(p, q) = p q / (p + q) for p, q > 0, else min(p, q)

is what a tail of tents with lambda = mu = 1/2 adds to y, from the state (p, q) on. It is homogeneous of degree 1, and
bends smoothly: R_p = (q / (p + q))^2, R_q = (p / (p + q))^2. One tent of it can be written out without changing it:

    R(p, q) = min(p, q) / 2 + R(|p - q| / 4, min(p, q) / 2)

Written out T times and ended by min, it is too large by at most (p + q) / 4^(T + 1). In the coordinate q / (p + q) the
breakpoints of its T tents are the dyadic numbers, and their share of a mean square is CUT / 16^T times the integral of
(p + q)^2 if every piece is then fitted as well as a line can be.
"""

from __future__ import annotations

import numpy as np

# of a chord over h the best line leaves h^4 f''^2 / 720 on average, and here h^2 f'' = 2 (p + q) / 4^T
CUT = 4 / 720


def limit(p: np.ndarray, q: np.ndarray) -> np.ndarray:
    """R(p, q), elementwise."""
    positive = (p > 0) & (q > 0)
    return np.where(positive, p * (q / np.where(positive, p + q, 1)), np.minimum(p, q))


def fold(sign: float, gain: float, share: float) -> np.ndarray:
    """The rows of (p', q', y'), (3, 4), by the neurons (p, q, y, relu(p - q)): one tent of the tail written out.

    p' = gain |p - q| / 4, q' = gain min(p, q) / 2, y' = y + sign share min(p, q). With gain 1 and share 1/2,
    y + sign R(p, q) = y' + sign R(p', q').
    """
    return np.array(
        [
            [-gain / 4, gain / 4, 0, gain / 2],
            [gain / 2, 0, 0, -gain / 2],
            [sign * share, 0, 1, -sign * share],
        ]
    )
