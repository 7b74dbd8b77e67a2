# ruff: noqa: ANN001, ANN201 - numba infers the types
# mypy: allow-untyped-defs, no-check-untyped-defs
"""From activation regions to linear regions: neighbours across an edge with one affine map are one region."""

from fractions import Fraction

import numpy as np

from triangle_cli.compiling import njit
from triangle_cli.regions.plane.kernels import SLACK, TINY, UNIT
from triangle_cli.regions.plane.mesh import Partition, preactivations

LARGEST = 10**300
CHUNK = 8192  # edges or cells treated at once, to bound the memory of dense rows


@njit(cache=True)
def count_flips(left, right, on, parent, flips):
    """Add to flips the neurons of a layer that differ between two cells; put their parents in their place."""
    for e in range(left.size):
        a, b = left[e], right[e]
        if a == b:
            continue
        differ = 0
        for k in range(on.shape[1]):
            differ += on[a, k] ^ on[b, k]
        flips[e] += differ
        left[e], right[e] = parent[a], parent[b]


@njit(cache=True, error_model="numpy")
def reach_outputs(row, values, errors, cell, on, weight):
    """Where weight @ (on[cell] * values[row]) surely is not 0, (n,) bool, with values known up to errors."""
    gamma = (weight.shape[1] + 4) * UNIT
    reached = np.zeros(row.size, np.bool_)
    for e in range(row.size):
        value, error, mask = values[row[e]], errors[row[e]], on[cell[e]]
        for o in range(weight.shape[0]):
            total, bound = 0.0, 0.0
            for k in range(weight.shape[1]):
                w = weight[o, k] * mask[k]
                total += w * value[k]
                bound += abs(w) * (gamma * abs(value[k]) + error[k])
            if abs(total) > bound * SLACK + TINY:
                reached[e] = True
                break
    return reached


@njit(cache=True)
def components(n, pairs):
    """Labels 0, 1, .. (n,) of the connected components under `pairs` (m, 2)."""
    root = np.arange(n)
    for i in range(len(pairs)):
        a, b = pairs[i, 0], pairs[i, 1]
        while root[a] != a:
            root[a] = root[root[a]]
            a = root[a]
        while root[b] != b:
            root[b] = root[root[b]]
            b = root[b]
        if a != b:
            root[max(a, b)] = min(a, b)
    label = np.empty(n, np.int64)
    found = 0
    for i in range(n):  # a root comes before all it stands for
        r = i
        while root[r] != r:
            r = root[r]
        if r == i:
            label[i] = found
            found += 1
        else:
            label[i] = label[r]
    return label


@njit(cache=True)
def areas_of(pointer, corners, points, errors):
    """Areas of the polygons and their bounds, each (c,)."""
    n = pointer.size - 1
    area, bound = np.empty(n), np.empty(n)
    for c in range(n):
        first = corners[pointer[c]]
        twice = 0.0
        reach = 0.0
        doubt = 0.0
        for i in range(pointer[c], pointer[c + 1]):
            a = corners[i]
            b = corners[i + 1] if i + 1 < pointer[c + 1] else first
            ax, ay = points[a, 0] - points[first, 0], points[a, 1] - points[first, 1]
            bx, by = points[b, 0] - points[first, 0], points[b, 1] - points[first, 1]
            twice += ax * by - ay * bx
            reach = max(reach, abs(ax), abs(ay))
            doubt = max(doubt, errors[a, 0], errors[a, 1])
        size = pointer[c + 1] - pointer[c]
        area[c] = abs(twice) / 2
        reach = reach + 2 * doubt
        bound[c] = 4 * size * (2 * doubt * reach + (size + 4) * UNIT * reach * reach) + 1e-300
    return area, bound


def ancestors(part: Partition) -> list[np.ndarray]:
    """For each hidden layer, the cell after that layer in which each final cell lies."""
    cells = [np.arange(part.mesh.cells)]
    for parent in part.parent[:0:-1]:
        cells.append(parent[cells[-1]])
    return cells[::-1]


