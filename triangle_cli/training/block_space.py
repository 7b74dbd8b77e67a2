"""Peak space for several triangle networks in one."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from triangle_cli.construction.blocks import Blocks, Box
from triangle_cli.construction.network import Network
from triangle_cli.training.spaces import PeakSpace, WeightSpace


@dataclass(frozen=True)
class BlockPeakSpace:
    """theta is what `PeakSpace` holds for every block, then the directions where there is more than one input."""

    blocks: int
    directions: int
    box: Box
    peaks: PeakSpace

    @classmethod
    def of(cls, start: Blocks, free_scales: bool) -> BlockPeakSpace:
        """The space that such networks are in."""
        peaks = PeakSpace.of(start.triangles, free_scales)
        return cls(start.blocks, start.directions.shape[1], start.box, peaks)

    def encode(self, start: Blocks) -> Tensor:
        """(R, K P), or (R, K P + D inputs)."""
        theta = self.peaks.encode(start.triangles).reshape(start.restarts, -1)
        return theta if len(self.box) == 1 else torch.cat([theta, start.directions.flatten(1)], 1)

    def triangle(self, theta: Tensor) -> Blocks:
        """The construction's numbers; the inverse of `encode`."""
        if len(self.box) == 1:
            directions = theta.new_ones(len(theta), 1, 1)
        else:
            learned = self.directions * len(self.box)
            theta, directions = theta[:, :-learned], theta[:, -learned:]
            directions = directions.unflatten(1, (self.directions, len(self.box)))
        each = theta.reshape(len(theta) * self.blocks, -1)
        return Blocks(self.peaks.triangle(each), directions, self.box)

    def decode(self, theta: Tensor) -> Network:
        """The networks whose weights the peaks and directions set."""
        return self.triangle(theta).network()

    def pull_back(self, theta: Tensor, derivative: Tensor) -> Tensor:
        """The derivative by theta, (R, p), from the one by the weights, (R, P)."""
        with torch.enable_grad():
            theta = theta.detach().requires_grad_()
            return torch.autograd.grad(self.decode(theta).flatten(), theta, derivative)[0]


Space = WeightSpace | PeakSpace | BlockPeakSpace
