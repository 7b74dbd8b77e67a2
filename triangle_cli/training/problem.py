"""What an optimizer is given."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from triangle_cli.training.block_space import Space


def mean_square(error: Tensor, weight: Tensor | None) -> Tensor:
    """The mean over the points (.., n) of the squared error; weights (n,) have mean 1."""
    square = error.square()
    return (square if weight is None else square * weight).mean(-1)


@dataclass(frozen=True)
class Problem:
    """What an optimizer is given: fit y at x, (n,), by moving theta in a space. weight: as of `Points`."""

    space: Space
    x: Tensor
    y: Tensor
    weight: Tensor | None = None


@dataclass(frozen=True)
class Points:
    """Places x, (n,), increasing, or (n, inputs), and the values y there, (n,).

    weight: (n,), positive, of mean 1; None where all weigh the same.
    pure: the mean square that no function of x can explain, of rows that share an x and differ in y.
    """

    x: Tensor
    y: Tensor
    weight: Tensor | None = None
    pure: float = 0.0

    def to(self, device: str, dtype: torch.dtype) -> Points:
        """The same points there, in that dtype."""
        weight = None if self.weight is None else self.weight.to(device, dtype)
        return replace(self, x=self.x.to(device, dtype), y=self.y.to(device, dtype), weight=weight)
