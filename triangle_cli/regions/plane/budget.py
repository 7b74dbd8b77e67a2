"""Whether counting a network of two inputs would go beyond a budget: looked at layer by layer, and given up there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from triangle_cli.regions.arrays import Networks, checked_linear
from triangle_cli.regions.plane.counting import as_corners

if TYPE_CHECKING:  # torch loads only for who has tensors
    from torch import Tensor

IN_THE_PLANE = 4  # regions of one input that a region of two costs the time of


def surpasses(weights: list[Tensor], biases: list[Tensor], box: Sequence, limit: int) -> bool:
    """Whether one network has more regions than count as `limit` of one input.

    weights[l]: (out, in), biases[l]: (out,), float64 or float32; `box` as of `count_plane`.
    """
    from triangle_cli.regions.plane.answers import ACTIVATION, answers, cells_up_to  # numba loads only now

    networks = Networks.of(weights, biases, inputs=2)
    masks = checked_linear(None, networks.widths[1:-1])
    most = max(1, limit // IN_THE_PLANE)
    counts, _ = answers(cells_up_to, networks, masks, as_corners(box), False, limit=most)
    return bool(counts[0, ACTIVATION] > most)
