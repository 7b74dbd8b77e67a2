"""What all activations with a curve of its own for each unit share: shapes, precision, and what they refuse."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, ClassVar, TypeVar

import torch
from torch import Tensor, nn

from triangle_cli.nn.units import evaluate
from triangle_cli.training.bounds import PEAK_MARGIN

SPARE = 2.0**10  # how far an interval stays from the ends of what a dtype holds
Layer = TypeVar("Layer", bound="UnitwiseLayer")


class UnitwiseActivation(nn.Module):
    """A curve for each unit: z (..., units) to y of that shape, by `units.evaluate`."""

    units: int
    interval: tuple[float, float]
    dim = -1  # where the units are in a shape

    @property
    def form(self) -> int:
        """Which formula `numbers` are of: one of `forms`."""
        raise NotImplementedError

    def numbers(self) -> Tensor:
        """What the formula takes, (units, K)."""
        raise NotImplementedError

    def forward(self, z: Tensor) -> Tensor:
        """z: (..., units) to the same shape, in the dtype of z; computed in that of the parameters.

        Raises:
            ValueError: dimension `dim`, the last one unless told otherwise, is not `units`.
        """
        if z.dim() < max(-self.dim, 1) or z.shape[self.dim] != self.units:
            wanted = ", ".join(["...", str(self.units), *":" * (-self.dim - 1)])
            raise ValueError(f"z: shape {tuple(z.shape)}, expected ({wanted})")
        if self.dim != -1:
            z = z.movedim(self.dim, -1)
        autocast = "cpu" if z.is_meta else z.device.type  # there is none for shapes alone
        with torch.autocast(autocast, enabled=False):  # half precision has no digits for small scales
            numbers = self.numbers()
            rows = z.reshape(-1, self.units).to(numbers.dtype)  # (n, units)
            y = evaluate(rows, numbers, self.interval, self.form).to(z.dtype).reshape(z.shape)
        return y if self.dim == -1 else y.movedim(-1, self.dim)


class UnitwiseLayer(nn.Module):
    """A Linear, and an activation after it: stands where Linear, ReLU stood."""

    linear: nn.Linear
    activation: UnitwiseActivation

    _activation: ClassVar[type[Any]]  # the kind of `activation`, called with its units and settings

    def _build(
        self,
        in_features: int,
        out_features: int,
        bias: bool,
        device: torch.device | str | None,
        dtype: torch.dtype | None,
        **settings: Any,
    ) -> None:
        check_whole("in_features", in_features)
        check_whole("out_features", out_features)
        self.linear = nn.Linear(in_features, out_features, bias, device, dtype)
        self.activation = self._activation(out_features, device=device, dtype=dtype, **settings)

    @classmethod
    def after(cls: type[Layer], linear: nn.Linear, **settings: Any) -> Layer:
        """A layer around a Linear that is there already, with its weights, on its device."""
        layer = cls.__new__(cls)
        nn.Module.__init__(layer)
        layer.linear = linear
        like = {"device": linear.weight.device, "dtype": linear.weight.dtype}
        layer.activation = cls._activation(linear.out_features, **like, **settings)
        return layer.train(linear.training)

    def forward(self, x: Tensor) -> Tensor:
        """x: (..., in_features) to (..., out_features).

        Raises:
            ValueError: the last dimension is not `in_features`.
        """
        if x.dim() == 0 or x.shape[-1] != self.linear.in_features:
            raise ValueError(f"x: shape {tuple(x.shape)}, expected (..., {self.linear.in_features})")
        return self.activation(self.linear(x))


def check_interval(interval: Any, dtype: torch.dtype | None) -> tuple[float, float]:
    """(lo, hi) as floats.

    Raises:
        ValueError: 0 is not well inside, or the dtype cannot resolve it.
    """
    wrong = f"interval={interval}: expected (lo, hi) with 0, where ReLU bends, well inside"
    if not isinstance(interval, Sequence) or len(interval) != 2:
        raise ValueError(wrong)
    kink = -interval[0] / (interval[1] - interval[0]) if interval[0] < interval[1] else 0.0
    if not PEAK_MARGIN < kink < 1 - PEAK_MARGIN:  # also where the interval is not finite
        raise ValueError(wrong)
    dtype = dtype or torch.get_default_dtype()
    length = interval[1] - interval[0]
    least, most = SPARE * torch.finfo(dtype).tiny, torch.finfo(dtype).max / SPARE
    if not least <= length <= most:
        raise ValueError(f"interval={interval}: expected a length from {least:.1e} to {most:.1e} for {dtype}")
    return float(interval[0]), float(interval[1])


def check_whole(name: str, value: Any, most: float = math.inf) -> None:
    """Raise ValueError for what is no whole number from 1 to `most`."""
    if type(value) is not int or not 1 <= value <= most:
        raise ValueError(
            f"{name}={value!r}: expected a whole number, 1 {'or more' if most == math.inf else f'to {most}'}"
        )
