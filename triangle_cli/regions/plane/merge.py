# ruff: noqa: ANN001, ANN201 - numba infers the types
# mypy: allow-untyped-defs, no-check-untyped-defs
"""From activation regions to linear regions, compiled: neighbours across an edge with one affine map are one region.

That two maps differ is told by values of the outputs at four corners, else by products of weights where a single
neuron turns, else, as that they are the same, in integers.
"""

from collections import namedtuple

import numpy as np
from numba import types

from triangle_cli.compiling import UNCOUNTED, apart, inside, njit
from triangle_cli.regions.components import components
from triangle_cli.regions.plane.areas import areas_of, wide
from triangle_cli.regions.plane.bends import bends, opposite_of
from triangle_cli.regions.plane.kernels import SLACK, TINY, UNIT, integers, two_tables
from triangle_cli.regions.plane.mesh import NETWORK, layer_of, partition, polygon_mesh
from triangle_cli.regions.plane.products import preactivations_after
from triangle_cli.regions.plane.questions import ask_same_maps
from triangle_cli.regions.plane.records import (
    ACTIVATION,
    BITS,
    DEAD,
    FLOAT_ROWS,
    FLOATS,
    HISTORY,
    INTEGERS,
    LAST,
    LINEAR,
    MESH,
    WIDE_ACTIVATION,
    WIDE_LINEAR,
)

MOST = 4  # outputs that are looked at: if any changes its slope, nearly always the first ones do

# Where the parts of each layer start in rows of all of them: on/off rows of cells, their parents, weights
Firsts = namedtuple("Firsts", "row cell weight")


@inside()
def firsts_of(history):
    """`Firsts` of a history and its network's row of parameters."""
    depth, widths = len(history.cells), history.widths
    firsts = Firsts(
        np.zeros(depth + 1, np.int64), np.zeros(depth + 1, np.int64), np.zeros(depth + 1, np.int64)
    )
    for layer in range(depth):
        firsts.row[layer + 1] = firsts.row[layer] + history.cells[layer] * widths[layer + 1]
        firsts.cell[layer + 1] = firsts.cell[layer] + history.cells[layer]
        firsts.weight[layer + 1] = firsts.weight[layer] + widths[layer + 1] * (widths[layer] + 1)
    return firsts


@inside(**UNCOUNTED)
def turns_alone(history, firsts, left, right):
    """Whether a single neuron differs between two final cells."""
    flips = 0
    for layer in range(len(history.cells) - 1, -1, -1):
        if left == right or flips > 1:
            break
        width = history.widths[layer + 1]
        a, b = firsts.row[layer] + left * width, firsts.row[layer] + right * width
        on, other = history.on[a : a + width], history.on[b : b + width]
        for k in range(width):
            flips += on[k] != other[k]
        left, right = history.parent[firsts.cell[layer] + left], history.parent[firsts.cell[layer] + right]
    return flips == 1


@inside(**UNCOUNTED)
def neuron_of(history, line):
    """Layer and number of the neuron of a line that is no side of the domain."""
    cut = len(history.cuts) - 1
    while history.cuts[cut, 0] > line:
        cut -= 1
    number = (line - history.cuts[cut, 0]) % history.cuts[cut, 3]
    return history.cuts[cut, 1], history.cuts[cut, 2] + number


@inside(fastmath={"contract", "reassoc"}, **UNCOUNTED)
def masked_dots(numbers, start, x, doubt, size):
    """A row of weights, `numbers` from `start` on, and its absolute values times a vector each, in any order."""
    total = bound = 0.0
    for k in range(size):
        total += numbers[start + k] * x[k]
        bound += abs(numbers[start + k]) * doubt[k]
    return total, bound


