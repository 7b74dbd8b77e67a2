"""Starts: the same restart whatever the batch, and the distributions that they are said to have."""

import numpy as np
import pytest
import torch
from settings.composed import settings_of

from triangle_cli.construction.triangle import Triangle
from triangle_cli.fit import experiment
from triangle_cli.fit.functions import Target
from triangle_cli.fit.starts import random as starts_random
from triangle_cli.fit.starts import triangle as starts_triangle

UNIT = (0.0, 1.0)
F64 = torch.float64


@pytest.mark.parametrize("draw", [starts_random.random, starts_random.raai])
def test_restart_k_is_the_same_network_however_many_there_are(draw):
    few = draw(4, 5, UNIT, seed=3, restarts=2, dtype=F64)
    many = draw(4, 5, UNIT, seed=3, restarts=7, dtype=F64)
    assert torch.equal(few.flatten(), many.flatten()[:2])
    assert not torch.equal(few.flatten()[0], few.flatten()[1])
    other = draw(4, 5, UNIT, seed=4, restarts=2, dtype=F64)
    assert not torch.equal(few.flatten(), other.flatten())


def test_peaks_lie_between_their_margins_and_depend_on_seed_and_restart():
    peaks = starts_triangle.draw_peaks(6, 0.2, 0.4, seed=1, restarts=200)
    assert peaks.shape == (200, 7)
    assert 0.2 <= peaks.min() < 0.21
    assert 0.39 < peaks.max() <= 0.4
    assert torch.equal(peaks[:3], starts_triangle.draw_peaks(6, 0.2, 0.4, seed=1, restarts=3))


def test_random_starts_have_the_moments_of_pytorchs_linear():
    network = starts_random.random(3, 16, UNIT, seed=0, restarts=400, dtype=F64)
    reference = torch.nn.Linear(16, 16)
    bound = 1 / 16**0.5
    assert network.layers[1].abs().max() <= bound
    assert network.layers[1].var().item() == pytest.approx(bound**2 / 3, rel=0.02)
    assert reference.weight.abs().max() <= bound
    assert reference.bias.abs().max() <= bound


def test_raai_neurons_hold_one_beta_and_otherwise_normal_numbers():
    network = starts_random.raai(2, 4, UNIT, seed=0, restarts=5000, dtype=F64)
    hidden = network.layers[1].flatten().numpy()  # 4 inputs: 4 of 5 numbers are normal, one is Beta(2, 1)
    normal = 0.6007 / 2
    assert hidden.mean() == pytest.approx(0.2 * 2 / 3, rel=0.03)
    assert np.mean(hidden**2) == pytest.approx(0.8 * normal**2 + 0.2 * 1 / 2, rel=0.03)


@pytest.mark.parametrize("draw", [starts_random.random, starts_random.raai])
def test_an_interval_is_folded_into_the_first_layer(draw):
    unit = draw(3, 4, UNIT, seed=0, restarts=4, dtype=F64)
    wide = draw(3, 4, (-2.0, 6.0), seed=0, restarts=4, dtype=F64)
    u = torch.linspace(0, 1, 101, dtype=F64)
    assert torch.allclose(unit(u), wide(8 * u - 2), atol=1e-13)


def start(formula, interval=UNIT, restarts=5, depth=5, **settings) -> Triangle:
    target = Target("f", formula, interval)
    x = torch.linspace(*interval, 200, dtype=F64)
    peaks = starts_triangle.draw_peaks(depth, 0.3, 0.7, seed=0, restarts=restarts)
    return starts_triangle.triangle(target, peaks, x, target(x), **settings)


def test_least_squares_leaves_no_better_scale_or_affine_part():
    x = torch.linspace(0, 1, 200, dtype=F64)
    fitted = start("x**3")
    error = fitted(x) - x**3  # (R, n), orthogonal to what the fit could add
    waves = fitted(x) - fitted.offset.unsqueeze(1) - fitted.slope.unsqueeze(1) * x
    for column in (torch.ones_like(x), x, waves):
        assert (error * column).sum(1).abs().max() < 1e-10


def test_a_given_scale_is_kept_and_the_ends_are_met():
    fitted = start("exp(x)", interval=(-1.0, 1.0), first_scale=0.3)
    assert fitted.scales[:, 0].tolist() == [0.3] * 5
    ends = torch.tensor([-1.0, 1.0], dtype=F64)
    assert torch.allclose(fitted(ends), ends.exp().expand(5, -1))


def test_end_slopes_give_the_scale_of_x2():
    peaks = torch.full((1, 4), 0.5, dtype=F64)
    assert starts_triangle.end_slope_scale(Target("x2", "x**2", UNIT), peaks).item() == pytest.approx(0.25)


@pytest.mark.parametrize("formula", ["x**3 - x", "2 * x", "sin(9 * x)"])
def test_a_target_without_one_bend_is_refused(formula):
    with pytest.raises(ValueError, match="expected a convex or concave function for init=triangle"):
        start(formula, interval=(-1.0, 1.0))


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["init=zigzag", "init.width=2"], "init.width=2: expected 3 or more"),
        (["init=random", "init.width=0"], "init.width=0: expected 1 or more"),
        (["init=raai", "init.scale=1"], "init.scale=1.0: expected nothing: init=raai has no scale"),
        (
            ["init.mode=spiral", "schedule=weights_only"],
            "init.mode=spiral: expected one of front, raai, random, triangle, zigzag",
        ),
    ],
)
def test_a_start_says_what_it_takes_before_anything_runs(words, complaint):
    with pytest.raises(ValueError, match=complaint):
        experiment.check(settings_of(*words))
