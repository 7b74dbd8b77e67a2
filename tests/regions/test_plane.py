"""Two-dimensional region counter: known answers, affine maps, batches, errors."""

import math
from itertools import pairwise

import pytest
import torch

from triangle_cli.regions.plane.counting import count_plane, polygons
from triangle_cli.regions.plane.exact import Oracle

SQUARE = [[0.0, 1.0], [0.0, 1.0]]


def network(*layers):
    """Weights and biases from ([[w, ..], ..], [b, ..]) pairs."""
    weights = [torch.tensor(w, dtype=torch.float64) for w, _ in layers]
    return weights, [torch.tensor(b, dtype=torch.float64) for _, b in layers]


def random_network(sizes, seed, dtype=torch.float64):
    torch.manual_seed(seed)
    layers = [torch.nn.Linear(a, b, dtype=dtype) for a, b in pairwise(sizes)]
    return [layer.weight for layer in layers], [layer.bias for layer in layers]


def arrangement(lines):
    """One hidden neuron per line (a, b, c): a x + b y + c = 0; one output that hears every neuron."""
    lines = torch.tensor(lines, dtype=torch.float64)
    heard = 1.7 ** torch.arange(len(lines), dtype=torch.float64)[None]
    return [lines[:, :2], heard], [lines[:, 2], torch.zeros(1, dtype=torch.float64)]


def both(weights, biases, box=SQUARE):
    """(linear, activation) regions, the same in floats and in integers."""
    counts = count_plane(weights, biases, box)
    for name, value in vars(count_plane(weights, biases, box, exact=True)).items():
        assert torch.equal(value, getattr(counts, name)), name
    return int(counts.linear_regions), int(counts.activation_regions)


def sawtooths(depth, coordinates):
    """Outputs s(x_0), .. for the sawtooth s of 2^depth pieces on [0, 1], two neurons per coordinate."""
    n, weights, biases = len(coordinates), [], []
    for layer in range(depth + 1):
        rows = n if layer == depth else 2 * n
        weight, bias = torch.zeros(rows, 2 * n if layer else 2).double(), torch.zeros(rows).double()
        for i, coordinate in enumerate(coordinates):
            mine = slice(i, i + 1) if layer == depth else slice(2 * i, 2 * i + 2)
            if layer == 0:
                weight[mine, coordinate] = 1.0
            else:
                weight[mine, 2 * i : 2 * i + 2] = torch.tensor([2.0, -4.0]).double()
            if layer < depth:
                bias[2 * i + 1] = -0.5
        weights.append(weight)
        biases.append(bias)
    return weights, biases


@pytest.mark.parametrize("seed", range(5))
def test_lines_in_general_position_make_one_region_each_and_one_per_crossing(seed):
    generator = torch.Generator().manual_seed(seed)
    turns = torch.rand(12, generator=generator, dtype=torch.float64) * math.tau
    offsets = torch.rand(12, generator=generator, dtype=torch.float64) - 0.5
    lines = torch.stack([turns.cos(), turns.sin(), offsets], dim=1)  # all meet the square [-1, 1]^2
    crossings = 0
    for i in range(12):
        for j in range(i):
            x, y = torch.linalg.solve(lines[[i, j], :2], -lines[[i, j], 2]).tolist()
            crossings += abs(x) < 1 and abs(y) < 1
    expected = 1 + 12 + crossings
    assert both(*arrangement(lines.tolist()), [[-1, 1], [-1, 1]]) == (expected, expected)


@pytest.mark.parametrize("n", [2, 3, 7, 16])
def test_lines_through_one_point_make_two_regions_each(n):
    lines = [(k, n - k, -n / 2) for k in range(n)]  # all through (1/2, 1/2)
    assert both(*arrangement(lines)) == (2 * n, 2 * n)


@pytest.mark.parametrize("n", range(1, 26))
def test_lines_that_all_cross_in_one_cell(n):
    turns = [math.pi * k / n + 0.1 for k in range(n)]
    tangents = [(math.cos(turn), math.sin(turn), -0.02) for turn in turns]  # of a small circle
    expected = 1 + n + n * (n - 1) // 2
    assert both(*arrangement(tangents), [[-1, 1], [-1, 1]]) == (expected, expected)


def test_lines_on_the_edge_or_through_a_corner_of_the_box_count_only_inside():
    on_edges = [(1, 0, 0), (1, 0, -1), (0, 1, 0), (0, -1, 1)]
    at_corners = [(1, 1, 0), (1, 1, -2), (1, -1, -1)]
    assert both(*arrangement(on_edges + at_corners)) == (1, 1)
    assert both(*arrangement([*on_edges, (1, -1, 0)])) == (2, 2)


