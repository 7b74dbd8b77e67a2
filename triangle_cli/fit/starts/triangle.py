"""Triangle networks with random or given peaks, fitted by linear least squares."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from triangle_cli.construction.blocks import Blocks
from triangle_cli.construction.triangle import Triangle, bound_steps
from triangle_cli.fit.functions import Target
from triangle_cli.fit.samples import SampledTarget
from triangle_cli.fit.starts import start
from triangle_cli.fit.starts.blocks import draw_blocks, fitted_blocks
from triangle_cli.fit.starts.streams import streams
from triangle_cli.settings.run import FitSettings
from triangle_cli.training.least_squares import least_squares, parts
from triangle_cli.training.problem import Points

SIGN = {"convex": -1.0, "concave": 1.0}


def draw_peaks(depth: int, low: float, high: float, seed: int, restarts: int) -> Tensor:
    """Peaks drawn uniformly from [low, high]: (restarts, depth + 1), float64."""
    drawn = [stream.uniform(low, high, depth + 1) for stream in streams(seed, restarts)]
    return torch.from_numpy(np.stack(drawn))


def require_bend(target: Target) -> None:
    """Raise ValueError for a target that is neither convex nor concave: triangle networks cannot follow it."""
    if target.curvature not in SIGN:
        lo, hi = target.interval
        if isinstance(target, SampledTarget):
            raise ValueError(
                f"function={target.name}: samples {target.bends}; expected network=difference for such "
                "(network=auto chooses it), or function.curvature=convex or concave"
            )
        raise ValueError(
            f"function={target.name}: {target.formula} on [{lo:g}, {hi:g}] is {target.curvature}, expected a "
            "convex or concave function for init=triangle (network=difference and init=random take any)"
        )


def triangle(
    target: Target,
    peaks: Tensor,
    x: Tensor,
    y: Tensor,
    first_scale: float | None = None,
    weight: Tensor | None = None,
) -> Triangle:
    """Triangle networks with these peaks, as close to y at x as offset, slope and s_0 can bring them.

    The three are a linear least-squares fit. Where it asks for a scale that is not positive, or where
    `first_scale` fixes s_0, the affine part meets the target at both ends instead.

    Args:
        target: a convex or concave function.
        peaks: (R, d + 1), in (0, 1).
        x, y: (n,), the training points.
        first_scale: s_0, positive.
        weight: (n,), of the points.

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
    u = (x - lo) / (hi - lo)
    fitted = torch.cat([_fitted(unit, part, u, x, y, weight) for part in parts(len(peaks), len(x))])  # (R, 3)
    usable = fitted[:, 2] > 0
    return replace(
        by_ends,
        steps=bound_steps(peaks, torch.where(usable, fitted[:, 2], by_ends.steps[:, 0])),
        offset=torch.where(usable, fitted[:, 0], by_ends.offset),
        slope=torch.where(usable, fitted[:, 1], by_ends.slope),
    )


def _fitted(unit: Triangle, part: slice, u: Tensor, x: Tensor, y: Tensor, weight: Tensor | None) -> Tensor:
    """Offset, slope and s_0 of some restarts by least squares, (r, 3)."""
    some = replace(
        unit,
        peaks=unit.peaks[part],
        steps=unit.steps[part],
        offset=unit.offset[part],
        slope=unit.slope[part],
    )
    wave = some(x)  # (r, n)
    columns = torch.stack([torch.ones_like(wave), u.expand_as(wave), wave], 1)
    return least_squares(columns, y.expand_as(wave), ridge=0.0, weight=weight)


def end_slope_scale(target: Target, peaks: Tensor) -> Tensor:
    """s_0 from the limit's end slopes, F'(0) - F'(1) = s_0 / (a_0 (1 - a_0) a_1): (R,) for peaks (R, d + 1)."""
    low_slope, high_slope = target.end_slopes
    return abs(high_slope - low_slope) * peaks[:, 0] * (1 - peaks[:, 0]) * peaks[:, 1]


def _check(settings: FitSettings, target: Target) -> None:
    """Raise ValueError where triangle networks cannot follow the target."""
    if target.inputs >= 2 and settings.network.directions is None:
        of = "x and y" if target.inputs == 2 else f"{target.inputs} inputs"
        raise ValueError(
            f"function={target.name}: is of {of}, expected network=ridge (network={settings.network.name} is for "
            "x alone)"
        )
    if settings.network.single:
        require_bend(target)


@start("triangle", ("width", "peak_low", "peak_high", "peaks", "scale"), _check)
def start_triangles(settings: FitSettings, target: Target, train: Points) -> Triangle | Blocks:
    """Triangle networks with drawn or given peaks, one or several in a network."""
    init, network, like = settings.init, settings.network, train.y
    given = None if init.peaks is None else torch.tensor(init.peaks, dtype=torch.float64)
    if network.single:
        if given is None:
            peaks = draw_peaks(settings.depth, *init.peak_range, settings.seed, settings.starts)
        else:
            peaks = given.expand(settings.starts, -1)
        return triangle(target, peaks.to(like), train.x, train.y, init.scale, train.weight)
    ways = (network.total, network.directions or 1, target.inputs)
    peaks, directions = draw_blocks(settings.depth, *init.peak_range, *ways, settings.seed, settings.starts)
    if given is not None:
        peaks = given.expand_as(peaks).contiguous()
    return fitted_blocks(peaks.to(like), directions.to(like), target.box, train)
