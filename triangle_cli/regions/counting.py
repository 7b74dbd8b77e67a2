"""One door for networks of any number of inputs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from triangle_cli.regions import deep
from triangle_cli.regions.arrays import Networks, as_tensor, box_array, checked_linear
from triangle_cli.regions.line import counting as line
from triangle_cli.regions.line.counting import Pieces, RegionCounts
from triangle_cli.regions.plane import counting as plane
from triangle_cli.regions.plane.counting import Polygons
from triangle_cli.regions.space.sizes import WIDE, Cells, Sizes
from triangle_cli.regions.telling import Tell

if TYPE_CHECKING:  # torch loads only for who has tensors
    from torch import Tensor

MOST_INPUTS = 16  # of a box: some 65,000 corners


def count_regions(
    weights: Sequence[Tensor],
    biases: Sequence[Tensor],
    box: Sequence,
    *,
    exact: bool = False,
    wide: bool = True,
    threads: int = 1,
    tell: Tell | None = None,
    linear: Sequence[Any] | None = None,
) -> RegionCounts:
    """Count the regions of ReLU networks, exactly.

    Args:
        weights: one (*batch, out, in) tensor per layer, float32 or float64, any device; the first says how many
            inputs there are. ReLU follows every layer but the last.
        biases: one (*batch, out) tensor per layer.
        box: [lo, hi] for each input; (lo, hi) will do for one, and for two the corners [[x, y], ..] of a convex
            polygon.
        exact: take every decision in integers. The counts are the same; it is slow.
        wide: False leaves out the wide regions (-1) where the walk counts, from three inputs on and in most networks of
            two (`deep.is_for_mesh`): their volumes take longer than the count, and memory for every region.
        threads: so many at once where the walk counts; the counts do not depend on it.
        tell: called now and then with the activation regions so far of one network.
        linear: of each hidden layer, (width,) bool or None: neurons that are passed on as they are, without ReLU, and
            split nothing; None: ReLU after all.

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
    batch, rows = count_rows(
        weights, biases, box, exact=exact, wide=wide, threads=threads, tell=tell, linear=linear
    )
    return RegionCounts.of(rows, batch)


def count_rows(
    weights: Sequence[Any],
    biases: Sequence[Any],
    box: Sequence,
    *,
    exact: bool = False,
    wide: bool = True,
    threads: int = 1,
    tell: Tell | None = None,
    linear: Sequence[Any] | None = None,
) -> tuple[tuple[int, ...], np.ndarray]:
    """As `count_regions`, without torch: the batch shape, and (networks, 5) in the order of `RegionCounts`."""
    if threads < 1:
        raise ValueError(f"threads: {threads}, expected 1 or more")
    networks = Networks.of(weights, biases)
    inputs, widths = networks.widths[0], networks.widths[1:-1]
    if inputs == 1 and not _is_deep(networks, box, exact):
        return networks.batch, line.count_rows(networks, box, exact=exact, linear=linear, tell=tell)
    rows = None
    if inputs == 2:
        domain = box_array(box)
        is_rectangle = domain.shape == (2, 2)
        if exact or not is_rectangle or deep.is_for_mesh(widths):
            rows = plane.count_rows(
                networks, domain, exact=exact, linear=linear, tell=tell, bounded=is_rectangle
            )
    if rows is None:
        rows = np.full((len(networks.rows), 5), -1)
    left = [i for i, row in enumerate(rows.tolist()) if row[0] < 0]
    if left:
        ends, masks = checked_box(box, inputs), checked_linear(linear, widths)
        for i in left:
            network = *networks.layers(i), ends
            rows[i] = _walked(*network, linear=masks, wide=wide, exact=exact, threads=threads, tell=tell)
    return networks.batch, rows


def _walked(*network: Any, wide: bool, **options: Any) -> list[int]:
    """The counts of one network by the walk, in the order of `RegionCounts`."""
    from triangle_cli.regions.space import counting, partition  # numba loads only when something is counted

    if not wide:
        return [*counting.count(*network, **options), -1, -1]
    found = partition.sizes(*network, **options)
    shares = found.linear, found.activation
    return [*map(len, shares), found.dead_neurons, *(int((share > WIDE).sum()) for share in shares)]


def _is_deep(networks: Networks, box: Any, exact: bool) -> bool:
    """Whether a network of one or two inputs is for the counter for any number, on a box that it takes."""
    if exact or networks.batch or not deep.is_deep(networks):
        return False
    return box_array(box).shape in ((2,), (1, 2), (2, 2))


def pieces(weights: Sequence[Tensor], biases: Sequence[Tensor], box: Sequence, **options: Any) -> Pieces:
    """The linear regions of one network with one input: `line.counting.pieces`."""
    return Pieces(*map(as_tensor, piece_arrays(weights, biases, box, **options)))


