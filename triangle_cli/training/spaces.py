"""The spaces that training moves in: a row of free numbers per restart, and the networks they stand for.

A space encodes a start as `theta`, (R, P), any real numbers, and decodes theta to networks, differentiably.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from triangle_cli.construction.blocks import kept_entries
from triangle_cli.construction.network import Network
from triangle_cli.construction.triangle import Triangle, bound_steps, fold_interval
from triangle_cli.training.bounds import LOGISTIC_RATE, PEAK_MARGIN


class WeightSpace:
    """theta is the weights and biases themselves, or those of them that lie in diagonal blocks; the others stay 0.

    blocks: how many blocks the hidden matrices have; None: all is free.
    """

    def __init__(self, shape: Network, blocks: int | None = None) -> None:
        self.shape, self.blocks = shape, blocks
        self.free = kept_entries(shape, blocks).nonzero().squeeze(1) if blocks else None

    def select(self, values: Tensor) -> Tensor:
        """Those of (..., P) values that belong to free parameters, in the same order."""
        return values if self.free is None else values[..., self.free]

    def encode(self, network: Network) -> Tensor:
        """(R, P), in the order of `Network.flatten`."""
        return self.select(network.flatten())

    def decode(self, theta: Tensor) -> Network:
        """The networks with these weights."""
        if self.free is not None:
            zeros = theta.new_zeros(len(theta), self.shape.parameters_each)
            theta = zeros.index_copy(1, self.free, theta)
        return self.shape.unflatten(theta)

    def pull_back(self, theta: Tensor, derivative: Tensor) -> Tensor:
        """The derivative by theta, (R, P), from the one by the weights, (R, P)."""
        return self.select(derivative)


@dataclass(frozen=True)
class PeakSpace:
    """theta is (logit of the peaks, log of s_0 or of all steps, offset, slope): 2^d linear regions for every theta.

    The paper's Algorithm 1. Scales follow from s_0 by Theorem 3.1, or are free (`free_scales`): then theta holds
    all d steps S_i = s_i / s_{i-1}, and kinks may bend either way. `alone`: each restart's numbers are the same to
    the bit whatever others there are; on the CPU, where no derivatives are asked for.
    """

    depth: int
    sign: float
    interval: tuple[float, float]
    free_scales: bool = False
    alone: bool = False

    @classmethod
    def of(cls, start: Triangle, free_scales: bool) -> PeakSpace:
        """The space that such networks train in."""
        alone = start.peaks.device.type == "cpu"
        return cls(start.depth, start.sign, start.interval, free_scales, alone)

    def encode(self, triangle: Triangle) -> Tensor:
        """(R, d + 1 + 1 + 2), or (R, d + 1 + d + 2) with free scales."""
        unit = (triangle.peaks - PEAK_MARGIN) / (1 - 2 * PEAK_MARGIN)
        free = triangle.steps if self.free_scales else triangle.steps[:, :1]
        affine = [triangle.offset.unsqueeze(1), triangle.slope.unsqueeze(1)]
        logits, logs = _logarithms(unit, free) if self.alone else (unit.logit(), free.log())
        return torch.cat([logits / LOGISTIC_RATE, logs, *affine], 1)

    def triangle(self, theta: Tensor) -> Triangle:
        """The construction's numbers; the inverse of `encode`."""
        logits, logs, affine = theta.tensor_split([self.depth + 1, theta.shape[1] - 2], 1)
        logits, alone = LOGISTIC_RATE * logits, self.alone and not theta.requires_grad
        unit, free = _exponentials(logits, logs) if alone else (logits.sigmoid(), logs.exp())
        peaks = PEAK_MARGIN + (1 - 2 * PEAK_MARGIN) * unit
        return Triangle(
            peaks=peaks,
            steps=free if self.free_scales else bound_steps(peaks, free[:, 0]),
            offset=affine[:, 0],
            slope=affine[:, 1],
            sign=self.sign,
            interval=self.interval,
        )

    def decode(self, theta: Tensor) -> Network:
        """The networks whose weights the peaks set."""
        return self.triangle(theta).network()

    def pull_back(self, theta: Tensor, derivative: Tensor) -> Tensor:
        """The derivative by theta, (R, p), from the one by the weights, (R, P): the chain rule by hand.

        Rounding inward is left out of it: it moves weights by a few units in the last place.
        """
        triangle, steps_end = self.triangle(theta), theta.shape[1] - 2
        peaks, steps, sign = triangle.peaks, triangle.steps, self.sign
        weight, shift = fold_interval(*self.interval, theta.dtype)
        first, hidden, last = derivative.tensor_split([8, derivative.shape[1] - 5], 1)
        hidden = hidden.unflatten(1, (self.depth - 1, 4, 5))
        a, beyond = peaks[:, :-1], 1 - peaks[:, :-1]

        # by rise = S / a and fall = -rise / (1 - a), (R, d) each
        slopes = sign * hidden[:, :, 0, 1:3] + hidden[:, :, 1, 1:3] + hidden[:, :, 2, 1:3]
        by_rise, by_fall = torch.cat([slopes, sign * last[:, None, 1:3]], 1).unbind(2)
        by_rise = by_rise - by_fall / beyond
        by_steps = by_rise / a
        by_peaks = torch.zeros_like(peaks)
        by_peaks[:, :-1] = -(by_rise / a + by_fall / beyond.square()) * steps / a
        # by drop = -S_i a_{i+1} and step = S_i of the hidden layers, and the first layer's -a_0
        drop = hidden[:, :, 2, 3]
        by_steps[:, :-1] += hidden[:, :, 3, 3] - drop * a[:, 1:]
        by_peaks[:, 1:-1] -= drop * steps[:, :-1]
        by_peaks[:, 0] -= first[:, 5]
        if not self.free_scales:  # S_i = (1 - a_i) a_{i+1}
            by_bound = by_steps[:, 1:]
            by_peaks[:, 2:] += by_bound * beyond[:, 1:]
            by_peaks[:, 1:-1] -= by_bound * peaks[:, 2:]
        unit = (peaks - PEAK_MARGIN) / (1 - 2 * PEAK_MARGIN)
        by_logits = by_peaks * ((1 - 2 * PEAK_MARGIN) * LOGISTIC_RATE) * unit * (1 - unit)
        by_logs = (by_steps * steps)[:, : steps_end - self.depth - 1]
        by_slope = weight * first[:, 0] + shift * first[:, 1]
        return torch.cat([by_logits, by_logs, last[:, 4:], by_slope.unsqueeze(1)], 1)


def _logarithms(unit: Tensor, free: Tensor) -> tuple[Tensor, Tensor]:
    from triangle_cli.training.elementwise import LOG, LOGIT, elementwise  # numba, when it is needed

    return elementwise(LOGIT, unit), elementwise(LOG, free)


def _exponentials(logits: Tensor, logs: Tensor) -> tuple[Tensor, Tensor]:
    from triangle_cli.training.elementwise import EXP, LOGISTIC, elementwise  # numba, when it is needed

    return elementwise(LOGISTIC, logits), elementwise(EXP, logs)
