"""The construction, against what the paper proves of it."""

from dataclasses import replace
from fractions import Fraction

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from triangle_cli.construction.proof import Proof, prove
from triangle_cli.construction.triangle import Triangle, bound_steps, fold_interval, waves
from triangle_cli.regions import count_regions, pieces

ULP = torch.finfo(torch.float64).eps


def half_peaks(depth):
    """x - F interpolates x^2 at 2^depth + 1 dyadic points."""
    peaks = torch.full((1, depth + 1), 0.5, dtype=torch.float64)
    zero, one = torch.zeros(1, dtype=torch.float64), torch.ones(1, dtype=torch.float64)
    return Triangle(
        peaks, bound_steps(peaks, one / 4), offset=zero, slope=one, sign=-1.0, interval=(0.0, 1.0)
    )


def random_triangle(depth, restarts=3, low=0.1, high=0.9, seed=0, interval=(0.0, 1.0), sign=-1.0):
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape):
        return torch.rand(*shape, generator=generator, dtype=torch.float64)

    peaks = low + (high - low) * draw(restarts, depth + 1)
    return Triangle(
        peaks, bound_steps(peaks, 0.1 + draw(restarts)), draw(restarts), draw(restarts) - 0.5, sign, interval
    )


@pytest.mark.parametrize("depth", range(1, 17))
def test_half_peaks_meet_the_known_error_for_x2(depth):
    x = torch.linspace(0, 1, 2**17 + 1, dtype=torch.float64)  # holds every dyadic midpoint
    error = (half_peaks(depth).network()(x)[0] - x**2).abs().max().item()
    assert error == pytest.approx(4.0 ** -(depth + 1), abs=8 * ULP)


@pytest.mark.parametrize("depth", range(1, 17))
def test_half_peaks_have_two_to_the_depth_regions(depth):
    network = half_peaks(depth).network()
    counts = count_regions(network.weights, network.biases, (0.0, 1.0))
    assert counts.linear_regions.tolist() == [2**depth]
    assert counts.activation_regions.tolist() == [2**depth]


@pytest.mark.parametrize("depth", [1, 2, 5, 8, 12, 16])
@pytest.mark.parametrize(("low", "high"), [(0.1, 0.9), (0.3, 0.7), (0.8, 0.95)])
def test_the_float64_network_has_exactly_two_to_the_depth_regions(depth, low, high):
    triangle = random_triangle(depth, restarts=2, low=low, high=high, seed=depth)
    network = triangle.network()
    counts = count_regions(network.weights, network.biases, (0.0, 1.0))
    assert counts.linear_regions.tolist() == [2**depth] * 2


def test_extreme_peaks_keep_the_count_until_they_use_float64_up():
    for depth in range(1, 9):  # a low point stands a few ulp above 0, and grows by 1/a = 100 a layer
        network = random_triangle(depth, restarts=2, low=0.01, high=0.01).network()
        counts = count_regions(network.weights, network.biases, (0.0, 1.0))
        assert (counts.linear_regions == 2**depth).all() == (depth < 8), depth


@pytest.mark.parametrize(
    "interval", [(0.0, 1.0), (-1.0, 1.0), (2.0, 5.0), (-8.0, 8.0), (100.0, 101.1), (1e-3, 7e-3)]
)
@pytest.mark.parametrize("sign", [-1.0, 1.0])
def test_every_interval_keeps_the_function_and_the_count(interval, sign):
    triangle = random_triangle(6, interval=interval, sign=sign)
    network = triangle.network()
    x = torch.linspace(*interval, 4097, dtype=torch.float64)
    assert (network(x) - triangle(x)).abs().max() < 1e-10
    counts = count_regions(network.weights, network.biases, interval)
    assert counts.linear_regions.tolist() == [64] * 3


def test_float32_networks_keep_the_count():
    triangle = random_triangle(6)
    single = Triangle(
        triangle.peaks.float(),
        triangle.steps.float(),
        triangle.offset.float(),
        triangle.slope.float(),
        triangle.sign,
        triangle.interval,
    )
    network = single.network()
    counts = count_regions(network.weights, network.biases, (0.0, 1.0))
    assert counts.linear_regions.tolist() == [64] * 3


def test_waves_are_sawtooths_that_reach_0_and_1():
    x = torch.linspace(0, 1, 2**12 + 1, dtype=torch.float64)
    peaks = torch.tensor([[0.25, 0.5, 0.75]], dtype=torch.float64)
    rows = waves(x, peaks)  # (3, 1, n)
    assert rows.amin().item() == 0
    assert rows.amax().item() == 1
    for layer, row in enumerate(rows[:, 0]):
        turns = (row.diff()[1:].sign() != row.diff()[:-1].sign()).sum().item()
        assert turns >= 2 ** (layer + 1) - 1


def test_scales_follow_theorem_3_1():
    peaks = torch.tensor([[0.2, 0.3, 0.6, 0.7]], dtype=torch.float64)
    first = torch.tensor([2.0], dtype=torch.float64)
    s1 = 2.0 * (1 - 0.3) * 0.6
    s2 = s1 * (1 - 0.6) * 0.7
    assert bound_steps(peaks, first).cumprod(1)[0].tolist() == pytest.approx([2.0, s1, s2])


