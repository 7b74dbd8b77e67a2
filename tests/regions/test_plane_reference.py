"""The two-dimensional counter against brute force in rational arithmetic (`reference_plane.py`)."""

from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from regions import reference_plane as reference

from triangle_cli.regions.plane import mesh
from triangle_cli.regions.plane.counting import count_plane, polygons

BOXES = [
    [[-1.0, 1.0], [-1.0, 1.0]],
    [[0.0, 1.0], [0.0, 1.0]],
    [[-2.0, 3.0], [-1.0, 0.5]],
    [[0.0, 0.0], [2.0, 0.0], [1.0, 1.0]],
]


@st.composite
def networks(draw, numbers, widest=5):
    """Weights and biases with entries from `numbers`: 0 to 3 hidden layers, 1 or 2 outputs."""
    sizes = [2, *draw(st.lists(st.integers(1, widest), max_size=3)), draw(st.integers(1, 2))]
    weights, biases = [], []
    for inputs, outputs in pairwise(sizes):
        rows = draw(st.lists(numbers, min_size=outputs * (inputs + 1), max_size=outputs * (inputs + 1)))
        layer = torch.tensor(rows, dtype=torch.float64).reshape(outputs, inputs + 1)
        weights.append(layer[:, :-1])
        biases.append(layer[:, -1])
    return weights, biases


def check_agreement(weights, biases, box):
    """Check that floats, integers and brute force give the same counts."""
    expected = reference.counts(weights, biases, torch.tensor(box, dtype=torch.float64))
    for exact in (False, True):
        found = {
            name: int(value) for name, value in vars(count_plane(weights, biases, box, exact=exact)).items()
        }
        assert found == expected, f"exact={exact}"


integers = st.integers(-2, 2)
halves = st.integers(-3, 3).map(lambda n: n / 2)
sparse = st.sampled_from([0, 0, 0, 1, -1])
nearly_integers = st.tuples(st.integers(-2, 2), st.integers(-2, 2)).map(
    lambda n: n[0] * (1 + n[1] * 2.0**-52)
)
any_scale = st.tuples(st.integers(-3, 3), st.sampled_from([-300, -150, -8, 0, 8, 150, 300])).map(
    lambda n: n[0] * 10.0 ** n[1]
)


@pytest.mark.parametrize(
    "numbers",
    [integers, halves, sparse, nearly_integers, any_scale],
    ids=["integers", "halves", "sparse", "nearly-integers", "any-scale"],
)
def test_small_networks_agree_with_brute_force(numbers):
    @settings(max_examples=100, deadline=None, derandomize=True)
    @given(net=networks(numbers), box=st.sampled_from(BOXES))
    def check(net, box):
        check_agreement(*net, box)

    check()


def test_a_first_layer_put_in_by_small_groups_agrees_too(monkeypatch):
    monkeypatch.setattr(mesh, "GROUP", 2)

    @settings(max_examples=100, deadline=None, derandomize=True)
    @given(net=networks(st.one_of(integers, nearly_integers)), box=st.sampled_from(BOXES))
    def check(net, box):
        check_agreement(*net, box)

    check()


@pytest.mark.parametrize("seed", range(8))
def test_random_networks_agree_with_brute_force(seed):
    generator = torch.Generator().manual_seed(seed)
    sizes = [2, 7, 6, 5, 2]
    weights = [torch.randn(b, a, generator=generator, dtype=torch.float64) for a, b in pairwise(sizes)]
    biases = [torch.randn(b, generator=generator, dtype=torch.float64) for b in sizes[1:]]
    check_agreement(weights, biases, BOXES[0])


@pytest.mark.parametrize("noise", [0.0, 1e-16, 1e-14, 1e-10])
@pytest.mark.parametrize("seed", range(6))
def test_nearly_coincident_lines_are_told_apart_as_in_integers(seed, noise):
    generator = torch.Generator().manual_seed(seed)
    weights, biases = [], []
    for inputs, outputs in ((2, 14), (14, 9), (9, 1)):
        layer = torch.randint(-2, 3, (outputs, inputs + 1), generator=generator).double()
        layer *= 1 + noise * torch.randn(layer.shape, generator=generator, dtype=torch.float64)
        weights.append(layer[:, :-1])
        biases.append(layer[:, -1])
    counts = count_plane(weights, biases, BOXES[2])
    for name, value in vars(count_plane(weights, biases, BOXES[2], exact=True)).items():
        assert value == getattr(counts, name), name


@pytest.mark.parametrize("seed", range(4))
def test_polygons_are_those_of_brute_force(seed):
    generator = torch.Generator().manual_seed(seed)
    weights = [torch.randint(-2, 3, s, generator=generator).double() / 2 for s in ((5, 2), (4, 5), (2, 4))]
    biases = [torch.randint(-2, 3, s, generator=generator).double() / 2 for s in ((5,), (4,), (2,))]
    found = polygons(weights, biases, BOXES[0])
    layers = [reference.rational_layers(weights), reference.rational_layers(biases)]
    square = reference.rational(torch.tensor([[-1, -1], [1, -1], [1, 1], [-1, 1]]))
    expected = []
    for polygon, _, maps in reference.activation_regions(*layers, [tuple(p) for p in square]):
        expected.append((float(reference.area(polygon)), *(float(c) for row in maps for c in row)))
    got = []
    for i in range(len(found.offsets) - 1):
        x, y = found.vertices[found.offsets[i] : found.offsets[i + 1]].T
        area = (x * y.roll(-1) - y * x.roll(-1)).sum().item() / 2
        maps = torch.cat([found.gradient[i], found.intercept[i][:, None]], dim=1)
        got.append((area, *maps.flatten().tolist()))
    got, expected = torch.tensor(got).double(), torch.tensor(expected).double()
    assert len(got) == len(expected) > 1
    pairs = (got[:, None] - expected).abs().amax(
        dim=2
    ) < 1e-9  # areas and maps agree, each to one partner at least
    assert pairs.any(dim=0).all()
    assert pairs.any(dim=1).all()
