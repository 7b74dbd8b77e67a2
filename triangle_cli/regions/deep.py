"""Networks of one and two inputs that are so deep that the counters made for these lose their bounds on the way.

Bounds grow by the absolute weights, values by the weights themselves: with w weights of random sign about sqrt(w / pi)
times less a layer. The counter for any number of inputs starts its bounds anew from numbers of more digits
(`space/digits.py`) and is the faster one there; the counts are the same.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from triangle_cli.regions.space.tables import bits_lost

LINE_BITS, PLANE_BITS = (
    60.0,
    30.0,
)  # lost on the way, at which double-double and float64 bounds leave too much open


def is_deep(weights: Sequence[np.ndarray]) -> bool:
    """Whether the counter for any number of inputs is to count a network of one or two."""
    most = LINE_BITS if weights[0].shape[1] == 1 else PLANE_BITS
    # by Cauchy and Schwarz no layer loses more than half the bits of its fan-in
    if sum(math.log2(max(2, weight.shape[1])) for weight in weights[1:-1]) <= 2 * most:
        return False
    return bits_lost(weights) > most


def piece_arrays(
    weights: list[np.ndarray],
    biases: list[np.ndarray],
    box: np.ndarray,
    linear: list[np.ndarray],
    merged: bool,
) -> tuple[np.ndarray, ...]:
    """The regions of one network of one input from left to right, as `line.counting.piece_arrays`."""
    from triangle_cli.regions.space import partition  # numba loads only when something is counted

    found = partition.cells(weights, biases, box, linear=linear)
    corners = found["vertices"].reshape(-1, 2)
    left, right = corners.min(axis=1), corners.max(axis=1)
    region = found["linear_region"] if merged else np.arange(len(left))
    widest = np.empty(region.max() + 1, np.int64)  # a cell of each region
    order = np.argsort(right - left, kind="stable")
    widest[region[order]] = order
    starts, middle = np.full(len(widest), np.inf), np.full(len(widest), np.inf)
    np.minimum.at(starts, region, left)
    np.minimum.at(middle, region, (left + right) / 2)
    rank = np.lexsort([middle, starts])
    starts, kept = starts[rank], widest[rank]
    starts[0] = box[0, 0]
    return starts, np.append(starts[1:], box[0, 1]), found["gradient"][kept, :, 0], found["intercept"][kept]


def polygon_arrays(
    weights: list[np.ndarray], biases: list[np.ndarray], box: np.ndarray, linear: list[np.ndarray]
) -> tuple[np.ndarray, ...]:
    """The partition of a box of the plane, as `plane.counting.polygon_arrays`."""
    from triangle_cli.regions.space import partition

    found = partition.cells(weights, biases, box, linear=linear)
    places, offsets = found["vertices"], found["offsets"]
    owner = np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))
    middle = places - (np.add.reduceat(places, offsets[:-1]) / np.diff(offsets)[:, None])[owner]
    order = np.lexsort([np.arctan2(middle[:, 1], middle[:, 0]), owner])
    return places[order], offsets, found["linear_region"], found["gradient"], found["intercept"]
