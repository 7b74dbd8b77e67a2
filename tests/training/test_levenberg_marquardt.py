import math

import pytest
import torch

from triangle_cli.construction.network import Network
from triangle_cli.construction.tents import Tents
from triangle_cli.fit.functions import Target
from triangle_cli.fit.starts.random import random
from triangle_cli.fit.starts.triangle import draw_peaks, triangle
from triangle_cli.fit.starts.zigzag import draw_kinks, zigzag
from triangle_cli.training.jacobian import decoded_jacobian, weight_jacobian
from triangle_cli.training.levenberg_marquardt import LevenbergMarquardt
from triangle_cli.training.problem import Problem
from triangle_cli.training.schedule import keep_best
from triangle_cli.training.spaces import PeakSpace, WeightSpace
from triangle_cli.training.tent_space import TentSpace

X = torch.linspace(0, 1, 200, dtype=torch.float64)


def networks(restarts=5, depth=3, seed=0, dtype=torch.float64):
    return random(depth, 4, (0.0, 1.0), seed, restarts, dtype)


def starts(y=X**3, restarts=20, dtype=torch.float64):
    x = torch.linspace(0, 1, len(y), dtype=torch.float64)
    network = zigzag(draw_kinks(x, y, 5, 2, 0, restarts), x, y, (0.0, 1.0))
    return Network(tuple(layer.to(dtype) for layer in network.layers))


def triangles(restarts=4, depth=3):
    target = Target("x2", "x**2", (0.0, 1.0))
    return triangle(target, draw_peaks(depth, 0.3, 0.7, 0, restarts), X, target(X))


def problem(network, y=X**3):
    return Problem(WeightSpace(network), X.to(y.dtype), y)


def in_space(kind):
    """The space of that name, and a start in it."""
    if kind is WeightSpace:
        return problem(networks()).space, networks().flatten()
    start = triangles()
    if kind is PeakSpace:
        space = PeakSpace.of(start, free_scales=True)
        return space, space.encode(start)
    space = TentSpace(start.depth, start.sign, start.interval)
    return space, space.encode(Tents.of(start))


@pytest.mark.parametrize("kind", [WeightSpace, PeakSpace, TentSpace])
@pytest.mark.parametrize("group", [1, 3])
def test_the_compiled_steps_are_torchs(kind, group):
    space, theta = in_space(kind)
    compiled, plain = (
        LevenbergMarquardt(Problem(space, X, X**3), theta, damping=1.0, group=group) for _ in range(2)
    )
    plain.model = None
    torch.testing.assert_close(compiled.advance(4), plain.advance(4), rtol=1e-9, atol=0)
    torch.testing.assert_close(compiled.theta, plain.theta, rtol=1e-7, atol=1e-9)
    assert not torch.equal(compiled.theta, theta)
    assert torch.equal(compiled.damping, plain.damping)


def losses(optimizer, steps):
    return optimizer.advance(steps)


@pytest.mark.parametrize("depth", [1, 2, 5])
def test_the_weights_jacobian_is_autograds(depth):
    network = networks(depth=depth)
    outputs, derivative = weight_jacobian(network, X)
    expected = torch.autograd.functional.jacobian(
        lambda flat: network.unflatten(flat)(X).sum(0), network.flatten()
    )
    torch.testing.assert_close(outputs, network(X))
    torch.testing.assert_close(derivative, expected.permute(1, 0, 2))


