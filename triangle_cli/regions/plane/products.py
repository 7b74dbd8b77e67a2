# ruff: noqa: ANN001, ANN201 - numba infers the types
# mypy: allow-untyped-defs, no-check-untyped-defs
"""Products of weights with what enters a layer, and bounds on their distance from the true ones: compiled."""

from collections import namedtuple

import numpy as np

from triangle_cli.compiling import UNCOUNTED, apart, inside
from triangle_cli.regions.line.lanes import LANES, broadcast, fma, load, store
from triangle_cli.regions.plane.kernels import (
    TINY,
    UNIT,
    floats,
    is_exact_product,
    lerp_row,
    rectify,
    sum_lost,
    two_tables,
)
from triangle_cli.regions.plane.records import BITS, FLOAT_ROWS, FLOATS, LAST

LEAST_WEIGHT = 1e-90  # bounds count every nonzero weight as at least this much, so that no product underflows
ROWS, COLUMNS = 4, 2 * LANES  # of the result, made at a time

# A layer: weights, biases, relative error of its sums, weights and their steepness as of `pack`, bounds on the biases
Factors = namedtuple("Factors", "weight bias gamma across steep offset")
# Room for ROWS rows and their errors, and as of `gather`; for what comes out of both, (2 ROWS, COLUMNS)
Room = namedtuple("Room", "x errors used columns spreads tile")


@inside(inline="always")
def spread(value, error, gamma):
    """What |weights| are to be multiplied by to bound a dot product of relative error gamma."""
    if value == 0.0 and error == 0.0:
        return 0.0
    return error + gamma * abs(value) + TINY  # a sum of products may underflow to 0


@inside(**UNCOUNTED)
def steepness(w):
    """What `spread` is to be multiplied by to bound a product with a weight: |w| and a little more."""
    return 0.0 if w == 0.0 else max(abs(w), LEAST_WEIGHT) * 1.000001


@inside(**UNCOUNTED)
def pack(weight, across, steep):
    """Weights and their `steepness` as rows (COLUMNS,), of so many neurons a row for each input, 0 after the last."""
    width, fan_in = weight.shape
    for row in range(across.shape[0]):
        for c in range(COLUMNS):
            o = row // fan_in * COLUMNS + c
            w = weight[o, row % fan_in] if o < width else 0.0
            across[row, c], steep[row, c] = w, steepness(w)


@inside(**UNCOUNTED)
def gather(x, errors, gamma, used, columns, spreads):
    """Columns in which some of the rows x (up to ROWS, n) are not exactly 0, and there the rows and their spreads.

    used: (n,), columns, spreads: (n, ROWS), 0 where there is no row; returns how many there are.
    """
    n = 0
    for r in range(len(x), ROWS):
        for k in range(x.shape[1]):
            columns[k, r] = spreads[k, r] = 0.0
    for k in range(x.shape[1]):
        used[n], total = k, 0.0
        for r in range(len(x)):
            columns[n, r], spreads[n, r] = x[r, k], spread(x[r, k], errors[r, k], gamma)
            total += spreads[n, r]
        n += total != 0.0
    return n


@inside(**UNCOUNTED)
def multiply(columns, used, n, table, first, tile):
    """n columns, transposed, times rows of a table, those `used` of the rows from the first on, into a tile.

    The sums stay in registers, and what is read serves several of them.
    """
    a = b = c = d = e = f = g = h = broadcast(0.0)
    for i in range(n):
        row = first + used[i]
        left, right = load(table, (row, 0)), load(table, (row, LANES))
        factor = broadcast(columns[i, 0])
        a, b = fma(left, factor, a), fma(right, factor, b)
        factor = broadcast(columns[i, 1])
        c, d = fma(left, factor, c), fma(right, factor, d)
        factor = broadcast(columns[i, 2])
        e, f = fma(left, factor, e), fma(right, factor, f)
        factor = broadcast(columns[i, 3])
        g, h = fma(left, factor, g), fma(right, factor, h)
    store(tile, (0, 0), a)
    store(tile, (0, LANES), b)
    store(tile, (1, 0), c)
    store(tile, (1, LANES), d)
    store(tile, (2, 0), e)
    store(tile, (2, LANES), f)
    store(tile, (3, 0), g)
    store(tile, (3, LANES), h)


@inside(**UNCOUNTED)
def add_bias(products, bias, sums):
    """products + bias into `sums`."""
    for c in range(sums.size):
        sums[c] = products[c] + bias[c]


@inside(**UNCOUNTED)
def plain_sum(weight, o, inputs, v, bias):
    """Row o of weights times row v of inputs plus bias, summed from the bias on, and whether nothing is rounded."""
    total, is_exact = bias, True
    for k in range(weight.shape[1]):
        w, x = weight[o, k], inputs[v, k]
        term = w * x
        is_exact &= is_exact_product(w, x) and sum_lost(total, term) == 0.0
        total += term
    return total, is_exact


@inside(**UNCOUNTED)
def replace_plain(x, errors, factors, r, value, bound):
    """Take products and bias together exactly where nothing is rounded, if row r of x is not."""
    for k in range(x.shape[1]):
        if errors[r, k] != 0.0:
            return
    for o in range(value.size):
        total, is_exact = plain_sum(factors.weight, o, x, r, factors.bias[o])
        if is_exact:
            value[o], bound[o] = total, 0.0


