"""The partition of a convex polygon by the neurons of a ReLU network, as a mesh refined layer by layer.

Cells are convex, every edge knows the cells on both sides, and every edge carries the number of the line it lies on
(`plane_exact.Oracle`). Within a layer each edge is cut first, once for both of its cells, then each cell by itself.
"""

from dataclasses import dataclass, field

import numpy as np

from triangle_cli.regions import plane_cells, plane_kernels
from triangle_cli.regions.plane_exact import Oracle

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
        plane_kernels.cells_of(self.pointer, self.sides, self.ends, self.beside, self.cell_at)

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


def partition(weights: list[np.ndarray], biases: list[np.ndarray], corners: np.ndarray, exact: bool) -> Partition:
    """Cut the convex polygon `corners` (n, 2), anticlockwise, by all hidden neurons. With `exact`, by integers only."""
    oracle = Oracle(weights, biases, corners)
    mesh = polygon_mesh(corners)
    inputs, errors = mesh.points, mesh.point_errors
    with np.errstate(all="ignore"):  # overflow is seen by the bounds
        for layer, (weight, bias) in enumerate(zip(weights[:-1], biases[:-1])):
            spread = plane_kernels.spread(inputs, errors, weight.shape[1])
            values, errors = preactivations(weight, bias, inputs, spread)
            mesh, inputs, errors = cut(mesh, values, errors, oracle, exact, last=layer == len(weights) - 2)
    return Partition(mesh, oracle.on, oracle.parent, oracle)


