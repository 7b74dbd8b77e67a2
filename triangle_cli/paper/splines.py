"""What a user might fit instead of a ReLU network, with no more numbers: on the same points, in the same time.

Needs scipy (`pip install .[compare]`).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from scipy.interpolate import make_lsq_spline
from scipy.optimize import least_squares

from triangle_cli.fit.functions import Target
from triangle_cli.fit.points import even_points, middle_points
from triangle_cli.fit.starts.streams import streams
from triangle_cli.fit.starts.zigzag import bend_quantiles
from triangle_cli.store import run_folder

WIDEST = 30  # neurons of a tanh network: more of them train slower, and smooth functions need no more

Fitted = Callable[[np.ndarray], np.ndarray]
Fit = Callable[[np.ndarray, np.ndarray, int, float], Fitted]  # of x, y, how many numbers, seconds


def spline(degree: int) -> Fit:
    """Least-squares splines of this degree, with free knots: half of the numbers are knots."""

    def fit(x: np.ndarray, y: np.ndarray, numbers: int, seconds: float) -> Fitted:
        inner = (numbers - degree - 1) // 2
        found: list[tuple[float, Fitted]] = []
        # the best of knots between even and crowded where the target bends
        crowded = x[0] + (x[-1] - x[0]) * bend_quantiles(torch.tensor(x), torch.tensor(y), inner).numpy()
        even = np.linspace(x[0], x[-1], inner + 2)[1:-1]
        for share in np.linspace(0, 1, 21):
            knots = np.r_[
                (x[0],) * (degree + 1), share * crowded + (1 - share) * even, (x[-1],) * (degree + 1)
            ]
            try:
                fitted = make_lsq_spline(x, y, knots, degree)
            except (np.linalg.LinAlgError, ValueError):  # knots with no point between them
                continue
            found.append((float(np.mean((fitted(x) - y) ** 2)), fitted))
        return min(found, key=lambda pair: pair[0])[1]

    return fit


def tanh_network(x: np.ndarray, y: np.ndarray, numbers: int, seconds: float) -> Fitted:
    """One hidden layer of tanh, Levenberg-Marquardt (MINPACK) from random starts until its CPU time is up."""
    lo, hi = x[0], x[-1]
    u = 2 * (x - lo) / (hi - lo) - 1
    width = min((numbers - 1) // 3, WIDEST)

    def parts(theta: np.ndarray, u: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        hidden = np.tanh(np.outer(u, theta[:width]) + theta[width : 2 * width])  # (n, width)
        return hidden, theta[2 * width : 3 * width]

    def value(theta: np.ndarray, u: np.ndarray) -> np.ndarray:
        hidden, out = parts(theta, u)
        return hidden @ out + theta[-1]

    def residual(theta: np.ndarray) -> np.ndarray:
        return value(theta, u) - y

    def jacobian(theta: np.ndarray) -> np.ndarray:
        hidden, out = parts(theta, u)
        inner = (1 - hidden**2) * out
        return np.hstack([inner * u[:, None], inner, hidden, np.ones((len(u), 1))])

    best: tuple[float, np.ndarray] | None = None
    began, attempt = time.process_time(), 0
    while (left := seconds - (time.process_time() - began)) > 0 or attempt == 0:
        draw = streams(0, attempt + 1)[-1]
        start = np.r_[draw.normal(0, 2, width), draw.uniform(-2, 2, width), draw.normal(0, 0.3, width), 0.0]
        steps = max(10, min(3000, int(left * 300)))  # a step takes a few milliseconds
        found = least_squares(
            residual, start, jacobian, method="lm", max_nfev=steps, ftol=1e-15, xtol=1e-15, gtol=1e-15
        )
        error, attempt = float(np.mean(found.fun**2)), attempt + 1
        if best is None or error < best[0]:
            best = error, found.x
    assert best is not None
    theta = best[1]
    return lambda at: value(theta, 2 * (at - lo) / (hi - lo) - 1)


ALTERNATIVES: dict[str, Fit] = {
    "free-knot linear spline": spline(1),
    "free-knot cubic spline": spline(3),
    "tanh network, Levenberg-Marquardt": tanh_network,
}


def least_errors(
    folder: Path, target: Target, points: int, numbers: int, seconds: float, judged: int | None = None
) -> dict[str, float]:
    """The mean squared error of each alternative, kept in a file of `folder`.

    Args:
        points: even training points.
        numbers: how many numbers a fit may have at most.
        seconds: how long the network is trained.
        judged: on how many points midway between even ones errors are taken; None: on the training points.
    """
    asked = {
        "formula": target.formula,
        "interval": list(target.interval),
        "points": points,
        "numbers": numbers,
    }
    asked |= {} if judged is None else {"judged": judged}

    def compute() -> dict[str, float]:
        train = even_points(target, points)
        known = train if judged is None else middle_points(target, judged)
        found = {}
        for name, fit in ALTERNATIVES.items():
            fitted = fit(train.x.numpy(), train.y.numpy(), numbers, seconds)
            found[name] = float(np.mean((fitted(known.x.numpy()) - known.y.numpy()) ** 2))
        return found

    stem = target.name if judged is None else f"{target.name}-{numbers}"
    return run_folder.remember(folder / f"{stem}.json", "mse", asked, compute)
