"""What an optimizer is given."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from triangle_cli.training.block_space import Space


@dataclass(frozen=True)
class Problem:
    """What an optimizer is given: fit y at x, (n,), by moving theta in a space."""

    space: Space
    x: Tensor
    y: Tensor


@dataclass(frozen=True)
class Points:
    """Places x, (n,), increasing, or (n, 2) in the plane, and the target's values y there, (n,)."""

    x: Tensor
    y: Tensor
