"""The compiled pass over a layer's units as one operation, for torch.compile: it need not look inside.

A wave is made of the one before it twice; a compiler that writes each into the next grows with 2^depth.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from triangle_cli.nn.units_threads import by_threads


@torch.library.custom_op("triangle::units", mutates_args=(), device_types="cpu")
def units(z: Tensor, numbers: Tensor, lo: float, hi: float, form: int) -> Tensor:
    """`units.evaluate` of (n, units): the values. form: see `forms`."""
    from triangle_cli.nn.units_kernel import evaluate

    z, numbers = z.contiguous(), numbers.contiguous()
    y = torch.empty_like(z)
    by_threads(evaluate, (z, numbers), (lo, hi), form, (y,))
    return y


@torch.library.custom_op("triangle::units_backward", mutates_args=(), device_types="cpu")
def units_backward(
    by_y: Tensor, z: Tensor, numbers: Tensor, lo: float, hi: float, form: int
) -> tuple[Tensor, Tensor]:
    """The derivatives by z and by the numbers."""
    from triangle_cli.nn.units_kernel import differentiate

    z, numbers = z.contiguous(), numbers.contiguous()
    by_z, by_numbers = torch.empty_like(z), torch.empty_like(numbers)
    by_threads(differentiate, (z, numbers), (lo, hi), form, (by_y.contiguous(), by_z, by_numbers))
    return by_z, by_numbers


@units.register_fake
def _(z: Tensor, numbers: Tensor, lo: float, hi: float, form: int) -> Tensor:
    return torch.empty_like(z, memory_format=torch.contiguous_format)


@units_backward.register_fake
def _(by_y: Tensor, z: Tensor, numbers: Tensor, lo: float, hi: float, form: int) -> tuple[Tensor, Tensor]:
    return (
        torch.empty_like(z, memory_format=torch.contiguous_format),
        torch.empty_like(numbers, memory_format=torch.contiguous_format),
    )


def _remember(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    z, numbers, *ctx.rest = inputs
    ctx.save_for_backward(z, numbers)


def _backward(ctx: Any, by_y: Tensor) -> tuple[Tensor | None, ...]:
    return *units_backward(by_y, *ctx.saved_tensors, *ctx.rest), None, None, None


units.register_autograd(_backward, setup_context=_remember)