def piece_arrays(
    weights: Sequence[Any],
    biases: Sequence[Any],
    box: Sequence,
    *,
    merged: bool = True,
    exact: bool = False,
    linear: Sequence[Any] | None = None,
) -> tuple[np.ndarray, ...]:
    """As `pieces`, without torch: the fields of `Pieces`."""
    networks = Networks.of(weights, biases)
    if networks.widths[0] == 1 and _is_deep(networks, box, exact):
        network, masks = _one_network(networks, box, linear)
        return deep.piece_arrays(*network, masks, merged)
    return line.piece_arrays(weights, biases, box, merged=merged, exact=exact, linear=linear)


def polygons(weights: Sequence[Tensor], biases: Sequence[Tensor], box: Sequence, **options: Any) -> Polygons:
    """The partition of a box, or a convex polygon, by one network of two inputs: `plane.counting.polygons`."""
    return Polygons(*map(as_tensor, polygon_arrays(weights, biases, box, **options)))


def polygon_arrays(
    weights: Sequence[Any],
    biases: Sequence[Any],
    box: Sequence,
    *,
    exact: bool = False,
    linear: Sequence[Any] | None = None,
    maps: bool = True,
) -> tuple[np.ndarray, ...]:
    """As `polygons`, without torch: the fields of `Polygons`; maps: as of `plane.counting.polygon_arrays`."""
    networks = Networks.of(weights, biases)
    if networks.widths[0] == 2 and _is_deep(networks, box, exact):
        network, masks = _one_network(networks, box, linear)
        return deep.polygon_arrays(*network, masks)
    return plane.polygon_arrays(weights, biases, box, exact=exact, linear=linear, maps=maps)


def count_some(
    weights: Sequence[Tensor],
    biases: Sequence[Tensor],
    box: Sequence,
    limit: int,
    tell: Tell | None = None,
    linear: Sequence[Any] | None = None,
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
    network, masks = _one_network(Networks.of(weights, biases), box, linear)
    found = Walker(*network, limit=limit, linear=masks).run(tell)
    return found.cells, found.is_complete


def cells(
    weights: Sequence[Tensor],
    biases: Sequence[Tensor],
    box: Sequence,
    *,
    exact: bool = False,
    adjacency: bool = False,
    tell: Tell | None = None,
    linear: Sequence[Any] | None = None,
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
    options: dict[str, Any] = {"exact": exact, "adjacency": adjacency, "tell": tell}
    columns = cell_arrays(weights, biases, box, **options, linear=linear)
    return Cells(**{name: as_tensor(column) for name, column in columns.items()})


def cell_arrays(
    weights: Sequence[Any],
    biases: Sequence[Any],
    box: Sequence,
    *,
    exact: bool = False,
    adjacency: bool = False,
    tell: Tell | None = None,
    linear: Sequence[Any] | None = None,
) -> dict[str, np.ndarray]:
    """As `cells`, without torch: the fields of `Cells`."""
    from triangle_cli.regions.space import partition

    network, masks = _one_network(Networks.of(weights, biases), box, linear)
    return partition.cells(*network, exact=exact, adjacency=adjacency, tell=tell, linear=masks)


def sizes(
    weights: Sequence[Tensor],
    biases: Sequence[Tensor],
    box: Sequence,
    *,
    exact: bool = False,
    threads: int = 1,
    tell: Tell | None = None,
    linear: Sequence[Any] | None = None,
) -> Sizes:
    """Volumes of the regions of one network as shares of the box; arguments and errors as `count_regions`."""
    from triangle_cli.regions.space import partition

    network, masks = _one_network(Networks.of(weights, biases), box, linear)
    return partition.sizes(*network, exact=exact, threads=threads, tell=tell, linear=masks)


def _one_network(
    networks: Networks, box: Sequence, linear: Sequence[Any] | None
) -> tuple[tuple[list[np.ndarray], list[np.ndarray], np.ndarray], list[np.ndarray]]:
    masks = checked_linear(linear, networks.single().widths[1:-1])
    return (*networks.layers(), checked_box(box, networks.widths[0])), masks


def checked_box(box: Sequence, inputs: int) -> np.ndarray:
    """(inputs, 2) float64, or ValueError."""
    if inputs > MOST_INPUTS:
        raise ValueError(
            f"{inputs} inputs: expected at most {MOST_INPUTS}, as a box has 2^inputs corners; lines and planes through "
            "more are for `restrict`, --line and --plane"
        )
    ends = box_array(box)
    if inputs == 1 and ends.shape == (2,):
        ends = ends[None]
    if ends.shape != (inputs, 2):
        raise ValueError(f"box: shape {ends.shape}, expected ({inputs}, 2), [lo, hi] for each input")
    if not np.isfinite(ends).all() or not (ends[:, 0] < ends[:, 1]).all():
        raise ValueError(f"box: {ends.tolist()}, expected finite ends with lo < hi")
    return ends
