"""Several triangle networks in one: block by block the sum it stands for, and as many regions as promised."""

from itertools import combinations

import pytest
import torch
from construction.block_networks import F64, LINE, SQUARE, difference, ridge

from triangle_cli.construction.blocks import Blocks, alternating_signs, side_by_side
from triangle_cli.fit.starts import random as starts_random
from triangle_cli.regions import count_regions, pieces


def by_definition(start, x):
    """The sum over the blocks, without the network: (R, n)."""
    slopes, shift = start.fold()
    points = x.unsqueeze(0) if x.dim() == 1 else x.T
    each_way = start.blocks // slopes.shape[1]
    u = (slopes @ points + shift.unsqueeze(2)).repeat_interleave(each_way, 1)  # (R, K, n)
    values = start.triangles(u.flatten(0, 1)).unflatten(0, u.shape[:2])
    return (values * alternating_signs(start.blocks, each_way).unsqueeze(1)).sum(1)


@pytest.mark.parametrize("made", [difference(), difference(blocks=5), ridge(), ridge(each_way=2)])
def test_the_network_is_the_sum_of_its_blocks(made):
    start, x, _ = made
    assert torch.allclose(start.network()(x), by_definition(start, x), atol=1e-12)


@pytest.mark.parametrize("depth", [1, 3, 6])
@pytest.mark.parametrize("box", [LINE, ((2.0, 5.0),), ((0.0, 1.0),)])
def test_a_difference_has_the_breakpoints_of_both(depth, box):
    network = difference(depth, box=box)[0].network()
    counts = count_regions(network.weights, network.biases, box[0])
    assert counts.linear_regions.tolist() == [2 * (2**depth - 1) + 1] * 3
    assert counts.activation_regions.tolist() == [2 * (2**depth - 1) + 1] * 3


def cells(lines):
    """Into how many cells lines a x + b y = c, no three through a point, cut the square: Euler's formula."""
    crossing = 0
    for one, other in combinations(lines, 2):
        normals = torch.stack([one[:2], other[:2]])
        if torch.linalg.det(normals).abs() > 1e-9:
            point = torch.linalg.solve(normals, torch.stack([one[2], other[2]]))
            crossing += bool((point.abs() < 1).all())
    return 1 + len(lines) + crossing


@pytest.mark.parametrize(("depth", "directions"), [(1, 4), (3, 2), (3, 3)])
def test_a_ridge_network_has_the_cells_that_its_lines_cut(depth, directions):
    start, *_ = ridge(depth, directions, restarts=1)
    slopes, shift = start.fold()
    lines = []
    for k in range(directions):
        alone = start.triangles.network()
        kinks = breakpoints(alone, k)
        assert len(kinks) == 2**depth - 1
        lines += [torch.cat([slopes[0, k], (kink - shift[0, k]).view(1)]) for kink in kinks]
    network = start.network()
    counts = count_regions(network.weights, network.biases, SQUARE)
    assert counts.linear_regions.tolist() == [cells(lines)]
    assert counts.activation_regions.tolist() == [cells(lines)]


def breakpoints(network, k):
    return pieces([w[k] for w in network.weights], [b[k] for b in network.biases], (0.0, 1.0)).left[1:]


@pytest.mark.parametrize("box", [SQUARE, ((100.0, 101.0), (-3.0, 5.0))])
def test_every_direction_reaches_0_and_1_on_the_box(box):
    start, *_ = ridge(box=box, directions=4)
    corners = torch.cartesian_prod(*[torch.tensor(interval, dtype=F64) for interval in box])
    slopes, shift = start.fold()
    u = slopes @ corners.T + shift.unsqueeze(2)
    assert torch.allclose(u.amin(2), torch.zeros(2, 4, dtype=F64), atol=1e-11)
    assert torch.allclose(u.amax(2), torch.ones(2, 4, dtype=F64), atol=1e-11)
    assert u.amin() >= 0
    assert u.amax() <= 1


def test_random_blocks_side_by_side_are_their_sum():
    network = starts_random.random(3, 4, (-1.0, 1.0), seed=0, restarts=2, dtype=F64, inputs=2, each=3)
    x = torch.rand(50, 2, dtype=F64)
    summed = network(x).unflatten(0, (2, 3)).sum(1)
    assert torch.allclose(side_by_side(network, 3)(x), summed, atol=1e-12)


def test_blocks_tell_how_many_they_are():
    start, *_ = ridge(directions=3, each_way=2)
    assert isinstance(start, Blocks)
    assert (start.restarts, start.blocks) == (2, 6)
