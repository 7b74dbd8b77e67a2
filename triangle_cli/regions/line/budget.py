"""Whether counting a network of one input would go beyond a budget: looked at piece by piece, and given up there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from triangle_cli.regions.arrays import Networks

if TYPE_CHECKING:
    from torch import Tensor

from triangle_cli.regions.bounds import Exhausted

IN_INTEGERS = 512  # regions that a decision in integers costs the time of
SHALLOW = 8  # layers that a region may have to itself without costing more than one; past them in proportion


def surpasses(weights: list[Tensor], biases: list[Tensor], lo: float, hi: float, limit: int) -> bool:
    """Whether one network has more than `limit` activation regions, or needs the time of as many.

    In integers a region costs more, and so it does in a deep network: it goes through layers that divide it no more.

    weights[l]: (out, in), biases[l]: (out,), float64 or float32.
    """
    from triangle_cli.regions.line.exact import ExactLine
    from triangle_cli.regions.line.narrow import narrow_leaves
    from triangle_cli.regions.line.packing import PackedNetworks, Unresolved
    from triangle_cli.regions.line.pieces import NARROW
    from triangle_cli.regions.line.wide import wide_leaves

    limit = max(1, limit * SHALLOW // max(SHALLOW, len(biases)))
    network = Networks.of(weights, biases, inputs=1)
    narrow = max(network.widths[1:-1], default=0) <= NARROW
    packed = PackedNetworks(network, lo, hi, as_is=narrow)
    count = 0
    try:
        for leaves in narrow_leaves(packed, limit // IN_INTEGERS) if narrow else wide_leaves(packed):
            count += len(leaves.left)
            if count > limit:
                return True
    except Exhausted:
        return True
    except Unresolved:  # in integers throughout
        line = ExactLine(*network.layers(), lo, hi)
        alive = [[False] * len(bias) for bias in line.biases[:-1]]
        return any(number * IN_INTEGERS > limit for number, _ in enumerate(line.pieces(alive), 1))
    return False
