"""What is told of the regions of a network of n inputs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:  # torch loads only for who has tensors
    from torch import Tensor

WIDE = 1e-9  # a region is wide if it has more than this share of the box


@dataclass(frozen=True)
class Cells:
    """The activation regions of one network of n inputs, c convex cells, with the affine map on each.

    Cell i has the corners vertices[offsets[i] : offsets[i + 1]] and is where normals @ x + constants >= 0 for the
    half-spaces half_space_offsets[i] .. [i + 1]. On it the network is y = gradient[i] @ x + intercept[i].
    """

    vertices: Tensor  # (offsets[-1], n) float64
    offsets: Tensor  # (c + 1,) int64
    normals: Tensor  # (half_space_offsets[-1], n) float64
    constants: Tensor  # (half_space_offsets[-1],) float64
    half_space_neuron: Tensor  # (half_space_offsets[-1],) int64: hidden neurons numbered through; -1 the box
    half_space_offsets: Tensor  # (c + 1,) int64
    on: Tensor  # (c, hidden neurons) bool: the on/off pattern
    linear_region: Tensor  # (c,) int64: 0 .. number of linear regions - 1
    gradient: Tensor  # (c, outputs, n) float64
    intercept: Tensor  # (c, outputs) float64
    volume: Tensor  # (c,) float64
    adjacency: Tensor | None = (
        None  # (pairs, 2) int64, on demand: cells that share a facet, the smaller number first
    )


@dataclass(frozen=True)
class Sizes:
    """Volumes of the regions of one network, as shares of the box; float64, and a point in each linear region."""

    activation: np.ndarray  # (activation regions,)
    linear: np.ndarray  # (linear regions,)
    place: np.ndarray  # (linear regions, n): the mean of the corners of one of its largest cells
    dead_neurons: int  # on in no activation region
