"""Layers of infinite depth: every unit is the limit of a tail of tents, smooth, with three numbers.

    y = b z + c R(p, q) + const,  p = e^k (z - lo) s,  q = e^-k (hi - z) s,  s = 2 / (hi - lo)

R(p, q) = p q / (p + q) for p, q > 0, else min(p, q): the sum of infinitely many projective tents (see
`deepening.tail`). Below lo and above hi it goes on in straight lines, without a kink. It starts as a smoothed ReLU,
0 below lo, z above hi and one half of (z - lo)^2 / (hi - lo) between them if the interval is even. k is kept
within +-4 by 4 tanh(k / 4). Nothing in it has a depth: `unroll` makes ReLUs of any depth of it, afterwards.

>>> layer = LimitLayer(64, 32)                      # where Linear(64, 32), ReLU() stood
>>> layer(torch.zeros(8, 10, 64)).shape
torch.Size([8, 10, 32])
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from triangle_cli.nn.forms import LIMIT, MOST_SKEW
from triangle_cli.nn.unitwise import UnitwiseActivation, UnitwiseLayer, check_interval, check_whole


class LimitActivation(UnitwiseActivation):
    """One limit of tents per unit: z (..., units) to y (..., units).

    Parameters:
        curves: (units, 3): slope, bend and skew, the b, c and k above.

    The interval is part of the state_dict: a layer takes on that of the state it loads.

    Args:
        units: how many, 1 or more.
        interval: (lo, hi) with lo < 0 < hi, the pre-activations between which a unit bends.
        dim: where the units are in the shape of z: -1, or -3 for channels of pictures.

    Raises:
        ValueError: a number is out of its range.
    """

    def __init__(
        self,
        units: int,
        *,
        interval: tuple[float, float] = (-1.0, 1.0),
        dim: int = -1,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        check_whole("units", units)
        if type(dim) is not int or dim >= 0:
            raise ValueError(f"dim={dim!r}: expected a negative whole number, counted from the last")
        self.units, self.dim = units, dim
        self.interval = check_interval(interval, dtype)
        self.curves = nn.Parameter(torch.empty(units, 3, device=device, dtype=dtype))
        self.reset_parameters()

    @property
    def form(self) -> int:
        """See `UnitwiseActivation`."""
        return LIMIT

    @torch.no_grad()
    def reset_parameters(self) -> None:
        """The smoothed ReLU."""
        lo, hi = self.interval
        skew = 0.5 * math.log(-hi / lo)  # its slopes are 0 at lo and 1 at hi, and its values 0 and hi
        bend = -(hi - lo) / (2 * (math.exp(skew) + math.exp(-skew)))
        start = [hi / (hi - lo), bend, MOST_SKEW * math.atanh(skew / MOST_SKEW)]
        self.curves.copy_(torch.tensor(start, dtype=torch.float64))

    def numbers(self) -> Tensor:
        """What `units.by_limit` takes, (units, 3)."""
        return self.curves

    def get_extra_state(self) -> Tensor:
        """The interval."""
        return torch.tensor(self.interval, dtype=torch.float64)

    def set_extra_state(self, state: Any) -> None:
        """Take on an interval that was saved."""
        self.interval = check_interval(tuple(torch.as_tensor(state).tolist()), self.curves.dtype)

    def extra_repr(self) -> str:
        """What print(model) shows."""
        return f"units={self.units}, interval={self.interval}" + (
            f", dim={self.dim}" if self.dim != -1 else ""
        )


class LimitLayer(UnitwiseLayer):
    """Stands where Linear(in_features, out_features), ReLU() stood: (..., in_features) to (..., out_features).

    Args:
        in_features, out_features, bias, device, dtype: as for torch.nn.Linear.
        settings: the other arguments of `LimitActivation`.

    Raises:
        ValueError: a number is out of its range.
    """

    activation: LimitActivation
    _activation = LimitActivation

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        *,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
        **settings: Any,
    ) -> None:
        super().__init__()
        self._build(in_features, out_features, bias, device, dtype, **settings)
