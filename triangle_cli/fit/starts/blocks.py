"""Several triangle networks in one: drawn, then fitted by linear least squares."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from triangle_cli.construction.blocks import CONVEX, UNIT, Blocks, Box, alternating_signs
from triangle_cli.construction.triangle import Triangle, bound_steps
from triangle_cli.fit.starts.streams import streams

SMALLEST_SCALE = (
    0.1  # of s_0 at the start, in units of the target's range: a block without scale learns nothing
)


RIDGE = 1e-9  # relative, for blocks that are nearly alike


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

    chosen = replace(
        starts[0].triangles,
        peaks=better("peaks"),
        steps=better("steps"),
        offset=better("offset"),
        slope=better("slope"),
    )
    return replace(starts[0], triangles=chosen)


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
