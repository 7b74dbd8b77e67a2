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
from triangle_cli.training.least_squares import least_squares, parts
from triangle_cli.training.loop import network_errors
from triangle_cli.training.problem import Points

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


def fitted_blocks(peaks: Tensor, directions: Tensor, box: Box, points: Points) -> Blocks:
    """Networks with these peaks (R, K, d + 1) and directions (R, D, inputs), as close to the points as s_0 of
    every block, a slope along each direction and an offset can bring them, by linear least squares.

    A block whose s_0 the fit would make smaller than a tenth of the target's range is given that much, and the
    rest is fitted again. Which of the blocks along a direction are added and which subtracted is tried both ways.
    Where there is one along each, all are convex or all concave, in all restarts: what is nearer in the first.
    """
    each_way = peaks.shape[1] // directions.shape[1]
    if each_way == 1:
        bent = [_fitted(peaks, directions, box, points, sign) for sign in (CONVEX, -CONVEX)]
        return min(bent, key=lambda start: network_errors(start.network()[:1], points)[0].item())
    swapped = peaks.unflatten(1, (-1, each_way)).flip(2).flatten(1, 2)
    starts = [_fitted(order, directions, box, points, CONVEX) for order in (peaks, swapped)]
    losses = [network_errors(start.network(), points)[0] for start in starts]
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


def _fitted(peaks: Tensor, directions: Tensor, box: Box, points: Points, sign: float) -> Blocks:
    """Networks whose first blocks along each direction have this sign, at their best."""
    restarts, count, _ = peaks.shape
    each_way, y = count // directions.shape[1], points.y
    least = SMALLEST_SCALE * (y.max() - y.min()).clamp_min(torch.finfo(y.dtype).tiny)
    flat = peaks.flatten(0, 1)
    zeros = torch.zeros_like(flat[:, 0])
    unit = Triangle(flat, bound_steps(flat, zeros + 1), zeros, zeros, sign, UNIT)
    fit = [
        _coefficients(peaks[part], directions[part], box, points, sign, least)
        for part in parts(restarts, len(y))
    ]
    fitted = torch.cat(fit)  # (R, 1 + D + K)
    offset, slope = torch.zeros_like(peaks[:, :, 0]), torch.zeros_like(peaks[:, :, 0])  # (R, K)
    offset[:, 0], slope[:, ::each_way] = fitted[:, 0], fitted[:, 1:-count]
    steps = bound_steps(flat, fitted[:, -count:].clamp_min(least).flatten())
    return Blocks(replace(unit, steps=steps, offset=offset.flatten(), slope=slope.flatten()), directions, box)


def _coefficients(
    peaks: Tensor, directions: Tensor, box: Box, points: Points, sign: float, least: Tensor
) -> Tensor:
    """An offset, a slope along each direction and s_0 of every block, no less than `least`: (r, 1 + D + K)."""
    restarts, count, _ = peaks.shape
    each_way, x, y = count // directions.shape[1], points.x, points.y
    flat = peaks.flatten(0, 1)
    zeros = torch.zeros_like(flat[:, 0])
    unit = Triangle(flat, bound_steps(flat, zeros + 1), zeros, zeros, sign, UNIT)
    slopes, shift = Blocks(unit, directions, box).fold()
    along = shift.unsqueeze(2)
    for slope, row in zip(slopes.unbind(2), x.unsqueeze(0) if x.dim() == 1 else x.T):
        along = along + slope.unsqueeze(2) * row  # (r, D, n), summed in order
    bends = unit(along.repeat_interleave(each_way, 1).flatten(0, 1)).unflatten(0, (restarts, count))
    bends = bends * alternating_signs(count, each_way).to(bends).unsqueeze(1)
    columns = torch.cat([torch.ones_like(along[:, :1]), along, bends], 1)  # (r, 1 + D + K, n)

    fixed = torch.zeros(columns.shape[:2], dtype=torch.bool, device=y.device)
    for _ in range(count + 1):
        there = torch.zeros_like(columns[:, 0])  # (r, n)
        for column, is_fixed in zip(columns[:, -count:].unbind(1), fixed[:, -count:].T):
            there = there + torch.where(is_fixed, least, 0 * least).unsqueeze(1) * column
        fitted = least_squares(columns * ~fixed.unsqueeze(2), y - there, RIDGE, points.weight)
        small = ~fixed[:, -count:] & (fitted[:, -count:] < least)
        if not small.any():
            break
        fixed[:, -count:] |= small
    return torch.where(fixed, least, fitted)
