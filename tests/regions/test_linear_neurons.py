"""Neurons without ReLU among those with: nothing is split by them, and what they carry is exact."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from regions.space import reference_space as reference

from triangle_cli.regions import cells, count_regions, count_some, pieces, polygons
from triangle_cli.regions.arrays import Layers
from triangle_cli.regions.line import pieces as line_pieces
from triangle_cli.regions.slices import SEGMENT, sliced

FLOATS = st.sampled_from([0.1, -0.2, 0.3, -0.7, 1.0, -1.0, 0.0, 0.0, 2.5, 1e-9])


@st.composite
def networks(draw, inputs):
    """Weights, biases and masks of a network of two or three hidden layers."""
    weights, biases, linear, fan_in = [], [], [], inputs
    for width in [*draw(st.lists(st.integers(1, 4), min_size=2, max_size=3)), 1]:
        rows = st.lists(st.lists(FLOATS, min_size=fan_in, max_size=fan_in), min_size=width, max_size=width)
        weights.append(torch.tensor(draw(rows), dtype=torch.float64))
        biases.append(
            torch.tensor(draw(st.lists(FLOATS, min_size=width, max_size=width)), dtype=torch.float64)
        )
        linear.append(draw(st.lists(st.booleans(), min_size=width, max_size=width)))
        fan_in = width
    return weights, biases, linear[:-1]


def counts(weights, biases, box, linear, **options):
    masks = [torch.tensor(mask) for mask in linear]
    found = count_regions(weights, biases, box, linear=masks, wide=len(box) < 3, **options)
    return tuple(
        int(getattr(found, name)) for name in ("linear_regions", "activation_regions", "dead_neurons")
    )


@pytest.mark.parametrize("inputs", [1, 2, 3])
@settings(max_examples=25)
@given(st.data())
def test_counts_are_those_of_brute_force(inputs, data):
    weights, biases, linear = data.draw(networks(inputs))
    box = torch.tensor([[-1.0, 1.0]] * inputs)
    expected = reference.counts(weights, biases, box, linear)
    assert counts(weights, biases, box, linear) == expected
    assert counts(weights, biases, box, linear, exact=True) == expected
    assert count_some(weights, biases, box, 10**6, linear=linear_masks(linear)) == (expected[1], True)


def linear_masks(linear):
    return [torch.tensor(mask) for mask in linear]


@settings(max_examples=25)
@given(networks(1))
def test_the_walk_of_wide_networks_agrees(network):
    weights, biases, linear = network
    expected = counts(weights, biases, [[-1, 1]], linear)
    narrow, line_pieces.NARROW = line_pieces.NARROW, 0
    try:
        assert counts(weights, biases, [[-1, 1]], linear) == expected
    finally:
        line_pieces.NARROW = narrow


def test_a_skip_is_carried():
    """y = x + relu(x - 1/2): two regions; the carried x, negative on half the box, has no kink at 0."""
    weights = [torch.tensor([[1.0], [1.0]]), torch.tensor([[1.0, 1.0]])]
    biases, linear = [torch.tensor([0.0, -0.5]), torch.zeros(1)], [torch.tensor([True, False])]
    found = pieces(weights, biases, (-1, 1), linear=linear)
    assert found.slope.flatten().tolist() == [1, 2]
    assert found.left.tolist() == [-1, 0.5]
    assert len(pieces(weights, biases, (-1, 1)).left) == 3  # with ReLU after both it has


def test_polygons_and_cells_carry_it_too():
    for inputs, function in ((2, polygons), (3, cells)):
        first = torch.zeros(2, inputs)
        first[0, 0] = first[1, 1] = 1.0
        weights, biases = [first, torch.tensor([[1.0, 1.0]])], [torch.zeros(2), torch.zeros(1)]
        found = function(weights, biases, [[-1, 1]] * inputs, linear=[torch.tensor([True, False])])
        assert sorted(found.gradient[:, 0, :2].tolist()) == [[1, 0], [1, 1]]


def test_a_slice_of_negative_coordinates_is_exact():
    network = Layers.of(
        [torch.tensor([[0.1, 0.2, 0.3]], dtype=torch.float64), torch.ones(1, 1).double()],
        [torch.zeros(1)] * 2,
    )
    cut = sliced(network, [[0.0, 0.0, 0.0], [1.0, 1.0, 1.0]])
    found = count_regions(cut.weights, cut.biases, [[-1.0, 1.0]], linear=cut.linear)
    assert (found.linear_regions, found.activation_regions) == (2, 2)
    assert cut.linear[0].all()
    assert count_regions(cut.weights, cut.biases, SEGMENT, linear=cut.linear).linear_regions == 1


@pytest.mark.parametrize("linear", [[], [torch.zeros(3, dtype=torch.bool)], [torch.zeros(2)]])
def test_masks_that_do_not_fit_are_refused(linear):
    weights, biases = [torch.ones(2, 1), torch.ones(1, 2)], [torch.zeros(2), torch.zeros(1)]
    with pytest.raises(ValueError, match="linear"):
        count_regions(weights, biases, (0, 1), linear=linear)
