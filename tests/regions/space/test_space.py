"""Counts of networks of three inputs and more: known answers, then brute force in rational arithmetic."""

import math
from fractions import Fraction
from itertools import combinations, pairwise, permutations, product

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from regions.space import reference_space as reference

from triangle_cli.regions import cells, count_regions, count_some, sizes
from triangle_cli.regions.counting import cell_arrays, polygon_arrays

BOXES = [[-1.0, 1.0], [0.0, 1.0], [-2.0, 3.0], [1.0, 1.0 + 2.0**-50], [-1e-310, 3e-310]]


def tensors(*layers):
    """Weights and biases of layers given as (weight, bias)."""
    columns = [[torch.tensor(part, dtype=torch.float64) for part in layer] for layer in layers]
    return [weight for weight, _ in columns], [bias for _, bias in columns]


def counts(weights, biases, box, **options):
    found = count_regions(weights, biases, box, wide=False, **options)
    return int(found.linear_regions), int(found.activation_regions), int(found.dead_neurons)


def arrangement(planes):
    """One hidden layer with a neuron per hyperplane (a, c): a . x + c = 0; every kink is in the output."""
    normals, constants = zip(*planes)
    return tensors((normals, constants), ([[1.0 + i for i in range(len(planes))]], [0.0]))


def difference(n, i, j, constant=0.0):
    """x_i - x_j + constant."""
    return [float(k == i) - float(k == j) for k in range(n)], constant


def test_braid_arrangements():
    for n in (3, 4, 5):
        planes = [difference(n, i, j) for i, j in combinations(range(n), 2)]
        expected = math.factorial(n)
        assert counts(*arrangement(planes), [[-1, 1]] * n) == (expected, expected, 0)


def test_type_b_arrangements():
    for n in (3, 4):
        planes = [([float(k == i) for k in range(n)], 0.0) for i in range(n)]
        for i, j in combinations(range(n), 2):
            planes += [difference(n, i, j), ([float(k in (i, j)) for k in range(n)], 0.0)]
        expected = 2**n * math.factorial(n)
        assert counts(*arrangement(planes), [[-1, 1]] * n) == (expected, expected, 0)


@pytest.mark.parametrize(("n", "shi", "catalan"), [(3, 16, 30), (4, 125, 336)])
def test_shi_and_catalan_arrangements(n, shi, catalan):
    pairs = list(combinations(range(n), 2))
    planes = [difference(n, i, j, -c) for i, j in pairs for c in (0.0, 1.0)]
    assert counts(*arrangement(planes), [[-9, 9]] * n)[:2] == (shi, shi)
    planes = [difference(n, i, j, -c) for i, j in pairs for c in (-1.0, 0.0, 1.0)]
    assert counts(*arrangement(planes), [[-9, 9]] * n)[:2] == (catalan, catalan)


@pytest.mark.parametrize(("n", "expected"), [(2, 6), (3, 32), (4, 370)])
def test_resonance_arrangements(n, expected):
    planes = [(list(map(float, s)), 0.0) for s in product((0, 1), repeat=n) if any(s)]
    assert counts(*arrangement(planes), [[-1, 1]] * n)[:2] == (expected, expected)
    assert len(cells(*arrangement(planes), [[-1, 1]] * n).volume) == expected


@pytest.mark.parametrize(("n", "expected"), [(2, 14), (3, 104), (4, 1882)])
def test_there_are_as_many_regions_as_threshold_functions(n, expected):
    planes = [([*map(float, corner), 1.0], 0.0) for corner in product((0, 1), repeat=n)]
    assert counts(*arrangement(planes), [[-1, 1]] * (n + 1))[:2] == (expected, expected)


