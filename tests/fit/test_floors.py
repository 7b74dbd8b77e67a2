"""The floor, against brute force, dynamic programming over all cuts, and the asymptote."""

from itertools import combinations, pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from triangle_cli.fit.floors import MOST_POINTS, Floors, asymptote


def line_error(x, y):
    return np.sum((np.polyval(np.polyfit(x, y, 1), x) - y) ** 2) if len(x) > 2 else 0.0


def brute_force(x, y, pieces):
    """The best of all ways to cut the points into so many runs."""
    cuts = combinations(range(1, len(x)), pieces - 1)
    ends = [(0, *cut, len(x)) for cut in cuts]
    return min(sum(line_error(x[i:j], y[i:j]) for i, j in pairwise(cut)) for cut in ends) / len(x)


def all_floors(x, y):
    """The floors of 1, 2, .. n // 2 pieces by dynamic programming, O(n^2) for each."""
    n = len(x)
    cost = np.full((n + 1, n + 1), np.inf)  # cost[i, j]: one piece over points i .. j - 1
    mean_x, mean_y, xx, xy, yy = np.zeros((5, n))
    for j in range(n):
        some, size = slice(0, j + 1), j + 1 - np.arange(j + 1)
        from_x, from_y = x[j] - mean_x[some], y[j] - mean_y[some]
        mean_x[some] += from_x / size
        mean_y[some] += from_y / size
        xx[some] += from_x * (x[j] - mean_x[some])
        xy[some] += from_x * (y[j] - mean_y[some])
        yy[some] += from_y * (y[j] - mean_y[some])
        slope = np.divide(xy[some], xx[some], out=np.zeros(j + 1), where=xx[some] > 0)
        cost[some, j + 1] = np.where(size > 2, np.maximum(yy[some] - slope * xy[some], 0.0), 0.0)
    best, found = cost[0], [cost[0, n] / n]
    for _ in range(1, n // 2):
        best = (best[:, None] + cost).min(0)
        found.append(best[n] / n)
    return np.array(found)


TARGETS = {
    "x3": lambda x: x**3,
    "x2, even points: many cuts cost the same": lambda x: x**2,
    "tanh3x": lambda x: np.tanh(3 * x),
    "waves: costs off their hull": lambda x: np.sin(25 * x),
    "noise": lambda x: np.random.default_rng(0).normal(size=len(x)),
    "steps": lambda x: np.floor(6 * x),
}


@pytest.mark.parametrize("pieces", [1, 2, 3, 4])
def test_floors_equal_brute_force(pieces):
    x = np.linspace(0, 1, 11)
    y = np.random.default_rng(0).normal(size=11)
    assert Floors(x, y)(pieces) == pytest.approx(brute_force(x, y, pieces), abs=1e-14)


@pytest.mark.parametrize("name", TARGETS)
def test_floors_are_those_of_all_cuts(name):
    x = np.linspace(0, 1, 160)
    y = TARGETS[name](x)
    floors = Floors(x, y)
    found = [floors(pieces) for pieces in range(1, 81)]
    assert found == pytest.approx(all_floors(x, y), rel=1e-12, abs=1e-30)


@given(st.lists(st.floats(-1, 1), min_size=6, max_size=24), st.integers(1, 12), st.randoms())
def test_floors_of_any_values_in_any_order_are_those_of_all_cuts(values, pieces, order):
    x, y = np.cumsum([0.1 + order.random() for _ in values]), np.array(values)
    expected = all_floors(x, y)
    expected = expected[pieces - 1] if 2 * pieces < len(x) else 0.0
    floors = Floors(x, y)
    floors(order.randint(1, len(x)))  # what was asked before makes no difference
    assert floors(pieces) == pytest.approx(expected, rel=1e-9, abs=1e-28)


@pytest.mark.parametrize("pieces", [8, 16, 256])
def test_floors_meet_the_asymptote(pieces):
    x = np.linspace(0, 1, MOST_POINTS)
    # (integral of |2|^(2/5))^5 is 4
    floors = Floors(x, x**2)
    assert floors.kind == "exact"
    assert floors(pieces) == pytest.approx(4 / (720 * pieces**4), rel=0.005)


def test_the_asymptote_stands_for_the_floor_of_more_points_and_is_said_to():
    x = np.linspace(0, 2, 10 * MOST_POINTS)
    floors = Floors(x, x**3)
    assert floors.kind == "asymptotic"
    expected = (np.trapezoid((6 * x) ** 0.4, x) ** 5) / (720 * 32**4) / 2
    assert floors(32) == pytest.approx(expected, rel=1e-3)
    few = np.linspace(0, 2, 4000)
    assert Floors(few, few**3)(32) == pytest.approx(asymptote(few, few**3, 32), rel=0.02)


def test_two_points_a_piece_cost_nothing():
    x = np.linspace(0, 1, 20)
    floors = Floors(x, np.sin(9 * x))
    assert floors(9) > 0
    assert [floors(pieces) for pieces in (10, 11, 1000)] == [0, 0, 0]
    assert Floors(x[:2], x[:2])(1) == 0


def test_what_pieces_fit_exactly_ends_the_search():
    x = np.linspace(0, 1, 500)
    floors = Floors(x, np.maximum(x - 0.3, 0))
    assert floors(1) > 1e-4
    assert max(floors(pieces) for pieces in range(2, 249)) < 1e-13 * floors(1)


def test_floors_keep_digits_that_sums_of_squares_lose():
    x = np.linspace(0, 1, 50)
    y = 1e3 + x + 1e-8 * (-1.0) ** np.arange(50)
    assert Floors(x, y)(1) == pytest.approx(1e-16, rel=0.01)
