"""Functions of every element alone.

torch takes a function of several elements at once, and of those that are left over one by one, by other code: last
digits then depend on how many restarts there are. Here they do not. No derivatives; float64 inside.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from triangle_cli.compiling import njit

EXP, LOG, LOGISTIC, LOGIT, TANH, ATANH = range(6)


@njit(cache=True, error_model="numpy")
def _apply(function: int, rows: np.ndarray, out: np.ndarray) -> None:
    for r in range(rows.shape[0]):
        for i in range(rows.shape[1]):
            value = float(rows[r, i])
            if function == EXP:
                out[r, i] = math.exp(value)
            elif function == LOG:
                out[r, i] = math.log(value)
            elif function == LOGISTIC:
                out[r, i] = 1 / (1 + math.exp(-value))
            elif function == TANH:
                out[r, i] = math.tanh(value)
            elif function == ATANH:
                out[r, i] = math.atanh(value)
            else:
                out[r, i] = math.log(value / (1 - value))


def elementwise(function: int, values: Tensor) -> Tensor:
    """The function of every element of `values`, (R, m), on the CPU."""
    rows = values.detach().contiguous()
    out = torch.empty_like(rows)
    _apply(function, rows.numpy(), out.numpy())
    return out
