"""Several triangle networks side by side, as one ReLU network whose hidden matrices are block-diagonal.

    y(x) = sum_k sigma_k f_k(u_k),  u_k = p_k . x + q_k in [0, 1]

f_k are convex triangle networks, block k of four neurons in every layer. sigma_k is +1 or -1 in turn, so that two
blocks are a difference of convex functions, and follow targets that are not convex. For x with more than one
coordinate the directions p_k are learned: y is a sum of ridge functions. p_k and q_k are scaled so that u_k just
reaches 0 and 1 on the box of the target, whatever the direction: no triangle is left unused.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from triangle_cli.construction.network import Network
from triangle_cli.construction.triangle import Triangle, bound_steps
from triangle_cli.fit.starts.initialization import streams
from triangle_cli.training.spaces import PeakSpace

WIDTH = 4  # neurons of a block
CONVEX = -1.0  # the sign of a convex triangle network; minus this is that of a concave one
UNIT = (0.0, 1.0)
SMALLEST_SCALE = (
    0.1  # of s_0 at the start, in units of the target's range: a block without scale learns nothing
)
RIDGE = 1e-9  # relative, for blocks that are nearly alike

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
        peaks = PeakSpace(start.triangles.depth, start.triangles.sign, UNIT, free_scales)
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
    last = torch.cat([layers[-1][..., :-1].transpose(1, 2).flatten(2), layers[-1][..., -1:].sum(1)], 2)
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


def draw_blocks(
    depth: int, low: float, high: float, blocks: int, directions: int, inputs: int, seed: int, restarts: int
) -> tuple[Tensor, Tensor]:
    """Peaks (R, K, d + 1), uniform in [low, high], and directions (R, D, inputs), float64.

    In the plane each direction is uniform in its own share of the half circle; in space they are uniform.
    Restart k draws from the stream (seed, k).
    """
    peaks, drawn = [], []
    for stream in streams(seed, restarts):
        peaks.append(stream.uniform(low, high, (blocks, depth + 1)))
        if inputs == 1:
            drawn.append(np.ones((directions, 1)))
        elif inputs == 2:
            angle = math.pi * (np.arange(directions) + stream.uniform(size=directions)) / directions
            drawn.append(np.stack([np.cos(angle), np.sin(angle)], 1))
        else:
            normal = stream.normal(size=(directions, inputs))
            drawn.append(normal / np.linalg.norm(normal, axis=1, keepdims=True))
    return torch.from_numpy(np.stack(peaks)), torch.from_numpy(np.stack(drawn))


def fitted_blocks(peaks: Tensor, directions: Tensor, box: Box, x: Tensor, y: Tensor) -> Blocks:
    """Networks with these peaks (R, K, d + 1) and directions (R, D, inputs), as close to y (n,) at x as s_0 of
    every block, a slope along each direction and an offset can bring them, by linear least squares.

    A block whose s_0 the fit would make smaller than a tenth of the target's range is given that much, and the
    rest is fitted again. Which of the blocks along a direction are added and which subtracted is tried both ways.
    Where there is one along each, all are convex or all concave, in all restarts: what is nearer on average.
    """
    each_way = peaks.shape[1] // directions.shape[1]
    if each_way == 1:
        bent = [_fitted(peaks, directions, box, x, y, sign) for sign in (CONVEX, -CONVEX)]
        return min(bent, key=lambda start: (start.network()(x) - y).square().mean().item())
    swapped = peaks.unflatten(1, (-1, each_way)).flip(2).flatten(1, 2)
    starts = [_fitted(order, directions, box, x, y, CONVEX) for order in (peaks, swapped)]
    losses = [(start.network()(x) - y).square().mean(1) for start in starts]
    first = losses[0] <= losses[1]  # (R,)
    pick = first.repeat_interleave(peaks.shape[1])

    def better(name: str) -> Tensor:
        one, other = (getattr(start.triangles, name) for start in starts)
        return torch.where(pick.view(-1, *[1] * (one.dim() - 1)), one, other)

    chosen = {name: better(name) for name in ("peaks", "steps", "offset", "slope")}
    return replace(starts[0], triangles=replace(starts[0].triangles, **chosen))


def _fitted(peaks: Tensor, directions: Tensor, box: Box, x: Tensor, y: Tensor, sign: float) -> Blocks:
    restarts, count, _ = peaks.shape
    flat = peaks.flatten(0, 1)
    zeros = torch.zeros_like(flat[:, 0])
    unit = Triangle(flat, bound_steps(flat, zeros + 1), zeros, zeros, sign, UNIT)
    start = Blocks(unit, directions, box)
    slopes, shift = start.fold()
    points = x.unsqueeze(0) if x.dim() == 1 else x.T  # (inputs, n)
    along = slopes @ points + shift.unsqueeze(2)  # (R, D, n)
    each_way = count // directions.shape[1]
    bends = unit(along.repeat_interleave(each_way, 1).flatten(0, 1)).unflatten(0, (restarts, count))
    bends = bends * alternating_signs(count, each_way).to(bends).unsqueeze(1)
    columns = torch.cat([torch.ones_like(along[:, :1]), along, bends], 1)  # (R, 1 + D + K, n)

    least = SMALLEST_SCALE * (y.max() - y.min()).clamp_min(torch.finfo(y.dtype).tiny)
    fixed = torch.zeros(columns.shape[:2], dtype=torch.bool, device=y.device)
    for _ in range(count + 1):
        fitted = _least_squares(columns, y, fixed, least)
        small = fitted[:, -count:] < least
        fixed[:, -count:] |= small
        if not small.any():
            break
    offset, slope = torch.zeros_like(peaks[:, :, 0]), torch.zeros_like(peaks[:, :, 0])  # (R, K)
    offset[:, 0], slope[:, ::each_way] = fitted[:, 0], fitted[:, 1:-count]
    steps = bound_steps(flat, fitted[:, -count:].clamp_min(least).flatten())
    return replace(
        start, triangles=replace(unit, steps=steps, offset=offset.flatten(), slope=slope.flatten())
    )


def _least_squares(columns: Tensor, y: Tensor, fixed: Tensor, value: Tensor) -> Tensor:
    """Coefficients (R, m) of the columns (R, m, n) that come closest to y (n,), the fixed ones at `value`."""
    there = (fixed.unsqueeze(2) * columns).sum(1) * value  # (R, n)
    free = columns * ~fixed.unsqueeze(2)
    normal = free @ free.mT
    diagonal = normal.diagonal(dim1=1, dim2=2)
    diagonal += RIDGE * diagonal.amax(1, keepdim=True)
    solved = torch.linalg.solve(normal, free @ (y - there).unsqueeze(2)).squeeze(2)
    return torch.where(fixed, value, solved)
