"""Networks on lines and planes: what is counted is the network itself, not a rounding of it."""

from dataclasses import astuple
from fractions import Fraction

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from regions import reference_line

from triangle_cli.regions import ceiling, count_regions, expected_random, random_slices, restrict
from triangle_cli.regions.slices import PARALLELOGRAM, SEGMENT

FLOATS = st.sampled_from([0.1, -0.2, 0.3, 1 / 3, -0.7, 1.0, 0.0, 2.5, 1e-9, 1e9])


def tensors(layers):
    return [torch.tensor(w, dtype=torch.float64) for w, _ in layers], [
        torch.tensor(b, dtype=torch.float64) for _, b in layers
    ]


@st.composite
def cases(draw, points):
    """Layers of nested lists of a network of three inputs, and points of a slice."""
    layers, fan_in = [], 3
    for width in [*draw(st.lists(st.integers(1, 3), min_size=1, max_size=2)), draw(st.integers(1, 2))]:
        row = st.lists(FLOATS, min_size=fan_in, max_size=fan_in)
        layers.append(
            (
                draw(st.lists(row, min_size=width, max_size=width)),
                draw(st.lists(FLOATS, min_size=width, max_size=width)),
            )
        )
        fan_in = width
    first = draw(st.lists(FLOATS, min_size=3, max_size=3))
    steps = [[1.0, 0.1, -0.3], [0.7, -1.0, 0.1]][: points - 1]
    return layers, [first, *([p + s for p, s in zip(first, step, strict=True)] for step in steps)]


def rational_restriction(layers, points):
    """The first layer times the points, in fractions."""
    origin, *ends = [[Fraction(v) for v in point] for point in points]
    weight = [[Fraction(v) for v in row] for row in layers[0][0]]

    def times(row, x):
        return sum(a * b for a, b in zip(row, x, strict=True))

    first = [
        [times(row, [e - o for e, o in zip(end, origin, strict=True)]) for end in ends] for row in weight
    ]
    bias = [times(row, origin) + Fraction(b) for row, b in zip(weight, layers[0][1], strict=True)]
    return [first, *(w for w, _ in layers[1:])], [bias, *(b for _, b in layers[1:])]


@given(cases(points=2))
def test_counts_on_lines_are_those_of_brute_force_on_the_exact_products(case):
    layers, points = case
    found = count_regions(*restrict(*tensors(layers), points), SEGMENT)
    assert tuple(v.item() for v in astuple(found)) == reference_line.count(
        *rational_restriction(layers, points), 0, 1
    )


@given(cases(points=3))
def test_a_restricted_first_layer_is_the_sum_of_its_copies_exactly(case):
    layers, points = case
    weights, biases = restrict(*tensors(layers), points)
    wanted, constants = (part[0] for part in rational_restriction(layers, points))
    if len(weights) == len(layers):  # no sum needed more than one float
        assert weights[0].tolist() == wanted
        assert biases[0].tolist() == constants
        return
    for row, bias, slopes, constant in zip(weights[1], biases[1], wanted, constants, strict=True):
        for axis in (0, 1):
            copies = weights[0][:, axis].tolist()
            assert set(copies) <= {0.0, 1.0}
            assert (
                sum(Fraction(w) * int(c) for w, c in zip(row.tolist(), copies, strict=True)) == slopes[axis]
            )
        ones = biases[0].tolist()
        total = sum(Fraction(w) * int(c) for w, c in zip(row.tolist(), ones, strict=True))
        assert total + Fraction(bias.item()) == constant


def test_a_kink_that_rounded_products_would_push_out_of_the_line_is_counted():
    weights, biases = tensors([([[0.1, 0.2, 0.3]], [-0.6]), ([[1.0]], [0.0])])
    points = [[0.0, 0.0, 0.0], [1.0, 1.0, 1.0]]  # 0.1 + 0.2 + 0.3 is a little more than the float 0.6
    assert count_regions(*restrict(weights, biases, points), SEGMENT).linear_regions.item() == 2
    rounded = [torch.tensor([[0.6]], dtype=torch.float64), weights[1]]
    assert count_regions(rounded, biases, SEGMENT).linear_regions.item() == 1


def test_a_plane_through_a_plane_is_the_plane():
    torch.manual_seed(0)
    layers = [torch.nn.Linear(2, 8), torch.nn.Linear(8, 8), torch.nn.Linear(8, 1)]
    weights, biases = ([getattr(layer, n).detach() for layer in layers] for n in ("weight", "bias"))
    whole = count_regions(weights, biases, [[-1, 1], [-1, 1]])
    sliced = count_regions(
        *restrict(weights, biases, [[-1.0, -1.0], [1.0, -1.0], [-1.0, 1.0]]), PARALLELOGRAM
    )
    assert astuple(whole) == astuple(sliced)
    assert whole.linear_regions.item() > 20


@pytest.mark.parametrize(
    ("points", "message"),
    [
        ([[0, 0, 0], [0, 0, 0]], "expected two different points"),
        ([[0, 0, 0], [1, 2, 3], [-0.5, -1, -1.5]], "expected three points that are not on one line"),
        ([[0, 0], [1, 1]], "point P has 2 coordinates, expected 3"),
        ([[0, 0, 0], [1, 1, float("nan")]], "point Q has NaN or infinity"),
        ([[0, 0, 0]], "1 points, expected 2 for a line or 3 for a plane"),
        ([[0, 0, 0], [1e308, 1e308, 1e308]], "within float64's range"),
    ],
)
def test_points_that_span_nothing_are_refused(points, message):
    weights, biases = tensors([([[3.0, 2.0, 1.0]], [0.0]), ([[1.0]], [0.0])])
    with pytest.raises(ValueError, match=message):
        restrict(weights, biases, points)


def test_random_slices_lie_in_the_box_and_follow_the_seed():
    box = [[0.0, 1.0], [-5.0, -4.0], [10.0, 30.0]]
    slices = torch.stack(list(random_slices(box, 3, 200, seed=1)))
    lo, hi = torch.tensor(box, dtype=torch.float64).T
    assert slices.shape == (200, 3, 3)
    assert ((slices >= lo) & (slices <= hi)).all()
    assert (slices.amax((0, 1)) - slices.amin((0, 1)) > 0.9 * (hi - lo)).all()
    assert torch.equal(slices, torch.stack(list(random_slices(box, 3, 200, seed=1))))
    assert not torch.equal(slices, torch.stack(list(random_slices(box, 3, 200, seed=2))))


def test_bounds_of_known_architectures():
    assert ceiling([4] * 5, 1) == 5**5
    assert ceiling([2, 3], 2) == 1 * (1 + 3 + 3) + 2 * (1 + 3) + 1  # both on, one off, both off
    assert ceiling([1, 3], 2) == (1 + 3) + 1  # a neuron that is on leaves a line, one that is off a point
    assert ceiling([], 2) == 1
    assert expected_random([4] * 5, 1) == 20
    assert expected_random([4] * 5, 2) == 200