def merge(part: Partition, weights: list[np.ndarray], exact: bool) -> np.ndarray:
    """Linear region (label 0, 1, ..) of each activation region."""
    mesh = part.mesh
    is_inside = (mesh.beside >= 0).all(axis=1)
    inside = mesh.beside[is_inside]
    if not len(inside):
        return np.zeros(mesh.cells, np.int64)
    n = len(inside)
    flips = np.zeros(n, np.int64)
    left, right = inside[:, 0].copy(), inside[:, 1].copy()
    for on, parent in zip(part.on[::-1], part.parent[::-1]):
        count_flips(left, right, on, parent, flips)
    doubtful = np.ones(n, bool)
    if not exact:
        within = ancestors(part)
        layer, neuron = part.oracle.neurons(mesh.edge_lines[is_inside])
        for l in range(len(part.on)):
            single = np.flatnonzero((flips == 1) & (layer == l))
            single = single[np.argsort(inside[single, 0])]
            for chunk in np.split(single, range(CHUNK, len(single), CHUNK)):
                doubtful[chunk] = ~is_heard(l, neuron[chunk], inside[chunk, 0], within, part.on, weights)
    asked = np.flatnonzero(doubtful)
    maps: dict[int, list] = {}
    same = [_map(part, maps, a) == _map(part, maps, b) for a, b in inside[asked].tolist()]
    return components(mesh.cells, inside[asked[np.array(same, bool)]])


def _map(part: Partition, maps: dict[int, list], cell: int) -> list:
    if cell not in maps:
        maps[cell] = part.oracle.outputs(cell)
    return maps[cell]


def is_heard(
    layer: int, neuron: np.ndarray, cell: np.ndarray, within: list, on: list, weights: list
) -> np.ndarray:
    """Where some output surely depends on `neuron` of `layer` in `cell`, all (n,); elsewhere it may not.

    On both sides of an edge where that neuron alone turns, all later neurons keep their state: the map
    changes by the neuron's own slope times its weight in the outputs, a product of masked matrices.
    """
    last = len(on) - 1
    if layer == last:
        return (weights[-1] != 0).any(axis=0)[neuron]
    row, values = (
        neuron,
        np.ascontiguousarray(weights[layer + 1].T),
    )  # of each edge; its neuron's part in the next layer
    errors = np.zeros(values.shape)
    with np.errstate(all="ignore"):
        for l in range(layer + 1, last):
            # edges that share a neuron, and a cell so far, share all of this
            pairs, new_row = np.unique(within[l][cell] * len(values) + row, return_inverse=True)
            where, row = np.divmod(pairs, len(values))
            mask = on[l][where]
            nothing = np.zeros(len(weights[l + 1]))
            values, errors = preactivations(weights[l + 1], nothing, values[row] * mask, errors[row] * mask)
            row = new_row
    return reach_outputs(row, values, errors, within[last][cell], on[last], weights[-1])


def wide(part: Partition, label: np.ndarray, corners: np.ndarray, share: Fraction, exact: bool) -> int:
    """How many of the regions `label` (per cell) have more than `share` of the domain's area."""
    mesh = part.mesh
    all_corners = mesh.corners()
    area, bound = areas_of(mesh.pointer, all_corners, mesh.points, mesh.point_errors)
    n = label.max() + 1
    region, region_bound = np.bincount(label, area, n), np.bincount(label, bound, n)
    region_bound = region_bound + len(label) * UNIT * region
    least = share * part.oracle.area([(i - 1 if i else len(corners) - 1, i) for i in range(len(corners))])
    edge = float(least) if least < LARGEST else np.inf
    with np.errstate(all="ignore"):
        surely = region - region_bound > edge * (1 + 1e-9)
        surely_not = region + region_bound < edge * (1 - 1e-9)
    doubtful = np.flatnonzero(~(surely | surely_not)) if not exact else np.arange(n)
    if exact:
        surely[:] = False
    order = np.argsort(label, kind="stable")
    ends = np.searchsorted(label[order], doubtful, side="right")
    starts = np.searchsorted(label[order], doubtful, side="left")
    count = int(surely.sum())
    for start, end in zip(starts, ends):
        total = Fraction(0)
        for cell in order[start:end]:
            lines = mesh.vertex_lines[all_corners[mesh.pointer[cell] : mesh.pointer[cell + 1]]]
            total += part.oracle.area([(a, b) for a, b in lines.tolist()])
        count += total > least
    return count
