"""Where training starts: triangle networks with random or given peaks, or networks with random weights.

Restart k draws from its own stream, seeded by (seed, k): it is the same network however many restarts there are.
"""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from triangle_cli.construction.network import Network
from triangle_cli.construction.triangle import Triangle, bound_steps, fold_interval
from triangle_cli.fit.functions import Target

RAAI_SCALE = 0.6007  # the standard deviation is this over sqrt(fan_in); Lu et al. 2020, section 4
SIGN = {"convex": -1.0, "concave": 1.0}


def streams(seed: int, restarts: int) -> list[np.random.Generator]:
    """One independent random stream for each restart."""
    return [np.random.default_rng([seed, restart]) for restart in range(restarts)]


def draw_peaks(depth: int, low: float, high: float, seed: int, restarts: int) -> Tensor:
    """Peaks drawn uniformly from [low, high]: (restarts, depth + 1), float64."""
    drawn = [stream.uniform(low, high, depth + 1) for stream in streams(seed, restarts)]
    return torch.from_numpy(np.stack(drawn))


def require_bend(target: Target) -> None:
    """Raise ValueError for a target that is neither convex nor concave: triangle networks cannot follow it."""
    if target.curvature not in SIGN:
        lo, hi = target.interval
        raise ValueError(
            f"function={target.name}: {target.formula} on [{lo:g}, {hi:g}] is {target.curvature}, expected a "
            "convex or concave function for init=triangle (network=difference and init=random take any)"
        )


def triangle(
    target: Target, peaks: Tensor, x: Tensor, y: Tensor, first_scale: float | None = None
) -> Triangle:
    """Triangle networks with these peaks, as close to y at x as offset, slope and s_0 can bring them.

    The three are a linear least-squares fit. Where it asks for a scale that is not positive, or where
    `first_scale` fixes s_0, the affine part meets the target at both ends instead.

    Args:
        target: a convex or concave function.
        peaks: (R, d + 1), in (0, 1).
        x, y: (n,), the training points.
        first_scale: s_0, positive.

    Raises:
        ValueError: the target is neither convex nor concave.
    """
    require_bend(target)
    lo, hi = target.interval
    sign, ones = SIGN[target.curvature], torch.ones_like(peaks[:, 0])
    low, high = target(torch.tensor([lo, hi], dtype=peaks.dtype, device=peaks.device))
    by_ends = Triangle(
        peaks=peaks,
        steps=bound_steps(peaks, first_scale * ones if first_scale else end_slope_scale(target, peaks)),
        offset=low * ones,
        slope=(high - low) * ones,
        sign=sign,
        interval=target.interval,
    )
    if first_scale:
        return by_ends
    unit = replace(by_ends, steps=bound_steps(peaks, ones), offset=0 * ones, slope=0 * ones)
    u = ((x - lo) / (hi - lo)).expand(len(peaks), -1)
    columns = torch.stack([torch.ones_like(u), u, unit(x)], 2)  # (R, n, 3)
    # gels, because the default driver's last digits differ from one process to the next
    fit = torch.linalg.lstsq(columns, y.expand(len(peaks), -1).unsqueeze(2), driver="gels")
    fitted = fit.solution.squeeze(2)  # (R, 3)
    usable = fitted[:, 2] > 0
    return replace(
        by_ends,
        steps=bound_steps(peaks, torch.where(usable, fitted[:, 2], by_ends.steps[:, 0])),
        offset=torch.where(usable, fitted[:, 0], by_ends.offset),
        slope=torch.where(usable, fitted[:, 1], by_ends.slope),
    )


def end_slope_scale(target: Target, peaks: Tensor) -> Tensor:
    """s_0 from the limit's end slopes, F'(0) - F'(1) = s_0 / (a_0 (1 - a_0) a_1): (R,) for peaks (R, d + 1)."""
    low_slope, high_slope = target.end_slopes
    return abs(high_slope - low_slope) * peaks[:, 0] * (1 - peaks[:, 0]) * peaks[:, 1]


def random(
    depth: int,
    width: int,
    interval: tuple[float, float],
    seed: int,
    restarts: int,
    dtype: torch.dtype,
    inputs: int = 1,
    each: int = 1,
) -> Network:
    """PyTorch's default for Linear: weights and biases uniform in +-1/sqrt(fan_in).

    The first layer takes u = (x - lo) / (hi - lo), folded into its weights: on every interval the same
    networks as on [0, 1]. With `each` > 1 every restart's stream draws so many networks, one after the other.
    """

    def draw(stream: np.random.Generator, fan_out: int, fan_in: int) -> np.ndarray:
        bound = 1 / math.sqrt(fan_in)
        return stream.uniform(-bound, bound, (fan_out, fan_in + 1))

    return _draw_layers(draw, [inputs, *[width] * depth, 1], interval, seed, restarts, dtype, each)


def raai(
    depth: int,
    width: int,
    interval: tuple[float, float],
    seed: int,
    restarts: int,
    dtype: torch.dtype,
    inputs: int = 1,
    each: int = 1,
) -> Network:
    """Randomized asymmetric initialization (Lu, Shin, Su, Karniadakis 2020, arXiv 1903.06733).

    A neuron's fan_in + 1 numbers are normal with standard deviation 0.6007 / sqrt(fan_in); then one of them,
    picked uniformly, is redrawn from Beta(2, 1). The first layer takes u in [0, 1], as in `random`.
    """

    def draw(stream: np.random.Generator, fan_out: int, fan_in: int) -> np.ndarray:
        layer = stream.normal(0, RAAI_SCALE / math.sqrt(fan_in), (fan_out, fan_in + 1))
        layer[np.arange(fan_out), stream.integers(0, fan_in + 1, fan_out)] = stream.beta(2, 1, fan_out)
        return layer

    return _draw_layers(draw, [inputs, *[width] * depth, 1], interval, seed, restarts, dtype, each)


def _draw_layers(draw, sizes, interval, seed, restarts, dtype, each) -> Network:  # noqa: ANN001
    restarts_layers = [
        [draw(stream, fan_out, fan_in) for fan_in, fan_out in pairwise(sizes)]
        for stream in streams(seed, restarts)
        for _ in range(each)
    ]
    weight, shift = fold_interval(*interval)
    for first, *_ in restarts_layers:
        first[:, -1] += first[:, :-1].sum(1) * shift
        first[:, :-1] *= weight
    return Network(tuple(torch.from_numpy(np.stack(layer)).to(dtype) for layer in zip(*restarts_layers)))