def test_coincident_lines_make_one_border():
    lines = [(1, 2, -1), (2, 4, -2), (-3, -6, 3), (1, -1, 0)]
    assert both(*arrangement(lines)) == (4, 4)


def test_neurons_that_cancel_leave_no_linear_border():
    hidden = ([[1, 1], [1, 1], [1, -1]], [-1, -1, 0])
    assert both(*network(hidden, ([[1, -1, 1]], [0]))) == (2, 4)
    # relu(z) - relu(-z) = z is linear although both neurons turn
    assert both(*network(([[1, 0], [-1, 0]], [-0.5, 0.5]), ([[1, -1]], [0]))) == (1, 2)
    assert both(*network(([[1, 0], [-1, 0]], [-0.5, 0.5]), ([[1, 1]], [0]))) == (2, 2)


def test_a_kink_in_any_output_is_a_kink():
    hidden = ([[1, 0], [0, 1]], [-0.5, -0.5])
    assert both(*network(hidden, ([[1, 0]], [0]))) == (2, 4)
    assert both(*network(hidden, ([[1, 0], [0, 1]], [0, 0]))) == (4, 4)


def test_regions_that_touch_in_a_point_are_two():
    weights, biases = network(
        ([[1, 0], [0, 1], [0, -1]], [-0.5, -0.5, 0.5]),  # u+, v+, v-  with u = x - 1/2, v = y - 1/2
        ([[1, -1, -1]], [0]),  # (u+ - |v|)+
        ([[1]], [0]),
    )
    assert both(weights, biases)[0] == 3  # 0 outside, two different slopes above and below y = 1/2
    mirrored = network(
        ([[1, 0], [-1, 0], [0, 1], [0, -1]], [-0.5, 0.5, -0.5, 0.5]),
        ([[1, 1, -1, -1]], [0]),  # (|u| - |v|)+: 0 above and below the centre, which touch in a point
        ([[1]], [0]),
    )
    assert both(*mirrored) == (6, 8)


def test_the_same_map_in_two_places_is_two_regions():
    # a ridge 1/4 - |x - 1/2|, cut off at 0: the function is 0 on the left and on the right
    assert both(*network(([[1, 0]] * 3, [-0.25, -0.5, -0.75]), ([[1, -2, 1]], [0]))) == (4, 4)


@pytest.mark.parametrize(("a", "b"), [(1, 1), (2, 3), (4, 4), (5, 3)])
def test_sawtooth_grids_have_2_to_the_a_times_2_to_the_b_regions(a, b):
    x_weights, x_biases = sawtooths(a, [0])
    y_weights, y_biases = sawtooths(b, [1])
    while len(x_weights) != len(y_weights):  # lengthen the shorter by layers that pass its output s >= 0 on
        short_weights, short_biases = (x_weights, x_biases) if a < b else (y_weights, y_biases)
        short_weights.append(torch.ones(1, 1).double())
        short_biases.append(torch.zeros(1).double())
    weights = [torch.cat([x_weights[0], y_weights[0]])]
    weights += [torch.block_diag(x, y) for x, y in zip(x_weights[1:], y_weights[1:])]
    biases = [torch.cat(pair) for pair in zip(x_biases, y_biases)]
    counts = count_plane(weights, biases, SQUARE)
    assert int(counts.linear_regions) == 2**a * 2**b == int(counts.wide_linear_regions)
    assert torch.equal(counts.linear_regions, count_plane(weights, biases, SQUARE, exact=True).linear_regions)


def test_sawtooth_of_4096_strips():
    assert int(count_plane(*sawtooths(12, [0]), SQUARE).linear_regions) == 4096


def test_sum_of_sawtooths_has_a_region_per_cell_of_the_grid():
    weights, biases = sawtooths(3, [0, 1])
    weights[-1], biases[-1] = weights[-1].sum(dim=0, keepdim=True), torch.zeros(1).double()
    # slopes (+-8, +-8) differ between neighbours
    assert both(weights, biases)[0] == 64


def test_dead_and_constant_networks_have_one_region():
    dead = network(([[1, 1]] * 3, [-5, -2, -9]), ([[1, 1, 1]] * 2, [0, -1]), ([[1, 1]], [2]))
    assert both(*dead) == (1, 1)
    assert int(count_plane(*dead, SQUARE).dead_neurons) == 5
    zero = network(([[0, 0]] * 3, [0, 1, -1]), ([[0, 0, 0]], [0]))
    assert both(*zero) == (1, 1)
    assert int(count_plane(*zero, SQUARE).dead_neurons) == 2
    unheard = network(([[1, 0], [0, 1]], [-0.5, -0.5]), ([[0, 0]], [3]))
    assert both(*unheard) == (1, 4)


