"""Deep networks, whose bounds are lost in float64: the same counts as the integers of the other counters."""

from itertools import pairwise

import numpy as np
import pytest
import torch

from triangle_cli.regions import count_regions, deep, pieces, polygons
from triangle_cli.regions.arrays import Networks
from triangle_cli.regions.line import counting as line
from triangle_cli.regions.plane import counting as plane
from triangle_cli.regions.space import arena, partition
from triangle_cli.regions.space.counting import Walker, joined
from triangle_cli.regions.space.tables import bits_lost, split_digits, with_digits


def network(*sizes, seed=0):
    """Weights of variance 2 / fan-in and normal biases: breakpoints all over the box, bounds lost layer by layer."""
    torch.manual_seed(seed)
    weights = [torch.randn(b, a, dtype=torch.float64) * (2 / a) ** 0.5 for a, b in pairwise(sizes)]
    return weights, [torch.randn(len(weight), dtype=torch.float64) for weight in weights]


def arrays(weights, biases):
    return [w.numpy() for w in weights], [b.numpy() for b in biases]


def walked(weights, biases, box):
    """(linear regions, activation regions, dead neurons, questions in integers, digits used)."""
    walker = Walker(*arrays(weights, biases), np.array(box, float))
    found = walker.run()
    counts = found.cells - joined(found.joins), found.cells, int((~found.alive).sum())
    return *counts, found.questions, int(walker.arena.control[arena.DIGITS])


def in_integers(weights, biases, box):
    counter = line.count_regions if len(box) == 1 else plane.count_plane
    found = counter(weights, biases, box)
    return int(found.linear_regions), int(found.activation_regions), int(found.dead_neurons)


@pytest.mark.parametrize(("inputs", "width", "depth"), [(2, 8, 60), (1, 8, 90), (2, 12, 24)])
def test_deep_networks_have_the_counts_of_integers(inputs, width, depth):
    net, box = network(inputs, *[width] * depth, 1), [[-1.0, 1.0]] * inputs
    assert walked(*net, box)[:3] == in_integers(*net, box)


def test_two_inputs_and_a_hundred_layers():
    net, box = network(2, *[8] * 100, 1), [[-1, 1]] * 2
    assert deep.is_deep(Networks.of(*net))
    found = count_regions(*net, box)
    assert (found.activation_regions, found.linear_regions) == (384, 384)
    assert walked(*net, box)[3] == 0
    assert walked(*net, box)[4] > 5
    shapes = polygons(*net, box)
    assert len(shapes.offsets) == 385
    x, y = shapes.vertices.T
    turned = torch.arange(len(x)) + 1
    turned[shapes.offsets[1:] - 1] = shapes.offsets[:-1]
    # anticlockwise, and tiling the box
    assert (x * y[turned] - x[turned] * y).sum().item() / 2 == pytest.approx(4)


def test_one_input_and_a_hundred_layers():
    net = network(1, *[8] * 100, 1)
    assert bits_lost(arrays(*net)[0]) > deep.LINE_BITS
    found = count_regions(*net, [[-1, 1]])
    columns = pieces(*net, [[-1, 1]])
    assert len(columns.left) == found.linear_regions
    assert columns.left[0] == -1
    assert columns.right[-1] == 1
    assert (columns.left[1:] == columns.right[:-1]).all()
    middle = (columns.left + columns.right)[:, None] / 2
    values = middle
    for weight, bias in zip(*net):
        values = (values if weight is net[0][0] else values.relu()) @ weight.T + bias
    assert torch.allclose(values, columns.slope * middle + columns.intercept, rtol=1e-6)


def test_shallow_networks_ask_for_no_digits():
    assert walked(*network(2, 16, 16, 1), [[-1, 1]] * 2)[3:] == (0, 0)


def test_ties_of_simple_weights_are_no_questions_for_integers():
    fold = torch.tensor([[2.0, -4.0], [2.0, -4.0]]).double()
    weights = [torch.eye(2).double().repeat_interleave(2, 0), *[torch.block_diag(fold, fold)] * 3]
    weights.append(torch.block_diag(fold[:1], fold[:1]))
    biases = [torch.tensor([0.0, -0.5, 0.0, -0.5]).double()] * 4 + [torch.zeros(2).double()]
    assert walked(weights, biases, [[0, 1]] * 2)[:2] == (256, 256)
    assert walked(weights, biases, [[0, 1]] * 2)[3] == 0


def test_corners_of_a_deep_network_are_placed_without_integers(monkeypatch):
    weights, biases = arrays(*network(2, *[16] * 30, 1, seed=2))
    net, box = (weights, [bias / 8 for bias in biases]), np.array([[-0.1, 0.1]] * 2)
    with monkeypatch.context() as changed:
        changed.setattr(partition, "FAR", -1.0)
        in_integers = partition.sizes(*net, box)
    with monkeypatch.context() as changed:
        changed.setattr(partition, "Exact", None)
        found = partition.sizes(*net, box)
    assert found.linear == pytest.approx(in_integers.linear, rel=1e-6, abs=1e-12)


def test_digits_hold_numbers_exactly_or_say_that_they_do_not():
    numbers = np.array([[0.1, -1.0], [2.0**-60, 0.0]])
    table, rest = split_digits(numbers, 5, 22)
    assert not rest.any()
    assert (np.abs(table) <= 2**22).all()
    assert (sum(np.ldexp(part, -22 * (i + 1)) for i, part in enumerate(table)) == numbers).all()
    assert split_digits(np.array([2.0**-300]), 5, 22)[1] != 0


def test_layers_too_wide_for_digits_go_without():
    box = np.array([[-1.0, 1.0]] * 2)
    net = arrays(*network(2, 2**17, 1))
    walker = Walker(*net, box)
    assert with_digits(walker.arena, *net, box).control[arena.MOST_DIGITS] == 0
