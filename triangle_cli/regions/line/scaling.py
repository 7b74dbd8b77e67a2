"""Scaling networks' neurons by powers of two, so that their values stay within what floats can hold.

relu(2^k z) = 2^k relu(z): the function of the network stays the same up to the scale of its outputs, and so
do its regions and on/off patterns. Weights of any size become weights of at most 1.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

SMALLEST = 2.0**-930  # smaller is not trusted to be kept in full
NONE = -(2**40)  # the exponent of 0


def equilibrate_all(
    weights: np.ndarray,
    biases: np.ndarray,
    widths: np.ndarray,
    ends: np.ndarray,
    shifts: np.ndarray,
    kept: np.ndarray,
    least: np.ndarray,
) -> None:
    """Scale every neuron, and x, by 2^k so that its largest weight or bias is in [1/2, 1); in place.

    weights: (networks, layers, fan-in, fan-out), padded; biases: (networks, layers, fan-out); ends: (networks, 2), the
    boxes; shifts: (networks, layers + 1, fan-out) receives each k, row 0 that of x; kept: (networks,) whether every bit
    was kept; least: (networks, layers), every layer's smallest |weight| that is not 0, infinity without one.
    """
    kept[:] = True
    shifts[:, 0, 0] = -np.frexp(np.abs(ends).max(axis=1))[1]
    ends[:] = _shifted(ends, shifts[:, 0, :1], kept)
    for m, (fan_in, fan_out) in enumerate(pairwise(widths.tolist())):
        weight, bias = weights[:, m, :fan_in, :fan_out], biases[:, m, :fan_out]
        below = shifts[:, m, :fan_in, None]
        exponents = np.where(weight == 0.0, NONE, np.frexp(weight)[1] - below).max(axis=1)
        largest = np.maximum(exponents, np.where(bias == 0.0, NONE, np.frexp(bias)[1]))
        shift = np.where(largest == NONE, 0, -largest)
        shifts[:, m + 1, :fan_out] = shift
        bias[:] = _shifted(bias, shift, kept)
        weight[:] = _shifted(weight, shift[:, None, :] - below, kept)
        magnitudes = np.where(weight == 0.0, np.inf, np.abs(weight))
        least[:, m] = magnitudes.reshape(len(weights), -1).min(axis=1, initial=np.inf)


def _shifted(values: np.ndarray, power: np.ndarray, kept: np.ndarray) -> np.ndarray:
    """values * 2^power; `kept` becomes False where a result is too small to be kept in full."""
    fraction, own = np.frexp(values)
    result = np.ldexp(fraction, np.maximum(own + power, -2000).astype(np.int32))
    fits = (values == 0.0) | (np.abs(result) > SMALLEST)
    kept &= fits.reshape(len(values), -1).all(axis=1)
    return result
