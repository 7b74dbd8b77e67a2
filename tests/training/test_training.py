"""Spaces, the hand-written derivative, the loop and the schedule."""

from itertools import pairwise

import pytest
import torch

from triangle_cli.construction.blocks import side_by_side
from triangle_cli.construction.network import Network
from triangle_cli.fit.functions import Target
from triangle_cli.fit.points import even_points
from triangle_cli.fit.starts import random as starts_random
from triangle_cli.fit.starts import triangle as starts_triangle
from triangle_cli.regions import count_regions
from triangle_cli.settings.schedule import PhaseSettings, SpaceName
from triangle_cli.training.adam import Adam
from triangle_cli.training.block_space import BlockPeakSpace
from triangle_cli.training.loop import train
from triangle_cli.training.problem import Problem
from triangle_cli.training.schedule import phase_names, run_schedule
from triangle_cli.training.spaces import PeakSpace, WeightSpace
from triangle_cli.training.tent_space import TentSpace

UNIT = (0.0, 1.0)
F64 = torch.float64
TARGET = Target("x3", "x**3", UNIT)
POINTS = even_points(TARGET, 60, F64, "cpu")


def phase(space, epochs=50, rate=1e-3):
    return PhaseSettings(SpaceName[space], "adam", epochs, rate)


def triangle_start(restarts=4, depth=4, dtype=F64):
    peaks = starts_triangle.draw_peaks(depth, 0.3, 0.7, seed=0, restarts=restarts).to(dtype)
    return starts_triangle.triangle(TARGET, peaks, POINTS.x.to(dtype), POINTS.y.to(dtype))


def random_start(restarts=4, depth=4):
    return starts_random.random(depth, 4, UNIT, seed=0, restarts=restarts, dtype=F64)


@pytest.mark.parametrize("free", [False, True])
def test_peak_space_decodes_what_it_encodes(free):
    start = triangle_start()
    space = PeakSpace(start.depth, start.sign, start.interval, free_scales=free)
    theta = space.encode(start)
    assert theta.shape == (4, 5 + (4 if free else 1) + 2)
    assert torch.allclose(space.decode(theta).flatten(), start.network().flatten(), rtol=1e-12)


@pytest.mark.parametrize("size", [1.0, 100.0])
def test_every_point_of_peak_space_has_two_to_the_depth_regions(size):
    space = PeakSpace(4, -1.0, UNIT)
    theta = size * torch.randn(20, 8, generator=torch.Generator().manual_seed(0), dtype=F64)
    theta[:, 5] = theta[:, 5].clamp(-5, 5)  # log s_0
    network = space.decode(theta)
    counts = count_regions(network.weights, network.biases, UNIT)
    assert counts.linear_regions.tolist() == [16] * 20


def slopes(problem, theta, compiled=True):
    """The loss and its derivative, from Adam's first step: its mean is a tenth of it."""
    optimizer = Adam(problem, theta, 1e-3)
    assert optimizer.model is not None
    optimizer.model = optimizer.model if compiled else None
    return optimizer.advance(1)[0], 10 * optimizer.mean


def assert_equal_slopes(problem, theta, digits=1e-10):
    for found, expected in zip(slopes(problem, theta), slopes(problem, theta, compiled=False), strict=True):
        assert torch.allclose(found, expected, rtol=digits, atol=digits * expected.abs().max().item())


@pytest.mark.parametrize("start", [triangle_start().network(), random_start(), random_start(depth=1)])
@pytest.mark.parametrize(("dtype", "digits"), [(torch.float64, 1e-11), (torch.float32, 1e-4)])
def test_the_compiled_derivative_is_autograds(start, dtype, digits):
    network = start.unflatten(start.flatten().to(dtype))
    problem = Problem(WeightSpace(network), POINTS.x.to(dtype), POINTS.y.to(dtype))
    assert_equal_slopes(problem, network.flatten(), digits)


@pytest.mark.parametrize("width", [1, 3, 6, 9])
def test_the_compiled_derivative_takes_any_width_and_two_inputs(width):
    generator = torch.Generator().manual_seed(0)
    sizes = [2, width, width + 1, 1]
    layers = [torch.randn(3, b, a + 1, generator=generator, dtype=F64) for a, b in pairwise(sizes)]
    network = Network(tuple(layers))
    x = torch.rand(1300, 2, generator=generator, dtype=F64)
    assert_equal_slopes(Problem(WeightSpace(network), x, x[:, 0] * x[:, 1]), network.flatten())


