"""The paper's construction: peaks -> scales -> the weights of a ReLU network with exactly 2^d linear regions.

Milkert, Hyde, Laine, "Compelling ReLU Networks to Exhibit Exponentially Many Linear Regions at
Initialization and During Training", ICML 2025 (arXiv 2311.18022).

    T_a(u) = u / a for u <= a, (1 - u) / (1 - a) for u >= a           the triangle with peak a
    W_0 = T_{a_0}(u),  W_i = T_{a_i}(W_{i-1})                           a sawtooth of 2^(i+1) pieces
    y(x) = offset + slope u + sign * sum_i s_i W_i,  u = (x - lo) / (hi - lo)

sign = -1 fits convex targets, +1 concave ones.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

import torch
from torch import Tensor

from triangle_cli.construction.network import Network


def waves(u: Tensor, peaks: Tensor) -> Tensor:
    """The sawtooths W_0 .. W_{d-1} at u: (n,) in [0, 1] for peaks (R, d) in (0, 1); returns (d, R, n)."""
    values, rows = u.expand(len(peaks), -1), []
    for peak in peaks.T.unsqueeze(2):  # (R, 1)
        values = torch.where(values <= peak, values / peak, (1 - values) / (1 - peak))
        rows.append(values)
    return torch.stack(rows)


def bound_steps(peaks: Tensor, first: Tensor) -> Tensor:
    """The steps S_i = s_i / s_{i-1} that make the limit d -> infinity differentiable (the paper's Theorem 3.1).

    s_{i+1} = s_i (1 - a_{i+1}) a_{i+2}, so that d scales need d + 1 peaks.

    Args:
        peaks: (R, d + 1), each in (0, 1).
        first: s_0, (R,), positive.

    Returns:
        (R, d), all positive; the first is s_0.
    """
    return torch.cat([first.unsqueeze(1), (1 - peaks[:, 1:-1]) * peaks[:, 2:]], 1)


MOST_SHRINKING = 1e-3  # of the unit interval, that rounding may cost


@lru_cache
def fold_interval(lo: float, hi: float, dtype: torch.dtype = torch.float64) -> tuple[float, float]:
    """Weight and bias of `u = weight x + bias`, rounded so that u(lo) >= 0 and u(hi) <= 1 hold exactly.

    Both are representable in `dtype`. For [0, 1] they are 1 and 0.

    Raises:
        ValueError: the interval is so narrow and so far from 0 that rounding takes up a thousandth of it.
    """

    def rounded(value: float) -> float:
        return torch.tensor(value, dtype=dtype, device="cpu").item()

    low, high = Fraction(lo), Fraction(hi)
    shrink = 0.0
    while True:
        weight = rounded(float((1 - Fraction(shrink)) / (high - low)))
        bias = rounded(float(-Fraction(weight) * low))
        while Fraction(weight) * low + Fraction(bias) < 0:
            bias = torch.nextafter(
                *(torch.tensor(value, dtype=dtype, device="cpu") for value in (bias, math.inf))
            ).item()
        if Fraction(weight) * high + Fraction(bias) <= 1:
            return weight, bias
        shrink = 2 * shrink or torch.finfo(dtype).eps
        if shrink > MOST_SHRINKING:
            raise ValueError(
                f"function.interval=[{lo}, {hi}]: expected one that {dtype} can resolve so far from 0"
            )


# Where each number of a hidden layer stands in its (4, 5) matrix: rows sum, t1, t2, bias; the last column is
# the layer's bias, which stays 0 because the bias neuron carries s_i.
HIDDEN_PLACES = {
    "signed rise": [(0, 1)],
    "signed fall": [(0, 2)],
    "rise": [(1, 1), (2, 1)],
    "fall": [(1, 2), (2, 2)],
    "drop": [(2, 3)],
    "step": [(3, 3)],
}


@lru_cache
@torch.inference_mode(False)  # what is kept may be needed for derivatives later
def _hidden_pattern(dtype: torch.dtype, device: torch.device) -> tuple[Tensor, Tensor]:
    """Which entries each number fills, (6, 20), and the entry that is always 1, (20,)."""
    places = torch.zeros(len(HIDDEN_PLACES), 4, 5, dtype=dtype, device="cpu")
    for number, cells in enumerate(HIDDEN_PLACES.values()):
        for row, column in cells:
            places[number, row, column] = 1
    carried = torch.zeros(4, 5, dtype=dtype, device="cpu")
    carried[0, 0] = 1  # the sum goes on to the next layer
    return places.flatten(1).to(device), carried.flatten().to(device)


def hidden_layers(numbers: dict[str, Tensor]) -> Tensor:
    """The matrices (R, d - 1, 4, 5) from the numbers named in `HIDDEN_PLACES`, each (R, d - 1)."""
    columns = torch.stack([numbers[name] for name in HIDDEN_PLACES], 2)  # (R, d - 1, 6)
    places, carried = _hidden_pattern(columns.dtype, columns.device)
    return (columns @ places + carried).unflatten(2, (4, 5))


@dataclass(frozen=True)
class Triangle:
    """R triangle networks of depth d, by the numbers that the construction is made of.

    peaks: (R, d + 1), in (0, 1); the last one only scales.
    steps: (R, d), positive: s_0, then S_i = s_i / s_{i-1}; from `bound_steps`, or free.
    offset, slope: (R,): the affine part, per unit of u.
    sign: -1.0 for convex targets, +1.0 for concave ones.
    interval: (lo, hi), the values of x that u in [0, 1] stands for.
    """

    peaks: Tensor
    steps: Tensor
    offset: Tensor
    slope: Tensor
    sign: float
    interval: tuple[float, float]

    @property
    def depth(self) -> int:
        """The number of hidden layers."""
        return self.steps.shape[1]

    @property
    def scales(self) -> Tensor:
        """s_0 .. s_{d-1}, (R, d)."""
        return self.steps.cumprod(1)

    def __call__(self, x: Tensor) -> Tensor:
        """The function by its definition, without a network. x: (n,); returns (R, n)."""
        lo, hi = self.interval
        u = (x - lo) / (hi - lo)
        wave_sum = torch.zeros_like(self.offset).unsqueeze(1)
        for scale, wave in zip(self.scales.T.unsqueeze(2), waves(u, self.peaks[:, :-1])):
            wave_sum = wave_sum + scale * wave  # (R, n), in an order that no other restart decides
        return self.offset.unsqueeze(1) + self.slope.unsqueeze(1) * u + self.sign * wave_sum

    def network(self, fold: tuple[float, float | Tensor] | None = None) -> Network:
        """The same function as a ReLU network of width 4, neurons (sum, t1, t2, bias) in every layer.

        The weights are rounded inward: slopes are shrunk by a few units in the last place, so that no
        triangle passes 1 and none dips below 0 in exact arithmetic, and the network whose weights are these
        floats has 2^d linear regions, with no slivers where rounding errors cross zero. A low point then
        lies a few ulp above 0 and later triangles lift it by 1/a each, which uses up float64 when the
        product of all 1/a_i nears 1e15.

        Differentiable in all tensors.

        Args:
            fold: weight and bias, a number or (R,), of `u = weight x + bias`; None: those of the interval.
        """
        weight, shift = fold or fold_interval(*self.interval, self.peaks.dtype)
        with torch.no_grad():
            # layer 1 rounds shift - a_0, so the first triangle peaks at a number beside a_0
            rounding = torch.zeros_like(self.peaks[:, :-1])
            rounding[:, 0] = shift - (shift - self.peaks[:, 0]) - self.peaks[:, 0]
            # Any lift that keeps the sum neuron positive serves: F reaches sum(s) nowhere, and F(1) = 0. A larger
            # one makes the free weights harder to train: the same step of Adam then moves the output further.
            lift = (-self.slope).clamp_min(0) + self.scales.cumsum(1)[:, -1]  # (R,), summed in order
        peaks = self.peaks[:, :-1] + rounding  # (R, d)
        two_ulp = 2 * torch.finfo(peaks.dtype).eps
        rise = self.steps / peaks * (1 - two_ulp)  # (R, d)
        # what layer i rounds off a_i moves the zero at the far end by a / (1 - a) of it
        beyond = 1 - peaks
        fall = -rise / beyond * (1 - two_ulp / beyond)  # (R, d)

        ones, zeros = torch.ones_like(lift), torch.zeros_like(lift)
        first = [self.slope * weight, self.slope * shift + lift]  # sum
        first += [weight * ones, shift * ones]  # t1
        first += [weight * ones, shift - peaks[:, 0]]  # t2
        first += [zeros, ones]  # bias
        last = [ones, self.sign * rise[:, -1], self.sign * fall[:, -1], zeros, self.offset - lift]
        hidden = hidden_layers(
            {
                "signed rise": self.sign * rise[:, :-1],
                "signed fall": self.sign * fall[:, :-1],
                "rise": rise[:, :-1],
                "fall": fall[:, :-1],
                "drop": -self.steps[:, :-1] * peaks[:, 1:],
                "step": self.steps[:, :-1],
            }
        )
        first_layer = torch.stack(first, 1).unflatten(1, (4, 2))
        return Network((first_layer, *hidden.unbind(1), torch.stack(last, 1).unsqueeze(1)))
