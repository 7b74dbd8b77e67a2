import tracemalloc
from dataclasses import astuple
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from regions.line_networks import (
    forward,
    network,
    random_network,
    sawtooth,
    threefold_sawtooth,
    triangle_network,
)
from regions.reference_line import count

from triangle_cli.regions.arrays import Networks
from triangle_cli.regions.line import pieces as line_pieces
from triangle_cli.regions.line.counting import count_regions, pieces
from triangle_cli.regions.line.packing import PackedNetworks


def counts(weights, biases, box, **options):
    """(linear, activation, dead, wide linear, wide activation) of one network."""
    return tuple(field.item() for field in astuple(count_regions(weights, biases, box, **options)))


def reference(weights, biases, box):
    return count([w.tolist() for w in weights], [b.tolist() for b in biases], *box)


@pytest.fixture
def wide_only(monkeypatch):
    """Use the walk for wide networks whatever the width."""
    monkeypatch.setattr(line_pieces, "NARROW", 0)


@pytest.mark.parametrize("depth", [1, 2, 3, 7, 12, 20])
def test_a_sawtooth_has_two_to_the_depth_regions(depth):
    assert counts(*sawtooth(depth), (0, 1)) == (2**depth, 2**depth, 0, 2**depth, 2**depth)


@pytest.mark.parametrize("depth", [1, 4, 11])
def test_zeros_that_are_not_floats_coincide_exactly(depth):
    found = counts(*threefold_sawtooth(depth), (0, 1))
    assert found[:3] == (3**depth, 3**depth, 0)


@pytest.mark.parametrize("depth", [1, 5, 12])
def test_the_interpolant_of_x_squared_has_two_to_the_depth_regions(depth):
    weights, biases = triangle_network([0.5] * (depth + 1), inward=False)
    assert counts(weights, biases, (0, 1))[:2] == (2**depth, 2**depth)
    found = pieces(weights, biases, (0, 1))
    knots = torch.linspace(0, 1, 2**depth + 1, dtype=torch.float64)
    assert torch.equal(found.left, knots[:-1])
    assert torch.equal(found.right, knots[1:])
    assert torch.equal(found.slope[:, 0], knots[:-1] + knots[1:])
    assert torch.equal(found.intercept[:, 0], -knots[:-1] * knots[1:])