@pytest.mark.parametrize("inputs", [1, 2])
def test_the_compiled_derivative_takes_blocks(inputs):
    network = side_by_side(starts_random.random(3, 5, UNIT, 0, 4, F64, inputs, each=3), 3)
    x = torch.rand(300, 2, generator=torch.Generator().manual_seed(0), dtype=F64)
    space = WeightSpace(network, blocks=3)
    points = x if inputs == 2 else x[:, 0]
    assert_equal_slopes(Problem(space, points, x[:, 0] * x[:, 1]), space.encode(network))


@pytest.mark.parametrize("free", [False, True])
@pytest.mark.parametrize(("sign", "depth"), [(-1.0, 1), (1.0, 2), (-1.0, 5)])
def test_the_compiled_derivative_by_peaks_is_autograds(free, sign, depth):
    space = PeakSpace(depth, sign, (-1.0, 3.0), free_scales=free)
    generator = torch.Generator().manual_seed(depth)
    theta = 0.3 * torch.randn(6, depth + 1 + (depth if free else 1) + 2, generator=generator, dtype=F64)
    x = 4 * torch.rand(700, generator=generator, dtype=F64) - 1
    assert_equal_slopes(Problem(space, x, x**3), theta)


@pytest.mark.parametrize("free", [False, True])
@pytest.mark.parametrize(("inputs", "directions", "each_way"), [(1, 1, 2), (2, 3, 1), (2, 2, 3)])
def test_the_compiled_derivative_by_blocks_of_peaks_is_autograds(free, inputs, directions, each_way):
    box = ((-1.0, 3.0), (2.0, 3.0))[:inputs]
    space = BlockPeakSpace(directions * each_way, directions, box, PeakSpace(3, -1.0, UNIT, free))
    numbers = directions * each_way * (4 + (3 if free else 1) + 2) + (2 * directions if inputs == 2 else 0)
    generator = torch.Generator().manual_seed(1)
    theta = 0.3 * torch.randn(5, numbers, generator=generator, dtype=F64)
    lo, hi = torch.tensor(box, dtype=F64).T
    x = lo + (hi - lo) * torch.rand(300, inputs, generator=generator, dtype=F64)
    assert_equal_slopes(Problem(space, x if inputs == 2 else x[:, 0], x.prod(1)), theta)


@pytest.mark.parametrize("free", [False, True])
@pytest.mark.parametrize(("sign", "depth"), [(-1.0, 1), (1.0, 2), (-1.0, 5)])
def test_the_compiled_derivative_by_tents_is_autograds(free, sign, depth):
    space = TentSpace(depth, sign, (-1.0, 3.0), free)
    generator = torch.Generator().manual_seed(depth)
    theta = 0.5 * torch.randn(6, 2 * depth + 1 + (depth if free else 1) + 2, generator=generator, dtype=F64)
    x = 4 * torch.rand(700, generator=generator, dtype=F64) - 1
    assert_equal_slopes(Problem(space, x, x**3), theta)


@pytest.mark.parametrize("free", [False, True])
@pytest.mark.parametrize("sign", [-1.0, 1.0])
@pytest.mark.parametrize("depth", [1, 2, 5])
def test_the_pull_back_is_autograds(free, sign, depth):
    space = PeakSpace(depth, sign, (-1.0, 3.0), free_scales=free)
    generator = torch.Generator().manual_seed(depth)
    theta = torch.randn(
        6, depth + 1 + (depth if free else 1) + 2, generator=generator, dtype=F64, requires_grad=True
    )
    weights = space.decode(theta).flatten()
    signal = torch.randn(weights.shape, generator=generator, dtype=F64)
    (expected,) = torch.autograd.grad(weights, theta, signal)
    assert torch.allclose(space.pull_back(theta.detach(), signal), expected, rtol=1e-9, atol=1e-11)


def test_a_batch_trains_each_network_as_torch_trains_it_alone():
    start = random_start(restarts=2, depth=2)
    space = WeightSpace(start)
    *_, (_, theta, (loss,)) = train(
        Problem(space, POINTS.x, POINTS.y), space.encode(start), "adam", 30, learning_rate=0.01
    )
    for restart in range(2):
        state = {name: tensor[restart] for name, tensor in start.state_dict().items()}
        sizes = [(1, 4), (4, 4), (4, 1)]
        linears = [torch.nn.Linear(*size, dtype=F64) for size in sizes]
        alone = torch.nn.Sequential(linears[0], torch.nn.ReLU(), linears[1], torch.nn.ReLU(), linears[2])
        alone.load_state_dict(state)
        optimizer = torch.optim.Adam(alone.parameters(), lr=0.01)
        for _ in range(30):
            optimizer.zero_grad()
            error = (alone(POINTS.x.unsqueeze(1)).squeeze(1) - POINTS.y).square().mean()
            error.backward()
            optimizer.step()
        final = (alone(POINTS.x.unsqueeze(1)).squeeze(1) - POINTS.y).square().mean().item()
        assert loss[restart].item() == pytest.approx(final, rel=1e-6)
        trained = space.decode(theta).state_dict()
        assert torch.allclose(trained["2.weight"][restart], alone[2].weight, atol=1e-7)