@pytest.mark.parametrize("depths", [(1, 2, 3), (2, 2, 1, 1), (4, 3, 3)])
def test_products_of_sawtooths(depths):
    n, most = len(depths), max(depths)
    fold, top = [[2.0, -4.0], [2.0, -4.0]], [[2.0, -4.0]]
    layers = []
    for level in range(most):  # a sawtooth that is finished is passed on
        blocks, shift = [], []
        for depth in depths:
            if level == 0:
                blocks.append(torch.ones(2, 1))
            else:
                blocks.append(torch.tensor(fold) if level < depth else torch.eye(2))
            shift += [0.0, -0.5] if level < depth else [0.0, 0.0]
        layers.append((torch.block_diag(*blocks).tolist(), shift))
    layers.append((torch.block_diag(*[torch.tensor(top)] * n).tolist(), [0.0] * n))
    expected = 2 ** sum(depths)
    assert counts(*tensors(*layers), [[0, 1]] * n)[:2] == (expected, expected)


def test_wedges_that_touch_in_an_edge_are_two_regions():
    first = [[1, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0], [-1, 1, 0]]  # x, -x, y, -y, y - x
    least, most = [0, 0, 1, -1, -1], [1, -1, 0, 0, 1]  # min(x, y), max(x, y)
    weights, biases = tensors(
        (first, [0.0] * 5), ([least, [-value for value in most]], [0.0, 0.0]), ([[1.0, -1.0]], [0.0])
    )
    assert counts(weights, biases, [[-1, 1]] * 3)[:2] == (6, 6)  # 0 in two quadrants, not joined
    assert counts(weights, biases, [[-1, 1]] * 3, exact=True)[:2] == (6, 6)


def test_kinks_that_cancel_and_duplicates():
    x = [1.0, 2.0, -1.0]
    box = [[-1, 1]] * 3
    assert counts(*tensors(([x, x], [0.5, 0.5]), ([[1.0, -1.0]], [0.0])), box) == (1, 2, 0)
    minus = [-1.0, -2.0, 1.0]
    assert counts(*tensors(([x, minus], [0.5, -0.5]), ([[1.0, -1.0]], [0.0])), box) == (1, 2, 0)
    assert counts(*tensors(([x, x, minus], [0.5, 0.5, -0.5]), ([[1.0, 1.0, 1.0]], [0.0])), box) == (2, 2, 0)
    # across a layer: relu(relu(z)) - relu(z) is 0; the kinks of the two layers are one hyperplane
    layers = ([x], [0.5]), ([[1.0], [0.0]], [0.0, 1.0]), ([[0.0, 1.0]], [0.0])
    assert counts(*tensors(*layers), box) == (1, 2, 0)


def test_a_dead_layer():
    layers = ([[1.0, 2.0, 3.0], [1.0, 0.0, 0.0]], [0.0, 0.0]), ([[-1.0, -1.0]], [-0.5]), ([[1.0]], [0.0])
    assert counts(*tensors(*layers), [[-1, 1]] * 3) == (1, 4, 1)


@pytest.mark.parametrize(
    ("plane", "regions"),
    [
        (([1.0, 1.0, 1.0], -3.0), 1),  # a corner
        (([1.0, 1.0, 0.0], -2.0), 1),  # an edge
        (([1.0, 0.0, 0.0], -1.0), 1),  # a face
        (([1.0, 1.0, 1.0], -1.0), 2),  # through three corners, inside
        (([1.0, -1.0, 0.0], 0.0), 2),  # through two edges, inside
        (([1.0, 1.0, 1.0], -3.0 + 2.0**-51), 2),  # cuts a corner off
    ],
)
def test_hyperplanes_through_corners_edges_and_faces(plane, regions):
    assert counts(*arrangement([plane]), [[-1, 1]] * 3)[:2] == (regions, regions)


def test_slivers():
    thin = 2.0**-60
    planes = [([1.0, 0.0, 0.0], 0.0), ([1.0, 0.0, 0.0], -thin), ([1.0, thin, 0.0], 0.0)]
    assert counts(*arrangement(planes), [[-1, 1]] * 3)[:2] == (5, 5)
    planes.append(([0.0, 1.0, 0.0], -1.0 + 2.0**-52))  # y < 1 by the least
    assert counts(*arrangement(planes), [[-1, 1]] * 3)[:2] == (9, 9)


