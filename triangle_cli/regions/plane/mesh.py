"""The partition of a convex polygon by the neurons of a ReLU network, as a mesh refined layer by layer.

Cells are convex, every edge knows the cells on both sides and the number of the line it lies on
(`exact.Oracle`). In a layer each edge is cut first, once for both of its cells, then each cell by
itself.
"""

from dataclasses import dataclass, field

import numpy as np

from triangle_cli.regions.bounds import Exhausted
from triangle_cli.regions.line.exact import all_relu
from triangle_cli.regions.plane import kernels
from triangle_cli.regions.plane.cells import Cells, Cuts, Layer, Made, Told, split_cells
from triangle_cli.regions.plane.exact import Oracle

GROUP = 64  # neurons of the first layer that cut the domain at once
LEAST_WEIGHT = 1e-90  # bounds count every nonzero weight as at least this much, so that no product underflows


@dataclass
class Mesh:
    """The cells after some layers: n vertices, m edges, c cells."""

    points: np.ndarray  # (n, 2) float64, and how far they may be from the true vertices:
    point_errors: np.ndarray  # (n, 2)
    vertex_lines: np.ndarray  # (n, 2) int64: the vertex is the point on these two lines
    ends: np.ndarray  # (m, 2) int64 vertices
    edge_lines: np.ndarray  # (m,) int64
    pointer: np.ndarray  # (c + 1,) int64: cell i has sides pointer[i] .. pointer[i + 1]
    sides: np.ndarray  # 2 * edge + (1 if walked from ends[1] to ends[0]), anticlockwise
    beside: np.ndarray = field(init=False)  # (m, 2) int64: cells left and right of each edge, -1 outside
    cell_at: np.ndarray = field(init=False)  # (n,) int64: some cell at each vertex

    def __post_init__(self) -> None:
        self.beside = np.empty_like(self.ends)
        self.cell_at = np.zeros(len(self.points), np.int64)
        kernels.cells_of(self.pointer, self.sides, self.ends, self.beside, self.cell_at)

    @property
    def cells(self) -> int:
        """Number of cells."""
        return len(self.pointer) - 1

    def corners(self) -> np.ndarray:
        """Vertices of all cells one after another, (pointer[-1],) int64, anticlockwise."""
        return self.ends[self.sides >> 1, self.sides & 1]


def polygon_mesh(corners: np.ndarray) -> Mesh:
    """One cell: the convex polygon with these corners (n, 2), anticlockwise."""
    n = len(corners)
    here = np.arange(n)
    return Mesh(
        points=corners.copy(),
        point_errors=np.zeros_like(corners),
        vertex_lines=np.stack([(here - 1) % n, here], axis=1),
        ends=np.stack([here, (here + 1) % n], axis=1),
        edge_lines=here.copy(),
        pointer=np.array([0, n]),
        sides=2 * here,
    )


@dataclass
class Partition:
    """The activation regions (the final mesh), with the on/off rows of the cells after each layer."""

    mesh: Mesh
    on: list[np.ndarray]  # (cells after layer l, width l) uint8
    parent: list[np.ndarray]  # (cells after layer l,) int64: the cell after layer l - 1 it is part of
    oracle: Oracle


def partition(
    weights: list[np.ndarray],
    biases: list[np.ndarray],
    corners: np.ndarray,
    exact: bool,
    limit: int | None = None,
    linear: list[np.ndarray] | None = None,
) -> Partition:
    """Cut the convex polygon `corners` (n, 2), anticlockwise, by all hidden neurons but the `linear`.

    Raises:
        Exhausted: some layers alone make more than `limit` cells.
    """
    is_linear = all_relu(biases) if linear is None else linear
    oracle = Oracle(weights, biases, corners)
    mesh = polygon_mesh(corners)
    inputs, errors = mesh.points, mesh.point_errors
    with np.errstate(all="ignore"):  # overflow is seen by the bounds
        for layer, (weight, bias) in enumerate(zip(weights[:-1], biases[:-1])):
            if limit is not None and mesh.cells > limit:
                raise Exhausted
            last = layer == len(weights) - 2
            if layer == 0 and len(bias) > GROUP:
                mesh, inputs, errors = first_layer(mesh, weight, bias, is_linear[0], oracle, exact, last)
                continue
            values, errors = preactivations(weight, bias, inputs, errors)
            oracle.enter_cut(mesh.cells, layer, 0, len(bias))
            mesh, inputs, errors, on, parent = cut(
                mesh, values, errors, is_linear[layer], oracle, exact, last
            )
            oracle.leave_layer(on, parent)
    if limit is not None and mesh.cells > limit:
        raise Exhausted
    return Partition(mesh, oracle.on, oracle.parent, oracle)


