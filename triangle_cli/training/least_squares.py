"""Linear least squares for every restart alone, to the bit the same whatever other restarts there are."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

MOST = 1 << 19  # numbers that starts hold at once for each column
ROUNDS = 3  # what a ridge keeps back in one the next brings


def parts(restarts: int, points: int) -> Iterator[slice]:
    """Restarts a part at a time, so that memory does not grow with them."""
    size = max(1, MOST // points)
    for first in range(0, restarts, size):
        yield slice(first, first + size)


def least_squares(columns: Tensor, y: Tensor, ridge: float, weight: Tensor | None = None) -> Tensor:
    """Coefficients (R, m) of the columns (R, m, n) that come closest to y, (R, n); float64 inside.

    By normal equations and corrections of what they leave. Columns of zeros have coefficient 0.

    Args:
        ridge: relative, for columns that are nearly alike: small coefficients where that leaves a choice.
        weight: (n,), of the points; None: all weigh the same.
    """
    if weight is not None:
        root = weight.sqrt().to(columns)
        columns, y = columns * root, y * root
    from triangle_cli.training.least_squares_kernel import fit  # numba, when it is needed

    found = np.empty(columns.shape[:2])
    fit(columns.cpu().contiguous().numpy(), y.cpu().contiguous().numpy(), ridge, ROUNDS, found)
    return torch.from_numpy(found).to(columns)
