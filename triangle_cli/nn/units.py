"""What the units of a layer compute, each with a small network of its own on its pre-activation.

Written as formulas, in torch's operations, that serve on every device and for every transformation; and on the CPU
one compiled pass over all units, forwards and backwards: `units_kernel`. Where the pass can stand for a formula,
`evaluate` takes it. It runs in as many threads as torch does, and the values do not depend on how many.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch._C._functorch import is_legacy_batchedtensor
from torch.autograd import forward_ad
from torch.utils._python_dispatch import _get_current_dispatch_mode

from triangle_cli.construction.network import Network
from triangle_cli.nn.forms import LIMIT, MOST_SKEW, PEAKS, WEIGHTS
from triangle_cli.nn.units_op import units
from triangle_cli.nn.units_threads import Interval, by_threads

PASSED = (torch.float32, torch.float64)  # what the compiled pass takes


def evaluate(z: Tensor, numbers: Tensor, interval: Interval, form: int) -> Tensor:
    """`by_peaks`, `by_weights` or `by_limit`: (n, units) from z (n, units) and numbers (units, K) of one dtype."""
    if _compiled_serves(z, numbers):
        return _Compiled.apply(z.contiguous(), numbers.contiguous(), interval, form)
    if torch.compiler.is_compiling() and _is_plain(z):
        return units(z, numbers, *interval, form)
    return FORMULAS[form](without_end(z, interval), numbers, interval)


def without_end(z: Tensor, interval: Interval) -> Tensor:
    """lo in the place of -inf: there the units are flat when they start, and infinity less infinity is no number."""
    return z.masked_fill(z == -math.inf, interval[0])


def by_peaks(z: Tensor, numbers: Tensor, interval: Interval) -> Tensor:
    """The construction by its definition, with waves that carry their scales: v_i = s_i W_i.

    Args:
        z: (n, units), pre-activations.
        numbers: (units, 2 + 3 d), offset and slope, then for each wave the slopes of its two sides and the
            second one's value at 0.
        interval: (lo, hi), the values of z that [0, 1] stands for.
    """
    lo, hi = interval
    offset, slope, *lines = numbers.T.contiguous().unbind(0)
    values = (z - lo) * (1 / (hi - lo))
    total = torch.addcmul(offset, values, slope)
    for rise, fall, start in zip(lines[::3], lines[1::3], lines[2::3]):
        # the lesser of the two lines is the triangle, and on both sides of it the line goes on
        values = torch.minimum(values * rise, torch.addcmul(start, values, fall))
        total = total - values
    return total


def by_weights(z: Tensor, numbers: Tensor, interval: Interval) -> Tensor:
    """The ReLU networks on z clamped to the interval, and a straight line on each side of it.

    Args:
        z: (n, units), pre-activations.
        numbers: (units, P + 2), the weights of each unit's network, dy/dz below lo and above hi.
        interval: (lo, hi).
    """
    weights, below, above = numbers[:, :-2], numbers[:, -2:-1], numbers[:, -1:]
    z = z.T.contiguous()  # (units, n)
    inside = z.clamp(*interval)
    values = _shape(weights).unflatten(weights).propagate(inside.unsqueeze(1)).squeeze(1)
    outside = z - inside
    return values.addcmul(below, outside.clamp(max=0)).addcmul(above, outside.clamp(min=0)).T


def by_limit(z: Tensor, numbers: Tensor, interval: Interval) -> Tensor:
    """offset + slope z + bend R(rise (z - lo), fall (hi - z)), R(p, q) = p q / (p + q) for p, q > 0, else min(p, q).

    Source: `deepening.tail`, the sum of infinitely many projective tents.

    Args:
        z: (n, units), pre-activations.
        numbers: (units, 3), slope, bend and skew, of which `sides` makes rise and fall; the offset is
            -lo hi / (hi - lo).
        interval: (lo, hi), between which a unit bends; outside it goes on in straight lines.
    """
    lo, hi = interval
    slope, bend, skew = numbers.T.contiguous().unbind(0)
    rise, fall = sides(skew, interval)
    inside = z.clamp(lo, hi)
    p, q, outside = rise * (inside - lo), fall * (hi - inside), z - inside
    values = torch.addcmul(-lo * (hi / (hi - lo)) + slope * inside, bend, p * q / (p + q))
    values = values.addcmul(slope + bend * rise, outside.clamp(max=0))
    return values.addcmul(slope - bend * fall, outside.clamp(min=0))


def sides(skew: Tensor, interval: Interval) -> tuple[Tensor, Tensor]:
    """The slopes dp/dz and -dq/dz of a limit's two sides: e^k and e^-k times 2 / (hi - lo)."""
    bound, stretch = MOST_SKEW * torch.tanh(skew / MOST_SKEW), 2 / (interval[1] - interval[0])
    return bound.exp() * stretch, (-bound).exp() * stretch