def first_layer(
    mesh: Mesh,
    weight: np.ndarray,
    bias: np.ndarray,
    linear: np.ndarray,
    oracle: Oracle,
    exact: bool,
    last: bool,
) -> tuple[Mesh, np.ndarray, np.ndarray]:
    """Cut the domain by a wide first layer, some neurons at a time, so that few lines cross any one cell.

    Later layers need none of this, their cells are small already. Returns the mesh, the layer's outputs and
    their bounds (of no use if it is the `last`).
    """
    groups = [slice(first, first + GROUP) for first in range(0, len(bias), GROUP)]
    steps = []
    for group in groups:
        values, errors = preactivations(weight[group], bias[group], mesh.points, mesh.point_errors)
        oracle.enter_cut(mesh.cells, 0, group.start, values.shape[1])
        mesh, *_, on, parent = cut(mesh, values, errors, linear[group], oracle, exact, last=True)
        steps.append((group, on, parent))
    on, cell = np.empty((mesh.cells, len(bias)), np.uint8), np.arange(mesh.cells)
    for group, on_then, parent in reversed(steps):
        on[:, group], cell = on_then[cell], parent[cell]
    oracle.leave_layer(on, cell)
    if last:
        return mesh, mesh.points, mesh.point_errors
    values, errors = preactivations(weight, bias, mesh.points, mesh.point_errors)
    kernels.rectify(values, errors, np.zeros((0, len(bias)), np.int8), linear)
    return mesh, values, errors


