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
from triangle_cli.fit.points import even_points
from triangle_cli.fit.starts.streams import streams
from triangle_cli.fit.starts.zigzag import bend_quantiles
from triangle_cli.store import run_folder


def spline(degree: int) -> Callable[..., tuple[float, int]]:
    """Least-squares splines of this degree, with free knots: half of the numbers are knots."""

    def fit(target: Target, points: int, numbers: int, seconds: float) -> tuple[float, int]:
        train = even_points(target, points, torch.float64, "cpu")
        x, y = train.x.numpy(), train.y.numpy()
        lo, hi = target.interval
        inner = (numbers - degree - 1) // 2
        best = np.inf
        # the best of knots between even and crowded where the target bends
        crowded = lo + (hi - lo) * bend_quantiles(train.x, train.y, inner).numpy()
        even = np.linspace(lo, hi, inner + 2)[1:-1]
        for share in np.linspace(0, 1, 21):
            knots = np.r_[(lo,) * (degree + 1), share * crowded + (1 - share) * even, (hi,) * (degree + 1)]
            try:
                fitted = make_lsq_spline(x, y, knots, degree)(x)
            except (np.linalg.LinAlgError, ValueError):  # knots with no point between them
                continue
            best = min(best, float(np.mean((fitted - y) ** 2)))
        return best, 2 * inner + degree + 1

    return fit


def tanh_network(target: Target, points: int, numbers: int, seconds: float) -> tuple[float, int]:
    """One hidden layer of tanh, Levenberg-Marquardt (MINPACK) from random starts until the time is up."""
    train = even_points(target, points, torch.float64, "cpu")
    x, y = train.x.numpy(), train.y.numpy()
    lo, hi = target.interval
    u = 2 * (x - lo) / (hi - lo) - 1
    width = (numbers - 1) // 3

    def parts(theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        hidden = np.tanh(np.outer(u, theta[:width]) + theta[width : 2 * width])  # (n, width)
        return hidden, theta[2 * width : 3 * width]

    def residual(theta: np.ndarray) -> np.ndarray:
        hidden, out = parts(theta)
        return hidden @ out + theta[-1] - y

    def jacobian(theta: np.ndarray) -> np.ndarray:
        hidden, out = parts(theta)
        inner = (1 - hidden**2) * out
        return np.hstack([inner * u[:, None], inner, hidden, np.ones((len(u), 1))])

    best, began, attempt = np.inf, time.perf_counter(), 0
    while (left := seconds - (time.perf_counter() - began)) > 0 or attempt == 0:
        draw = streams(0, attempt + 1)[-1]
        start = np.r_[draw.normal(0, 2, width), draw.uniform(-2, 2, width), draw.normal(0, 0.3, width), 0.0]
        steps = max(10, min(3000, int(left * 300)))  # a step takes a few milliseconds
        found = least_squares(
            residual, start, jacobian, method="lm", max_nfev=steps, ftol=1e-15, xtol=1e-15, gtol=1e-15
        )
        best, attempt = min(best, float(np.mean(found.fun**2))), attempt + 1
    return best, 3 * width + 1


ALTERNATIVES: dict[str, Callable[..., tuple[float, int]]] = {
    "free-knot linear spline": spline(1),
    "free-knot cubic spline": spline(3),
    "tanh network, Levenberg-Marquardt": tanh_network,
}


def least_errors(folder: Path, target: Target, points: int, numbers: int, seconds: float) -> dict[str, float]:
    """The mean squared error of each alternative on the training points, kept in a file of `folder`.

    Args:
        points: even training points.
        numbers: how many numbers a fit may have at most.
        seconds: how long the network is trained.
    """
    asked = {
        "formula": target.formula,
        "interval": list(target.interval),
        "points": points,
        "numbers": numbers,
    }
    return run_folder.remember(
        folder / f"{target.name}.json",
        "mse",
        asked,
        lambda: {name: fit(target, points, numbers, seconds)[0] for name, fit in ALTERNATIVES.items()},
    )
