"""Peaks and directions of several triangle networks, and their training."""

import pytest
import torch
from construction.block_networks import F64, difference, ridge

from triangle_cli.construction.blocks import kept_entries
from triangle_cli.settings.schedule import PhaseSettings, SpaceName
from triangle_cli.training.block_space import BlockPeakSpace
from triangle_cli.training.levenberg_marquardt import LevenbergMarquardt
from triangle_cli.training.problem import Points, Problem
from triangle_cli.training.schedule import enter, run_schedule


@pytest.mark.parametrize("made", [difference(), ridge(), ridge(each_way=2)])
@pytest.mark.parametrize("free_scales", [False, True])
def test_peak_space_decodes_what_it_encodes(made, free_scales):
    start, *_ = made
    space = BlockPeakSpace.of(start, free_scales)
    theta = space.encode(start)
    numbers = start.triangles.depth + 1 + (start.triangles.depth if free_scales else 1) + 2
    learned = 2 * start.directions.shape[1] if len(start.box) == 2 else 0
    assert theta.shape == (start.restarts, start.blocks * numbers + learned)
    assert torch.allclose(space.decode(theta).flatten(), start.network().flatten(), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("made", [difference(), ridge(each_way=2)])
def test_derivatives_are_pulled_back(made):
    start, *_ = made
    space = BlockPeakSpace.of(start, False)
    theta = space.encode(start).requires_grad_()
    network = space.decode(theta)
    derivative = torch.randn(network.flatten().shape, dtype=F64, generator=torch.Generator().manual_seed(0))
    (expected,) = torch.autograd.grad((network.flatten() * derivative).sum(), theta)
    with torch.no_grad():
        assert torch.allclose(space.pull_back(theta, derivative), expected)


def test_a_concave_function_is_met_as_its_negative_is():
    bowl, x, _ = ridge()
    hill, *_ = ridge(sign=-1.0)
    assert torch.allclose(hill.network()(x), -bowl.network()(x), atol=1e-12)
    space = BlockPeakSpace.of(hill, False)
    assert torch.allclose(space.decode(space.encode(hill)).flatten(), hill.network().flatten(), atol=1e-12)


def test_directions_are_learned():
    start, x, y = ridge()
    space = BlockPeakSpace.of(start, False)
    theta = space.encode(start).requires_grad_()
    (space.decode(theta)(x) - y).square().mean().backward()
    assert (theta.grad[:, -6:] != 0).all()
    assert torch.autograd.gradcheck(
        lambda t: space.decode(t)(x[::17] * 0.97), theta.detach().requires_grad_()
    )


@pytest.mark.parametrize("optimizer", ["adam", "levenberg_marquardt"])
@pytest.mark.parametrize("blocks", [None, 2])
def test_kept_blocks_stay_blocks_and_dense_ones_do_not(optimizer, blocks):
    start, x, y = difference(restarts=2)
    rate = {"learning_rate": 1e-3} if optimizer == "adam" else {}
    phases = [PhaseSettings(SpaceName.weights, optimizer, 5, **rate)] * 2
    *_, last = run_schedule(phases, start, Points(x, y), blocks)
    between = last.network.flatten()[:, ~kept_entries(last.network, 2)]
    assert between.shape == (2, 2 * 4 * 4 * 3)
    assert (between == 0).all() == (blocks is not None)
    assert last.loss.mean() < (start.network()(x) - y).square().mean()


def test_the_derivative_of_free_entries_is_those_of_all():
    start, x, y = difference(restarts=2)
    kept, theta = enter(SpaceName.weights, start, 2)
    assert theta.shape == (2, 2 * (8 + 3 * 20 + 4) + 1)
    moved = LevenbergMarquardt(Problem(kept, x, y), theta)
    before = moved.advance(1)
    assert (moved.advance(1) <= before).all()
