"""Scaling networks' neurons by powers of two, so that their values stay within what floats can hold.

relu(2^k z) = 2^k relu(z): the function of the network stays the same up to the scale of its outputs, and so
do its regions and on/off patterns. Weights of any size become weights of at most 1.
"""

from __future__ import annotations

import numpy as np

SMALLEST = 2.0**-930  # smaller is not trusted to be kept in full
NONE = -(2**40)  # the exponent of 0; with shifts added to it at most NONE / 2


def equilibrate_all(
    weights: np.ndarray,
    biases: np.ndarray,
    ends: np.ndarray,
    shifts: np.ndarray,
    kept: np.ndarray,
    least: np.ndarray,
) -> None:
    """Scale every neuron, and x, by 2^k so that its largest weight or bias is in [1/2, 1); in place.

    weights: (networks, layers, fan-in, fan-out), padded with 0; biases: (networks, layers, fan-out); ends: (networks,
    2), the boxes; shifts: (networks, layers + 1, fan-out) receives each k, row 0 that of x; kept: (networks,) whether
    every bit was kept; least: (networks,), the smallest |weight| that is not 0, infinity without one.
    """
    shifts[:, 0, 0] = -np.frexp(np.abs(ends).max(axis=1))[1]
    kept[:] = _shift(ends, np.frexp(ends), shifts[:, 0, :1])
    parts, bias_parts = np.frexp(weights), np.frexp(biases)
    exponents = np.where(weights == 0.0, NONE, parts[1])
    bias_exponents = np.where(biases == 0.0, NONE, bias_parts[1])
    for m in range(weights.shape[1]):
        below = exponents[:, m] - shifts[:, m, :, None]
        largest = np.maximum(below.max(axis=1), bias_exponents[:, m])
        shifts[:, m + 1] = np.where(largest <= NONE // 2, 0, -largest)
    kept &= _shift(weights, parts, shifts[:, 1:, None] - shifts[:, :-1, :, None])
    kept &= _shift(biases, bias_parts, shifts[:, 1:])
    magnitudes = np.where(weights == 0.0, np.inf, np.abs(weights))
    least[:] = magnitudes.min(axis=(1, 2, 3))


def _shift(values: np.ndarray, parts: tuple[np.ndarray, np.ndarray], power: np.ndarray) -> np.ndarray:
    """Multiply by 2^power in place; of each network, whether no result is too small to be kept in full.

    parts: the values' fractions and exponents.
    """
    fraction, exponent = parts
    result = np.ldexp(fraction, np.maximum(exponent + power, -2000).astype(np.int32))
    fits = (values == 0.0) | (np.abs(result) > SMALLEST)
    values[:] = result
    return fits.reshape(len(values), -1).all(axis=1)
