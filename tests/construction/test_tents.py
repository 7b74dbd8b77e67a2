"""Projective tents, against what is proved of them."""

from dataclasses import replace

import pytest
import torch
from construction.test_triangle import random_triangle
from hypothesis import given
from hypothesis import strategies as st

from triangle_cli.construction.tents import Tents, smooth_scales
from triangle_cli.regions import count_regions


def tents(rise, fall, ratio=1.0, first=1.0, slope=1.0, sign=-1.0, interval=(0.0, 1.0)):
    """One network from lists of lambda and mu."""
    rise, fall = (torch.tensor([values], dtype=torch.float64) for values in (rise, fall))
    ratio, first, slope, zero = (torch.tensor([v], dtype=torch.float64) for v in (ratio, first, slope, 0.0))
    return Tents(rise, fall, ratio, smooth_scales(rise, fall, first), zero, slope, sign, interval)


def regions(found, interval):
    network = found.network()
    return count_regions(network.weights, network.biases, (interval,)).linear_regions.tolist()


@pytest.mark.parametrize("depth", range(1, 13))
def test_halves_meet_the_known_error_for_x2(depth):
    half, x = [0.5] * depth, torch.linspace(0, 1, 2**14 + 1, dtype=torch.float64)
    for fitted in (tents(half, half), tents(half, half).network()):
        assert (fitted(x)[0] - x**2).abs().max().item() == pytest.approx(4.0 ** -(depth + 1), rel=1e-9)


def test_tents_alone_reach_a_hyperbola():
    """With lambda = mu = 1/2 and any kappa, offset + slope u - R(1 - u, kappa u): here 1 / (1 + 5 x)."""
    x = torch.linspace(0, 1, 4097, dtype=torch.float64)
    half = [0.5] * 12
    # R(1 - u, 6 u) = 6 u (1 - u) / (1 + 5 u)
    fitted = replace(tents(half, half, ratio=6.0, first=25 / 36, slope=-5 / 6), offset=torch.ones(1).double())
    assert (fitted.network()(x)[0] - 1 / (1 + 5 * x)).abs().max().item() < 1e-7


positive = st.floats(-5, 5).map(lambda log: 2.0**log)


@given(
    st.lists(st.tuples(positive, positive), min_size=1, max_size=7),
    positive,
    st.sampled_from([(0.0, 1.0), (-2.0, 2.0), (0.1, 0.73), (3.0, 3.5)]),
)
def test_all_positive_numbers_give_2_to_the_depth_regions(pairs, ratio, interval):
    rise, fall = zip(*pairs)
    assert regions(tents(rise, fall, ratio, interval=interval), interval) == [2 ** len(pairs)]


@pytest.mark.parametrize("depth", [12, pytest.param(16, marks=pytest.mark.slow)])
def test_deep_tents_have_2_to_the_depth_regions(depth):
    generator = torch.Generator().manual_seed(depth)
    rise, fall = (0.5 * torch.randn(2, depth, generator=generator, dtype=torch.float64).exp()).tolist()
    assert regions(tents(rise, fall), (0.0, 1.0)) == [2**depth]


@pytest.mark.parametrize("interval", [(0.0, 1.0), (-2.0, 2.0), (0.1, 0.73)])
def test_the_network_is_the_function(interval):
    triangle = random_triangle(6, interval=interval)
    found, x = Tents.of(triangle), torch.linspace(*interval, 999, dtype=torch.float64)
    torch.testing.assert_close(found.network()(x), found(x), rtol=0, atol=1e-11)


def test_the_papers_tents_are_a_case():
    triangle, x = random_triangle(7), torch.linspace(0, 1, 999, dtype=torch.float64)
    found = Tents.of(triangle)
    torch.testing.assert_close(found(x), triangle(x), rtol=0, atol=1e-14)
    total = found.rise + found.fall
    first = found.scales[:, 0] * (1 + total[:, 0]) / total[:, 0]
    torch.testing.assert_close(smooth_scales(found.rise, found.fall, first), found.scales)  # Theorem 3.1


def test_smooth_scales_leave_no_kink_in_the_limit():
    """Slope jumps at the first breakpoint halve with every two layers or faster; with other scales they stay."""
    jumps = []
    for depth in (4, 8, 12):
        rise, fall = [0.6] * depth, [0.4] * depth
        x = torch.tensor([0.5 - 1e-9, 0.5, 0.5 + 1e-9], dtype=torch.float64)
        low, here, high = tents(rise, fall)(x)[0]
        jumps.append(abs((high - 2 * here + low).item()) / 1e-9)
    assert jumps[1] < jumps[0] / 4
    assert jumps[2] < jumps[1] / 4
