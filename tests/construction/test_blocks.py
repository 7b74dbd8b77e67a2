"""Several triangle networks in one: block by block the sum it stands for, and as many regions as promised."""

from itertools import combinations

import pytest
import torch
from settings.composed import settings_of

from triangle_cli.construction.blocks import Blocks, alternating_signs, kept_entries, side_by_side
from triangle_cli.fit import experiment
from triangle_cli.fit.starts import random as starts_random
from triangle_cli.fit.starts.blocks import draw_blocks, fitted_blocks
from triangle_cli.regions import count_regions, pieces
from triangle_cli.settings.schedule import PhaseSettings, SpaceName
from triangle_cli.training.block_space import BlockPeakSpace
from triangle_cli.training.levenberg_marquardt import LevenbergMarquardt
from triangle_cli.training.problem import Points, Problem
from triangle_cli.training.schedule import enter, run_schedule

F64 = torch.float64
LINE, SQUARE = ((-1.0, 1.0),), ((-1.0, 1.0), (-1.0, 1.0))


def difference(depth=4, blocks=2, restarts=3, box=LINE):
    x = torch.linspace(*box[0], 100, dtype=F64)
    drawn = draw_blocks(depth, 0.3, 0.7, blocks, 1, 1, seed=0, restarts=restarts)
    return fitted_blocks(*drawn, box, x, x**3 - x), x, x**3 - x


def ridge(depth=3, directions=3, each_way=1, restarts=2, box=SQUARE, sign=1.0):
    grid = [torch.linspace(*interval, 12, dtype=F64) for interval in box]
    x = torch.cartesian_prod(*grid)
    y = sign * x.square().sum(1) ** 1.5
    drawn = draw_blocks(depth, 0.3, 0.7, directions * each_way, directions, 2, seed=0, restarts=restarts)
    return fitted_blocks(*drawn, box, x, y), x, y


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
    before = moved.step()
    assert (moved.step() <= before).all()


def test_random_blocks_side_by_side_are_their_sum():
    network = starts_random.random(3, 4, (-1.0, 1.0), seed=0, restarts=2, dtype=F64, inputs=2, each=3)
    x = torch.rand(50, 2, dtype=F64)
    summed = network(x).unflatten(0, (2, 3)).sum(1)
    assert torch.allclose(side_by_side(network, 3)(x), summed, atol=1e-12)


@pytest.mark.parametrize(
    ("words", "parameters", "regions"),
    [
        (["function=cubic", "network=difference", "method=blocks"], 2 * 72 + 1, 31),
        (["function=cubic", "network=difference", "method=blocks_dense"], 16 + 3 * 72 + 9, 31),
        (["function=cubic", "network=difference", "method=random_blocks"], 2 * 72 + 1, None),
        (["function=cubic", "network=difference", "method=random_dense"], 12 + 3 * 42 + 7, None),
        (["function=waves", "network=difference", "network.blocks=3", "method=blocks"], 3 * 72 + 1, 46),
        (
            ["function=r3", "network=ridge", "network.directions=3", "points=plane", "method=blocks"],
            229,
            None,
        ),
    ],
)
def test_every_kind_of_network_runs(words, parameters, regions):
    settings = settings_of(*words, "depth=4", "restarts=2", "points.grid=121", "regions.every=100")
    for phase in settings.schedule.phases:
        phase.epochs = 3
    result = experiment.run(settings)
    assert result.parameters == parameters
    assert not result.errors["diverged"].any()
    if regions:
        before = result.regions[~result.regions["phase"].isin(["weights"])]
        assert (before["linear_regions"] == regions).all()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["function=cubic"], "neither convex nor concave, expected a convex or concave function"),
        (["function=r3", "points=plane"], "function=r3: is of x and y, expected network=ridge"),
        (["function=r3", "network=ridge"], "points=500: expected points=plane .* such as 484"),
        (
            ["function=x2", "network=ridge"],
            "function=x2: is of x alone, expected a function of x and y for network.directions=6",
        ),
        (["function=cubic", "network=difference", "init=zigzag"], "init=zigzag: expected network=single"),
        (["network=difference", "network.blocks=0"], "network.blocks=0: expected 1 or more"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(words, message):
    with pytest.raises(ValueError, match=message) as raised:
        experiment.run(settings_of(*words))
    assert "\n" not in str(raised.value)


def test_blocks_tell_how_many_they_are():
    start, *_ = ridge(directions=3, each_way=2)
    assert isinstance(start, Blocks)
    assert (start.restarts, start.blocks) == (2, 6)