FORMULAS = {PEAKS: by_peaks, WEIGHTS: by_weights, LIMIT: by_limit}


def unit_networks(weights: Tensor) -> tuple[Tensor, ...]:
    """The layers (units, out, in + 1), biases last, of units' networks with the weights (units, P)."""
    return _shape(weights).unflatten(weights).layers


def _shape(weights: Tensor) -> Network:
    """The layers of triangle networks with so many weights (R, P): no values, only shapes."""
    depth = (weights.shape[1] + 7) // 20
    sizes = [(4, 2), *[(4, 5)] * (depth - 1), (1, 5)]
    return Network(tuple(weights.new_empty(0, *size) for size in sizes))


def _compiled_serves(*tensors: Tensor) -> bool:
    """Whether these are numbers in memory that nothing but ordinary derivatives asks for.

    Compilers, tracers, torch.func, derivatives in forward direction and dispatch modes want to see operations.
    """
    if torch.compiler.is_compiling() or torch.jit.is_tracing():
        return False
    if torch._C._are_functorch_transforms_active() or _get_current_dispatch_mode() is not None:
        return False
    return all(
        type(tensor) in (Tensor, nn.Parameter)
        and tensor.device.type == "cpu"
        and tensor.dtype in PASSED
        and not is_legacy_batchedtensor(tensor)  # torch.autograd.grad(..., is_grads_batched=True)
        and forward_ad.unpack_dual(tensor).tangent is None
        for tensor in tensors
    )


def _is_plain(z: Tensor) -> bool:
    """Whether a compiler is shown numbers that the compiled pass takes, outside of torch.func's transforms."""
    return z.device.type == "cpu" and z.dtype in PASSED and not torch._C._are_functorch_transforms_active()


class _Compiled(torch.autograd.Function):
    """`evaluate` by the compiled pass. The tensors are contiguous."""

    @staticmethod
    def forward(ctx: Any, z: Tensor, numbers: Tensor, interval: Interval, form: int) -> Tensor:
        from triangle_cli.nn.units_kernel import evaluate  # numba, when it is needed

        ctx.save_for_backward(z, numbers)
        ctx.interval, ctx.form = interval, form
        y = torch.empty_like(z)
        by_threads(evaluate, (z, numbers), interval, form, (y,))
        return y

    @staticmethod
    def backward(ctx: Any, by_y: Tensor) -> tuple[Tensor | None, ...]:
        from triangle_cli.nn.units_kernel import differentiate

        z, numbers = ctx.saved_tensors
        create_graph = torch.is_grad_enabled()
        if not create_graph and _compiled_serves(by_y):
            by_z, by_numbers = torch.empty_like(z), torch.empty_like(numbers)
            outputs = (by_y.contiguous(), by_z, by_numbers)
            by_threads(differentiate, (z, numbers), ctx.interval, ctx.form, outputs)
            return by_z, by_numbers, None, None
        with torch.enable_grad():  # the derivative has a derivative where the formula has
            inputs = [tensor.view_as(tensor) for tensor in (z, numbers)]
            y = FORMULAS[ctx.form](without_end(inputs[0], ctx.interval), inputs[1], ctx.interval)
            wanted = [tensor for tensor in inputs if tensor.requires_grad]
            found = iter(torch.autograd.grad(y, wanted, by_y, create_graph=create_graph))
        return *(next(found) if tensor.requires_grad else None for tensor in inputs), None, None