@inside(**UNCOUNTED)
def is_heard(history, parameters, firsts, layer, neuron, cell, slope, doubt):
    """Whether some output surely depends on `neuron` of `layer` in a final cell; slope, doubt: room, a layer each.

    On both sides of an edge where that neuron alone turns, all later neurons keep their state: the map
    changes by the neuron's own slope times its weight in the outputs, a product of masked matrices.
    """
    last = len(history.cells) - 1
    inputs, outputs = history.widths[layer + 1], history.widths[layer + 2]
    for o in range(outputs):
        slope[0, o], doubt[0, o] = parameters[firsts.weight[layer + 1] + o * inputs + neuron], 0.0
        if layer == last and slope[0, o] != 0.0:
            return True
    for l in range(layer + 1, last + 1):
        within = cell
        for later in range(last, l, -1):
            within = history.parent[firsts.cell[later] + within]
        inputs, outputs = outputs, history.widths[l + 2]
        row, gamma = firsts.row[l] + within * inputs, (inputs + 4) * UNIT
        for k in range(inputs):
            slope[0, k] = slope[0, k] * history.on[row + k]
            doubt[0, k] = (doubt[0, k] + gamma * abs(slope[0, k])) * history.on[row + k]
        for o in range(outputs):
            total, bound = masked_dots(
                parameters, firsts.weight[l + 1] + o * inputs, slope[0], doubt[0], inputs
            )
            slope[1, o], doubt[1, o] = total, bound * SLACK + TINY
            if l == last and 1e300 > abs(total) > bound * SLACK + TINY:
                return True
        for o in range(outputs):
            slope[0, o], doubt[0, o] = slope[1, o], doubt[1, o]
    return False


@inside(**UNCOUNTED)
def not_heard(mesh, history, parameters, firsts, slope, doubt, first, last, edges, n):
    """Those of the first n edges at which no neuron of the layers from first to last surely turns alone and is heard.

    They are put to the front of `edges`; returns their number.
    """
    kept = 0
    for i in range(n):
        edge = edges[i]
        left, right = mesh.beside[edge, 0], mesh.beside[edge, 1]
        layer, neuron = neuron_of(history, mesh.edge_lines[edge])
        if (
            first <= layer <= last
            and turns_alone(history, firsts, left, right)
            and is_heard(history, parameters, firsts, layer, neuron, left, slope, doubt)
        ):
            continue
        edges[kept] = edge
        kept += 1
    return kept


@inside(**UNCOUNTED)
def not_bent(mesh, opposite, outputs, bounds, edges, n):
    """Those of the first n edges at which no output surely `bends`, as of `not_heard`."""
    kept = 0
    for i in range(n):
        edge = edges[i]
        if not bends(mesh, edge, opposite, outputs, bounds):
            edges[kept] = edge
            kept += 1
    return kept


@inside(**UNCOUNTED)
def inner_edges(mesh, edges):
    """The edges with a cell on either side, into an array; returns their number."""
    n = 0
    for edge in range(len(mesh.ends)):
        edges[n] = edge
        n += (mesh.beside[edge, 0] >= 0) & (mesh.beside[edge, 1] >= 0)
    return n


@apart(MESH, HISTORY, LAST, FLOATS, BITS, types.boolean, error_model="numpy")
def labels(mesh, history, last, parameters, linear, exact):
    """Linear region (label 0, 1, ..) of each activation region."""
    depth, cells = len(history.cells), len(mesh.pointer) - 1
    edges = np.empty(len(mesh.ends), np.int64)
    n = inner_edges(mesh, edges)
    if not exact:
        widest = 0
        for width in history.widths:
            widest = max(widest, width)
        firsts, (slope, doubt) = firsts_of(history), two_tables(2, widest)
        # of the last two layers this is told sooner than by values, of those below by values
        n = not_heard(mesh, history, parameters, firsts, slope, doubt, depth - 2, depth, edges, n)
        if n and depth > 1:
            weight, bias = layer_of(history.widths, parameters, depth)
            linear = linear[len(linear) - weight.shape[1] :]
            outputs, bounds = preactivations_after(last, linear, weight[:MOST], bias[:MOST])
            n = not_bent(mesh, opposite_of(mesh), outputs, bounds, edges, n)
            n = not_heard(mesh, history, parameters, firsts, slope, doubt, 0, depth - 3, edges, n)
    if n == 0:
        return np.arange(cells)
    pairs, kept = integers(n, 2), 0
    for i in range(n):
        for side in range(2):
            pairs[i, side] = mesh.beside[edges[i], side]
    same = ask_same_maps(history, pairs)
    for i in range(n):
        if same[i]:
            pairs[kept, 0], pairs[kept, 1] = pairs[i, 0], pairs[i, 1]
            kept += 1
    return components(cells, pairs[:kept])


