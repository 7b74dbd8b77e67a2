"""The spaces that training moves in: a row of free numbers per restart, and the networks they stand for.

A space encodes a start as `theta`, (R, P), any real numbers, and decodes theta to networks, differentiably.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from triangle_cli.network import Network
from triangle_cli.parameterization import Triangle, bound_steps

PEAK_MARGIN = 1e-3  # peaks stay in (margin, 1 - margin), where 1/a and 1/(1-a) keep float64's digits
LOGISTIC_RATE = 4.0  # the logistic map then has slope 1 at 1/2: a learning rate is in units of the peak


class WeightSpace:
    """theta is the weights and biases themselves, or those of them that are free; the others stay 0.

    free: (P,) of bool, in the order of `Network.flatten`; None: all.
    """

    def __init__(self, shape: Network, free: Tensor | None = None) -> None:
        self.shape = shape
        self.free = None if free is None or free.all() else free.nonzero().squeeze(1)

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


@dataclass(frozen=True)
class PeakSpace:
    """theta is (logit of the peaks, log of s_0 or of all steps, offset, slope): 2^d linear regions for every theta.

    The paper's Algorithm 1. Scales follow from s_0 by Theorem 3.1, or are free (`free_scales`): then theta holds
    all d steps S_i = s_i / s_{i-1}, and kinks may bend either way.
    """

    depth: int
    sign: float
    interval: tuple[float, float]
    free_scales: bool = False

    def encode(self, triangle: Triangle) -> Tensor:
        """(R, d + 1 + 1 + 2), or (R, d + 1 + d + 2) with free scales."""
        unit = (triangle.peaks - PEAK_MARGIN) / (1 - 2 * PEAK_MARGIN)
        free = triangle.steps if self.free_scales else triangle.steps[:, :1]
        affine = [triangle.offset.unsqueeze(1), triangle.slope.unsqueeze(1)]
        return torch.cat([unit.logit() / LOGISTIC_RATE, free.log(), *affine], 1)

    def triangle(self, theta: Tensor) -> Triangle:
        """The construction's numbers; the inverse of `encode`."""
        logits, logs, affine = theta.tensor_split([self.depth + 1, theta.shape[1] - 2], 1)
        peaks = PEAK_MARGIN + (1 - 2 * PEAK_MARGIN) * (LOGISTIC_RATE * logits).sigmoid()
        free = logs.exp()
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


Space = WeightSpace | PeakSpace
