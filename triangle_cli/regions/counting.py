"""One door for networks of one and of two inputs."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from triangle_cli.regions.line import counting as line
from triangle_cli.regions.line.counting import RegionCounts
from triangle_cli.regions.plane import counting as plane


def count_regions(
    weights: Sequence[Tensor], biases: Sequence[Tensor], box: Sequence, *, exact: bool = False
) -> RegionCounts:
    """Count the regions of ReLU networks with one or two inputs, exactly.

    Args:
        weights: one (*batch, out, in) tensor per layer, float32 or float64, any device; the first has in = 1 or 2.
            ReLU follows every layer but the last.
        biases: one (*batch, out) tensor per layer.
        box: [[lo, hi]] or (lo, hi) for one input; [[lo, hi], [lo, hi]], or the corners [[x, y], ..] of a convex
            polygon, for two.
        exact: take every decision in integers. The counts are the same; it is slow.

    Returns:
        Counts of shape (*batch,). Regions of more than 1e-9 of the box's length or area are wide; a neuron that
        is on in no activation region is dead.

    Raises:
        ValueError: shapes that do not fit, more than two inputs (`restrict` gives a network of one or two), a box
            of no size, NaN or infinity.

    >>> import torch
    >>> weights = [torch.tensor([[1.0, 1.0]]), torch.tensor([[1.0]])]  # relu(x + y)
    >>> count_regions(weights, [torch.zeros(1), torch.zeros(1)], [[-1, 1], [-1, 1]]).linear_regions.item()
    2
    """
    shape: Sequence[int] = getattr(weights[0], "shape", ()) if len(weights) else ()
    inputs = shape[-1] if len(shape) else 1  # what is no tensor is refused below, by name
    if inputs > 2:
        raise ValueError(
            f"weights[0] takes {inputs} inputs, expected 1 or 2: `restrict` slices along a line or plane"
        )
    counter = plane.count_plane if inputs == 2 else line.count_regions
    return counter(weights, biases, box, exact=exact)