@pytest.mark.parametrize("compiled", [True, False])
def test_adam_is_torchs(compiled):
    space = WeightSpace(random_start())
    problem, theta = Problem(space, POINTS.x, POINTS.y), space.encode(random_start())
    weights = theta.clone().requires_grad_()
    rule = torch.optim.Adam([weights], lr=0.01, fused=True)
    ours = Adam(problem, theta, 0.01)
    ours.model = ours.model if compiled else None
    for _ in range(30):
        torch.testing.assert_close(ours.theta, weights.detach(), rtol=1e-9, atol=1e-12)
        loss = (space.decode(weights)(POINTS.x) - POINTS.y).square().mean(1)
        (weights.grad,) = torch.autograd.grad(loss.sum(), weights)
        rule.step()
        ours.advance(1)


@pytest.mark.parametrize("start", [triangle_start, random_start])
def test_no_restart_feels_another(start):
    phases = [phase("weights")] if start is random_start else [phase("peaks"), phase("weights")]
    *_, few = run_schedule(phases, start(restarts=2), POINTS)
    *_, many = run_schedule(phases, start(restarts=9), POINTS)
    assert torch.allclose(few.theta, many.theta[:2], rtol=1e-9)


def test_a_restart_that_diverges_spoils_nothing_else():
    start = random_start(restarts=3)
    broken = type(start)(tuple(layer.clone() for layer in start.layers))
    broken.layers[0][1] = float("nan")
    *_, expected = run_schedule([phase("weights")], start, POINTS)
    *_, found = run_schedule([phase("weights")], broken, POINTS)
    assert found.loss.isfinite().tolist() == [True, False, True]
    assert torch.allclose(found.loss[[0, 2]], expected.loss[[0, 2]], rtol=1e-9)


def test_the_peaks_phase_keeps_every_region_at_every_epoch():
    for epoch in run_schedule([phase("peaks", epochs=40, rate=0.05)], triangle_start(), POINTS):
        counts = count_regions(epoch.network.weights, epoch.network.biases, UNIT)
        assert counts.linear_regions.tolist() == [16] * 4


@pytest.mark.parametrize(
    "spaces",
    [
        ["peaks", "weights"],
        ["peaks_and_scales", "weights"],
        ["peaks", "peaks_and_scales"],
        ["peaks", "tents"],
        ["tents", "weights"],
    ],
)
def test_each_phase_starts_where_the_last_one_ended(spaces):
    epochs = list(run_schedule([phase(space) for space in spaces], triangle_start(), POINTS))
    end, begin = [epoch for epoch in epochs if epoch.number == (50 if epoch.phase == spaces[0] else 0)]
    assert (end.phase, begin.phase) == tuple(spaces)
    assert torch.allclose(end.loss, begin.loss, rtol=1e-6)
    assert epochs[-1].loss.mean() < epochs[0].loss.mean()


def test_float32_trains():
    x32 = type(POINTS)(POINTS.x.float(), POINTS.y.float())
    *_, last = run_schedule([phase("peaks"), phase("weights")], triangle_start(dtype=torch.float32), x32)
    assert last.theta.dtype == torch.float32
    assert last.loss.isfinite().all()


def test_phases_of_one_kind_are_numbered():
    assert phase_names([phase("peaks"), phase("weights"), phase("weights")]) == [
        "peaks",
        "weights",
        "weights_2",
    ]


@pytest.mark.parametrize("compiled", [True, False])
@pytest.mark.parametrize(
    ("optimizer", "settings"), [("adam", {"learning_rate": 0.1}), ("levenberg_marquardt", {"group": 7})]
)
def test_the_best_numbers_of_each_restart_are_handed_on(optimizer, settings, compiled, monkeypatch):
    if not compiled:
        monkeypatch.setattr(f"triangle_cli.training.{optimizer}.model_of", lambda *_: None)
    space = WeightSpace(random_start())
    problem, theta = Problem(space, POINTS.x, POINTS.y), space.encode(random_start())
    stretches = list(train(problem, theta, optimizer, 30, every=10, best=True, **settings))
    *before, (_, last, (loss,)) = stretches
    curve = torch.cat([losses for _, _, losses in before])
    least = curve.amin(0)
    assert (curve[-1] > least).any()
    assert (loss <= least * (1 + 1e-12)).all()
    assert torch.allclose((space.decode(last)(POINTS.x) - POINTS.y).square().mean(1), loss, rtol=1e-9)