@inside(**UNCOUNTED)
def multiply_rows(x, errors, factors, room, values, bounds):
    """`preactivations` of up to ROWS rows x, known up to errors, into as many rows of values and bounds."""
    n, width = gather(x, errors, factors.gamma, room.used, room.columns, room.spreads), factors.bias.size
    for o in range(0, width, COLUMNS):
        row, end = o // COLUMNS * room.used.size, min(o + COLUMNS, width)
        multiply(room.columns, room.used, n, factors.across, row, room.tile[:ROWS])
        multiply(room.spreads, room.used, n, factors.steep, row, room.tile[ROWS:])
        for r in range(len(x)):
            add_bias(room.tile[r], factors.bias[o:end], values[r, o:end])
            add_bias(room.tile[ROWS + r], factors.offset[o:end], bounds[r, o:end])
    for r in range(len(x)):
        replace_plain(x, errors, factors, r, values[r], bounds[r])


@inside()
def factors_of(weight, bias):
    """`Factors` of a layer."""
    width, fan_in = weight.shape
    gamma, offset = (fan_in + 4) * UNIT, np.empty(width)
    across, steep = two_tables(-(-width // COLUMNS) * fan_in, COLUMNS)
    pack(weight, across, steep)
    for o in range(width):
        offset[o] = 0.0 if bias[o] == 0.0 else gamma * abs(bias[o]) + TINY
    return Factors(weight, bias, gamma, across, steep, offset)


@inside()
def room_for(fan_in):
    """`Room` for rows of so many numbers."""
    x, errors = two_tables(ROWS, fan_in)
    columns, spreads = two_tables(fan_in, ROWS)
    return Room(x, errors, np.empty(fan_in, np.int64), columns, spreads, floats(2 * ROWS, COLUMNS))


@inside(**UNCOUNTED)
def multiply_all(inputs, errors, factors, room, values, bounds):
    """`preactivations` into values and bounds."""
    for v in range(0, len(inputs), ROWS):
        end = min(v + ROWS, len(inputs))
        multiply_rows(inputs[v:end], errors[v:end], factors, room, values[v:end], bounds[v:end])


@apart(FLOAT_ROWS, FLOATS, FLOAT_ROWS, FLOAT_ROWS, error_model="numpy")
def preactivations(weight, bias, inputs, errors):
    """inputs @ weight.T + bias and its bound, given that of the inputs; both (n, width).

    The bound is 0 only where every term is a product with an exact 0, or nothing was rounded. Higham, Accuracy and
    Stability of Numerical Algorithms, section 3.1: a dot product of n terms, summed in any order, is off by
    n u |w| . |h|.
    """
    values, bounds = two_tables(len(inputs), len(bias))
    multiply_all(inputs, errors, factors_of(weight, bias), room_for(weight.shape[1]), values, bounds)
    return values, bounds


@inside(**UNCOUNTED)
def most_within(makers):
    """The largest number of new vertices within one cell; makers: as of `Last`."""
    most = number = 0
    for i in range(len(makers)):
        number = number + 1 if i and makers[i, 0] == makers[i - 1, 0] else 1
        most = max(most, number)
    return most


@inside(**UNCOUNTED)
def source(last, p, on_edges, first, row, doubt, spare):
    """Where the pre-activations of vertex p and their bounds are: arrays and a row, if need be made, `spare`."""
    old = len(last.values)
    if p < old:
        return last.values, last.errors, p
    if p >= on_edges:
        return row, doubt, p - first + 3
    a, b = last.parents[p - old, 0], last.parents[p - old, 1]
    at, at_error = last.place[p - old, 0], last.place[p - old, 1]
    lerp_row(last.values, last.errors, a, last.values, last.errors, b, at, at_error, row, doubt, spare)
    return row, doubt, spare


@inside(**UNCOUNTED)
def multiply_after(last, linear, factors, room, row, doubt, values, bounds):
    """`preactivations_after` into values and bounds.

    row, doubt: room for pre-activations of a vertex, of the two that it lies between, and of those within one cell,
    and for their bounds.
    """
    old = len(last.values)
    on_edges = old + len(last.parents) - len(last.makers)  # the first vertex within a cell
    first = on_edges
    for v in range(len(values)):
        value, error, i = last.values, last.errors, v
        if v >= old:
            if v > on_edges and last.makers[v - on_edges, 0] != last.makers[v - on_edges - 1, 0]:
                first = v
            low, low_error, p = source(last, last.parents[v - old, 0], on_edges, first, row, doubt, 1)
            high, high_error, q = source(last, last.parents[v - old, 1], on_edges, first, row, doubt, 2)
            value, error, i = row, doubt, (v - first + 3 if v >= on_edges else 0)
            at, at_error = last.place[v - old, 0], last.place[v - old, 1]
            lerp_row(low, low_error, p, high, high_error, q, at, at_error, value, error, i)
        r = v % ROWS
        signs = last.signs[v] if v < on_edges else last.signs[0, :0]
        rectify(value, error, i, signs, linear, room.x[r], room.errors[r])
        if r == ROWS - 1 or v == len(values) - 1:
            multiply_rows(
                room.x[: r + 1],
                room.errors[: r + 1],
                factors,
                room,
                values[v - r : v + 1],
                bounds[v - r : v + 1],
            )


@apart(LAST, BITS, FLOAT_ROWS, FLOATS, error_model="numpy")
def preactivations_after(last, linear, weight, bias):
    """`preactivations` of the layer after one that has cut, at all vertices there are then; linear: of that one."""
    room, doubt = two_tables(3 + most_within(last.makers), weight.shape[1])
    values, bounds = two_tables(len(last.values) + len(last.parents), len(bias))
    factors, rows = factors_of(weight, bias), room_for(weight.shape[1])
    multiply_after(last, linear, factors, rows, room, doubt, values, bounds)
    return values, bounds