def test_a_jacobian_for_two_inputs_is_autograds():
    plane = torch.rand(50, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    first, *rest = networks().layers
    network = Network((torch.cat([first[:, :, :1] / 2, first], 2), *rest))
    outputs, derivative = weight_jacobian(network, plane)
    expected = torch.autograd.functional.jacobian(
        lambda flat: network.unflatten(flat)(plane).sum(0), network.flatten()
    )
    torch.testing.assert_close(outputs, network(plane))
    torch.testing.assert_close(derivative, expected.permute(1, 0, 2))


def test_a_jacobian_of_two_outputs_is_refused():
    *layers, last = networks().layers
    with pytest.raises(ValueError, match="outputs=2"):
        weight_jacobian(Network((*layers, last.repeat(1, 2, 1))), X)


@pytest.mark.parametrize("free_scales", [False, True])
def test_the_peaks_jacobian_is_autograds(free_scales):
    space = PeakSpace(3, -1.0, (0.0, 1.0), free_scales)
    theta = space.encode(triangles())
    outputs, derivative = decoded_jacobian(space.decode, theta, X)
    expected = torch.autograd.functional.jacobian(lambda numbers: space.decode(numbers)(X).sum(0), theta)
    torch.testing.assert_close(outputs, space.decode(theta)(X))
    torch.testing.assert_close(derivative, expected.permute(1, 0, 2))


def test_a_linear_problem_is_solved_in_one_step():
    line = Network((torch.zeros(3, 1, 2, dtype=torch.float64),))  # no hidden layer: y = w x + b
    y = torch.sin(X)
    optimizer = LevenbergMarquardt(problem(line, y), line.flatten(), damping=1e-12)
    optimizer.advance(1)
    design = torch.stack([X, torch.ones_like(X)], 1)
    best = torch.linalg.lstsq(design, y.unsqueeze(1)).solution.squeeze(1)
    torch.testing.assert_close(optimizer.theta, best.expand(3, -1))


def test_peaks_are_found_that_are_known():
    space = PeakSpace(4, -1.0, (0.0, 1.0))
    target = triangles(1, depth=4).network()(X)[0]  # a function that the space holds
    start = space.encode(triangles(1, depth=4)) + 0.02
    optimizer = LevenbergMarquardt(Problem(space, X, target), start)
    before, *_, after = losses(optimizer, 40)[:, 0].tolist()
    assert after < 1e-20 < 1e-6 < before


def test_the_loss_never_rises_on_all_points():
    network = starts()
    curve = losses(LevenbergMarquardt(problem(network), network.flatten()), 40)
    assert (curve.diff(dim=0) <= 0).all()
    assert (curve[-1] < curve[0] / 10).all()


def test_the_loss_that_is_returned_belongs_to_theta_before_the_step():
    network = networks()
    optimizer = LevenbergMarquardt(problem(network), network.flatten(), group=2)
    optimizer.advance(1)
    expected = (network.unflatten(optimizer.theta)(X) - X**3).square().mean(1)
    torch.testing.assert_close(optimizer.advance(1)[0], expected)


@pytest.mark.parametrize("group", [1, 2])
def test_a_restart_is_the_same_alone_and_in_a_batch(group):
    network = networks(40)
    together = LevenbergMarquardt(problem(network), network.flatten(), group=group)
    alone = LevenbergMarquardt(problem(network), network.flatten()[33:34], group=group)
    both = losses(together, 10)[:, 33], losses(alone, 10)[:, 0]
    torch.testing.assert_close(*both, rtol=1e-6, atol=0)


@pytest.mark.parametrize("broken", [math.nan, math.inf])
def test_a_restart_that_is_not_finite_spoils_no_other(broken):
    network = networks()
    theta = network.flatten()
    theta[2, 7] = broken
    healthy = torch.tensor([0, 1, 3, 4])
    spoilt = LevenbergMarquardt(problem(network), theta)
    clean = LevenbergMarquardt(problem(network), network.flatten()[healthy])
    torch.testing.assert_close(losses(spoilt, 10)[:, healthy], losses(clean, 10), rtol=1e-6, atol=0)
    assert not spoilt.theta[2].isfinite().all()


def test_a_network_that_nothing_moves_stays_and_takes_no_harm():
    network = Network(tuple(-layer.abs() for layer in networks().layers))  # every neuron is dead
    optimizer = LevenbergMarquardt(problem(network), network.flatten())
    curve = losses(optimizer, 5)
    assert curve.isfinite().all()
    assert curve[-1, 0] == pytest.approx((X**3).var(correction=0).item())  # the last bias alone can move


def test_float32_trains_in_float32():
    network = starts(dtype=torch.float32)
    optimizer = LevenbergMarquardt(problem(network, (X**3).float()), network.flatten())
    curve = losses(optimizer, 40)
    assert curve.dtype == torch.float32
    assert (curve[-1] < curve[0] / 10).all()


def test_draws_of_points_pass_the_creases_that_stop_a_descent():
    x = torch.linspace(0, 1, 500, dtype=torch.float64)
    network = starts(x**11)
    fit = Problem(WeightSpace(network), x, x**11)
    stopped = losses(LevenbergMarquardt(fit, network.flatten()), 180)[-1]
    drawing = LevenbergMarquardt(fit, network.flatten(), group=2)
    losses(drawing, 150)
    settled = losses(LevenbergMarquardt(fit, drawing.theta), 30)[-1]
    assert settled.log().mean() < stopped.log().mean() - math.log(1.5)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"damping": 0.0}, "optimizer.damping=0.0"),
        ({"group": 0}, "optimizer.group=0"),
        ({"group": 201}, "201"),
    ],
)
def test_a_setting_out_of_range_is_named(settings, message):
    network = networks()
    with pytest.raises(ValueError, match=message):
        LevenbergMarquardt(problem(network), network.flatten(), **settings)


def test_the_best_are_kept_in_their_order():
    worst = torch.tensor([3.0, math.nan, 1.0, math.inf, 2.0, 1.0])
    assert keep_best(worst, 3).tolist() == [2, 4, 5]
    assert keep_best(worst, 6).tolist() == [0, 1, 2, 3, 4, 5]
    with pytest.raises(ValueError, match="keep=7"):
        keep_best(worst, 7)
