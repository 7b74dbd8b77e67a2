"""Which cells share a facet, against brute force, and what is drawn of cells."""

import json
import re
from itertools import combinations, pairwise, product

import numpy as np
import pytest
import torch
from regions.space import reference_space as reference

from triangle_cli.inspection.cutting import centres, classes, decision_boundary, section
from triangle_cli.inspection.interactive import page
from triangle_cli.regions import cells
from triangle_cli.regions.arrays import Layers
from triangle_cli.regions.counting import cell_arrays
from triangle_cli.regions.space import partition


def network(*sizes, seed=0):
    """PyTorch's default start, larger."""
    torch.manual_seed(seed)
    layers = [torch.nn.Linear(a, b).double() for a, b in pairwise(sizes)]
    return [2 * layer.weight.detach() for layer in layers], [layer.bias.detach() for layer in layers]


def grid(n, kinks):
    """A neuron for each kink of each coordinate."""
    weight = torch.eye(n, dtype=torch.float64).repeat_interleave(len(kinks), 0)
    bias = -torch.tensor(kinks, dtype=torch.float64).repeat(n)
    return [weight, torch.ones(1, n * len(kinks), dtype=torch.float64)], [bias, torch.zeros(1).double()]


def brute_force(weights, biases, box):
    """Pairs of on/off patterns whose cells meet in n - 1 dimensions."""
    n = len(box)
    fractions = [[reference.rational(part) for part in parts] for parts in (weights, biases)]
    found = reference.activation_regions(
        *fractions, reference.rational(torch.tensor(box, dtype=torch.float64))
    )
    return {
        frozenset((tuple(map(bool, on)), tuple(map(bool, other))))
        for (planes, on, _), (others, other, _) in combinations(found, 2)
        if reference.dimension(reference.vertices(planes + others, n)) == n - 1
    }


@pytest.mark.parametrize(
    ("kind", "n"),
    [
        ("random", 2),
        ("integers", 2),
        ("grid", 2),
        ("duplicates", 2),
        ("random", 3),
        ("integers", 3),
        ("duplicates", 3),
    ],
)
def test_cells_that_share_a_facet(kind, n):
    weights, biases = network(n, 3, 2, 1)
    if kind == "integers":
        generator = torch.Generator().manual_seed(3)
        weights = [torch.randint(-2, 3, w.shape, generator=generator).double() for w in weights]
        biases = [torch.randint(-1, 2, b.shape, generator=generator).double() for b in biases]
    elif kind == "grid":
        weights, biases = grid(n, [-0.5, 0.25])
    elif kind == "duplicates":  # two neurons turn at once, one of them the other way
        weights[0][1], biases[0][1] = weights[0][0], biases[0][0]
        weights[0][2], biases[0][2] = -weights[0][0], -biases[0][0]
    box = [[-1.0, 1.0]] * n
    found = cells(weights, biases, box, adjacency=True)
    on = [tuple(row) for row in found.on.tolist()]
    pairs = found.adjacency.tolist()
    assert pairs == sorted(pairs)
    assert {frozenset((on[a], on[b])) for a, b in pairs} == brute_force(weights, biases, box)


@pytest.mark.parametrize("seed", [0, 11, 13, 19])
def test_facets_on_which_several_neurons_are_0_are_known_whatever_is_rounded(seed, monkeypatch):
    """Corners at a coordinate of 0 are interpolated to 1e-17 or so, at which a neuron of the next layer is not 0."""
    generator = torch.Generator().manual_seed(seed)
    sizes = list(pairwise((3, 6, 3, 6, 1)))
    weights = [torch.randint(-1, 2, (out, into), generator=generator).double() for into, out in sizes]
    biases = [torch.randint(-1, 2, (out,), generator=generator).double() for _, out in sizes]
    found = cells(weights, biases, [[-1, 1]] * 3, adjacency=True).adjacency
    monkeypatch.setattr(partition, "are_alone", lambda *arguments: np.zeros(len(arguments[2]), bool))
    assert torch.equal(found, cells(weights, biases, [[-1, 1]] * 3, adjacency=True).adjacency)


def test_a_grid_has_the_adjacency_of_a_grid():
    found = cells(*grid(3, [-0.5, 0.0, 0.5]), [[-1, 1]] * 3, adjacency=True)
    assert found.adjacency.shape == (3 * 4 * 4 * 3, 2)
    assert cells(*grid(3, [0.0]), [[-1, 1]] * 3).adjacency is None


def test_the_largest_output_and_where_it_changes():
    # outputs x, y, 0 on [-1, 1]^2: x is largest right below the diagonal, 0 in the third quadrant
    weights = [torch.tensor([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]]).double()]
    weights.append(torch.tensor([[1.0, -1, 0, 0], [0, 0, 1, -1], [0, 0, 0, 0]]).double())
    biases = [torch.zeros(4).double(), torch.zeros(3).double()]
    found = cell_arrays(weights, biases, [[-1, 1]] * 2)
    signs = np.sign(centres(found)).astype(int)
    at = {tuple(sign): c for sign, c in zip(signs.tolist(), classes(found))}
    assert at == {(1, 1): -1, (1, -1): 0, (-1, 1): 1, (-1, -1): 2}
    (piece,) = decision_boundary(found)
    assert sorted(piece.tolist()) == [[0.0, 0.0], [1.0, 1.0]]
    # of one output, its sign: x + y + z
    one = (
        [torch.eye(3).double(), torch.ones(1, 3).double()],
        [torch.ones(3).double(), -3 * torch.ones(1).double()],
    )
    (face,) = decision_boundary(cell_arrays(*one, [[-1, 1]] * 3))
    assert len(face) == 6  # a regular hexagon
    assert np.allclose(face.sum(1), 0)


def test_the_section_of_a_cube():
    corners = np.array(list(product([0.0, 1.0], repeat=3)))
    square = section(corners, corners[:, 2] - 0.25)
    assert sorted(map(tuple, square.tolist())) == [(0, 0, 0.25), (0, 1, 0.25), (1, 0, 0.25), (1, 1, 0.25)]
    assert np.abs(np.diff(square[:, :2], axis=0)).sum(1).tolist() == [1, 1, 1]  # around, not across
    assert len(section(corners, corners[:, 2] - 2)) == 0


@pytest.mark.parametrize("n", [2, 3])
def test_a_page_needs_nothing_else_and_escapes_names(n):
    weights, biases = network(n, 4, 3, 2)
    biases[-1] -= torch.from_numpy(Layers.of(weights, biases).values_at(np.zeros((1, n)))[0])  # equal at 0
    found = cell_arrays(weights, biases, [[-1, 1]] * n, adjacency=True)
    name = "</script><script>alert(1)</script>"
    text = page(found, [4, 3], "xyz"[:n], name, with_boundary=True, with_adjacency=True)
    assert "<title>&lt;/script&gt;" in text
    assert name not in text
    assert not re.search(r'<(script|link)[^>]*\b(src|href)="?http', text)
    assert "decision boundary" in text
    shown = f"cell 0, linear region {int(found['linear_region'][0])}"
    assert shown in text
    if n == 2:
        told = json.loads(re.search(r"cells = (\[.*?\]);\n", text)[1])
        assert len(told) == len(found["volume"])
        assert all(len(cell["x"]) == len(cell["y"]) >= 3 for cell in told)