def preactivations(
    weight: np.ndarray, bias: np.ndarray | None, inputs: np.ndarray, spread: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """inputs @ weight.T + bias and its bound, given `plane_kernels.spread` of the inputs; both (n, width).

    The bound is 0 only where every term is a product with an exact 0. Higham, Accuracy and Stability of Numerical
    Algorithms, section 3.1: a dot product of n terms, summed in any order, is off by n u |w| . |h| at most.
    """
    values = inputs @ weight.T
    bound = spread @ np.where(weight == 0, 0.0, np.maximum(np.abs(weight), LEAST_WEIGHT) * 1.000001).T
    if bias is not None:
        values += bias
        gamma = (weight.shape[1] + 4) * plane_kernels.UNIT
        bound += np.where(bias == 0, 0.0, gamma * np.abs(bias) + plane_kernels.TINY)
    return values, bound


def cut(
    mesh: Mesh, values: np.ndarray, errors: np.ndarray, oracle: Oracle, exact: bool, last: bool
) -> tuple[Mesh, np.ndarray, np.ndarray]:
    """Refine the mesh by one layer, of pre-activations `values` known up to `errors` at its vertices.

    Returns the new mesh with the layer's outputs and bounds at its vertices (nothing of use after the last layer).
    """
    width = values.shape[1]
    base = oracle.enter_layer(mesh.cells)
    signs, pairs = plane_kernels.classify(values, errors, exact)
    if len(pairs):
        v, k = pairs.T
        found = oracle.signs(*mesh.vertex_lines[v].T, base + mesh.cell_at[v] * width + k)
        signs[v, k] = found
        values[v[found == 0], k[found == 0]] = 0.0
        errors[v[found == 0], k[found == 0]] = 0.0

    cell_of = mesh.beside.max(axis=1)  # a cell at each edge
    start, count = np.zeros(len(mesh.ends), np.int64), np.zeros(len(mesh.ends), np.int64)
    on_edges = _split_edges(mesh, signs, values, errors, cell_of, start, count, base, oracle, exact)
    parents, place, neuron, rows, edge = on_edges
    first_piece = np.cumsum(count + 1) - count - 1
    n_old, n_edge = len(values), len(neuron)
    children = np.empty((len(mesh.ends) + n_edge, 2), np.int64)
    plane_kernels.chain_ends(mesh.ends, start, count, n_old, first_piece, children)
    signs = np.concatenate([signs, rows])
    edge_vertex_lines = np.stack([mesh.edge_lines[edge], base + cell_of[edge] * width + neuron], axis=1)

    made = _split_cells(
        mesh, signs, values, errors, parents, place, start, count, first_piece, len(children), base, oracle, exact
    )
    inner_parents, inner_place, makers, inner_ends, inner_lines, sizes, sides, origin, on = made
    oracle.leave_layer(on, origin)
    parents = np.concatenate([parents, inner_parents])
    place = np.concatenate([place, inner_place])
    inner_cell = base + makers[:, :1] * width
    new_mesh = Mesh(
        *_interpolated(mesh.points, mesh.point_errors, parents, place),
        vertex_lines=np.concatenate([mesh.vertex_lines, edge_vertex_lines, inner_cell + makers[:, 1:]]),
        ends=np.concatenate([children, inner_ends]),
        edge_lines=np.concatenate(
            [np.repeat(mesh.edge_lines, count + 1), base + inner_lines[:, 0] * width + inner_lines[:, 1]]
        ),
        pointer=np.concatenate([[0], np.cumsum(sizes)]),
        sides=sides,
    )
    if last:
        return new_mesh, values, errors
    values, errors = _interpolated(values, errors, parents, place)
    plane_kernels.rectify(values, errors, signs)
    return new_mesh, values, errors


def _interpolated(
    values: np.ndarray, errors: np.ndarray, parents: np.ndarray, place: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """`values`, `errors` (n, k) lengthened by the new vertices, each of them between two earlier ones."""
    n, new = len(values), len(parents)
    longer = np.empty((n + new, values.shape[1]))
    longer_errors = np.empty_like(longer)
    longer[:n], longer_errors[:n] = values, errors
    plane_kernels.interpolate(longer, longer_errors, n, parents, place)
    return longer, longer_errors


class _Answers:
    """What the oracle has told about the items that a kernel could not finish, sorted for the next call."""

    def __init__(self, items: int) -> None:
        self.items = np.arange(items)
        self.asker, self.key = np.empty(0, np.int64), np.empty(0, np.int64)
        self.sign = np.empty(0, np.int8)

    def arguments(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Where the answers for each of `items` start, their keys, the answers."""
        edges = np.concatenate([self.items, [np.iinfo(np.int64).max]])
        start = np.searchsorted(self.asker, edges)
        return start, self.key, self.sign

    def add(self, asker: np.ndarray, key: np.ndarray, sign: np.ndarray) -> None:
        """Keep only the items that asked, with all that was told to them."""
        kept = np.isin(self.asker, asker)
        self.asker = np.concatenate([self.asker[kept], asker])
        self.key = np.concatenate([self.key[kept], key])
        self.sign = np.concatenate([self.sign[kept], sign])
        order = np.lexsort((self.key, self.asker))
        self.asker, self.key, self.sign = self.asker[order], self.key[order], self.sign[order]
        self.items = np.unique(asker)


def _split_edges(mesh, signs, values, errors, cell_of, start, count, base, oracle, exact):  # noqa: ANN001
    """`plane_kernels.split_edges` until no question is left; also the edge of each new vertex."""
    answers = _Answers(len(mesh.ends))
    width = signs.shape[1]
    parts = []
    made = 0
    while len(answers.items):
        items = answers.items
        *part, asked = plane_kernels.split_edges(
            items, mesh.ends, signs, values, errors, *answers.arguments(), exact, start, count
        )
        asker = items[asked[:, 0]]
        finished = np.setdiff1d(items, asker, assume_unique=False)
        parts.append([*part, np.repeat(finished, count[finished])])
        start[finished] += made
        made += len(part[0])
        line = base + cell_of[asker] * width
        told = oracle.signs(mesh.edge_lines[asker], line + asked[:, 2], line + asked[:, 3])
        answers.add(asker, asked[:, 1], told)
    return [np.concatenate(arrays) for arrays in zip(*parts)]


def _split_cells(  # noqa: ANN202
    mesh,  # noqa: ANN001
    signs,  # noqa: ANN001
    values,  # noqa: ANN001
    errors,  # noqa: ANN001
    parents,  # noqa: ANN001
    place,  # noqa: ANN001
    start,  # noqa: ANN001
    count,  # noqa: ANN001
    first_piece,  # noqa: ANN001
    n_pieces,  # noqa: ANN001
    base,  # noqa: ANN001
    oracle,  # noqa: ANN001
    exact,  # noqa: ANN001
):
    """`plane_cells.split_cells` until no question is left; `origin` of the new cells is the old cell."""
    answers = _Answers(mesh.cells)
    width = signs.shape[1]
    parts = []
    vertices, edges = len(signs), n_pieces
    while len(answers.items):
        items = answers.items
        *part, asked = plane_cells.split_cells(
            items,
            mesh.pointer,
            mesh.sides,
            mesh.ends,
            signs,
            values,
            errors,
            parents,
            place,
            start,
            count,
            first_piece,
            *answers.arguments(),
            exact,
            vertices,
            edges,
        )
        part[7] = items[part[7]]
        parts.append(part)
        vertices += len(part[0])
        edges += len(part[3])
        asker = items[asked[:, 0]]
        line = base + asker * width
        told = oracle.signs(line + asked[:, 2], line + asked[:, 3], line + asked[:, 4])
        answers.add(asker, asked[:, 1], told)
    return [np.concatenate(arrays) for arrays in zip(*parts)]
