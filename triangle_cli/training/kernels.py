"""What training calls, compiled: stretches of epochs of some restarts, and their errors.

A model is a space and the points to fit, as the compiled code takes them. Calls release Python's lock, so that
threads work side by side, each on restarts of its own.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numba.extending import overload

from triangle_cli.training import peaks_kernel, tents_kernel, weights_kernel
from triangle_cli.training.compiled import compiled, factor, solve
from triangle_cli.training.peaks_kernel import Peaks
from triangle_cli.training.tents_kernel import Projective
from triangle_cli.training.weights_kernel import Weights, weights_extremes

Model = Peaks | Projective | Weights

STEP_LENGTHS = (1.0, 0.5, 0.25)  # what is tried along a step: kinks make a whole step too long
LARGEST_DAMPING = 1e8
SMALLEST_SCALE = 1e-8  # of D's entries, relative to the largest


def _by_model(name: str) -> Callable[..., Any]:
    """The compiled function of this name for whichever model is given."""

    def choose(model, *rest):  # type: ignore[no-untyped-def]  # noqa: ANN001  # numba compares signatures
        raise NotImplementedError

    of_peaks, of_weights = getattr(peaks_kernel, f"peaks_{name}"), getattr(weights_kernel, f"weights_{name}")
    of_tents = getattr(tents_kernel, f"tents_{name}")

    @overload(choose)
    def _(model, *rest):  # type: ignore[no-untyped-def]  # noqa: ANN001
        if model.instance_class is Peaks:
            return lambda model, *rest: of_peaks(model, *rest)
        if model.instance_class is Projective:
            return lambda model, *rest: of_tents(model, *rest)
        return lambda model, *rest: of_weights(model, *rest)

    return choose


scratch_of, derivative, error, normal_equations, at = (
    _by_model(name) for name in ("scratch", "derivative", "error", "normal", "at")
)


@compiled
def adam(
    model: Model,
    theta: np.ndarray,
    means: np.ndarray,
    squares: np.ndarray,
    taken: int,
    rate: float,
    first: int,
    last: int,
    losses: np.ndarray,
    least: np.ndarray,
    best: np.ndarray,
) -> None:
    """Epochs of Adam (Kingma and Ba 2015) for restarts first .. last - 1; `taken` were taken before.

    theta, means, squares: (R, P). losses: (R, epochs), before each; least (R,), best (R, P):
    brought up to date. beta is (0.9, 0.999), epsilon 1e-8.
    """
    epochs, parameters = losses.shape[1], theta.shape[1]
    slopes = np.empty(parameters)
    step, root = np.empty(epochs), np.empty(epochs)
    for k in range(epochs):
        step[k] = rate / (1 - 0.9 ** (taken + k + 1))
        root[k] = 1 / math.sqrt(1 - 0.999 ** (taken + k + 1))
    scratch = scratch_of(model, False)
    for r in range(first, last):
        numbers, mean, square = theta[r], means[r], squares[r]
        for k in range(epochs):
            losses[r, k] = derivative(model, numbers, scratch, slopes)
            if losses[r, k] < least[r]:
                least[r] = losses[r, k]
                for i in range(parameters):
                    best[r, i] = numbers[i]
            for i in range(parameters):
                mean[i] += 0.1 * (slopes[i] - mean[i])
                square[i] = 0.999 * square[i] + 0.001 * slopes[i] * slopes[i]
                numbers[i] -= step[k] * mean[i] / (math.sqrt(square[i]) * root[k] + 1e-8)


@compiled
def levenberg_marquardt(
    model: Model,
    drawn_x: np.ndarray,
    drawn_y: np.ndarray,
    drawn_roots: np.ndarray,
    drawn: int,
    theta: np.ndarray,
    damping: np.ndarray,
    smallest: float,
    first: int,
    last: int,
    losses: np.ndarray,
    least: np.ndarray,
    best: np.ndarray,
) -> None:
    """Steps for restarts first .. last - 1, each on `drawn` points of its own: see `LevenbergMarquardt`.

    drawn_x, drawn_y, drawn_roots: for every step, padded; of no steps where each sees all points.
    theta: (R, P), damping: (R,). losses: (R, epochs), on all points, before each; least, best as for `adam`.
    """
    epochs, parameters = losses.shape[1], theta.shape[1]
    scratch = scratch_of(model, True)
    rows = (parameters + 3) // 4 * 4
    normal, direction = np.zeros((rows, rows)), np.empty(parameters)
    tried, taken = np.empty_like(theta[0]), np.empty_like(theta[0])
    for r in range(first, last):
        numbers = theta[r]
        for k in range(epochs):
            seen = model
            if drawn > 0:
                seen = at(model, drawn_x[k], drawn_y[k], drawn_roots[k], drawn)
            before = normal_equations(seen, numbers, scratch, normal, direction)
            losses[r, k] = error(model, numbers, scratch) if drawn > 0 else before
            if losses[r, k] < least[r]:
                least[r] = losses[r, k]
                for i in range(parameters):
                    best[r, i] = numbers[i]
            largest = 0.0
            for i in range(parameters):
                largest = max(largest, normal[i, i])
            for i in range(parameters):  # numbers that move nothing still need some damping
                normal[i, i] += damping[r] * (normal[i, i] + SMALLEST_SCALE * largest)
            lowest = before
            if factor(normal, parameters):
                solve(normal, direction, parameters)
                for length in STEP_LENGTHS:
                    for i in range(parameters):
                        tried[i] = numbers[i] + length * direction[i]
                    found = error(seen, tried, scratch)
                    if found < lowest:  # not where it is not finite
                        lowest = found
                        taken[:] = tried
            if lowest < before:
                numbers[:] = taken
                damping[r] = max(damping[r] / 2, smallest)
            else:
                damping[r] = min(damping[r] * 4, LARGEST_DAMPING)


@compiled
def weights_errors(
    model: Weights, theta: np.ndarray, first: int, last: int, means: np.ndarray, largest: np.ndarray
) -> None:
    """The mean squared and the largest absolute errors of restarts first .. last - 1, (R,) each."""
    scratch = scratch_of(model, False)
    for r in range(first, last):
        means[r], largest[r] = weights_extremes(model, theta[r], scratch)
