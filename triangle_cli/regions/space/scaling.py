"""A network of which no number leaves the range of floats."""

from __future__ import annotations

import numpy as np

KEPT = 1e-290  # scaling may round to less
LEAST_WEIGHT = 1e-90  # bounds count every nonzero weight as at least this much, so that no product underflows
NO_EXPONENT = -(2**40)  # of 0
ZERO_SHIFT = np.zeros(1, np.int64)  # of a bias


def scaled(
    weights: list[np.ndarray], biases: list[np.ndarray], box: np.ndarray
) -> tuple[list[np.ndarray], list[np.ndarray], np.ndarray, list[np.ndarray]]:
    """The network with inputs and neurons multiplied by powers of two, so that none exceeds 1 in the box.

    relu(2^k z) = 2^k relu(z): the regions stay the same. Returns weights, biases, box and the exponents of each
    level; what underflows is covered by the bounds.
    """
    below = -np.frexp(np.abs(box).max(axis=1))[1]
    ends = np.ldexp(box, below[:, None])
    shifts, new_weights, new_biases = [below.astype(np.int64)], [], []
    for weight, bias in zip(weights, biases):
        terms = np.concatenate([weight, bias[:, None]], axis=1)
        mantissa, exponent = np.frexp(terms)
        exponent = exponent - np.concatenate([shifts[-1], ZERO_SHIFT])
        exponent[terms == 0] = NO_EXPONENT
        top = np.maximum.reduce(exponent, axis=1)
        top[top == NO_EXPONENT] = 0
        relative = np.maximum(exponent - top[:, None], -1100).astype(np.int32)
        total = np.add.reduce(np.ldexp(np.abs(mantissa), relative), axis=1)
        shift = -(top + np.ceil(np.log2(np.maximum(total, 0.5)) + 1e-9).astype(np.int64))
        power = np.minimum(np.maximum(exponent + shift[:, None], -1100), 1000)
        new = np.ldexp(mantissa, power.astype(np.int32))
        new_weights.append(new[:, :-1])
        new_biases.append(new[:, -1])
        shifts.append(shift)
    return new_weights, new_biases, ends, shifts


def steepness(original: np.ndarray, scaled_down: np.ndarray) -> np.ndarray:
    """Absolute weights for bounds: what is not 0 in the original counts as LEAST_WEIGHT at least."""
    return np.where(original == 0, 0.0, np.maximum(np.abs(scaled_down), LEAST_WEIGHT)) * 1.000001


def unscaled(maps: np.ndarray, below: np.ndarray, above: np.ndarray) -> np.ndarray:
    """Affine maps (.., k, n + 1) of the scaled network as those of the network.

    below, above: exponents (n,) of the inputs and (k,) of the neurons, as of `scaled`. What no float holds is infinite.
    """
    with np.errstate(over="ignore"):
        found: np.ndarray = np.ldexp(maps, (np.append(below, 0) - above[:, None]).astype(np.int32))
    return found
