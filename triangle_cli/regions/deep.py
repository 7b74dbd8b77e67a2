"""Networks of one and two inputs that are for the walk, the counter for any number of inputs; the counts are the same.

On the way through a deep network the counters made for one and two inputs lose their bounds. These grow by the absolute
weights, values by the weights themselves: with w weights of random sign about sqrt(w / pi) times less a layer. The walk
starts its bounds anew from numbers of more digits (`space/digits.py`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from triangle_cli.regions.arrays import Networks
from triangle_cli.regions.space.tables import bits_lost

# lost on the way, at which double-double and float64 bounds leave too much open
LINE_BITS, PLANE_BITS = 60.0, 30.0
# of the mesh's networks: neurons in all; or the width, with so many hidden layers
FEW_NEURONS, NARROW, FEW_LAYERS = 48, 8, 24


def is_deep(networks: Networks) -> bool:
    """Whether the walk is to find the pieces or polygons of a network of one or two inputs, and to count the pieces."""
    most = LINE_BITS if networks.widths[0] == 1 else PLANE_BITS
    # by Cauchy and Schwarz no layer loses more than half the bits of its fan-in
    if sum(math.log2(max(2, width)) for width in networks.widths[1:-2]) <= 2 * most:
        return False
    return bits_lost(networks.layers()[0]) > most


def is_for_mesh(widths: Sequence[int]) -> bool:
    """Whether the mesh is to count the regions of a network of two inputs in a rectangle; widths: of hidden layers.

    Measured on random networks, time of the walk over that of the mesh: 9 at 1 x 8, 4.3 at 1 x 16, 1.5 at 2 x 16 and at
    4 x 8, 1.3 at 1 x 48, 1 at 2 x 24, 0.5 at 3 x 32, 10 x 12 and 10 x 16, 0.4 at 3 x 64, 1 x 96 and 20 x 8, 0.05 at
    2 x 600, and 0.02 at 10 x 64, where the mesh asks integers which areas are wide. Narrow networks are the mesh's even
    where it is slower on random ones, as those of much structure are mostly narrow: at 8 x 4 with 2^16 squares the
    ratio is 2.
    """
    return sum(widths) <= FEW_NEURONS or (max(widths) <= NARROW and len(widths) <= FEW_LAYERS)


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