def preactivations(
    weight: np.ndarray, bias: np.ndarray, inputs: np.ndarray, errors: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """inputs @ weight.T + bias and its bound, given that of the inputs; both (n, width).

    The bound is 0 only where every term is a product with an exact 0. Higham, Accuracy and Stability of
    Numerical Algorithms, section 3.1: a dot product of n terms, summed in any order, is off by n u |w| . |h|.
    """
    gamma = (weight.shape[1] + 4) * kernels.UNIT
    steep = np.where(weight == 0, 0.0, np.maximum(np.abs(weight), LEAST_WEIGHT) * 1.000001)
    values, bound = inputs @ weight.T, kernels.spread(inputs, errors, gamma) @ steep.T
    values += bias
    bound += np.where(bias == 0, 0.0, gamma * np.abs(bias) + kernels.TINY)
    return values, bound


def cut(
    mesh: Mesh,
    values: np.ndarray,
    errors: np.ndarray,
    linear: np.ndarray,
    oracle: Oracle,
    exact: bool,
    last: bool,
) -> tuple[Mesh, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Refine the mesh by neurons whose pre-activations at its vertices are `values`, known up to `errors`.

    Returns the new mesh, the neurons' outputs and bounds at its vertices (of no use, and not computed, if
    they are the `last`), and the on/off row and the old cell of each new cell.
    """
    width = values.shape[1]
    base = oracle.first_line[-1]
    layer = Layer(_signs(mesh, values, errors, linear, oracle, exact), values, errors)

    cell_of = mesh.beside.max(axis=1)  # a cell at each edge
    start, count = np.zeros(len(mesh.ends), np.int64), np.zeros(len(mesh.ends), np.int64)
    parents, place, neuron, signs, edge = _split_edges(mesh, layer, cell_of, start, count, oracle, exact)
    cuts = Cuts(parents, place, start, count, np.cumsum(count + 1) - count - 1)
    pieces = np.empty((len(mesh.ends) + len(neuron), 2), np.int64)
    kernels.chain_ends(mesh.ends, start, count, len(values), cuts.first_piece, pieces)
    on_edges = np.stack([mesh.edge_lines[edge], base + cell_of[edge] * width + neuron], axis=1)

    layer = Layer(np.concatenate([layer.signs, signs]), values, errors)
    made = _split_cells(mesh, layer, cuts, len(pieces), oracle, exact)
    parents = np.concatenate([parents, made.parents])
    place = np.concatenate([place, made.place])
    inside = base + made.makers[:, :1] * width + made.makers[:, 1:]
    inner_lines = base + made.lines[:, 0] * width + made.lines[:, 1]
    new_mesh = Mesh(
        *_interpolated(mesh.points, mesh.point_errors, parents, place),
        vertex_lines=np.concatenate([mesh.vertex_lines, on_edges, inside]),
        ends=np.concatenate([pieces, made.ends]),
        edge_lines=np.concatenate([np.repeat(mesh.edge_lines, count + 1), inner_lines]),
        pointer=np.concatenate([[0], np.cumsum(made.sizes)]),
        sides=made.sides,
    )
    if last:
        return new_mesh, values, errors, made.on, made.origin
    values, errors = _interpolated(values, errors, parents, place)
    kernels.rectify(values, errors, layer.signs, linear)
    return new_mesh, values, errors, made.on, made.origin


def _signs(
    mesh: Mesh, values: np.ndarray, errors: np.ndarray, linear: np.ndarray, oracle: Oracle, exact: bool
) -> np.ndarray:
    """Signs of the layer's neurons at the vertices, 1 of `linear` ones; values found to be 0 become so."""
    signs, pairs = kernels.classify(values, errors, exact)
    signs[:, linear] = 1
    pairs = pairs[~linear[pairs[:, 1]]]
    if len(pairs):
        v, k = pairs.T
        lines = oracle.first_line[-1] + mesh.cell_at[v] * values.shape[1] + k
        first, second = mesh.vertex_lines[v].T
        found = signs[v, k] = oracle.signs(first, second, lines)
        values[v[found == 0], k[found == 0]] = 0.0
        errors[v[found == 0], k[found == 0]] = 0.0
    return signs


def _interpolated(
    values: np.ndarray, errors: np.ndarray, parents: np.ndarray, place: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """`values`, `errors` (n, k) lengthened by the new vertices, each of them between two earlier ones."""
    n, new = len(values), len(parents)
    longer = np.empty((n + new, values.shape[1]))
    longer_errors = np.empty_like(longer)
    longer[:n], longer_errors[:n] = values, errors
    kernels.interpolate(longer, longer_errors, n, parents, place)
    return longer, longer_errors


class _Answers:
    """What the oracle has told about the items that a kernel could not finish, sorted for the next call."""

    def __init__(self, items: int) -> None:
        self.items = np.arange(items)
        self.asker, self.key = np.empty(0, np.int64), np.empty(0, np.int64)
        self.sign = np.empty(0, np.int8)

    def told(self) -> Told:
        """Where the answers for each of `items` start, their keys, the answers."""
        edges = np.concatenate([self.items, [np.iinfo(np.int64).max]])
        start = np.searchsorted(self.asker, edges)
        return Told(start, self.key, self.sign)

    def add(self, asker: np.ndarray, key: np.ndarray, sign: np.ndarray) -> None:
        """Keep only the items that asked, with all that was told to them."""
        kept = np.isin(self.asker, asker)
        self.asker = np.concatenate([self.asker[kept], asker])
        self.key = np.concatenate([self.key[kept], key])
        self.sign = np.concatenate([self.sign[kept], sign])
        order = np.lexsort((self.key, self.asker))
        self.asker, self.key, self.sign = self.asker[order], self.key[order], self.sign[order]
        self.items = np.unique(asker) if len(asker) else asker


def _split_edges(
    mesh: Mesh,
    layer: Layer,
    cell_of: np.ndarray,
    start: np.ndarray,
    count: np.ndarray,
    oracle: Oracle,
    exact: bool,
) -> list[np.ndarray]:
    """`kernels.split_edges` until no question is left; also the edge of each new vertex."""
    answers = _Answers(len(mesh.ends))
    base, width = oracle.first_line[-1], layer.signs.shape[1]
    parts = []
    made = 0
    while len(answers.items):
        items = answers.items
        *part, asked = kernels.split_edges(items, mesh.ends, *layer, *answers.told(), exact, start, count)
        asker = items[asked[:, 0]]
        is_finished = np.ones(len(items), bool)
        is_finished[asked[:, 0]] = False
        finished = items[is_finished]
        parts.append([*part, np.repeat(finished, count[finished])])
        start[finished] += made
        made += len(part[0])
        line = base + cell_of[asker] * width
        told = oracle.signs(mesh.edge_lines[asker], line + asked[:, 2], line + asked[:, 3])
        answers.add(asker, asked[:, 1], told)
    return [np.concatenate(arrays) for arrays in zip(*parts)]


def _split_cells(mesh: Mesh, layer: Layer, cuts: Cuts, pieces: int, oracle: Oracle, exact: bool) -> Made:
    """`cells.split_cells` until no question is left; `origin` of the new cells is the old cell."""
    answers = _Answers(mesh.cells)
    base, width = oracle.first_line[-1], layer.signs.shape[1]
    cells = Cells(mesh.pointer, mesh.sides, mesh.ends)
    parts = []
    vertices, edges = len(layer.signs), pieces
    while len(answers.items):
        items = answers.items
        made = split_cells(items, cells, layer, cuts, answers.told(), exact, vertices, edges)
        parts.append(made._replace(origin=items[made.origin]))
        vertices += len(made.parents)
        edges += len(made.ends)
        asker = items[made.asked[:, 0]]
        line = (base + asker * width)[:, None] + made.asked[:, 2:]
        answers.add(asker, made.asked[:, 1], oracle.signs(*line.T))
    return parts[0] if len(parts) == 1 else Made(*(np.concatenate(arrays) for arrays in zip(*parts)))
