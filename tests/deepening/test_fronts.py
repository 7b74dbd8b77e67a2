"""The tail's closed form, fronts, and their exact loss, against rationals, closed forms and automatic derivatives."""

from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from triangle_cli.deepening.front import Front
from triangle_cli.deepening.loss import Loss
from triangle_cli.deepening.normal import damped_step
from triangle_cli.deepening.start import touching_knots, zigzag_front
from triangle_cli.deepening.tail import CUT, fold, limit

U = np.linspace(0, 1, 5001)
SIGNS = [-1.0, 1.0]


def cube(u):
    return u**3


def front(sign=-1.0, layers=3, width=4, noise=0.02, seed=0):
    """A front of x^3 with all weights a little off."""
    stream = np.random.default_rng(seed)
    knots = touching_knots(cube, 4)
    found = zigzag_front(cube, knots, np.array([0.05, 0.1, 0.1, 0.1, 0.05]), width, sign)
    for layer in range(layers - 1):
        found = found.deepened(stream, folded=layer % 2 == 0)
    return found.moved(found.theta * (1 + noise * stream.normal(size=len(found.theta))))


def derivatives(found, u):
    """By torch: of the function, and of p + q where both are positive, by the parameters at u; (n, P) each."""
    layers = [torch.tensor(layer, requires_grad=True) for layer in found.layers]
    values = torch.from_numpy(u)[None]
    for number, layer in enumerate(layers):
        values = layer[:, :-1] @ (values.relu() if number else values) + layer[:, -1:]
    rows = [values[0], 0 * values[0]]
    if len(values) == 3:
        p, q, y = values
        positive = (p > 0) & (q > 0)
        tail = torch.where(positive, p * q / torch.where(positive, p + q, 1), torch.minimum(p, q))
        rows = [y + found.sign * tail, torch.where(positive, p + q, 0)]

    def by_parameters(value):
        return torch.cat([part.flatten() for part in torch.autograd.grad(value, layers, retain_graph=True)])

    return [torch.stack([by_parameters(value) for value in row]).numpy() for row in rows]


def exact_limit(p, q):
    return p * q / (p + q) if p > 0 and q > 0 else min(p, q)


@given(st.fractions(-4, 4), st.fractions(-4, 4))
def test_a_tent_of_the_tail_is_written_out_exactly(p, q):
    lower = min(p, q)
    assert exact_limit(p, q) == lower / 2 + exact_limit(abs(p - q) / 4, lower / 2)


@given(st.floats(-4, 4), st.floats(-4, 4))
def test_the_limit_in_float64_is_the_rational_one(p, q):
    expected = float(exact_limit(Fraction(p), Fraction(q)))
    assert limit(np.array(p), np.array(q)) == pytest.approx(expected, rel=1e-15, abs=1e-300)


@pytest.mark.parametrize("tents", [1, 2, 5, 8])
def test_a_tail_that_ends_is_too_large_by_no_more_than_the_bound(tents):
    p, q = 1 - U, 3 * U
    state = np.stack([p, q, np.zeros_like(U)])
    for _ in range(tents):
        state = fold(1.0, 1.0, 0.5) @ np.vstack([state, np.maximum(state[0] - state[1], 0)])
    excess = state[2] + np.minimum(*state[:2]) - limit(p, q)
    assert (excess > -1e-15).all()
    assert (excess <= (p + q) / 4 ** (tents + 1) + 1e-15).all()


@pytest.mark.parametrize("tents", [3, 4, 5])
def test_the_price_of_a_cut_is_what_the_best_lines_leave(tents):
    """R on 2^T pieces with dyadic q / (p + q), each with its own least-squares line."""
    ratio = 3.0
    breaks = np.arange(2**tents + 1) / 2**tents
    u = breaks / (ratio - (ratio - 1) * breaks)  # where q / (p + q) is dyadic, p = 1 - u, q = ratio u
    nodes, weights = np.polynomial.legendre.leggauss(12)
    left, energy = 0.0, 0.0
    for low, high in pairwise(u):
        x, w = low + (high - low) * (nodes + 1) / 2, weights * (high - low) / 2
        values = limit(1 - x, ratio * x)
        line = np.polynomial.Polynomial.fit(x, values, 1, w=np.sqrt(w))
        left += w @ (values - line(x)) ** 2
        energy += w @ (1 - x + ratio * x) ** 2
    assert left == pytest.approx(CUT / 16**tents * energy, rel=0.1)


