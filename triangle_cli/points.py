"""The points on which a target is fitted and judged."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from triangle_cli.functions import Target


@dataclass(frozen=True)
class Points:
    """Places x, (n,), increasing, and the target's values y there, (n,)."""

    x: Tensor
    y: Tensor


def even_points(target: Target, count: int, dtype: torch.dtype, device: str) -> Points:
    """`count` even points from end to end of the interval: training points, and the fine grid."""
    x = torch.linspace(*target.interval, count, dtype=torch.float64)
    return Points(x.to(device, dtype), target(x).to(device, dtype))


def middle_points(target: Target, count: int, dtype: torch.dtype, device: str) -> Points:
    """The middles of `count` even cells of the interval: they avoid the ends, and even points almost always."""
    lo, hi = target.interval
    x = lo + (hi - lo) * (torch.arange(count, dtype=torch.float64) + 0.5) / count
    return Points(x.to(device, dtype), target(x).to(device, dtype))
