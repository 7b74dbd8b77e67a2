"""The points on which a target is fitted and judged."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from triangle_cli.fit.functions import Target
from triangle_cli.fit.samples import SampledTarget
from triangle_cli.settings.run import FitSettings
from triangle_cli.training.problem import Points


def points_of(settings: FitSettings, target: Target) -> tuple[Points, Points, Points]:
    """To learn from, to be judged by, and to look for the largest error among; float64."""
    points = settings.points
    if isinstance(target, SampledTarget):
        learned, held = target.samples.split(float(points.test), settings.seed)
        return learned.points(), held.points(), target.samples.points()
    assert points.train is not None  # of a formula
    assert points.grid is not None
    test = middle_points(target, int(points.test))
    return even_points(target, points.train), test, even_points(target, points.grid)


def even_points(
    target: Target, count: int, dtype: torch.dtype = torch.float64, device: str = "cpu"
) -> Points:
    """`count` even points from end to end of the interval: training points, and the fine grid."""
    along = torch.linspace(*target.interval, side(target, count), dtype=torch.float64)
    return _points(target, along).to(device, dtype)


def middle_points(target: Target, count: int) -> Points:
    """The middles of `count` even cells of the interval: they avoid the ends, and even points almost always."""
    lo, hi = target.interval
    cells = side(target, count)
    x = lo + (hi - lo) * (torch.arange(cells, dtype=torch.float64) + 0.5) / cells
    return _points(target, x)


def side(target: Target, count: int) -> int:
    """How many points along each input make `count` points.

    Raises:
        ValueError: a grid in the plane cannot have so many.
    """
    along = round(count ** (1 / target.inputs))
    if along**target.inputs != count or along < target.inputs:
        near = max(2, math.isqrt(count))
        raise ValueError(
            f"points={count}: expected points=plane for a function of x and y, or other squares such as {near**2}"
        )
    return along


def _points(target: Target, along: Tensor) -> Points:
    x = torch.cartesian_prod(*[along] * target.inputs)
    return Points(x, target(x))
