"""Networks of two inputs: which counter takes which, and that both say the same."""

from itertools import pairwise

import numpy as np
import pytest
import torch

from triangle_cli.regions import count_regions, deep
from triangle_cli.regions.arrays import Networks
from triangle_cli.regions.counting import count_rows
from triangle_cli.regions.plane import budget
from triangle_cli.regions.plane import counting as plane

BOX = [[-1.0, 1.0], [-0.5, 2.0]]


def network(*sizes, seed=0, whole=False):
    """Weights and biases (out, in), (out,): normal, or small whole numbers, so that much coincides."""
    numbers = np.random.default_rng(seed)

    def drawn(*shape):
        return numbers.integers(-2, 3, shape).astype(float) if whole else numbers.standard_normal(shape)

    pairs = [(drawn(b, a) / (1 if whole else (a / 2) ** 0.5), drawn(b) / 2) for a, b in pairwise(sizes)]
    return [weight for weight, _ in pairs], [bias for _, bias in pairs]


@pytest.mark.parametrize(
    ("widths", "is_for_mesh"),
    [([], True), ([48], True), ([49], False), ([16, 16], True), ([8] * 24, True), ([8] * 25, False)],
)
def test_small_and_narrow_networks_are_for_the_mesh(widths, is_for_mesh):
    assert deep.is_for_mesh(widths) == is_for_mesh


@pytest.mark.parametrize("whole", [False, True])
@pytest.mark.parametrize("sizes", [(2, 1), (2, 5, 3), (2, 6, 6, 6, 1), (2, 30, 30, 2), (2, 70, 1)])
def test_both_say_the_same(monkeypatch, sizes, whole):
    layers = network(*sizes, whole=whole)
    found = []
    for is_for_mesh in (True, False):
        monkeypatch.setattr(deep, "is_for_mesh", lambda _, answer=is_for_mesh: answer)
        found.append(count_rows(*layers, BOX)[1].tolist())
    assert found[0] == found[1]
    assert count_rows(*layers, BOX, wide=False, threads=2)[1].tolist() == [[*found[0][0][:3], -1, -1]]


def test_a_mesh_that_grows_too_large_is_given_up_for_the_walk(monkeypatch):
    nets = [network(2, 6, 6, 6, 1, seed=seed) for seed in range(4)]
    weights = [np.stack(layer) for layer in zip(*(net[0] for net in nets))]
    biases = [np.stack(layer) for layer in zip(*(net[1] for net in nets))]
    _, expected = count_rows(weights, biases, BOX)
    cells = sorted(expected[:, 1])
    monkeypatch.setattr(plane, "MOST_BYTES", int(cells[1]) * (250 + 34 * 6))
    by_mesh = plane.count_rows(Networks.of(weights, biases), BOX, bounded=True)
    assert (by_mesh[:, 0] < 0).sum() == sum(cells[1] < number for number in cells)
    assert (count_rows(weights, biases, BOX)[1] == expected).all()
    triangle = [[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]]  # which the walk does not take
    assert (count_rows(weights, biases, triangle)[1] > 0).all()


@pytest.mark.parametrize("whole", [False, True])
def test_a_budget_is_kept_within_a_cut(whole):
    weights, biases = (list(map(torch.from_numpy, part)) for part in network(2, 7, 7, 1, whole=whole))
    cells = int(count_regions(weights, biases, BOX).activation_regions)
    for most in range(1, cells + 3):
        assert budget.surpasses(weights, biases, BOX, most * budget.IN_THE_PLANE) == (cells > most)
