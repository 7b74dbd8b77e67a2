"""Projective tents: the paper's tents with a second free number in every layer, and still exactly 2^d linear regions.

A state (p, q) >= 0 stands for the point q / (p + q) of a tent's input; no neuron has to carry its scale:

    p_0 = 1 - u,  q_0 = kappa u,  u = (x - lo) / (hi - lo)
    m_k = min(p_k, q_k)
    p_{k+1} = lambda_k relu(p_k - q_k) + mu_k relu(q_k - p_k),  q_{k+1} = m_k
    y = offset + slope u + sign * sum_{k < d} s_k m_k

lambda, mu, kappa > 0. On every piece one of p and q falls to 0 while the other rises from it, so that they meet once:
2^d linear regions for all positive numbers. (Derived for this project.) The limit d -> infinity is differentiable if

    s_k = g_k (lambda_k + mu_k) / (1 + lambda_k + mu_k),  g_{k+1} = g_k / (1 + lambda_k + mu_k)

which generalises Theorem 3.1 of Milkert, Hyde, Laine (ICML 2025, arXiv 2311.18022): their tents are the case
lambda_k = (1 - a_k) r, mu_k = a_k r with r = a_{k+1} / (1 - a_{k+1}), kappa = (1 - a_0) / a_0.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

import torch
from torch import Tensor

from triangle_cli.construction.network import Network
from triangle_cli.construction.triangle import Triangle

END_BITS = 13  # an end of the interval with so many significant bits, such as -2 or 0.1875, is met exactly


def smooth_scales(rise: Tensor, fall: Tensor, first: Tensor) -> Tensor:
    """The scales s_k that make the limit differentiable, (R, d), for lambda and mu, (R, d), and g_0, (R,)."""
    total = rise + fall
    gains = first.unsqueeze(1) * torch.cat(
        [torch.ones_like(total[:, :1]), 1 / (1 + total[:, :-1])], 1
    ).cumprod(1)
    return gains * total / (1 + total)


def _as_if(rounded: Tensor, value: Tensor) -> Tensor:
    """`rounded`, with the derivative of `value`."""
    return value + (rounded - value).detach()


def _digits(dtype: torch.dtype) -> int:
    """The significant bits of its numbers: 53 of float64."""
    return 1 - round(math.log2(torch.finfo(dtype).eps))


def _bits(value: float) -> int:
    """How many significant bits a number has."""
    numerator = abs(Fraction(value).numerator)
    return (numerator // (numerator & -numerator)).bit_length() if numerator else 0


def _on_grid(a: Tensor, b: Tensor, bits: int, rounding: Callable[[Tensor], Tensor]) -> tuple[Tensor, Tensor]:
    """Both as multiples of one power of 2, of which the larger sum of sizes has so many bits."""
    step = 2.0 ** ((a.abs() + b.abs()).detach().frexp().exponent - bits)
    first, second = (_as_if(rounding(value.detach() / step) * step, value) for value in (a, b))
    return first, second


def _one_less(value: Tensor) -> Tensor:
    """`value`, moved by less than an ulp of 1 + value so that 1 + value is exact."""
    return _as_if((1 + value.detach()) - 1, value)


@dataclass(frozen=True)
class Tents:
    """R networks of projective tents of depth d.

    rise, fall: lambda and mu, (R, d), positive; the last pair only scales, by `smooth_scales`.
    ratio: kappa, (R,), positive.
    scales: s_0 .. s_{d-1}, (R, d), positive; from `smooth_scales`, or free.
    offset, slope: (R,): the affine part, per unit of u.
    sign: -1.0 for convex targets, +1.0 for concave ones.
    interval: (lo, hi), the values of x that u in [0, 1] stands for.
    """

    rise: Tensor
    fall: Tensor
    ratio: Tensor
    scales: Tensor
    offset: Tensor
    slope: Tensor
    sign: float
    interval: tuple[float, float]

    @classmethod
    def of(cls, triangle: Triangle) -> Tents:
        """The same functions as those of the paper's tents, to rounding."""
        here, after = triangle.peaks[:, :-1], triangle.peaks[:, 1:]  # (R, d)
        sums = after / (1 - after)
        rise = (1 - here) * sums
        # p_k = c_k (1 - W_{k-1}), and m_k = c_k (1 - a_k) W_k: c_0 = 1, c_{k+1} = lambda_k c_k
        sizes = torch.cat([torch.ones_like(rise[:, :1]), rise[:, :-1]], 1).cumprod(1)
        return cls(
            rise=rise,
            fall=here * sums,
            ratio=(1 - here[:, 0]) / here[:, 0],
            scales=triangle.scales / (sizes * (1 - here)),
            offset=triangle.offset,
            slope=triangle.slope,
            sign=triangle.sign,
            interval=triangle.interval,
        )

    @property
    def restarts(self) -> int:
        """R."""
        return len(self.ratio)

    @property
    def depth(self) -> int:
        """The number of hidden layers."""
        return self.scales.shape[1]

    def __call__(self, x: Tensor) -> Tensor:
        """The function by its definition, without a network. x: (n,); returns (R, n)."""
        lo, hi = self.interval
        u = ((x - lo) / (hi - lo)).expand(len(self.ratio), -1)
        p, q = 1 - u, self.ratio.unsqueeze(1) * u
        y = self.offset.unsqueeze(1) + self.slope.unsqueeze(1) * u
        for rise, fall, scale in zip(*(row.T.unsqueeze(2) for row in (self.rise, self.fall, self.scales))):
            lower, difference = torch.minimum(p, q), p - q
            y = y + self.sign * scale * lower
            p, q = rise * difference.relu() + fall * (-difference).relu(), lower
        return y

    def network(self) -> Network:
        """The same function as a ReLU network of width 4, neurons (y, p, q, r) in every layer, r = relu(p - q).

        The weights are rounded so that in exact arithmetic, too, r is p - q where that is positive, and p and q are
        nowhere negative: the network whose weights are these floats has 2^d linear regions. Ends of the interval with
        more than 13 significant bits leave p and q an ulp above 0 there, which uses up float64 when the product of all
        lambda, or of all mu, nears 1e-15.

        Differentiable in all tensors.
        """
        first = self._first()
        fall = _one_less(self.fall)
        both = _one_less(self.rise + self.fall)  # p' = both r - fall (p - q)
        ones, zeros = torch.ones_like(self.ratio), torch.zeros_like(self.ratio)
        signed = self.sign * self.scales
        hidden = []
        for k in range(self.depth - 1):
            fallen, both_k = fall[:, k], both[:, k]
            rows = [ones, signed[:, k], zeros, -signed[:, k], zeros]
            rows += [zeros, -fallen, fallen, both_k, zeros]
            rows += [zeros, ones, zeros, -ones, zeros]
            rows += [zeros, -(fallen + 1), fallen, both_k + 1, zeros]
            hidden.append(torch.stack(rows, 1).unflatten(1, (4, 5)))
        last = [ones, signed[:, -1], zeros, -signed[:, -1], self.offset - self._lift()]
        return Network((first, *hidden, torch.stack(last, 1).unsqueeze(1)))

    def _lift(self) -> Tensor:
        """What keeps the neuron y positive: its largest drop, or more, (R,)."""
        with torch.no_grad():
            p, q = torch.ones_like(self.ratio), self.ratio
            total = (-self.slope).clamp_min(0)
            for k in range(self.depth):
                lower = torch.minimum(p, q)  # m_k is below both
                total = total + self.scales[:, k] * lower
                p, q = torch.maximum(self.rise[:, k] * p, self.fall[:, k] * q), lower
            return total

    def _first(self) -> Tensor:
        """Layer 1, (R, 4, 2): p = down (hi - x), q = up (x - lo), both rounded to fit together."""
        lo, hi = self.interval
        width = hi - lo
        digits = _digits(self.ratio.dtype)
        down, up = torch.full_like(self.ratio, 1 / width), self.ratio / width
        # both on one grid, and the constants on one, so that their sums are exact
        down, up = _on_grid(down, up, digits - END_BITS, torch.round)
        top, bottom = _on_grid(self._rounded_up(down, hi), self._rounded_up(up, -lo), digits - 1, torch.ceil)
        rows = [self.slope / width, self._lift() - self.slope * (lo / width)]
        rows += [-down, top]
        rows += [up, bottom]
        rows += [-(down + up), top - bottom]
        return torch.stack(rows, 1).unflatten(1, (4, 2))

    @staticmethod
    def _rounded_up(slope: Tensor, end: float) -> Tensor:
        """slope * end, (R,), exact if `end` has few bits, else the next larger number."""
        product = slope * end
        if _bits(end) <= END_BITS:
            return product
        return _as_if(torch.nextafter(product.detach(), torch.full_like(product, torch.inf)), product)
