"""Activation regions of one network in blocks, as the two ways of walking over them yield them."""

from typing import NamedTuple

import numpy as np


class Leaves(NamedTuple):
    """Neighbouring activation regions from left to right, in the scale of `PackedNetworks`."""

    left: np.ndarray  # (n,)
    right: np.ndarray  # (n,)
    kinks: np.ndarray  # (n,) bool: a linear region starts at the left end
    masks: list[np.ndarray]  # of each level below the outputs: (neurons, n) bool, on or off
