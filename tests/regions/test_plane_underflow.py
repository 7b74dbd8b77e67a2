"""Counts in the plane where products leave the range of floats, against brute force in rationals."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from regions.test_plane_reference import check_agreement


def tensors(*layers):
    return [torch.tensor(layer, dtype=torch.float64) for layer in layers]


@pytest.mark.parametrize(
    ("weights", "biases", "box"),
    [
        (
            tensors([[-2.8e-301, -1.87e-301]], [[-9.3e-302]]),
            tensors([0.0], [0.0]),
            [[-2.4e-319, 2.4e-319], [-8e-320, 1.6e-319]],
        ),
        (tensors([[1.0, -1.0]], [[1.0]]), tensors([0.0], [0.0]), [[0.0, 5e-324], [0.0, 5e-324]]),
        (tensors([[1e-300, -1e-300]], [[1.0]]), tensors([0.0], [0.0]), [[0.0, 1e-319], [0.0, 1e-319]]),
        (tensors([[1e300, -1e300]], [[1e300]]), tensors([1e300], [0.0]), [[-1e300, 1e300], [-1e300, 1e300]]),
    ],
)
def test_what_underflows_or_overflows_is_counted(weights, biases, box):
    check_agreement(weights, biases, box)


exponents = st.integers(-1074, 1000) | st.integers(-1074, -1050)
numbers = st.integers(-3, 3) | st.floats(-2, 2)


@st.composite
def scaled_networks(draw):
    """Networks whose neurons and inputs have scales of their own, from one end of float64 to the other."""

    def number(exponent):
        return math.ldexp(draw(numbers), max(-1080, min(1010, exponent)))

    before = [draw(exponents) for _ in range(2)]
    box = [sorted((number(e), math.ldexp(draw(st.integers(1, 3)), e))) for e in before]
    weights, biases = [], []
    for width in (draw(st.integers(1, 3)), 1):
        after = [draw(exponents) for _ in range(width)]
        weights.append([[number(out - into) for into in before] for out in after])
        biases.append([draw(st.sampled_from([0.0, 1.0])) * number(out) for out in after])
        before = after
    return tensors(*weights), tensors(*biases), box


@settings(max_examples=60)
@given(scaled_networks())
def test_scales_over_the_whole_range_of_floats(network):
    weights, biases, box = network
    if all(lo < hi and math.isfinite(hi - lo) for lo, hi in box):
        check_agreement(weights, biases, box)
