"""Facets of which several neurons turn at once: known answers, and the same count by other means."""

from itertools import pairwise

import numpy as np
import pytest

from triangle_cli.regions.space.counting import Walker, count, joined

FACTORS = (1.0, -1.0, 0.5, -4.0, 3.0)


def box_of(n):
    return np.array([[-1.0, 1.0]] * n)


def random_network(seed, *sizes):
    rng = np.random.default_rng(seed)
    weights = [rng.standard_normal((b, a)) / np.sqrt(a) for a, b in pairwise(sizes)]
    return weights, [rng.standard_normal(b) / 2 for b in sizes[1:]]


def with_copies(net, layer, factors, outgoing):
    """The network with every neuron of a layer again for each factor; outgoing: of each the multiple of its weights."""
    weights, biases = ([array.copy() for array in arrays] for arrays in net)
    row, out = weights[layer], weights[layer + 1]
    weights[layer] = np.concatenate([row, *(factor * row for factor in factors)])
    biases[layer] = np.concatenate([biases[layer], *(factor * biases[layer] for factor in factors)])
    weights[layer + 1] = np.concatenate([out, *(factor * out for factor in outgoing)], axis=1)
    return weights, biases


def without_integers(net, n):
    """Linear and activation regions, where no question and no facet is left to integers."""
    walker = Walker(*net, box_of(n))
    found = walker.run()
    assert found.questions == 0
    assert walker._looks is None
    return found.cells - joined(found.joins), found.cells


@pytest.mark.parametrize("layer", [0, 1, 2])
@pytest.mark.parametrize("factor", FACTORS)
def test_copies_of_a_layer_change_nothing(layer, factor):
    exact = random_network(layer, 2, 6, 6, 6, 2)
    # 3 times each fits
    net = tuple([array.astype(np.float32).astype(float) for array in arrays] for arrays in exact)
    expected = count(*net, box_of(2))[:2]
    copied = with_copies(net, layer, [factor], [0.0])
    assert count(*copied, box_of(2))[:2] == expected
    cancelling = with_copies(net, layer, [factor] * 2, [0.5, -0.5])
    assert count(*cancelling, box_of(2))[:2] == expected


@pytest.mark.parametrize("layer", [0, 1, 2])
def test_a_layer_made_linear_by_copies_counts_as_one_without_relu(layer):
    for n, net in ((2, random_network(layer, 2, 6, 6, 6, 2)), (3, random_network(9, 3, 4, 4, 4, 1))):
        split = with_copies(net, layer, [-1.0], [-1.0])  # relu(z) - relu(-z)
        linear = [np.full(len(bias), l == layer) for l, bias in enumerate(net[1][:-1])]
        expected = count(*net, box_of(n), linear=linear)[0]
        found = without_integers(split, n)
        assert found[0] == expected < found[1]


@pytest.mark.parametrize("layer", [0, 1])
def test_copies_that_cancel_leave_the_kinks_of_no_layer(layer):
    net = random_network(layer, 3, 5, 5, 1)
    linear, cells = without_integers(with_copies(net, layer, [1.0], [-1.0]), 3)
    if layer == 1:  # the output is constant
        assert linear == 1
    assert cells > 5
    assert linear == count(*with_copies(net, layer, [1.0], [-1.0]), box_of(3), exact=True)[0]


def test_an_output_that_cancels_in_a_deep_network_is_one_region():
    net = random_network(2, 2, *[8] * 6, 1)
    linear, cells, _ = count(*with_copies(net, 5, [1.0], [-1.0]), box_of(2))
    assert linear == 1 < cells


def test_hundreds_of_identical_neurons():
    net = random_network(0, 6, 1, 1)
    assert without_integers(with_copies(net, 0, [1.0, -2.0] * 150, np.linspace(1, 2, 300)), 6) == (2, 2)
    several = random_network(1, 4, 5, 1)
    expected = count(*several, box_of(4))[:2]
    assert without_integers(with_copies(several, 0, [1.0] * 50, np.linspace(1, 2, 50)), 4) == expected


@pytest.mark.parametrize(("depth", "n"), [(5, 2), (3, 3)])
def test_products_of_sawtooths_need_no_integers(depth, n):
    shift = np.tile([0.0, -0.5], n)
    fold = np.kron(np.eye(n), [[2.0, -4.0], [2.0, -4.0]])
    weights = [np.repeat(np.eye(n), 2, 0) / 2, *[fold] * (depth - 1), fold[::2]]
    biases = [shift + 0.5, *[shift] * (depth - 1), np.zeros(n)]
    assert without_integers((weights, biases), n) == (2 ** (depth * n),) * 2


def test_neurons_of_later_layers_turn_with_a_facet():
    # relu(x) and relu(-x), then relu(x - 2 relu(-x)..): at x = 0 two neurons turn in each of two layers
    first = np.array([[1.0, 0.0], [-1.0, 0.0]]), np.zeros(2)
    second = np.array([[1.0, -1.0], [-1.0, 1.0]]), np.zeros(2)  # x and -x again
    for top, linear in (([1.0, -1.0], 1), ([1.0, 1.0], 2), ([0.0, 0.0], 1)):
        weights, biases = zip(first, second, (np.array([top]), np.zeros(1)))
        assert count(list(weights), list(biases), box_of(2)) == (linear, 2, 0)
        turned = [weights[0] * np.array([[0.1, 0.7]]) + np.array([[0.0, 0.3], [0.0, -0.3]]), *weights[1:]]
        turned[0][1] = -turned[0][0]
        assert count(turned, list(biases), box_of(2)) == (linear, 2, 0)


def test_a_change_below_the_smallest_float_is_a_change():
    tiny = 1e-150  # three of these on the only path: 1e-450
    fold = np.array([[tiny, 1.0], [0.0, 1.0]])
    weights = [np.array([[1.0, 0.0], [0.0, 0.5]]), fold, fold, fold[:1]]
    biases = [np.array([0.0, 1.0]), np.zeros(2), np.zeros(2), np.zeros(1)]
    assert count(weights, biases, box_of(2)) == (2, 2, 0)
