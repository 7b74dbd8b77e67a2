"""Linear and activation regions of ReLU networks of two inputs, exactly: counts, polygons, affine maps.

Definitions. A neuron is on where its pre-activation z > 0 and off where z <= 0. An activation region is the
set of inputs with one on/off pattern of all hidden neurons, if it has positive area. A linear region is a
maximal connected set on which the function, all outputs together, is one affine map, where connected means
through an edge of positive length. All of it strictly inside the stated box, and for the network whose
weights are exactly the given floats.

Guarantee. Decisions are taken in float64 only beyond a proven error bound, and otherwise in integers
(`exact.py`): no tolerance enters a count. The first call of a process loads compiled code, and the very
first after an installation compiles it (numba), which takes some tens of seconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from triangle_cli.regions.arrays import Networks, as_tensor, box_array, checked_linear
from triangle_cli.regions.line.counting import RegionCounts
from triangle_cli.regions.plane.exact import layers_of
from triangle_cli.regions.space.scaling import scaled, unscaled
from triangle_cli.regions.telling import Tell

if TYPE_CHECKING:  # torch loads only for who has tensors, numba only when something is counted
    from torch import Tensor

    from triangle_cli.regions.plane.records import History

MOST_BYTES = 2**29  # of memory, about, for a mesh that is `bounded`


@dataclass(frozen=True)
class Polygons:
    """The activation regions of one network, n convex polygons, with the affine map on each.

    Polygon i has vertices[offsets[i] : offsets[i + 1]], anticlockwise; neighbours' corners that lie on its
    sides are among them. On it the network is y = gradient[i] @ x + intercept[i].
    """

    vertices: Tensor  # (offsets[-1], 2) float64
    offsets: Tensor  # (n + 1,) int64
    linear_region: Tensor  # (n,) int64: 0 .. number of linear regions - 1
    gradient: Tensor  # (n, outputs, 2) float64
    intercept: Tensor  # (n, outputs) float64


def count_plane(
    weights: Sequence[Tensor],
    biases: Sequence[Tensor],
    box: Sequence,
    *,
    exact: bool = False,
    linear: Sequence[Any] | None = None,
) -> RegionCounts:
    """Count the regions of ReLU networks of two inputs in a box of the plane.

    Args:
        weights: one (*batch, out, in) tensor per layer, float32 or float64, any device; the first has in = 2.
            ReLU follows every layer but the last.
        biases: one (*batch, out) tensor per layer.
        box: [[lo, hi], [lo, hi]], or the n >= 3 corners [[x, y], ..] of a convex polygon in either sense.
        exact: take every decision in integers. The counts are the same; it is slow.
        linear: of each hidden layer, (width,) bool or None: neurons that are passed on as they are, without ReLU, and
            split nothing; None: ReLU after all.

    Returns:
        Counts of shape (*batch,). Regions of more than 1e-9 of the box's area are wide; a neuron that is on
        in no activation region is dead.

    Raises:
        ValueError: shapes that do not fit, a box of no size, weights or corners that are not finite.
    """
    networks = Networks.of(weights, biases, inputs=2)
    return RegionCounts.of(count_rows(networks, box, exact=exact, linear=linear), networks.batch)


def count_rows(
    networks: Networks,
    box: Sequence | np.ndarray,
    *,
    exact: bool = False,
    linear: Sequence[Any] | None = None,
    tell: Tell | None = None,
    bounded: bool = False,
) -> np.ndarray:
    """As `count_plane`, without torch: (networks, 5) in the order of `RegionCounts`.

    bounded: give up, with a row of -1, a network whose mesh outgrows MOST_BYTES.
    """
    from triangle_cli.regions.plane.answers import NO_LIMIT, answers, count  # numba loads only now

    corners = as_corners(box)
    # of a cell: its corners, edges and sides, and values of two layers with their bounds at about one corner
    limit = MOST_BYTES // (250 + 34 * max(networks.widths)) if bounded else NO_LIMIT
    masks = checked_linear(linear, networks.widths[1:-1])
    return answers(count, networks, masks, corners, exact, limit=limit, tell=tell)[0]


def polygons(
    weights: Sequence[Tensor],
    biases: Sequence[Tensor],
    box: Sequence,
    *,
    exact: bool = False,
    linear: Sequence[Any] | None = None,
) -> Polygons:
    """The partition of a box by one network of two inputs; arguments and errors as `count_plane`, no batch.

    The partition itself is exact; coordinates and affine maps are its float64 roundings.
    """
    return Polygons(*map(as_tensor, polygon_arrays(weights, biases, box, exact=exact, linear=linear)))


def polygon_arrays(
    weights: Sequence[Any],
    biases: Sequence[Any],
    box: Sequence,
    *,
    exact: bool = False,
    linear: Sequence[Any] | None = None,
    maps: bool = True,
) -> tuple[np.ndarray, ...]:
    """As `polygons`, without torch: the fields of `Polygons`.

    maps: False leaves out the affine maps, which take longer and far more memory than all else in wide networks:
    those of no outputs are returned.
    """
    from triangle_cli.regions.plane.answers import answers, describe

    corners = as_corners(box)
    networks = Networks.of(weights, biases, inputs=2).single()
    masks = checked_linear(linear, networks.widths[1:-1])
    _, [(points, ends, sides, pointer, label, history)] = answers(describe, networks, masks, corners, exact)
    vertices, cells = points[ends[sides >> 1, sides & 1]], len(label)
    if not maps:
        return vertices, pointer, label, np.empty((cells, 0, 2)), np.empty((cells, 0))
    affine = _affine_maps(*networks.layers(), history)
    if not np.isfinite(affine).all():  # numbers on the way are beyond floats, in the scaled network not
        weights, biases, _, shifts = scaled(
            *networks.layers(), np.array([corners.min(axis=0), corners.max(axis=0)]).T
        )
        others = unscaled(_affine_maps(weights, biases, history), shifts[0], shifts[-1])
        affine = np.where(np.isfinite(affine), affine, others)
    return vertices, pointer, label, affine[:, :, :2].copy(), affine[:, :, 2].copy()


def _affine_maps(weights: list[np.ndarray], biases: list[np.ndarray], history: History) -> np.ndarray:
    """Gradients and intercepts (n, outputs, 3) of the outputs on the final cells, in float64."""
    maps = np.column_stack([weights[0], biases[0]])[None]  # (cells, width, 3)
    with np.errstate(all="ignore"):
        for weight, bias, on, parent in zip(weights[1:], biases[1:], *layers_of(*history[1:])):
            maps = weight @ (maps[parent] * on[:, :, None])
            maps[:, :, 2] += bias
    return maps


def as_corners(box: Sequence | np.ndarray) -> np.ndarray:
    """Corners (n, 2) of the domain, anticlockwise; `box` and errors as of `count_plane`."""
    given = box_array(box)
    if given.ndim != 2 or given.shape[1] != 2 or len(given) < 2:
        raise ValueError(
            f"box: shape {given.shape}, expected [[lo, hi], [lo, hi]] or the corners (n, 2) of a polygon"
        )
    if not np.isfinite(given).all():
        raise ValueError(f"box: {given.tolist()}, expected finite numbers")
    if len(given) == 2:
        (left, right), (bottom, top) = given.tolist()
        if not (left < right and bottom < top):
            raise ValueError(f"box: {given.tolist()} has no size, expected lo < hi on both axes")
        return np.array([[left, bottom], [right, bottom], [right, top], [left, top]])
    return _convex(given)


def _convex(corners: np.ndarray) -> np.ndarray:
    """`corners` (n, 2) anticlockwise if they go once round a strictly convex polygon; in fractions."""
    points = [(Fraction(x), Fraction(y)) for x, y in corners.tolist()]
    n = len(points)

    def turn(i: int, j: int, k: int) -> Fraction:
        (ax, ay), (bx, by), (cx, cy) = points[i], points[j], points[k]
        return (bx - ax) * (cy - ay) - (by - ay) * (cx - ax)

    # strictly convex and once around: every other corner lies on the same side of each side
    turns = [turn(i, (i + 1) % n, k) for i in range(n) for k in range(n) if k not in (i, (i + 1) % n)]
    if all(t > 0 for t in turns):
        return corners.copy()
    if all(t < 0 for t in turns):
        return corners[::-1].copy()
    raise ValueError(
        f"box: corners {corners.tolist()}, expected a convex polygon, no three corners on a line"
    )