@pytest.mark.parametrize("sign", SIGNS)
@pytest.mark.parametrize("folded", [True, False])
@pytest.mark.parametrize("width", [4, 6])
def test_a_layer_more_leaves_the_function_as_it_was(sign, folded, width):
    before = front(sign, width=width)
    after = before.deepened(np.random.default_rng(5), folded)
    rounding = 8 * np.finfo(float).eps
    silent = 1e-7 if width > 4 or not folded else rounding  # creases of weight 1e-9
    assert after.depth == before.depth + 1
    np.testing.assert_allclose(after(U), before(U), rtol=0, atol=silent)


@pytest.mark.parametrize("sign", SIGNS)
def test_a_longer_tail_comes_16_times_nearer_a_layer(sign):
    before = front(sign, layers=1, noise=0)  # p and q are positive
    errors = [np.mean((before.unrolled(tents)(U) - before(U)) ** 2) for tents in (3, 4, 5, 6)]
    for shorter, longer in pairwise(errors):
        assert shorter / longer == pytest.approx(16, rel=0.2)


def test_the_loss_is_the_integral_in_closed_form():
    """(u^2 - u)^2 integrates to 1/30, and a tail with p = 1 - u, q = u gives u^2 exactly."""
    line = Front((np.array([[1.0, 0.0]] * 4), np.array([[1.0, 0, 0, 0, 0]])), 0.0)
    square = Loss(target=np.square)
    assert square.of(line) == pytest.approx(1 / 30, rel=1e-14)
    outputs = np.array([[-1.0, 0, 0, 0, 1], [1, 0, 0, 0, 0], [1, 0, 0, 0, 0]])
    tailed = Front((line.layers[0], outputs), -1.0)
    assert square.of(tailed) < 1e-32
    # of R alone: the integral of (u (1 - u))^2 is 1/30 as well
    assert Loss(target=lambda u: u).of(tailed) == pytest.approx(1 / 30, rel=1e-14)


@pytest.mark.parametrize("tents", [0, 3])
def test_the_loss_is_the_mean_over_many_points(tents):
    found = front(noise=0.01)
    found = found.unrolled(tents) if tents else found
    middles = (np.arange(200_000) + 0.5) / 200_000
    assert Loss(target=cube).of(found) == pytest.approx(
        np.mean((cube(middles) - found(middles)) ** 2), rel=1e-5
    )


def test_over_samples_the_loss_is_their_mean():
    stream, found = np.random.default_rng(1), front()
    u = np.sort(stream.random(77))
    y = stream.normal(size=77)
    assert Loss(samples=(u, y)).of(found) == pytest.approx(np.mean((y - found(u)) ** 2), rel=1e-12)


@pytest.mark.parametrize(("tents", "cut"), [(0, 0.0), (0, 0.3), (2, 0.0)])
@pytest.mark.parametrize("sampled", [False, True])
def test_the_normal_equations_are_those_of_autograd(tents, cut, sampled):
    found = front(noise=0.03)
    found = found.unrolled(tents) if tents else found
    u = np.linspace(0.001, 0.999, 150)
    loss = Loss(samples=(u, cube(u))) if sampled else Loss(target=cube)
    at = loss.evaluate(found.theta, found.widths, found.sign, cut)
    _, _, _, knots, _, local, weight, first, residual, _ = at.parts
    nodes = np.repeat(knots[:-1], np.diff(first)) + local * np.repeat(np.diff(knots), np.diff(first))
    fitted, priced = derivatives(found, nodes)
    expected = fitted.T @ (weight[:, None] * fitted) + cut * priced.T @ (weight[:, None] * priced)
    slope = fitted.T @ (weight * residual)
    if cut:
        p, q, _ = found.outputs(nodes)
        slope -= cut * priced.T @ (weight * (p + q))
    normal, found_slope = at.normal_equations()
    np.testing.assert_allclose(
        np.tril(normal), np.tril(expected), rtol=0, atol=1e-12 * np.abs(expected).max()
    )
    np.testing.assert_allclose(found_slope, slope, rtol=0, atol=1e-12 * np.abs(slope).max())


def test_the_damped_step_solves_its_equations():
    stream = np.random.default_rng(0)
    jacobian, residual = stream.normal(size=(50, 12)), stream.normal(size=50)
    normal, slope = jacobian.T @ jacobian, jacobian.T @ residual
    step, solved = damped_step(np.tril(normal), slope, 0.1)
    assert solved
    np.testing.assert_allclose((normal + 0.1 * np.diag(np.diag(normal))) @ step, slope, rtol=1e-10)
    assert not damped_step(np.zeros((3, 3)), np.zeros(3), 0.1)[1]


def test_knots_are_as_far_from_the_tangents_of_both_neighbours():
    knots = touching_knots(cube, 4)
    for before, here, after in zip(knots, knots[1:], knots[2:]):
        far = [abs(here**3 - knot**3 - 3 * knot**2 * (here - knot)) for knot in (before, after)]
        assert far[0] == pytest.approx(far[1], rel=1e-4)
