"""What the compiled code is given for a space and points, and how its work is shared among threads."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from triangle_cli.construction.blocks import alternating_signs, kept_entries
from triangle_cli.construction.network import Network
from triangle_cli.training.block_space import BlockPeakSpace, Space
from triangle_cli.training.problem import Points, Problem
from triangle_cli.training.spaces import PeakSpace, WeightSpace
from triangle_cli.training.tent_space import TentSpace

if TYPE_CHECKING:
    from triangle_cli.training.kernels import Model, Weights

CALL = 0.1  # seconds that one call may take: nothing is heard of Ctrl-C meanwhile
STRETCH = 0.5  # seconds between two signs of life
SHARE = 5e-4  # seconds of work that are worth a thread
SHARES = 4  # that a thread takes, one after the other: one that the system holds up leaves the rest to others
SLOWEST = 1e-9  # seconds for a point and a number of theta: more than it takes


def model_of(space: Space, points: Points | Problem) -> Model | None:
    """The space and the points as the compiled code takes them; None where it does not serve."""
    if not _serves(points.x):
        return None
    if isinstance(space, WeightSpace):
        return weights_model(space, points)
    if isinstance(space, TentSpace):
        return _tents(space, points)
    return _blocks(space, points) if isinstance(space, BlockPeakSpace) else _peaks(space, points)


def _serves(x: Tensor) -> bool:
    return x.device.type == "cpu" and x.dtype in (torch.float32, torch.float64)


def _roots(points: Points | Problem) -> np.ndarray:
    """The square roots of the weights, padded; none where all weigh the same."""
    from triangle_cli.training.compiled import padded

    y = points.y.numpy()
    return (
        np.empty(0, y.dtype) if points.weight is None else padded(points.weight.sqrt().to(points.y).numpy())
    )


def weights_model(space: WeightSpace, points: Points | Problem) -> Weights | None:
    """As `model_of`."""
    x, y = points.x, points.y
    if not _serves(x):
        return None
    from triangle_cli.training.compiled import block_length, padded
    from triangle_cli.training.kernels import Weights

    widths = [layer.shape[1] for layer in space.shape.layers]
    rows_of_x = x.unsqueeze(0) if x.dim() == 1 else x.T
    if len(widths) < 2 or widths[-1] != 1:
        return None
    depth, groups = len(widths) - 1, space.blocks or 1
    width = -(-max(widths[:-1]) // groups // 4) * 4
    place, number = _padded_layout(space.shape, groups, width)
    rows = groups * width * (depth + 2)
    block = block_length(rows, y.numpy().dtype)
    padded_x, padded_y = padded(rows_of_x.numpy()), padded(y.numpy())
    return Weights(depth, groups, width, place, number, padded_x, padded_y, _roots(points), len(y), block)


def _padded_layout(shape: Network, groups: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """Where each number of theta stands in the padded layout of `Weights`, and the inverse."""
    places, base, neurons = [], 0, groups * width
    for index, layer in enumerate(shape.layers):
        out, inputs = layer.shape[1], layer.shape[2] - 1
        first, last = index == 0, index == len(shape.layers) - 1
        row, column = np.indices((out, inputs + 1))
        bias = column == inputs
        if not last:
            share = out // groups
            row = row // share * width + row % share
        if not first:
            share = inputs // groups
            column = column // share * width + column % share if last else column % share
        columns = inputs if first else neurons if last else width
        places.append((base + row * (columns + 1) + np.where(bias, columns, column)).ravel())
        base += (1 if last else neurons) * (columns + 1)
    place = np.concatenate(places)
    if groups > 1:
        place = place[kept_entries(shape, groups).numpy()]
    number = np.full(base, -1)
    number[place] = np.arange(len(place))
    return place, number


def _tents(space: TentSpace, points: Points | Problem) -> Model:
    from triangle_cli.training.compiled import block_length, padded
    from triangle_cli.training.kernels import Projective

    u, y = _on_unit(space.interval, points.x).numpy(), points.y.numpy()
    block = block_length(2 * space.depth + 4, u.dtype)
    return Projective(
        space.depth, space.free_scales, space.sign, padded(u), padded(y), _roots(points), len(y), block
    )


def _on_unit(interval: tuple[float, float], x: Tensor) -> Tensor:
    """u, (1, n), for x, (n,)."""
    lo, hi = interval
    return ((x - lo) / (hi - lo)).clamp(0, 1).unsqueeze(0)


def _peaks(space: PeakSpace, points: Points | Problem) -> Model:
    return _peak_model(space, points, (space.interval,), np.ones(1), np.zeros(1, np.int64))


def _blocks(space: BlockPeakSpace, points: Points | Problem) -> Model:
    each_way = space.blocks // space.directions
    sigma = alternating_signs(space.blocks, each_way).double().numpy()
    return _peak_model(space.peaks, points, space.box, sigma, np.arange(space.blocks) // each_way)


def _peak_model(
    space: PeakSpace, points: Points | Problem, box: tuple, sigma: np.ndarray, along: np.ndarray
) -> Model:
    from triangle_cli.training.compiled import block_length, padded
    from triangle_cli.training.kernels import Peaks

    x, y = points.x, points.y
    if len(box) == 1:
        rows_of_x, half = _on_unit(box[0], x), np.empty(0)
    else:
        ends = x.new_tensor(box)
        half = ((ends[:, 1] - ends[:, 0]) / 2).double().numpy()
        rows_of_x = (x - ends.mean(1)).T
    rows = len(sigma) * (space.depth + 1) + 3
    block = block_length(rows, y.numpy().dtype)
    return Peaks(
        space.depth, space.free_scales, space.sign * sigma, sigma, along, half,
        padded(rows_of_x.numpy()), padded(y.numpy()), _roots(points), len(y), block,
    )  # fmt: skip


class Crew:
    """Threads that share restarts: each call of the compiled code takes some of them, and no longer than `CALL`.

    How long a restart takes decides the shares, never the numbers.

    Args:
        threads: how many may work at once.
        work: points times numbers of theta, for a first guess.
    """

    def __init__(self, threads: int, work: int) -> None:
        self.threads = threads
        self.pace = SLOWEST * work  # seconds for one restart and epoch, no more than this

    def epochs(self, restarts: int) -> int:
        """How many epochs of so many restarts may pass before the next sign of life."""
        return max(1, int(min(CALL, STRETCH * self.threads / restarts) / self.pace))

    def share(self, call: Callable[[int, int], None], restarts: int, epochs: int = 1) -> None:
        """`call(first, last)` for restarts first .. last - 1, until all have been called for."""
        each = self.pace * epochs
        threads = max(1, min(self.threads, restarts, int(each * restarts / SHARE)))
        parts = threads * SHARES if threads > 1 else 1
        worth = max(-(-restarts // parts), math.ceil(SHARE / each))
        size = max(1, min(worth, -(-restarts // threads), int(CALL / each)))
        firsts = range(0, restarts, size)

        def timed(first: int) -> None:
            last, began = min(first + size, restarts), time.perf_counter()
            call(first, last)
            self.pace = min(self.pace, (time.perf_counter() - began) / epochs / (last - first))

        if threads == 1:
            for first in firsts:
                timed(first)
            return
        futures = [_pool(os.getpid(), self.threads).submit(timed, first) for first in firsts]
        try:
            for future in futures:
                future.result()
        finally:
            for future in futures:  # of an interrupted call
                future.cancel()


@lru_cache(maxsize=1)
def _pool(process: int, threads: int) -> ThreadPoolExecutor:
    """Threads that wait for work; a forked process has none of its parent's."""
    return ThreadPoolExecutor(threads, "triangle-restarts")