def test_weights_of_any_size():
    planes = [([1e300, 0.0, 1e-300], 0.0), ([1e-300, 1e-300, 0.0], 1e-301), ([0.0, 0.0, 1.0], 0.5)]
    assert counts(*arrangement(planes), [[-1, 1]] * 3)[:2] == (8, 8)


def test_threads_do_not_change_the_counts():
    torch.manual_seed(0)
    layers = [torch.nn.Linear(a, b).double() for a, b in pairwise((4, 12, 12, 2))]
    net = [layer.weight.detach() for layer in layers], [layer.bias.detach() for layer in layers]
    one = counts(*net, [[-1, 1]] * 4)
    assert one[0] > 500
    assert counts(*net, [[-1, 1]] * 4, threads=2) == counts(*net, [[-1, 1]] * 4, threads=3) == one


@pytest.mark.parametrize("n", [3, 4])
@given(data=st.data())
@settings(max_examples=60, deadline=None)
def test_two_and_three_cuts_are_counted_as_by_making_their_pieces(n, data):
    whole, eighths = st.integers(-3, 3), st.integers(-16, 16)
    planes = data.draw(
        st.lists(st.tuples(st.lists(whole, min_size=n, max_size=n), eighths), min_size=2, max_size=3)
    )
    net = arrangement([([float(a) for a in normal], c / 8) for normal, c in planes])
    assert counts(*net, [[-1, 1]] * n) == counts(*net, [[-1, 1]] * n, exact=True)


