"""The points on which a target is fitted and judged."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from triangle_cli.fit.functions import Target
from triangle_cli.training.problem import Points


def even_points(target: Target, count: int, dtype: torch.dtype, device: str) -> Points:
    """`count` even points from end to end of the interval: training points, and the fine grid."""
    return _points(
        target, torch.linspace(*target.interval, side(target, count), dtype=torch.float64), dtype, device
    )


def middle_points(target: Target, count: int, dtype: torch.dtype, device: str) -> Points:
    """The middles of `count` even cells of the interval: they avoid the ends, and even points almost always."""
    lo, hi = target.interval
    cells = side(target, count)
    x = lo + (hi - lo) * (torch.arange(cells, dtype=torch.float64) + 0.5) / cells
    return _points(target, x, dtype, device)


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


def _points(target: Target, along: Tensor, dtype: torch.dtype, device: str) -> Points:
    x = torch.cartesian_prod(*[along] * target.inputs)
    return Points(x.to(device, dtype), target(x).to(device, dtype))
