"""Scaling a network's neurons by powers of two, so that its values stay within what floats can hold.

relu(2^k z) = 2^k relu(z): the function of the network stays the same up to the scale of its outputs, and so
do its regions and on/off patterns. Weights of any size become weights of at most 1.
"""

# ruff: noqa: ANN001, ANN201
# mypy: allow-untyped-defs, no-check-untyped-defs
import math

from triangle_cli.compiling import njit

SMALLEST = 2.0**-930  # smaller is not trusted to be kept in full


@njit(error_model="numpy")
def equilibrate(weights, biases, widths, ends, shifts):
    """Scale every neuron, and x, by 2^k so that its largest weight or bias is in [1/2, 1); in place.

    weights: (layers, fan-in, fan-out), padded; biases: (layers, fan-out); ends: (2,), the box; shifts:
    (layers + 1, fan-out) receives each k, row 0 that of x. Returns whether every bit was kept.
    """
    kept = True
    shifts[0, 0] = -math.frexp(max(abs(ends[0]), abs(ends[1])))[1]
    for i in range(2):
        if ends[i] != 0.0:
            ends[i] = math.ldexp(ends[i], shifts[0, 0])
            kept &= abs(ends[i]) > SMALLEST
    for m in range(len(widths) - 1):
        for j in range(widths[m + 1]):
            largest = -(2**40)
            if biases[m, j] != 0.0:
                largest = math.frexp(biases[m, j])[1]
            for k in range(widths[m]):
                if weights[m, k, j] != 0.0:
                    largest = max(largest, math.frexp(weights[m, k, j])[1] - shifts[m, k])
            if largest == -(2**40):
                continue
            shifts[m + 1, j] = -largest
            if biases[m, j] != 0.0:
                biases[m, j], fits = shifted(biases[m, j], -largest)
                kept &= fits
            for k in range(widths[m]):
                if weights[m, k, j] != 0.0:
                    weights[m, k, j], fits = shifted(weights[m, k, j], -largest - shifts[m, k])
                    kept &= fits
    return kept


@njit(error_model="numpy")
def shifted(value, power):
    """value * 2^power, and whether the result is large enough to be kept in full."""
    fraction, own = math.frexp(value)
    result = math.ldexp(fraction, max(own + power, -2000))
    return result, abs(result) > SMALLEST


@njit(cache=True, error_model="numpy")
def equilibrate_all(weights, biases, widths, ends, shifts, kept, least_weights):
    """`equilibrate` for a batch; also every layer's smallest |weight| that is not 0, infinity without one."""
    for i in range(len(weights)):
        kept[i] = equilibrate(weights[i], biases[i], widths, ends[i], shifts[i])
        for m in range(len(widths) - 1):
            least = math.inf
            for k in range(widths[m]):
                for j in range(widths[m + 1]):
                    value = abs(weights[i, m, k, j])
                    if value < least and value != 0.0:
                        least = value
            least_weights[i, m] = least