@pytest.mark.parametrize("depth", [1, 3, 40])
@pytest.mark.parametrize("threads", [2, 3])
def test_threads_do_not_change_a_bit_of_sizes(depth, threads):
    torch.manual_seed(depth)
    widths = [2, *[12 if depth == 40 else 30] * depth, 1]
    weights = [torch.randn(b, a, dtype=torch.float64) * (2 / a) ** 0.5 for a, b in pairwise(widths)]
    biases = [torch.randn(b, dtype=torch.float64) / 8 for b in widths[1:]]
    weights[0][1], biases[0][1] = 3 * weights[0][0], 3 * biases[0][0]  # regions of several cells
    weights[-1][0, : widths[-2] // 2] = 0
    one, more = (sizes(weights, biases, [[-1, 1]] * 2, threads=n) for n in (1, threads))
    assert len(one.activation) > 100
    for name in ("activation", "linear", "place"):
        assert (getattr(one, name) == getattr(more, name)).all()
    assert one.dead_neurons == more.dead_neurons


def test_a_count_stops_at_its_limit():
    planes = [([1.0, 0.0, 0.0], i / 100) for i in range(-60, 60)]
    net = arrangement(planes)
    found, is_complete = count_some(*net, [[-1, 1]] * 3, limit=50)
    assert not is_complete
    assert 50 <= found <= 52
    assert count_some(*net, [[-1, 1]] * 3, limit=1000) == (121, True)


def test_a_batch_and_no_hidden_layer():
    weights, biases = arrangement([([1.0, 0.0, 0.0], 0.0)])
    many = [w.expand(2, 3, *w.shape) for w in weights], [b.expand(2, 3, *b.shape) for b in biases]
    assert count_regions(*many, [[-1, 1]] * 3).linear_regions.tolist() == [[2] * 3] * 2
    assert counts([torch.ones(2, 3)], [torch.ones(2)], [[-1, 1]] * 3) == (1, 1, 0)


@pytest.mark.parametrize(
    ("box", "message"),
    [
        ([[0, 1]] * 2, r"box: shape \(2, 2\), expected \(3, 2\)"),
        ([[0, 1], [0, 1], [1, 1]], "expected finite ends with lo < hi"),
        ([[0, 1], [0, 1], [0, math.inf]], "expected finite ends with lo < hi"),
    ],
)
def test_boxes_that_do_not_fit_are_refused(box, message):
    with pytest.raises(ValueError, match=message):
        count_regions([torch.ones(1, 3)], [torch.ones(1)], box)


def test_boxes_of_many_inputs_and_cells_of_many_facets_are_refused():
    with pytest.raises(ValueError, match="784 inputs: expected at most 16"):
        count_regions([torch.ones(1, 784)], [torch.ones(1)], [[0, 1]] * 784)
    angles = torch.arange(80, dtype=torch.float64) * (2 * math.pi / 80)
    prism = torch.stack([angles.cos(), angles.sin(), 0 * angles], 1)  # 80 planes around an axis
    with pytest.raises(ValueError, match="a cell with more than 64 facets"):
        count_regions(
            [prism, torch.ones(1, 80).double()],
            [-torch.ones(80).double(), torch.zeros(1).double()],
            [[-2, 2]] * 3,
        )


@pytest.mark.parametrize("widths", [(3, 7, 6, 2), (4, 6, 5, 1), (5, 7, 1)])
def test_cells_tile_the_box_and_carry_the_map(widths):
    torch.manual_seed(1)
    layers = [torch.nn.Linear(a, b).double() for a, b in pairwise(widths)]
    net = [layer.weight.detach() for layer in layers], [layer.bias.detach() for layer in layers]
    box = torch.tensor([[-1.0, 2.0]] * widths[0])
    found = cells(*net, box)
    linear, activation, _ = counts(*net, box)
    assert (int(found.linear_region.max()) + 1, len(found.volume)) == (linear, activation)
    assert len({tuple(row) for row in found.on.tolist()}) == activation
    assert found.volume.sum().item() == pytest.approx(3.0 ** widths[0], rel=1e-9)
    model = torch.nn.Sequential(*[part for layer in layers for part in (layer, torch.nn.ReLU())][:-1])
    for i in range(activation):
        corners = found.vertices[found.offsets[i] : found.offsets[i + 1]]
        inside = corners.mean(0)
        assert torch.allclose(model(inside), found.gradient[i] @ inside + found.intercept[i])
        spaces = slice(*found.half_space_offsets[i : i + 2].tolist())
        heights = corners @ found.normals[spaces].T + found.constants[spaces]
        assert heights.min() > -1e-9
        assert ((heights.abs() < 1e-9).sum(0) >= widths[0]).all()  # each a facet
    shares = sizes(*net, box)
    assert shares.activation.sum() == pytest.approx(1, rel=1e-9)
    assert len(shares.linear) == linear


@st.composite
def networks(draw, numbers, inputs):
    """Weights, biases, box, with entries from `numbers`: 1 to 3 hidden layers, 1 or 2 outputs."""
    n = draw(st.sampled_from(inputs))
    widest = 4 if n < 4 else 3
    widths = [n, *draw(st.lists(st.integers(1, widest), min_size=1, max_size=3)), draw(st.integers(1, 2))]
    weights, biases = [], []
    for fan_in, width in pairwise(widths):
        rows = draw(st.lists(numbers, min_size=width * (fan_in + 1), max_size=width * (fan_in + 1)))
        layer = torch.tensor(rows, dtype=torch.float64).reshape(width, fan_in + 1)
        weights.append(layer[:, :-1])
        biases.append(layer[:, -1])
    box = draw(st.lists(st.sampled_from(BOXES), min_size=n, max_size=n))
    return weights, biases, box


NUMBERS = {
    "integers": st.integers(-2, 2),
    "sparse": st.sampled_from([0, 0, 0, 1, -1]),
    "nearly-integers": st.tuples(st.integers(-2, 2), st.integers(-2, 2)).map(
        lambda n: n[0] * (1 + n[1] * 2.0**-52)
    ),
    "any-scale": st.tuples(st.integers(-3, 3), st.sampled_from([-300, -150, -8, 0, 8, 150, 300])).map(
        lambda n: n[0] * 10.0 ** n[1]
    ),
}


def check_brute_force(numbers, examples, inputs):
    @settings(max_examples=examples, deadline=None, derandomize=True)
    @given(net=networks(numbers, inputs))
    def check(net):
        weights, biases, box = net
        expected = reference.counts(weights, biases, torch.tensor(box, dtype=torch.float64))
        for options in ({}, {"exact": True}, {"threads": 2}):
            assert counts(weights, biases, box, **options) == expected, options

    check()


@pytest.mark.parametrize("kind", NUMBERS)
def test_small_networks_agree_with_brute_force(kind):
    check_brute_force(NUMBERS[kind], 12, [3])


@pytest.mark.slow
@pytest.mark.parametrize("kind", NUMBERS)
def test_many_small_networks_agree_with_brute_force(kind):
    check_brute_force(NUMBERS[kind], 150, [3, 3, 4])


def test_a_vertex_of_one_path_is_not_taken_for_that_of_another():
    """Vertices on facets of several layers, asked of the integers by one cell after another, neurons in any order."""
    rows, constants = [[0, 1], [1, 0], [0, 1.25], [-0.5, 0.5]], [1, 0, -1, 1]
    for order in permutations(range(4)):
        first = [rows[i] for i in order], [constants[i] for i in order]
        second = [[[-1, 1, 0, 1][i] for i in order]], [0]
        weights, biases = tensors(first, second, ([[1]], [0]), ([[1]], [0]))
        found = cells(weights, biases, [[-1, 1]] * 2, adjacency=True)
        assert (len(found.linear_region.unique()), len(found.volume)) == (3, 8)
        assert count_some(weights, biases, [[-1, 1]] * 2, limit=100) == (8, True)


@pytest.mark.parametrize("exact", [False, True])
def test_corners_that_floats_cannot_place_are_placed_in_integers(exact):
    """The second layer's neurons are 21 / 7 - 3 times one: what is left cuts at y = -0.762, which floats do not see."""
    weights, biases = tensors(
        ([[0, -1]], [0]), ([[21], [3]], [8.88e-16, 0]), ([[1 / 7, -1], [0, 0]], [0, 1]), ([[0, 0]], [0])
    )
    cut = (Fraction(1 / 7) * Fraction(8.88e-16)) / (21 * Fraction(1 / 7) - 3)
    found = cells(weights, biases, [[-1, 1]] * 2, exact=exact)
    expected = sorted([0.5, float((1 - abs(cut)) / 2), float(abs(cut) / 2)])
    assert sorted((found.volume / 4).tolist()) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("inputs", [2, 3])
def test_numbers_beyond_floats_on_the_way_leave_no_nan(inputs):
    weights = [np.full((2, inputs), 1e300), np.array([[1e300, 1e300]]), np.array([[1e-300]])]
    weights[0][1] = -0.5
    biases = [np.zeros(2), np.zeros(1), np.zeros(1)]
    found = cell_arrays(weights, biases, [[-1.0, 1.0]] * inputs)
    assert len(found["on"]) == 2
    for name in ("gradient", "intercept", "normals", "constants"):
        assert np.isfinite(found[name]).all()
    steep = found["on"][:, 0]
    assert found["gradient"][~steep] == pytest.approx(-0.5)
    assert found["gradient"][steep] == pytest.approx(1e300)
    if inputs == 2:
        gradient = polygon_arrays(weights, biases, [[-1.0, 1.0]] * 2)[3]
        assert sorted(gradient[:, 0, 0].tolist()) == pytest.approx([-0.5, 1e300])


@pytest.mark.parametrize("inputs", [2, 3])
def test_a_narrow_box_far_from_0_has_the_shares_of_any_other(inputs):
    half, gap = 2.0**-40, 2.0**-60
    weights = [np.zeros((2, inputs)), np.ones((1, 2))]
    weights[0][:, :2] = [1.0, -1.0]
    biases = [np.array([0.0, -gap]), np.zeros(1)]  # relu(x - y) and relu(x - y - gap)
    found = sizes(weights, biases, [[1 - half, 1 + half]] * inputs)
    strip = gap / (2 * half)
    expected = [strip - strip**2 / 2, 0.5 - strip + strip**2 / 2, 0.5]
    assert sorted(found.activation) == pytest.approx(expected, rel=1e-9)
    assert sum(found.activation) == pytest.approx(1, rel=1e-12)
