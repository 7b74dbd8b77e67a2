"""How many regions an architecture allows, and how many a random start has."""

from __future__ import annotations

import math
from collections.abc import Sequence


class Exhausted(Exception):
    """A count would cost more than it may."""


def ceiling(hidden_widths: Sequence[int], inputs: int, carried: Sequence[int] | None = None) -> int:
    """An upper bound on the activation regions, and so linear regions, of any ReLU network with these hidden layers.

    sum over (j_1, .., j_L) of prod_l C(n_l, j_l), each j_l <= d_l = min(inputs, n_1 - j_1, .., n_{l-1} - j_{l-1},
    n_l): theorem 1 of Serra, Tjandraatmadja, Ramalingam 2018, Bounding and counting linear regions of deep neural
    networks. Zaslavsky's count of the parts into which n_l hyperplanes cut d_l dimensions (1975), layer by layer,
    where a region with j neurons off has an image of at most n_l - j dimensions. One input: prod_l (n_l + 1) for
    widths over 1. carried: of each layer, how many values pass it without ReLU; they keep dimensions that neurons lose.

    >>> ceiling([4, 4, 4], inputs=1), ceiling([3, 3], inputs=2)
    (125, 40)
    """
    bounds = [1] * (inputs + 1)  # of the layers further up, for each dimension of what enters them
    beside = carried or [0] * len(hidden_widths)
    for width, kept in zip(reversed(hidden_widths), reversed(beside)):
        bounds = [
            sum(math.comb(width, j) * bounds[min(d, width - j + kept)] for j in range(min(d, width) + 1))
            for d in range(inputs + 1)
        ]
    return bounds[inputs]


def expected_random(hidden_widths: Sequence[int], inputs: int) -> float:
    """About how many activation regions a random start has, whatever its depth: N^inputs / inputs!, N neurons.

    Hanin and Rolnick 2019, Deep ReLU networks have surprisingly few activation patterns, bound the average by
    (T N)^inputs / inputs! and see T near 1 at PyTorch-like starts; here T = 1. An order of magnitude for a box
    that the breakpoints fall into: a box too small or too far off meets fewer.

    >>> expected_random([4, 4, 4], inputs=1), expected_random([3, 3], inputs=2)
    (12.0, 18.0)
    """
    return sum(hidden_widths) ** inputs / math.factorial(inputs)
