"""Several triangle networks side by side, as one ReLU network whose hidden matrices are block-diagonal.

    y(x) = sum_k sigma_k f_k(u_k),  u_k = p_k . x + q_k in [0, 1]

f_k are convex triangle networks, block k of four neurons in every layer. sigma_k is +1 or -1 in turn, so that two
blocks are a difference of convex functions, and follow targets that are not convex. For x with more than one
coordinate the directions p_k are learned: y is a sum of ridge functions. p_k and q_k are scaled so that u_k just
reaches 0 and 1 on the box of the target, whatever the direction: no triangle is left unused.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from triangle_cli.construction.network import Network
from triangle_cli.construction.triangle import Triangle

WIDTH = 4  # neurons of a block
CONVEX = -1.0  # the sign of a convex triangle network; minus this is that of a concave one
UNIT = (0.0, 1.0)

Box = tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Blocks:
    """R networks of K = D B triangle networks: B blocks along each of D directions, added and subtracted in turn.

    triangles: R K triangle networks, all convex or all concave, on [0, 1], those of one network one after the other.
    directions: (R, D, inputs), of any length but 0; for one input they are 1.
    box: the interval of each input.
    """

    triangles: Triangle
    directions: Tensor
    box: Box

    @property
    def restarts(self) -> int:
        """R."""
        return len(self.directions)

    @property
    def blocks(self) -> int:
        """K, the triangle networks of one network."""
        return len(self.triangles.peaks) // self.restarts

    def fold(self) -> tuple[Tensor, Tensor]:
        """p (R, D, inputs) and q (R, D), rounded inward: 0 <= p x + q <= 1 for every x in the box."""
        lo, hi = self.directions.new_tensor(self.box).T
        centre, half = (hi + lo) / 2, (hi - lo) / 2
        reach = (self.directions.abs() * half).sum(2, keepdim=True)
        unit = self.directions / (2 * reach)
        offcentre = (unit.abs() * centre.abs()).sum(2, keepdim=True)
        scaled = unit * (1 - 8 * torch.finfo(unit.dtype).eps * (1 + offcentre.detach()))
        return scaled, 0.5 - (scaled * centre).sum(2)

    def network(self) -> Network:
        """The same functions as ReLU networks of width 4 K, hidden matrices in blocks of four."""
        slopes, shift = self.fold()
        each_way = self.blocks // slopes.shape[1]
        slopes = slopes.repeat_interleave(each_way, 1).flatten(0, 1).unsqueeze(1)  # (R K, 1, inputs)
        shift = shift.repeat_interleave(each_way, 1).flatten()  # (R K,)
        network = self.triangles.network(fold=(1.0, shift))
        first = network.layers[0]  # (R K, 4, 2), of p . x
        first = torch.cat([first[:, :, :1] * slopes, first[:, :, 1:]], 2)
        signs = alternating_signs(self.blocks, each_way).to(first).repeat(self.restarts).view(-1, 1, 1)
        return side_by_side(Network((first, *network.layers[1:-1], network.layers[-1] * signs)), self.blocks)


def alternating_signs(blocks: int, each_way: int) -> Tensor:
    """sigma, (K,): +1, -1, +1, ... over the blocks along each direction."""
    return torch.tensor([1.0 if k % each_way % 2 == 0 else -1.0 for k in range(blocks)])


def side_by_side(network: Network, blocks: int) -> Network:
    """Sums of K networks each: (R K) networks become R whose hidden matrices are block-diagonal."""
    layers = [layer.unflatten(0, (-1, blocks)) for layer in network.layers]  # (R, K, out, in + 1)
    hidden = []
    for layer in layers[1:-1]:
        spread = torch.diag_embed(layer[..., :-1].permute(0, 2, 3, 1))  # (R, out, in, K, K)
        weight = spread.permute(0, 3, 1, 4, 2).flatten(3, 4).flatten(1, 2)  # (R, K out, K in)
        hidden.append(torch.cat([weight, layer[..., -1:].flatten(1, 2)], 2))
    bias = layers[-1][..., -1:].cumsum(1)[:, -1]  # (R, 1, 1), summed in order
    last = torch.cat([layers[-1][..., :-1].transpose(1, 2).flatten(2), bias], 2)
    return Network((layers[0].flatten(1, 2), *hidden, last))


def kept_entries(shape: Network, blocks: int) -> Tensor:
    """Which of a network's parameters lie in its blocks: (P,) of bool, in the order of `Network.flatten`."""
    kept = []
    for place, layer in enumerate(shape.layers):
        out, columns = layer.shape[1:]
        inside = torch.ones(out, columns, dtype=torch.bool, device=layer.device)
        if 0 < place < len(shape.layers) - 1:
            row = torch.arange(out, device=layer.device) * blocks // out
            inside[:, :-1] = row.unsqueeze(1) == row
        kept.append(inside.flatten())
    return torch.cat(kept)
