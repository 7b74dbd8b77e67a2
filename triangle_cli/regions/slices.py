"""Lines and planes through an input space of any dimension, exactly: a network of one or two inputs for each.

On x = P + t (Q - P) a first-layer neuron is t (w . (Q - P)) + (w . P + b). Weights and points are dyadic
rationals, and so are both numbers, but they seldom are floats: rounding them would change the network. Each is
the exact sum of a few floats, though (Shewchuk 1997, Adaptive precision floating-point arithmetic). So the sliced
network begins with a layer that copies every coordinate, and the constant 1, a few times, and the floats of the
sums are the weights of these copies. The copies are on wherever t > 0, hence cut no region.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from triangle_cli.regions.arrays import Layers, as_tensor
from triangle_cli.regions.plane.exact import Whole

if TYPE_CHECKING:  # torch loads only for who has tensors
    from torch import Tensor

SEGMENT = [[0.0, 1.0]]
PARALLELOGRAM = [[0.0, 1.0], [0.0, 1.0]]
TRIANGLE = [[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]


def restrict(
    weights: Sequence[Tensor], biases: Sequence[Tensor], points: Sequence[Sequence[float]]
) -> tuple[list[Tensor], list[Tensor]]:
    """The network on the line P + t (Q - P) or plane P + s (Q - P) + t (R - P), as weights and biases.

    Nothing is rounded: where all coordinates are >= 0, its regions are those of the given network on the slice.
    Its input is t or (s, t); it may have one hidden layer more than the given one, of neurons that are never off.

    Args:
        weights, biases: one network, (out_l, in_l) and (out_l,), float32 or float64, ReLU after all but the last.
        points: P, Q for a line; P, Q, R for a plane; each of in_0 floats.

    Raises:
        ValueError: points of another size, not finite, or that span no line or plane; sums beyond float64's range.

    >>> import torch
    >>> slope = [torch.tensor([[0.1, 0.2, 0.3]], dtype=torch.float64)]
    >>> weights, biases = restrict(slope, [torch.zeros(1)], [[0.0, 0.0, 0.0], [1.0, 1.0, 1.0]])
    >>> [layer.tolist() for layer in weights]  # 0.1 + 0.2 + 0.3, of which the first float is the rounding
    [[[1.0], [1.0]], [[0.6, 2.7755575615628914e-17]]]
    """
    found = sliced(Layers.of(weights, biases), points)
    return [as_tensor(weight) for weight in found.weights], [as_tensor(bias) for bias in found.biases]


def sliced(network: Layers, points: Sequence[Sequence[float]]) -> Layers:
    """As `restrict`, without torch and wherever the coordinates lie: what is put in front is linear."""
    weights, biases = network.weights, network.biases
    corners = _checked(points, network.inputs)
    first = np.concatenate([weights[0], biases[0][:, None]], axis=1).astype(float)
    whole_layer, whole_points = Whole(first), Whole(corners)
    rows = np.array([whole_layer.row(i) for i in range(len(first))], dtype=object)
    origin, *ends = (np.array(whole_points.row(i), dtype=object) for i in range(len(corners)))
    if not _are_independent([end - origin for end in ends]):
        spanned = "two different points" if len(points) == 2 else "three points that are not on one line"
        raise ValueError(f"points {corners.tolist()}: expected {spanned}")
    shift = whole_layer.shift + whole_points.shift
    columns = [rows[:, :-1] @ (end - origin) for end in ends]
    columns.append(rows[:, :-1] @ origin + rows[:, -1] * (1 << whole_points.shift))
    parts = [[_expansion(top, shift) for top in column] for column in columns]
    return _with_copies(parts, network)


def random_slices(box: Sequence[Sequence[float]], points: int, count: int, seed: int) -> Iterator[Tensor]:
    """Points of `count` random slices of a box, each (points, inputs) float64 and uniform in it, in order of `seed`.

    Two points are the ends of a line segment, three the corners of a triangle in a plane (`TRIANGLE`).
    """
    import torch

    generator = torch.Generator().manual_seed(seed)
    lo, hi = torch.tensor(box, dtype=torch.float64).T
    for _ in range(count):
        place = torch.rand(points, len(lo), generator=generator, dtype=torch.float64)
        yield (1 - place) * lo + place * hi


def _checked(points: Sequence[Sequence[float]], inputs: int) -> np.ndarray:
    if len(points) not in (2, 3):
        raise ValueError(f"{len(points)} points, expected 2 for a line or 3 for a plane")
    for name, point in zip("PQR", points):
        if len(point) != inputs:
            raise ValueError(f"point {name} has {len(point)} coordinates, expected {inputs}, one per input")
        if not np.isfinite(np.asarray(point, dtype=float)).all():
            raise ValueError(f"point {name} has NaN or infinity, expected finite coordinates")
    return np.array([np.asarray(point, dtype=float) for point in points])


def _are_independent(directions: list[np.ndarray]) -> bool:
    """Whether one direction is not 0, or two are not parallel; integers."""
    first, last = directions[0], directions[-1]
    pivot = next((k for k, value in enumerate(first) if value), None)
    if pivot is None or len(directions) == 1:
        return pivot is not None
    return bool((first[pivot] * last != last[pivot] * first).any())


def _expansion(top: int, shift: int) -> list[float]:
    """Floats whose exact sum is top / 2^shift, each the rounding of what those before it leave."""
    parts = []
    while top:
        try:
            part = top / (1 << shift)  # Python rounds a quotient of integers correctly
        except OverflowError:
            part = 0.0
        if part == 0:
            raise ValueError("first layer times points of the slice: expected sums within float64's range")
        numerator, denominator = part.as_integer_ratio()
        top -= numerator * ((1 << shift) // denominator)
        parts.append(part)
    return parts


def _with_copies(parts: list[list[list[float]]], network: Layers) -> Layers:
    """From the expansions of each column of the sliced first layer, that of the constant last."""
    copies = [max(1, *map(len, column)) for column in parts]
    copies[-1] -= 1  # the bias takes the first float of the constant
    width, inputs = len(network.biases[0]), len(parts) - 1
    table = [_padded(column) for column in parts]
    weight = np.concatenate([*table[:-1], table[-1][:, 1:]], axis=1)[:, : sum(copies)]
    weights = [weight, *(layer.astype(float) for layer in network.weights[1:])]
    biases = [table[-1][:, 0].copy(), *(layer.astype(float) for layer in network.biases[1:])]
    linear = list(network.linear)
    if sum(copies) > inputs:
        select = np.repeat(np.eye(inputs + 1), copies, axis=0)  # (copies, coordinates and constant)
        weights.insert(0, select[:, :-1].copy())
        biases.insert(0, select[:, -1].copy())
        linear.insert(0, np.ones(len(select), bool))
    assert weight.shape == (width, sum(copies))
    return Layers(weights, biases, linear)


def _padded(column: list[list[float]]) -> np.ndarray:
    """(neurons, most floats of any), zeros at the end."""
    table = np.zeros((len(column), max(1, *map(len, column))))
    for row, floats in zip(table, column):
        row[: len(floats)] = floats
    return table
