"""The space of projective tents: exact counts for every theta, and what training in it reaches."""

import pytest
import torch

from triangle_cli.construction.tents import Tents, smooth_scales
from triangle_cli.fit.functions import Target
from triangle_cli.fit.points import even_points
from triangle_cli.fit.starts import triangle as starts_triangle
from triangle_cli.regions import count_regions
from triangle_cli.settings.schedule import PhaseSettings, ScheduleSettings, SpaceName
from triangle_cli.training.schedule import run_schedule
from triangle_cli.training.tent_space import TentSpace

UNIT = (0.0, 1.0)
F64 = torch.float64


def start(target, depth, restarts=8, low=0.3, high=0.7):
    points = even_points(target, 1000, F64, "cpu")
    peaks = starts_triangle.draw_peaks(depth, low, high, seed=0, restarts=restarts)
    return starts_triangle.triangle(target, peaks, points.x, points.y), points


@pytest.mark.parametrize("free", [False, True])
def test_it_decodes_what_it_encodes(free):
    triangle, points = start(Target("x3", "x**3", UNIT), 5)
    tents = Tents.of(triangle)
    space = TentSpace(5, tents.sign, UNIT, free)
    theta = space.encode(tents)
    assert theta.shape == (8, 2 * 5 + 1 + (5 if free else 1) + 2)
    torch.testing.assert_close(space.decode(theta)(points.x), triangle(points.x), rtol=0, atol=1e-12)


@pytest.mark.parametrize("size", [1.0, 100.0])
def test_every_point_has_two_to_the_depth_regions(size):
    space = TentSpace(4, -1.0, UNIT)
    theta = size * torch.randn(20, 12, generator=torch.Generator().manual_seed(0), dtype=F64)
    theta[:, 9] = theta[:, 9].clamp(-5, 5)  # log g_0
    network = space.decode(theta)
    assert count_regions(network.weights, network.biases, UNIT).linear_regions.tolist() == [16] * 20


@pytest.mark.parametrize("free", [False, True])
def test_it_pulls_back_the_derivative_of_the_definition(free):
    triangle, points = start(Target("x3", "x**3", UNIT), 3, restarts=2)
    tents = Tents.of(triangle)
    space = TentSpace(3, tents.sign, UNIT, free)
    theta = space.encode(tents).requires_grad_()
    toward = torch.randn(2, len(points.x), generator=torch.Generator().manual_seed(1), dtype=F64)
    (expected,) = torch.autograd.grad((toward * space.tents(theta)(points.x)).sum(), theta)
    weights = space.decode(theta.detach()).flatten().requires_grad_()
    outputs = space.decode(theta.detach()).unflatten(weights)(points.x)
    (by_weights,) = torch.autograd.grad((toward * outputs).sum(), weights)
    torch.testing.assert_close(space.pull_back(theta, by_weights), expected, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize(
    ("formula", "depth", "numbers", "most"),
    [
        # the floor: h^4 f''^2 / 720, h = 2^-5
        ("x**2", 5, (1.02, 1.05, 1.0, 0.0, 1.0), 4.0**-10 / 180 * 1.01),
        ("1 / (1 + 5 * x)", 6, (1.02, 5.5, 25 / 36, 1.0, -5 / 6), 2.3e-9),  # 4.5 times the floor
    ],
    ids=["x2", "hyperbola"],
)
def test_near_the_answer_levenberg_marquardt_finds_it(formula, depth, numbers, most):
    target = Target("f", formula, UNIT)
    points = even_points(target, 2000, F64, "cpu")
    rise, ratio, first, offset, slope = (torch.tensor([number], dtype=F64) for number in numbers)
    half = torch.full((1, depth), 0.5, dtype=F64)
    tents = Tents(rise * half, half, ratio, smooth_scales(half, half, first), offset, slope, -1.0, UNIT)
    *_, last = run_schedule([PhaseSettings(SpaceName.tents, "levenberg_marquardt", 40)], tents, points)
    assert last.loss.item() < most
    counts = count_regions(last.network.weights, last.network.biases, UNIT).linear_regions
    assert counts.tolist() == [2**depth]


@pytest.mark.slow
def test_tents_alone_fit_the_cube_better_than_peaks():
    triangle, points = start(Target("x3", "x**3", UNIT), 6, low=0.1, high=0.9)
    *_, last = run_schedule([PhaseSettings(SpaceName.tents, "levenberg_marquardt", 80)], triangle, points)
    assert last.loss.min().item() < 9.2e-8  # peaks: 1.2e-5


def test_adam_gains():
    triangle, points = start(Target("x3", "x**3", UNIT), 4)
    first, *_, last = run_schedule([PhaseSettings(SpaceName.tents, "adam", 200, 1e-2)], triangle, points)
    assert (last.loss < 0.5 * first.loss).all()


@pytest.mark.parametrize("spaces", [["tents", "peaks"], ["peaks_and_scales", "tents"], ["weights", "tents"]])
def test_what_was_set_free_stays_free(spaces):
    phases = [PhaseSettings(SpaceName[space], "adam", 1, 1e-3) for space in spaces]
    with pytest.raises(ValueError, match=rf"phases.1.space={spaces[1]}: expected .*stays free"):
        ScheduleSettings("wrong", phases)
