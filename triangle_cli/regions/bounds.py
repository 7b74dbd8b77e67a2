"""How many regions an architecture allows, and how many a random start has."""

from __future__ import annotations

import math
from collections.abc import Sequence


def ceiling(hidden_widths: Sequence[int], inputs: int) -> int:
    """The most activation regions, and so linear regions, of any ReLU network with these hidden layers.

    prod_l sum_{k <= d_l} C(n_l, k), d_l = min(inputs, n_1, .., n_l): each layer's n_l lines, planes, .. cut the at
    most d_l-dimensional image of a region into that many parts (Zaslavsky 1975 per layer; Montufar 2017, Notes on
    the number of linear regions of deep neural networks; Serra, Tjandraatmadja, Ramalingam 2018 refine it). With
    one input: prod_l (n_l + 1).

    >>> ceiling([4, 4, 4], inputs=1), ceiling([3, 3], inputs=2)
    (125, 49)
    """
    bound, dimension = 1, inputs
    for width in hidden_widths:
        dimension = min(dimension, width)
        bound *= sum(math.comb(width, k) for k in range(dimension + 1))
    return bound


def expected_random(hidden_widths: Sequence[int], inputs: int) -> float:
    """About how many activation regions a random start has, whatever its depth: N^inputs / inputs!, N neurons.

    Hanin and Rolnick 2019, Deep ReLU networks have surprisingly few activation patterns, bound the average by
    (T N)^inputs / inputs! and see T near 1 at PyTorch-like starts; here T = 1. An order of magnitude for a box
    that the breakpoints fall into: a box too small or too far off meets fewer.

    >>> expected_random([4, 4, 4], inputs=1), expected_random([3, 3], inputs=2)
    (12.0, 18.0)
    """
    return sum(hidden_widths) ** inputs / math.factorial(inputs)
