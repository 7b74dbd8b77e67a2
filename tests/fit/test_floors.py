"""The floor, against brute force and the asymptote."""

from itertools import combinations, pairwise

import numpy as np
import pytest

from triangle_cli.fit.floors import floors, segment_errors


def line_error(x, y):
    return np.sum((np.polyval(np.polyfit(x, y, 1), x) - y) ** 2) if len(x) > 2 else 0.0


def brute_force(x, y, pieces):
    """The best of all ways to cut the points into so many runs."""
    cuts = combinations(range(1, len(x)), pieces - 1)
    ends = [(0, *cut, len(x)) for cut in cuts]
    return min(sum(line_error(x[i:j], y[i:j]) for i, j in pairwise(cut)) for cut in ends) / len(x)


@pytest.mark.parametrize("pieces", [1, 2, 3, 4])
def test_floors_equal_brute_force(pieces):
    x = np.linspace(0, 1, 11)
    y = np.random.default_rng(0).normal(size=11)
    assert floors(x, y)[pieces - 1] == pytest.approx(brute_force(x, y, pieces), abs=1e-14)


def test_floors_meet_the_published_ones():
    # The asymptote (integral |f''|^(2/5))^5 / (720 K^4) is 4 / (720 K^4) for x^2
    x = np.linspace(0, 1, 2000)
    found = floors(x, x**2)
    for pieces in (8, 16):
        assert found[pieces - 1] == pytest.approx(4 / (720 * pieces**4), rel=0.02)


def test_two_points_a_piece_cost_nothing():
    x = np.linspace(0, 1, 20)
    assert floors(x, np.sin(9 * x))[-1] == 0
    assert len(floors(x, x)) == 10


def test_segments_keep_digits_that_sums_of_squares_lose():
    x = np.linspace(0, 1, 50)
    y = 1e3 + x + 1e-8 * (-1.0) ** np.arange(50)
    assert segment_errors(x, y)[0, -1] == pytest.approx(50 * 1e-16, rel=0.01)
