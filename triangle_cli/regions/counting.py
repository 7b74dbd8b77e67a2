"""One door for networks of any number of inputs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from triangle_cli.regions import deep
from triangle_cli.regions.line import counting as line
from triangle_cli.regions.line.counting import Pieces, RegionCounts
from triangle_cli.regions.plane import counting as plane
from triangle_cli.regions.plane.counting import Polygons, checked_layers
from triangle_cli.regions.space.sizes import WIDE, Cells, Sizes

Tell = Callable[[int], None]


def count_regions(
    weights: Sequence[Tensor],
    biases: Sequence[Tensor],
    box: Sequence,
    *,
    exact: bool = False,
    wide: bool = True,
    threads: int = 1,
    tell: Tell | None = None,
) -> RegionCounts:
    """Count the regions of ReLU networks, exactly.

    Args:
        weights: one (*batch, out, in) tensor per layer, float32 or float64, any device; the first says how many
            inputs there are. ReLU follows every layer but the last.
        biases: one (*batch, out) tensor per layer.
        box: [lo, hi] for each input; (lo, hi) will do for one, and for two the corners [[x, y], ..] of a convex
            polygon.
        exact: take every decision in integers. The counts are the same; it is slow.
        wide: from three inputs on, False leaves out the wide regions (-1): their volumes take longer than the count,
            and memory for every region.
        threads: so many at once, from three inputs on; the counts do not depend on it.
        tell: from three inputs on, called now and then with the activation regions so far of one network.

    Returns:
        Counts of shape (*batch,). Regions of more than 1e-9 of the box's length, area or volume are wide; a neuron
        that is on in no activation region is dead.

    Raises:
        ValueError: shapes that do not fit, a box of no size, NaN or infinity, no threads.

    >>> import torch
    >>> weights = [torch.tensor([[1.0, 1.0, 1.0]]), torch.tensor([[1.0]])]  # relu(x + y + z)
    >>> count_regions(weights, [torch.zeros(1), torch.zeros(1)], [[-1, 1]] * 3).linear_regions.item()
    2
    """
    shape: Sequence[int] = getattr(weights[0], "shape", ()) if len(weights) else ()
    inputs = shape[-1] if len(shape) else 1  # what is no tensor is refused below, by name
    if inputs <= 2 and not _is_deep(weights, box, exact):
        counter = plane.count_plane if inputs == 2 else line.count_regions
        return counter(weights, biases, box, exact=exact)
    from triangle_cli.regions.space import counting, partition  # numba loads only when something is counted

    if threads < 1:
        raise ValueError(f"threads: {threads}, expected 1 or more")
    ends = checked_box(box, inputs)
    layers, constants, batch = checked_layers(weights, biases, inputs)
    rows = []
    for i in range(len(layers[0])):
        network = [w[i] for w in layers], [b[i] for b in constants], ends
        row = [*counting.count(*network, exact=exact, threads=threads, tell=tell), -1, -1]
        if wide:
            found = partition.sizes(*network, exact=exact)
            row[3:] = int((found.linear > WIDE).sum()), int((found.activation > WIDE).sum())
        rows.append(row)
    linear, activation, dead, *wides = torch.tensor(rows, dtype=torch.int64).reshape(*batch, 5).unbind(-1)
    return RegionCounts(linear, activation, dead, *wides)


def _is_deep(weights: Sequence[Tensor], box: Sequence, exact: bool) -> bool:
    """Whether a network of one or two inputs is for the counter for any number, on a box that it takes."""
    is_box = np.shape(box) in ((2,), (1, 2), (2, 2))
    if exact or not is_box or not all(isinstance(weight, Tensor) and weight.ndim == 2 for weight in weights):
        return False
    return deep.is_deep([weight.detach().cpu().double().numpy() for weight in weights])


def pieces(
    weights: Sequence[Tensor],
    biases: Sequence[Tensor],
    box: Sequence,
    *,
    merged: bool = True,
    exact: bool = False,
) -> Pieces:
    """The linear regions of one network with one input, or its activation regions if not `merged`.

    weights[l]: (out_l, in_l), biases[l]: (out_l,); otherwise as in `count_regions`, with the same errors.
    Which pieces there are is exact; their numbers are float64: exactly rounded if `exact`, else within the
    rounding of a product of the weights. Ends of regions narrower than float64 can tell apart may be equal.

    >>> import torch
    >>> weights = [torch.tensor([[1.0], [1.0]]), torch.tensor([[2.0, -4.0]])]
    >>> biases = [torch.tensor([0.0, -0.5]), torch.tensor([0.0])]
    >>> pieces(weights, biases, (0, 1)).slope
    tensor([[ 2.],
            [-2.]], dtype=torch.float64)
    """
    if weights and _is_deep(weights, box, exact) and weights[0].shape[-1] == 1:
        return deep.pieces(*_one_network(weights, biases, box), merged)
    return line.pieces(weights, biases, box, merged=merged, exact=exact)


def polygons(
    weights: Sequence[Tensor], biases: Sequence[Tensor], box: Sequence, *, exact: bool = False
) -> Polygons:
    """The partition of a box, or a convex polygon, by one network of two inputs; arguments as `count_regions`.

    The partition itself is exact; coordinates and affine maps are its float64 roundings.
    """
    if weights and _is_deep(weights, box, exact) and weights[0].shape[-1] == 2:
        return deep.polygons(*_one_network(weights, biases, box))
    return plane.polygons(weights, biases, box, exact=exact)


def count_some(
    weights: Sequence[Tensor], biases: Sequence[Tensor], box: Sequence, limit: int, tell: Tell | None = None
) -> tuple[int, bool]:
    """At least how many activation regions one network has: (number, whether these are all), stopping at `limit`.

    Any number of inputs; other arguments and errors as `count_regions`.

    >>> import torch
    >>> weights = [torch.eye(3), torch.ones(1, 3)]
    >>> count_some(weights, [torch.zeros(3), torch.zeros(1)], [[-1, 1]] * 3, limit=100)
    (8, True)
    """
    from triangle_cli.regions.space.counting import Walker

    if limit < 1:
        raise ValueError(f"limit: {limit}, expected 1 or more")
    found = Walker(*_one_network(weights, biases, box), limit=limit).run(tell)
    return found.cells, found.is_complete


def cells(
    weights: Sequence[Tensor],
    biases: Sequence[Tensor],
    box: Sequence,
    *,
    exact: bool = False,
    adjacency: bool = False,
    tell: Tell | None = None,
) -> Cells:
    """The activation regions of one network of any number of inputs: corners, half-spaces, affine maps, volumes.

    Which cells there are, which facets they have and which linear region each is part of is exact; their numbers
    are float64. adjacency: also the pairs of cells that share a facet, exactly. Other arguments and errors as
    `count_regions`; no batch.

    >>> import torch
    >>> weights = [torch.eye(3), torch.ones(1, 3)]
    >>> found = cells(weights, [torch.zeros(3), torch.zeros(1)], [[-1, 1]] * 3)
    >>> len(found.volume), round(found.volume.sum().item(), 9)
    (8, 8.0)
    """
    from triangle_cli.regions.space import partition

    return partition.cells(*_one_network(weights, biases, box), exact=exact, adjacency=adjacency, tell=tell)


def sizes(
    weights: Sequence[Tensor], biases: Sequence[Tensor], box: Sequence, *, exact: bool = False
) -> Sizes:
    """Volumes of the regions of one network as shares of the box; arguments and errors as `cells`."""
    from triangle_cli.regions.space import partition

    return partition.sizes(*_one_network(weights, biases, box), exact=exact)


def _one_network(
    weights: Sequence[Tensor], biases: Sequence[Tensor], box: Sequence
) -> tuple[list[np.ndarray], list[np.ndarray], np.ndarray]:
    shape: Any = getattr(weights[0], "shape", ()) if len(weights) else ()
    inputs = shape[-1] if len(shape) else 1
    layers, constants, batch = checked_layers(weights, biases, inputs)
    if batch:
        raise ValueError(f"weights have batch shape {tuple(batch)}, expected one network, (out, in) each")
    return [w[0] for w in layers], [b[0] for b in constants], checked_box(box, inputs)


def checked_box(box: Sequence, inputs: int) -> np.ndarray:
    """(inputs, 2) float64, or ValueError."""
    ends = torch.as_tensor(box, dtype=torch.float64).detach().cpu().numpy()
    if inputs == 1 and ends.shape == (2,):
        ends = ends[None]
    if ends.shape != (inputs, 2):
        raise ValueError(f"box: shape {ends.shape}, expected ({inputs}, 2), [lo, hi] for each input")
    if not np.isfinite(ends).all() or not (ends[:, 0] < ends[:, 1]).all():
        raise ValueError(f"box: {ends.tolist()}, expected finite ends with lo < hi")
    return ends
