"""Whether counting a network of two inputs would go beyond a budget: looked at layer by layer, and given up there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from triangle_cli.regions.line.exact import all_relu
from triangle_cli.regions.plane.counting import as_corners, checked_layers, described

if TYPE_CHECKING:  # torch loads only for who has tensors
    from torch import Tensor

IN_THE_PLANE = 4  # regions of one input that a region of two costs the time of


def surpasses(weights: list[Tensor], biases: list[Tensor], box: Sequence, limit: int) -> bool:
    """Whether one network has more regions than count as `limit` of one input.

    weights[l]: (out, in), biases[l]: (out,), float64 or float32; `box` as of `count_plane`.
    """
    layers, constants, _ = checked_layers(weights, biases, 2)
    network = [layer[0] for layer in layers], [bias[0] for bias in constants]
    most = max(1, limit // IN_THE_PLANE)
    counts, *_ = described(*network, as_corners(box), exact=False, linear=all_relu(network[1]), limit=most)
    return int(counts[1]) > most
