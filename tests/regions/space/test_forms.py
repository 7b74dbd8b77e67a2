from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest

from triangle_cli.regions.space import counting
from triangle_cli.regions.space.counting import Walker


def network(*sizes, seed=0):
    random = np.random.default_rng(seed)
    pairs = list(pairwise(sizes))
    weights = [random.standard_normal((b, a)) * (2 / a) ** 0.5 for a, b in pairs]
    return weights, [random.standard_normal(b) / 5 for _, b in pairs]


def errors_of_second_layer(arena):
    """Of each neuron its form minus the true one of the present path, and the bound on it."""
    n, first, second = arena.widths[:3].tolist()
    on = arena.added[:first].astype(bool)
    lower = arena.forms[: (n + 1) * first].reshape(n + 1, first)
    forms = arena.forms[arena.form_at[1] :][: (n + 1) * second].reshape(n + 1, second)
    weights = arena.weights[arena.weight_at[1] :][: first * second].reshape(first, second)
    for i in range(second):
        off = Fraction(0)
        for j in range(n + 1):
            terms = (Fraction(lower[j, k]) * Fraction(weights[k, i]) for k in np.flatnonzero(on))
            bias = Fraction(arena.biases[first + i]) if j == n else 0
            off += abs(Fraction(forms[j, i]) - sum(terms, bias))
        yield off, arena.error[first + i]


@pytest.mark.parametrize("n", [1, 2, 3])
def test_forms_changed_from_cell_to_cell_stay_within_their_bounds(n):
    weights, biases = network(n, 300 if n == 1 else 40, 20, 1)
    most = 0
    for limit in range(1, 400, 27):
        walker = Walker(weights, biases, np.array([[-1.0, 1.0]] * n), limit=limit)
        walker.run()
        most = max(most, walker.arena.changes[1])
        for off, bound in errors_of_second_layer(walker.arena):
            assert off <= Fraction(bound)
    assert most > 0


@pytest.mark.parametrize("sizes", [(1, 60, 30, 1), (2, 30, 20, 1), (3, 12, 16, 1)])
def test_wide_networks_have_the_counts_of_integers(sizes):
    weights, biases = network(*sizes)
    box = np.array([[-0.4, 0.4]] * sizes[0])
    assert counting.count(weights, biases, box) == counting.count(weights, biases, box, exact=True)


def test_forms_are_composed_where_rounding_would_hide_that_they_are_0():
    # each neuron of the second layer is 0 where the one that reaches it is off
    weights, biases = network(2, 30, 30, 1)
    box = np.array([[-1.0, 1.0]] * 2)
    sparse = [weights[0], np.eye(30), weights[2]], [biases[0], np.zeros(30), biases[2]]
    for net, is_changed in ((weights, biases), True), (sparse, False):
        walker = Walker(*net, box, limit=100)
        walker.run()
        assert (walker.arena.changes[1] > 0) == is_changed
