"""Convex cells cut by planes, in floats, for pictures: sections, and where the largest output changes."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

import numpy as np

Found = dict[str, np.ndarray]  # the fields of `regions.Cells`


def corners_of(found: Found) -> list[np.ndarray]:
    """The corners (k, n) of each cell."""
    return np.split(found["vertices"], found["offsets"][1:-1])


def section(corners: np.ndarray, heights: np.ndarray) -> np.ndarray:
    """The polygon, in three dimensions, or the ends of the segment (m, n) where a convex cell has height 0.

    heights: (k,) of its corners, of an affine function. The segments between all pairs of corners on both sides
    have the same hull as the edges among them.
    """
    above, below = np.flatnonzero(heights > 0), np.flatnonzero(heights < 0)
    if not len(above) or not len(below):
        return np.empty((0, corners.shape[1]))
    share = heights[above, None] / (heights[above, None] - heights[below])
    points = corners[above, None] + share[:, :, None] * (corners[below] - corners[above, None])
    points = np.concatenate([points.reshape(-1, corners.shape[1]), corners[heights == 0]])
    return in_order(points)


def in_order(points: np.ndarray) -> np.ndarray:
    """The corners of the hull of points of a plane in three dimensions, around it; of a line, its two ends."""
    middle = points - points.mean(axis=0)
    axes = np.linalg.svd(middle, full_matrices=False)[2]
    along = middle @ axes[0]
    if points.shape[1] == 2:
        return points[[along.argmin(), along.argmax()]]
    return points[_hull(np.stack([along, middle @ axes[1]], axis=1))]


def _hull(points: np.ndarray) -> list[int]:
    """Indices of the corners of the convex hull of points (m, 2), around it (Andrew's monotone chain)."""
    order = np.lexsort(points.T[::-1]).tolist()
    least = 1e-12 * float(np.abs(points).max()) ** 2
    hull: list[int] = []
    for run in (order, order[::-1]):
        half: list[int] = []
        for i in run:
            while len(half) > 1:
                (ax, ay), (bx, by) = points[half[-1]] - points[half[-2]], points[i] - points[half[-1]]
                if ax * by - ay * bx > least:
                    break
                half.pop()
            half.append(i)
        hull += half[:-1]
    return hull


def around(corners: np.ndarray) -> np.ndarray:
    """The corners of a convex polygon of the plane, in order around it."""
    middle = corners - corners.mean(axis=0)
    return corners[np.argsort(np.arctan2(middle[:, 1], middle[:, 0]), kind="stable")]


def clipped(polygon: np.ndarray, heights: np.ndarray) -> np.ndarray:
    """The part of an ordered convex polygon, or a segment, with heights >= 0 (Sutherland and Hodgman 1974)."""
    kept: list[np.ndarray] = []
    for i in range(len(polygon)):
        if heights[i] >= 0:
            kept.append(polygon[i])
        j = (i + 1) % len(polygon)
        if (heights[i] < 0) != (heights[j] < 0) and (len(polygon) > 2 or i == 0):
            share = heights[i] / (heights[i] - heights[j])
            kept.append(polygon[i] + share * (polygon[j] - polygon[i]))
    return np.array(kept).reshape(-1, polygon.shape[1])


def classes(found: Found) -> np.ndarray:
    """The number of the largest output all over each cell, (cells,) int64; -1 where it changes inside.

    One output: 1 where it is positive, 0 where it is not. Of the corners' float64 values: an affine map that is
    largest at all corners of a cell is so all over it.
    """
    result = np.empty(len(found["volume"]), np.int64)
    for i, values in enumerate(_values(found)):
        largest = (values[:, 0] > 0).astype(np.int64) if values.shape[1] == 1 else values.argmax(axis=1)
        result[i] = largest[0]
        if (largest != largest[0]).any():
            top = values.max(axis=1, keepdims=True) if values.shape[1] > 1 else np.maximum(values, 0)
            always = np.flatnonzero((values == top).all(axis=0)) if values.shape[1] > 1 else np.empty(0, int)
            result[i] = always[0] if len(always) else -1
    return result


def _values(found: Found) -> Iterator[np.ndarray]:
    """Of each cell, the outputs at its corners (k, outputs)."""
    gradient, intercept = found["gradient"], found["intercept"]
    for i, corners in enumerate(corners_of(found)):
        yield corners @ gradient[i].T + intercept[i]


def decision_boundary(found: Found) -> list[np.ndarray]:
    """Where the largest output changes, or the only one changes its sign: segments (2, 2) or polygons (m, 3)."""
    changing = np.flatnonzero(classes(found) < 0)
    all_corners = corners_of(found)
    pieces = []
    for i in changing.tolist():
        corners, gradient, intercept = all_corners[i], found["gradient"][i], found["intercept"][i]
        values = corners @ gradient.T + intercept
        outputs = values.shape[1]
        for a, b in combinations(range(outputs), 2) if outputs > 1 else [(0, 0)]:
            piece = section(corners, values[:, a] - values[:, b] if outputs > 1 else values[:, 0])
            for c in range(outputs):
                if len(piece) and c not in (a, b):
                    piece = clipped(piece, piece @ (gradient[a] - gradient[c]) + intercept[a] - intercept[c])
            if len(piece) >= corners.shape[1]:
                pieces.append(piece)
    return pieces


def centres(found: Found) -> np.ndarray:
    """The mean of the corners of each cell, (cells, n)."""
    offsets = found["offsets"]
    means: np.ndarray = np.add.reduceat(found["vertices"], offsets[:-1]) / np.diff(offsets)[:, None]
    return means
