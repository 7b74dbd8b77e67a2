"""Counts in the plane where products leave the range of floats, against brute force in rationals."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from regions.test_plane_reference import check_agreement

from triangle_cli.inspection import report
from triangle_cli.regions.arrays import Layers
from triangle_cli.regions.plane.budget import IN_THE_PLANE, surpasses


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


def test_the_budget_of_a_plane_is_kept_layer_by_layer():
    eye, none = torch.eye(2, dtype=torch.float64), torch.zeros(2, dtype=torch.float64)
    weights, biases = [eye, eye, torch.ones(1, 2, dtype=torch.float64)], [none, none, torch.zeros(1).double()]
    box = [[-1.0, 1.0]] * 2  # 4 regions
    assert surpasses(weights, biases, box, 3 * IN_THE_PLANE)
    assert not surpasses(weights, biases, box, 4 * IN_THE_PLANE)


def test_shares_of_areas_that_leave_the_range_of_floats_are_numbers():
    weights, biases = tensors([[1.0, 0.0]], [[1.0]]), tensors([0.0], [0.0])
    for size in (2.0**-540, 2.0**-200, 1.0, 2.0**200):
        record, _ = report.count(Layers.of(weights, biases), [[-size, 3 * size], [-size, size]], exact=False)
        assert math.isfinite(record["widest"]["share"])
        if size > 2.0**-300:  # where coordinates are rounded, and not only told apart
            assert [record[name]["share"] for name in ("narrowest", "widest")] == [0.25, 0.75]
            assert record["narrowest"]["area"] == 2 * size * size