def largest_kink(triangle):
    """The largest jump of the slope of F at any breakpoint."""
    network = triangle.network()
    found = pieces([w[0] for w in network.weights], [b[0] for b in network.biases], (0.0, 1.0))
    return found.slope[:, 0].diff().abs().max().item()


def test_theorem_3_1_makes_the_kinks_vanish_with_depth():
    bound = [random_triangle(depth, restarts=1, low=0.4, high=0.6) for depth in (4, 8, 12)]
    kinks = [largest_kink(triangle) for triangle in bound]
    assert kinks[0] > 4 * kinks[1] > 16 * kinks[2]
    free = [replace(triangle, steps=torch.ones_like(triangle.steps)) for triangle in bound]
    kinks = [largest_kink(triangle) for triangle in free]
    assert kinks[0] < kinks[1] < kinks[2]


@given(
    st.floats(-1e6, 1e6).map(lambda lo: round(lo, 6)),
    st.floats(1e-3, 1e6),
    st.sampled_from([torch.float64, torch.float32]),
)
def test_folding_keeps_the_interval_inside_0_and_1(lo, length, dtype):
    hi = lo + length
    assume(length > 1e5 * torch.finfo(dtype).eps * abs(lo))
    weight, bias = fold_interval(lo, hi, dtype)
    ends = [Fraction(weight) * Fraction(end) + Fraction(bias) for end in (lo, hi)]
    assert 0 <= ends[0] < ends[1] <= 1
    assert float(torch.tensor(weight, dtype=dtype)) == weight
    assert float(torch.tensor(bias, dtype=dtype)) == bias


def test_an_interval_that_the_dtype_cannot_resolve_is_refused():
    with pytest.raises(ValueError, match=r"expected one that torch\.float32 can resolve"):
        fold_interval(1e7 + 0.3, 1e7 + 0.31, torch.float32)


def test_derivatives_flow_through_the_setting_of_the_weights():
    triangle = random_triangle(3, restarts=1)
    x = torch.linspace(0.01, 0.99, 7, dtype=torch.float64)

    def values(peaks, first):
        built = Triangle(peaks, bound_steps(peaks, first), triangle.offset, triangle.slope, -1.0, (0.0, 1.0))
        return built.network()(x)

    peaks = triangle.peaks.clone().requires_grad_()
    first = triangle.scales[:, 0].clone().requires_grad_()
    assert torch.autograd.gradcheck(values, (peaks, first))


def drawn(depth, sign, interval, dtype, count=3):
    """Triangle networks with peaks drawn from one stream."""
    generator = torch.Generator().manual_seed(depth)
    peaks = (0.3 + 0.4 * torch.rand(count, depth + 1, generator=generator)).to(dtype)
    some = torch.full((count,), 0.3, dtype=dtype)
    return Triangle(peaks, bound_steps(peaks, some), some, some, sign, interval).network()


def proofs(network, interval):
    return [
        prove([w[i] for w in network.weights], [b[i] for b in network.biases], *interval)
        for i in range(len(network.weights[0]))
    ]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("sign", [-1.0, 1.0])
@pytest.mark.parametrize("depth", [1, 2, 5, 9])
def test_the_proof_says_what_is_counted(depth, sign, dtype):
    interval = (-3.0, 2.0)
    network = drawn(depth, sign, interval, dtype)
    counts = count_regions(network.weights, network.biases, [interval])
    assert (counts.linear_regions == 2**depth).all()
    assert (counts.activation_regions == 2**depth).all()
    assert (counts.dead_neurons == 0).all()
    assert proofs(network, interval) == [Proof(depth, True)] * 3


def test_the_proof_reaches_where_no_count_does_and_ends_with_float64():
    assert proofs(drawn(40, -1.0, (0.0, 1.0), torch.float64), (0.0, 1.0)) == [Proof(40, True)] * 3
    deepest = proofs(drawn(64, -1.0, (0.0, 1.0), torch.float64), (0.0, 1.0))
    # a low point passes a peak
    assert all(40 < proof.layers < 64 and not proof.is_whole for proof in deepest)


@settings(max_examples=60)
@given(
    layer=st.integers(0, 4),
    row=st.integers(0, 3),
    column=st.integers(0, 4),
    factor=st.sampled_from([0, -1, 0.5, 2]),
)
def test_what_the_proof_proves_of_any_weights_is_so(layer, row, column, factor):
    interval = (0.0, 1.0)
    network = drawn(4, -1.0, interval, torch.float64, count=1)
    weights, biases = ([part.clone() for part in parts] for parts in (network.weights, network.biases))
    part = weights[layer] if column < weights[layer].shape[2] else biases[layer].unsqueeze(2)
    part[0, min(row, part.shape[1] - 1), min(column, part.shape[2] - 1)] *= factor
    proof = prove([w[0] for w in weights], [b[0] for b in biases], *interval)
    counts = count_regions(weights, biases, [interval])
    assert counts.activation_regions.item() >= 2**proof.layers
    if proof.is_whole:
        assert counts.linear_regions.item() == counts.activation_regions.item() == 2**proof.layers
        assert counts.dead_neurons.item() == 0