@inside(**UNCOUNTED)
def mark_on(on, is_on):
    """Mark the neurons that are on in some cell, on (cells, width); returns how many are on in none."""
    for cell in range(on.shape[0]):
        for k in range(is_on.size):
            is_on[k] |= on[cell, k]
    number = 0
    for k in range(is_on.size):
        number += is_on[k] == 0
    return number


@inside()
def never_on(history):
    """How many neurons are on in no cell."""
    number, start = 0, 0
    for layer in range(len(history.cells)):
        cells, is_on = history.cells[layer], np.zeros(history.widths[layer + 1], np.uint8)
        end = start + cells * is_on.size
        number += mark_on(history.on[start:end].reshape(cells, is_on.size), is_on)
        start = end
    return number


@apart(*NETWORK, FLOAT_ROWS, types.boolean, types.int64, types.int64, error_model="numpy")
def labelled(handle, widths, parameters, linear, counts, corners, exact, group, limit):
    """The mesh of a network, its history and the linear region of each cell; of no cell if there are more than `limit`.

    corners: (n, 2) of a convex polygon, anticlockwise; other arguments as of `partition`.
    """
    mesh, history, last = partition(
        handle, widths, parameters, linear, counts, polygon_mesh(corners), exact, group, limit
    )
    label = np.zeros(0 if counts[ACTIVATION] > limit else len(mesh.pointer) - 1, np.int64)
    if label.size and len(history.cells):
        label = labels(mesh, history, last, parameters, linear, exact)
    return mesh, history, label


@apart(MESH, HISTORY, INTEGERS, FLOAT_ROWS, types.boolean, INTEGERS, error_model="numpy")
def count_labelled(mesh, history, label, corners, exact, counts):
    """Put the counts of what is `labelled` into `counts`."""
    cells, regions = len(label), 0
    for cell in range(cells):
        regions = max(regions, label[cell] + 1)
    counts[LINEAR], counts[ACTIVATION], counts[DEAD] = regions, cells, never_on(history)
    area, bound = areas_of(mesh)
    whole, whole_bound = areas_of(polygon_mesh(corners))
    size = whole[0], whole_bound[0]
    number = wide(mesh, history, label, regions, area, bound, *size, exact)
    counts[WIDE_LINEAR] = counts[WIDE_ACTIVATION] = number
    if regions < cells:
        counts[WIDE_ACTIVATION] = wide(mesh, history, np.arange(cells), cells, area, bound, *size, exact)


@njit(cache=True, nogil=True)
def count(handle, widths, parameters, linear, counts, corners, exact, group, limit):
    """Put all into `counts`; -1 each if there are more than `limit` cells."""
    mesh, history, label = labelled(handle, widths, parameters, linear, counts, corners, exact, group, limit)
    if label.size == 0:
        counts[:] = -1
    else:
        count_labelled(mesh, history, label, corners, exact, counts)


@njit(cache=True, nogil=True)
def describe(handle, widths, parameters, linear, counts, corners, exact, group, limit):
    """The mesh as points, ends, sides and pointer, the linear region of each cell, and the history."""
    mesh, history, label = labelled(handle, widths, parameters, linear, counts, corners, exact, group, limit)
    return mesh.points, mesh.ends, mesh.sides, mesh.pointer, label, history


@njit(cache=True, nogil=True)
def cells_up_to(handle, widths, parameters, linear, counts, corners, exact, group, limit):
    """Count the activation regions; more than `limit` of them need not be all."""
    partition(handle, widths, parameters, linear, counts, polygon_mesh(corners), exact, group, limit)