@pytest.mark.parametrize("depth", [5, 10, 16, 20])
@pytest.mark.parametrize("peaks", ["random", "high", "alternating"])
def test_triangle_networks_with_unbalanced_peaks_have_two_to_the_depth_regions(depth, peaks):
    chosen = {
        "random": (
            0.1 + 0.8 * torch.rand(depth + 1, generator=torch.Generator().manual_seed(depth))
        ).tolist(),
        "high": [0.9] * (depth + 1),
        "alternating": [0.1, 0.9] * (depth // 2 + 1),
    }[peaks][: depth + 1]
    assert counts(*triangle_network(chosen), (0, 1))[:3] == (2**depth, 2**depth, 0)


def test_low_peaks_lift_the_lowest_points_past_a_peak_and_that_is_counted():
    # a low point of about 2^-51 grows tenfold a layer and passes the peak 0.1 at depth 16
    assert counts(*triangle_network([0.1] * 16), (0, 1))[0] == 2**15
    deeper = triangle_network([0.1] * 17)
    found = counts(*deeper, (0, 1))
    assert found[0] < 2**16
    assert found == counts(*deeper, (0, 1), exact=True)


def test_triangles_that_overshoot_by_rounding_have_slivers_and_they_count():
    peaks = (0.1 + 0.8 * torch.rand(9, generator=torch.Generator().manual_seed(1))).tolist()
    network_of_floats = triangle_network(peaks, inward=False)
    found = counts(*network_of_floats, (0, 1))
    assert found == counts(*network_of_floats, (0, 1), exact=True)
    assert found[0] > 2**8
    assert found[3] == 2**8


def test_float32_is_taken_as_it_is():
    weights, biases = triangle_network([0.3, 0.7, 0.2, 0.6, 0.4, 0.55], dtype=torch.float32)
    assert counts(weights, biases, (0, 1))[0] == 2**5
    doubled = [w.double() for w in weights], [b.double() for b in biases]
    assert counts(weights, biases, (-3, 2)) == counts(*doubled, (-3, 2))


RELU_AT_HALF = ([[1]], [-0.5])
CASES = {
    # linear, activation, dead
    "no hidden layer": (network(([[3]], [1])), (1, 1, 0)),
    "one kink": (network(RELU_AT_HALF, ([[1]], [0])), (2, 2, 0)),
    "kink on the box's lower edge": (network(([[1]], [0]), ([[1]], [0])), (1, 1, 0)),
    "kink on the box's upper edge": (network(([[1]], [-1]), ([[1]], [0])), (1, 1, 1)),
    "output ignores the neuron": (network(RELU_AT_HALF, ([[0]], [7])), (1, 2, 0)),
    "duplicated": (network(([[1], [1]], [-0.5, -0.5]), ([[1, 1]], [0])), (2, 2, 0)),
    "duplicated and cancelling": (network(([[1], [1]], [-0.1, -0.1]), ([[1, -1]], [0])), (1, 2, 0)),
    "scaled and cancelling": (network(([[3], [6]], [-1, -2]), ([[2, -1]], [0])), (1, 2, 0)),
    "slopes cancel across a kink": (network(([[1], [-1]], [-0.5, 0.5]), ([[1, -1]], [0])), (1, 2, 0)),
    "absolute value": (network(([[1], [-1]], [-0.5, 0.5]), ([[1, 1]], [0])), (2, 2, 0)),
    "never on": (network(([[1], [1]], [-5, -0.25]), ([[1, 1]], [0])), (2, 2, 1)),
    "identically zero": (network(([[0], [1]], [0, -0.25]), ([[1, 1]], [0])), (2, 2, 1)),
    "dead layer": (network(([[1]], [-0.5]), ([[-1]], [0]), ([[1]], [3])), (1, 2, 1)),
    "dead on a part": (network(([[1]], [-0.5]), ([[1]], [-0.25]), ([[1]], [0])), (2, 3, 0)),
    "touches zero from above": (
        network(([[1], [-1]], [-0.5, 0.5]), ([[1, 1]], [0]), ([[1]], [0])),
        (2, 2, 0),
    ),
    "touches zero from below": (
        network(([[1], [-1]], [-0.5, 0.5]), ([[-1, -1]], [0]), ([[1]], [0])),
        (1, 2, 1),
    ),
    "zeros of two layers coincide": (
        network(([[1], [1]], [-0.5, 0]), ([[0, 1], [1, 0]], [-0.5, 0]), ([[1, 1]], [0])),
        (2, 2, 0),
    ),
    "second output has a kink of its own": (
        network(([[1], [1]], [-0.5, -0.25]), ([[1, 0], [0, 1]], [0, 0])),
        (3, 3, 0),
    ),
    "the same map in two places": (
        network(([[1], [1], [1]], [-0.25, -0.5, -0.75]), ([[1, -2, 1]], [0])),
        (4, 4, 0),
    ),
}


@pytest.mark.parametrize("exact", [False, True])
@pytest.mark.parametrize("name", CASES)
def test_special_positions(name, exact):
    (weights, biases), expected = CASES[name]
    assert counts(weights, biases, (0, 1), exact=exact)[:3] == expected
    assert reference(weights, biases, (0, 1))[:3] == expected


@pytest.mark.parametrize("name", CASES)
def test_special_positions_in_the_wide_walk(name, wide_only):
    (weights, biases), expected = CASES[name]
    assert counts(weights, biases, (0, 1))[:3] == expected


def test_a_region_as_wide_as_the_threshold_is_not_wide():
    weights, biases = network(([[1]], [-1]), ([[1]], [0]))
    assert counts(weights, biases, (0, 10**9)) == (2, 2, 0, 1, 1)
    assert counts(weights, biases, (0, 10**9 - 1)) == (2, 2, 0, 2, 2)


@pytest.mark.parametrize("exponent", [-300, -160, 0, 160, 300])
def test_weights_of_any_size(exponent):
    small, large = 10.0**-exponent, 10.0**exponent
    weights, biases = network(
        ([[small], [small]], [-0.25 * small, -0.5 * small]),
        ([[large, -2 * large], [large, -large]], [0, -0.125]),
        ([[small, small]], [small]),
    )
    found = counts(weights, biases, (0, 1))
    assert found == reference(weights, biases, (0, 1))
    assert found[0] > 3


@pytest.mark.parametrize("power", [-1070, -600, 600, 1000])
def test_boxes_of_any_size(power):
    scale = 2.0**power
    weights, biases = network(([[1], [1]], [-0.25 * scale, -0.5 * scale]), ([[1, 1]], [0]))
    assert counts(weights, biases, (0, scale)) == (3, 3, 0, 3, 3)


@pytest.mark.parametrize("narrow", [0, 48])
def test_products_below_the_range_of_floats_keep_their_sign(narrow, monkeypatch):
    monkeypatch.setattr(line_pieces, "NARROW", narrow)
    # tiny * tiny is 0 in float64; the second neurons, always off, keep rows from being scaled up
    tiny = 2.0**-600
    rows = [[tiny, 1], [0, -1]]
    weights, biases = network(([[1], [1]], [0, -1]), (rows, [0, -1]), (rows, [0, -1]), ([[1, 0]], [0]))
    assert counts(weights, biases, (0, 1)) == reference(weights, biases, (0, 1)) == (1, 1, 3, 1, 1)


halves = st.integers(-6, 6).map(lambda n: n / 2)
nearly = st.tuples(st.integers(-3, 3), st.integers(-1, 1)).map(
    lambda pair: pair[0] * (1 + pair[1] * 2.0**-52)
)
extreme = st.tuples(st.integers(-3, 3), st.integers(-990, 990)).map(lambda pair: pair[0] * 2.0 ** pair[1])


@st.composite
def networks(draw, numbers):
    depth, outputs = draw(st.integers(0, 3)), draw(st.integers(1, 2))
    widths = [1, *draw(st.lists(st.integers(1, 4), min_size=depth, max_size=depth)), outputs]
    layers = []
    for fan_in, fan_out in pairwise(widths):
        row = st.lists(numbers, min_size=fan_in, max_size=fan_in)
        weight = draw(st.lists(row, min_size=fan_out, max_size=fan_out))
        layers.append((weight, draw(st.lists(numbers, min_size=fan_out, max_size=fan_out))))
    return network(*layers)


@settings(max_examples=400, deadline=None)
@given(networks(halves), st.sampled_from([(-1, 1), (0, 1), (-2, 3), (0.5, 4)]))
def test_random_networks_of_halves(found, box):
    expected = reference(*found, box)
    assert counts(*found, box) == expected
    assert counts(*found, box, exact=True) == expected


@settings(max_examples=250, deadline=None)
@given(networks(nearly), st.sampled_from([(-1, 1), (-2, 3)]))
def test_random_networks_that_nearly_coincide(found, box):
    expected = reference(*found, box)
    assert counts(*found, box) == expected
    assert counts(*found, box, exact=True) == expected


@settings(max_examples=200, deadline=None)
@given(networks(extreme), st.sampled_from([(-1, 1), (0, 2.0**500), (2.0**-800, 2.0**-700)]))
def test_random_networks_of_extreme_weights(found, box):
    assert counts(*found, box) == reference(*found, box)


@settings(max_examples=200, deadline=None)
@given(st.one_of(networks(halves), networks(nearly), networks(extreme)))
def test_the_wide_walk_agrees_with_brute_force(found):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(line_pieces, "NARROW", 0)
        assert counts(*found, (-1, 2)) == reference(*found, (-1, 2))


@pytest.mark.parametrize("seed", range(5))
def test_random_weights_agree_in_every_way(seed, monkeypatch):
    weights, biases = random_network([7, 9, 6, 5, 2], seed)
    expected = reference(weights, biases, (-2, 2))
    assert counts(weights, biases, (-2, 2)) == expected
    assert counts(weights, biases, (-2, 2), exact=True) == expected
    monkeypatch.setattr(line_pieces, "NARROW", 0)
    assert counts(weights, biases, (-2, 2)) == expected


def test_wide_and_narrow_walks_agree_on_wide_networks(monkeypatch):
    weights, biases = random_network([96] * 4 + [1], 0)
    wide = counts(weights, biases, (-2, 2))
    monkeypatch.setattr(line_pieces, "NARROW", 96)
    assert counts(weights, biases, (-2, 2)) == wide
    assert wide[0] > 96


@pytest.mark.parametrize("chunk", [1, 3, 100])
def test_chunks_of_the_wide_walk_do_not_show(chunk, monkeypatch):
    from triangle_cli.regions.line import wide as wide_line

    weights, biases = sawtooth(6)
    monkeypatch.setattr(line_pieces, "NARROW", 0)
    monkeypatch.setattr(wide_line, "CHUNK", chunk)
    assert counts(weights, biases, (0, 1)) == (64, 64, 0, 64, 64)
    assert torch.equal(pieces(weights, biases, (0, 1)).left, torch.arange(64) / 64)


def test_a_batch_gives_what_its_networks_give():
    singles = [random_network([4, 4, 4, 1], seed) for seed in range(6)]
    singles[2] = [torch.zeros_like(w) for w in singles[2][0]], [torch.zeros_like(b) for b in singles[2][1]]
    weights = [torch.stack(layer).reshape(2, 3, *layer[0].shape) for layer in zip(*(s[0] for s in singles))]
    biases = [torch.stack(layer).reshape(2, 3, *layer[0].shape) for layer in zip(*(s[1] for s in singles))]
    for exact in (False, True):
        found = astuple(count_regions(weights, biases, [[-2, 2]], exact=exact))
        assert all(field.shape == (2, 3) and field.dtype == torch.int64 for field in found)
        rows = torch.stack(found, -1).reshape(6, 5).tolist()
        assert [tuple(row) for row in rows] == [counts(*single, (-2, 2)) for single in singles]


def test_an_empty_batch_has_empty_counts():
    found = count_regions(
        [torch.zeros(0, 2, 1), torch.zeros(0, 1, 2)], [torch.zeros(0, 2), torch.zeros(0, 1)], (0, 1)
    )
    assert found.linear_regions.shape == (0,)


def test_weights_that_require_gradients_are_not_changed():
    weights, biases = sawtooth(3)
    copies = [w.clone() for w in weights]
    assert counts([w.requires_grad_() for w in weights], biases, (0, 1))[0] == 8
    assert all(torch.equal(a, b) for a, b in zip(weights, copies))


def test_counting_needs_memory_for_the_depth_only():
    weights, biases = sawtooth(17)
    counts(*sawtooth(1), (0, 1))
    tracemalloc.start()
    counts(weights, biases, (0, 1))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**17


@pytest.mark.parametrize("merged", [True, False])
@pytest.mark.parametrize("widths", [[5, 4, 2], [60, 60, 1], [3]])
def test_pieces_carry_the_affine_maps(widths, merged):
    weights, biases = random_network(widths, 3)
    linear, activation, *_ = counts(weights, biases, (-3, 2))
    found = pieces(weights, biases, (-3, 2), merged=merged)
    assert len(found.left) == (linear if merged else activation)
    assert found.left[0] == -3
    assert found.right[-1] == 2
    assert torch.equal(found.left[1:], found.right[:-1])
    for share in (0.0, 0.3, 1.0):
        x = found.left + share * (found.right - found.left)
        y = found.slope * x[:, None] + found.intercept
        torch.testing.assert_close(y, forward(weights, biases, x), rtol=1e-12, atol=1e-12)


@settings(max_examples=100, deadline=None)
@given(networks(halves), st.booleans())
def test_pieces_agree_with_exact_pieces(found, merged):
    fast = astuple(pieces(*found, (-1, 2), merged=merged))
    slow = astuple(pieces(*found, (-1, 2), merged=merged, exact=True))
    for a, b in zip(fast, slow):
        torch.testing.assert_close(a, b, rtol=1e-13, atol=1e-13)


@settings(max_examples=50, deadline=None)
@given(networks(extreme))
def test_as_many_pieces_as_regions_for_extreme_weights(found):
    linear, activation, *_ = counts(*found, (-1, 2))
    assume(linear > 1)
    assert len(pieces(*found, (-1, 2)).left) == linear
    assert len(pieces(*found, (-1, 2), merged=False).left) == activation


def test_only_the_walk_takes_moderate_numbers_as_they_are():
    weights, biases = random_network([6, 6, 2], seed=3)
    networks = Networks.of(weights, biases)
    largest = max(weight.abs().max().item() for weight in weights)
    assert largest > 1
    assert np.abs(PackedNetworks(networks, -1.0, 1.0, as_is=True).weights).max() == largest
    assert np.abs(PackedNetworks(networks, -1.0, 1.0).weights).max() <= 1  # which bounds of `wide` rest on
    extreme = Networks.of([weights[0] * 2.0**500, *weights[1:]], biases)
    assert np.abs(PackedNetworks(extreme, -1.0, 1.0, as_is=True).weights).max() <= 1
    for scale in (1.0, 2.0**30, 2.0**-60, 2.0**500, 2.0**-500):  # on both sides of what is moderate
        scaled = [weights[0] * scale, weights[1] / scale, weights[2]], [biases[0] * scale, *biases[1:]]
        assert counts(*scaled, (-1, 1)) == counts(weights, biases, (-1, 1))