def test_a_network_without_hidden_layer_is_one_region():
    assert both(*network(([[1, 2], [3, 4]], [5, 6]))) == (1, 1)


def test_slivers_are_counted_but_not_wide():
    ulp = 2.0**-52
    # x = 1/2 and 1/2 + 2^-52, and a line that crosses between them, from x = 1/2 at the bottom to 1/2 + 2^-51
    weights, biases = arrangement([(1, 0, -0.5), (1, 0, -0.5 - ulp), (1, -2 * ulp, -0.5)])
    assert both(weights, biases) == (5, 5)
    counts = count_plane(weights, biases, SQUARE)
    assert int(counts.wide_linear_regions) == int(counts.wide_activation_regions) == 2


def test_wide_is_decided_exactly_at_the_threshold():
    # strips of exactly 2^-30 (< 1e-9) and of 2^-29 (> 1e-9) of the box
    for width, expected in ((2.0**-30, 1), (2.0**-29, 2)):
        counts = count_plane(*arrangement([(1, 0, -width)]), SQUARE)
        assert (int(counts.linear_regions), int(counts.wide_linear_regions)) == (2, expected)


@pytest.mark.parametrize("size", [2.0**-900, 2.0**-300, 2.0**300, 2.0**900])
def test_boxes_of_any_size(size):
    weights, biases = random_network([2, 6, 6, 1], seed=4)
    scaled = [biases[0] * size, biases[1] * size, biases[2]]
    assert both(weights, scaled, [[-size, size], [-size, size]]) == both(weights, biases, [[-1, 1], [-1, 1]])
    counts = count_plane(weights, scaled, [[-size, size], [-size, size]])
    assert torch.equal(counts.wide_linear_regions, counts.linear_regions)


@pytest.mark.parametrize("scale", [1e-300, 1e-160, 1e160, 1e300])
def test_extreme_weights_change_nothing(scale):
    weights, biases = random_network([2, 6, 6, 1], seed=3)
    expected = both(weights, biases, [[-1, 1], [-1, 1]])
    scale = 2.0 ** round(math.log2(scale))  # relu(s z) = s relu(z): the same regions
    weights = [weights[0] * scale, weights[1] / scale, weights[2]]
    biases = [biases[0] * scale, biases[1], biases[2]]
    assert both(weights, biases, [[-1, 1], [-1, 1]]) == expected


def test_random_networks_have_the_counts_that_others_find():
    # 1,180 and 6,668 as other region counters find on the same networks
    for width, expected in ((32, 1180), (64, 6668)):
        net = random_network([2, width, width, width, 1], seed=0, dtype=torch.float32)
        assert int(count_plane(*net, [[-1, 1], [-1, 1]]).activation_regions) == expected


def test_float32_is_the_network_of_those_floats():
    weights, biases = random_network([2, 9, 9, 2], seed=1, dtype=torch.float32)
    assert both(weights, biases) == both([w.double() for w in weights], [b.double() for b in biases])


