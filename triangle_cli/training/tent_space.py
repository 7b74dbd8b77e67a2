"""The space of projective tents: two free numbers a layer, 2^d linear regions for every theta."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from triangle_cli.construction.network import Network
from triangle_cli.construction.tents import Tents, smooth_scales
from triangle_cli.training.bounds import TENT_BOUND

INSIDE = 0.999  # of the bound: where a start may be


@dataclass(frozen=True)
class TentSpace:
    """theta is (log lambda, log mu, log kappa, log g_0 or of all scales, offset, slope): 2 d + 4 or 3 d + 3 numbers.

    The logarithms of lambda, mu and kappa are bent to stay within `TENT_BOUND`, where float64 keeps every piece.
    Scales follow from g_0 by the generalised Theorem 3.1, or are free (`free_scales`): kinks may then bend either way.
    See `construction.tents`. On the CPU each restart's numbers are the same to the bit whatever others there are,
    where no derivatives are asked for.
    """

    depth: int
    sign: float
    interval: tuple[float, float]
    free_scales: bool = False

    def encode(self, tents: Tents) -> Tensor:
        """(R, P)."""
        total = tents.rise[:, :1] + tents.fall[:, :1]
        free = tents.scales if self.free_scales else tents.scales[:, :1] * (1 + total) / total
        bounded = _log(torch.cat([tents.rise, tents.fall, tents.ratio.unsqueeze(1)], 1)) / TENT_BOUND
        bent = TENT_BOUND * _atanh(bounded.clamp(-INSIDE, INSIDE))
        return torch.cat([bent, _log(free), tents.offset.unsqueeze(1), tents.slope.unsqueeze(1)], 1)

    def tents(self, theta: Tensor) -> Tents:
        """The construction's numbers; the inverse of `encode`."""
        bent, logs, affine = theta.tensor_split([2 * self.depth + 1, theta.shape[1] - 2], 1)
        free = _exp(logs)
        bounded = _exp(TENT_BOUND * _tanh(bent / TENT_BOUND))
        rise, fall, ratio = bounded.tensor_split([self.depth, 2 * self.depth], 1)
        return Tents(
            rise=rise,
            fall=fall,
            ratio=ratio[:, 0],
            scales=free if self.free_scales else smooth_scales(rise, fall, free[:, 0]),
            offset=affine[:, 0],
            slope=affine[:, 1],
            sign=self.sign,
            interval=self.interval,
        )

    def decode(self, theta: Tensor) -> Network:
        """The networks whose weights the tents set."""
        return self.tents(theta).network()

    def pull_back(self, theta: Tensor, derivative: Tensor) -> Tensor:
        """The derivative by theta, (R, p), from the one by the weights, (R, P)."""
        with torch.enable_grad():
            theta = theta.detach().requires_grad_()
            (pulled,) = torch.autograd.grad(self.decode(theta).flatten(), theta, derivative)
        return pulled


def _alone(name: str) -> Callable[[Tensor], Tensor]:
    """torch's function of this name, element by element alone where that can be: see `training.elementwise`."""

    def function(values: Tensor) -> Tensor:
        if values.requires_grad or values.device.type != "cpu":
            return getattr(torch, name)(values)
        from triangle_cli.training import elementwise  # numba, when it is needed

        return elementwise.elementwise(getattr(elementwise, name.upper()), values)

    return function


_exp, _log, _tanh, _atanh = map(_alone, ("exp", "log", "tanh", "atanh"))