def test_a_batch_counts_each_of_its_networks():
    nets = [random_network([2, 5, 4, 1], seed=seed) for seed in range(6)]
    weights = [torch.stack(layer).reshape(2, 3, *layer[0].shape) for layer in zip(*(w for w, _ in nets))]
    biases = [torch.stack(layer).reshape(2, 3, *layer[0].shape) for layer in zip(*(b for _, b in nets))]
    batch = count_plane(weights, biases, SQUARE)
    for i, (w, b) in enumerate(nets):
        for name, value in vars(count_plane(w, b, SQUARE)).items():
            assert value.shape == ()
            assert value == getattr(batch, name)[i // 3, i % 3]


def test_empty_layers_and_batches():
    zeros = torch.zeros
    assert int(count_plane([zeros(0, 2), zeros(1, 0)], [zeros(0), zeros(1)], SQUARE).activation_regions) == 1
    counts = count_plane([zeros(0, 3, 2), zeros(0, 1, 3)], [zeros(0, 3), zeros(0, 1)], SQUARE)
    assert counts.linear_regions.shape == (0,)


def test_a_polygon_is_a_domain():
    weights, biases = arrangement([(1, -1, 0), (1, 1, -1)])
    assert both(weights, biases, [[0, 0], [1, 0], [0, 1]]) == (2, 2)
    assert both(weights, biases, [[0, 1], [1, 1], [1, 0], [0, 0]]) == both(weights, biases)


@pytest.mark.parametrize("exact", [False, True])
@pytest.mark.parametrize(
    "net", [random_network([2, 12, 10, 3], seed=2), sawtooths(3, [0, 1])], ids=["random", "grid"]
)
def test_polygons_carry_the_function_and_tile_the_box(net, exact):
    weights, biases = net
    found = polygons(weights, biases, SQUARE, exact=exact)
    counts = count_plane(weights, biases, SQUARE)
    n = len(found.offsets) - 1
    assert n == int(counts.activation_regions)
    assert found.linear_region.unique().tolist() == list(range(int(counts.linear_regions)))
    total = 0.0
    for i in range(n):
        corners = found.vertices[found.offsets[i] : found.offsets[i + 1]]
        after = corners.roll(-1, 0)
        total += (
            corners[:, 0] * after[:, 1] - corners[:, 1] * after[:, 0]
        ).sum().item() / 2  # > 0: anticlockwise
        y = corners
        for weight, bias in zip(weights[:-1], biases[:-1]):
            y = torch.relu(y @ weight.T + bias)
        y = y @ weights[-1].T + biases[-1]
        torch.testing.assert_close(
            corners @ found.gradient[i].T + found.intercept[i], y, rtol=1e-9, atol=1e-9
        )
    assert total == pytest.approx(1.0, abs=1e-12)


def test_equal_maps_in_one_linear_region():
    weights, biases = network(([[1, 1], [1, 1], [1, -1]], [-1, -1, 0]), ([[1, -1, 1]], [0]))
    found = polygons(weights, biases, SQUARE)
    for label in found.linear_region.unique():
        assert len(found.gradient[found.linear_region == label].unique(dim=0)) == 1


@pytest.mark.parametrize(
    ("box", "message"),
    [
        ([[0, 1], [1, 1]], "no size"),
        ([[1, 0], [0, 1]], "no size"),
        ([[0, float("inf")], [0, 1]], "finite"),
        ([0, 1], "shape"),
        ([[0, 1]], "shape"),
        ([[0, 0], [1, 1], [2, 2]], "convex"),
        ([[0, 0], [1, 0], [0.1, 0.1], [0, 1]], "convex"),
        ([[0, 0], [1, 1], [1, 0], [0, 1]], "convex"),
    ],
)
def test_a_bad_box_is_refused_by_name(box, message):
    with pytest.raises(ValueError, match=f"box: .*{message}"):
        count_plane(*arrangement([(1, 1, -1)]), box)


def test_bad_weights_are_refused_by_name():
    weights, biases = random_network([2, 4, 1], seed=0)
    with torch.no_grad():
        nan, infinite = weights[0].clone(), biases[1].clone()
        nan[0, 0], infinite[0] = float("nan"), float("inf")
    with pytest.raises(ValueError, match=r"weights\[0\]: contains nan"):
        count_plane([nan, weights[1]], biases, SQUARE)
    with pytest.raises(ValueError, match=r"biases\[1\]: contains inf"):
        count_plane(weights, [biases[0], infinite], SQUARE)
    with pytest.raises(ValueError, match=r"weights\[0\]: shape \(4, 3\), expected \(4, 2\)"):
        count_plane([torch.zeros(4, 3), weights[1]], biases, SQUARE)
    with pytest.raises(ValueError, match=r"weights\[1\]: shape \(1, 5\), expected \(1, 4\)"):
        count_plane([weights[0], torch.zeros(1, 5)], biases, SQUARE)
    with pytest.raises(ValueError, match=r"biases\[0\]: shape \(3,\), expected \(4,\)"):
        count_plane(weights, [torch.zeros(3), biases[1]], SQUARE)
    with pytest.raises(ValueError, match=r"weights\[0\]: shape \(2,\), expected \(\*batch, out, 2\)"):
        count_plane([torch.zeros(2)], [torch.zeros(())], SQUARE)
    with pytest.raises(ValueError, match="2 and 1 layers"):
        count_plane(weights, biases[:1], SQUARE)
    with pytest.raises(ValueError, match=r"weights\[0\]: dtype torch.int64"):
        count_plane([torch.zeros(4, 2, dtype=torch.int64), weights[1]], biases, SQUARE)
    with pytest.raises(ValueError, match="weights have batch shape"):
        polygons([w[None] for w in weights], [b[None] for b in biases], SQUARE)


def test_short_numbers_stay_exact_and_leave_nothing_to_integers(monkeypatch):
    monkeypatch.setattr(Oracle, "signs", None)
    first, shift = torch.eye(2).repeat_interleave(2, 0) / 2, torch.tensor([0.0, -0.5]).repeat(2)
    fold = torch.block_diag(*[torch.tensor([[2.0, -4.0], [2.0, -4.0]])] * 2)
    weights, biases = [first, fold, fold, torch.ones(1, 4)], [shift + 0.5, shift, shift, torch.zeros(1)]
    counts = count_plane([w.double() for w in weights], [b.double() for b in biases], [[-1, 1], [-1, 1]])
    assert counts.activation_regions == 4**3
