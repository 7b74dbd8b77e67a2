# ruff: noqa: ANN001, ANN201 - numba infers the types
# mypy: allow-untyped-defs, no-check-untyped-defs
"""Products of weights with what enters a layer, and bounds on their distance from the true ones: compiled."""

import numpy as np

from triangle_cli.compiling import UNCOUNTED, apart, inside
from triangle_cli.regions.line.lanes import LANES, broadcast, fma, load, store
from triangle_cli.regions.plane.kernels import (
    TINY,
    UNIT,
    floats,
    is_exact_product,
    sum_lost,
    two_tables,
)
from triangle_cli.regions.plane.records import FLOAT_ROWS, FLOATS

LEAST_WEIGHT = 1e-90  # bounds count every nonzero weight as at least this much, so that no product underflows
ROWS, COLUMNS = 4, 2 * LANES  # of the result, made at a time


@inside(inline="always")
def spread(value, error, gamma):
    """What |weights| are to be multiplied by to bound a dot product of relative error gamma."""
    return (
        0.0 if value == 0.0 and error == 0.0 else error + gamma * abs(value) + TINY
    )  # not: 0, which may underflow


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
def load_rows(inputs, errors, first, gamma, used, x, doubt):
    """Columns in which some of ROWS rows from the first on are not exactly 0, and there the inputs and their spreads.

    used: (n,), x, doubt: (n, ROWS), of rows after the last 0; returns n.
    """
    n, end = 0, min(ROWS, len(inputs) - first)
    for r in range(end, ROWS):
        for k in range(len(used)):
            x[k, r] = doubt[k, r] = 0.0
    for k in range(len(used)):
        used[n], total = k, 0.0
        for r in range(end):
            value = inputs[first + r, k]
            x[n, r], doubt[n, r] = value, spread(value, errors[first + r, k], gamma)
            total += doubt[n, r]
        n += total != 0.0
    return n


@inside(**UNCOUNTED)
def multiply(x, used, n, table, first, tile):
    """x (n, ROWS), transposed, times n rows of a table, those `used` of the rows from the first on, into a tile.

    The sums stay in registers, and what is read serves several of them.
    """
    a = b = c = d = e = f = g = h = broadcast(0.0)
    for i in range(n):
        row = first + used[i]
        left, right = load(table, (row, 0)), load(table, (row, LANES))
        factor = broadcast(x[i, 0])
        a, b = fma(left, factor, a), fma(right, factor, b)
        factor = broadcast(x[i, 1])
        c, d = fma(left, factor, c), fma(right, factor, d)
        factor = broadcast(x[i, 2])
        e, f = fma(left, factor, e), fma(right, factor, f)
        factor = broadcast(x[i, 3])
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
def add_products(bias, offset, inputs, errors, gamma, across, steep, used, x, doubt, tile, values, bounds):
    """`preactivations` into `values` and `bounds`; offset: bound on the bias; across, steep: of `pack`."""
    for first in range(0, len(inputs), ROWS):
        n = load_rows(inputs, errors, first, gamma, used, x, doubt)
        for o in range(0, bias.size, COLUMNS):
            multiply(x, used, n, across, o // COLUMNS * len(used), tile[:ROWS])
            multiply(doubt, used, n, steep, o // COLUMNS * len(used), tile[ROWS:])
            end = min(o + COLUMNS, bias.size)
            for r in range(min(ROWS, len(inputs) - first)):
                add_bias(tile[r], bias[o:end], values[first + r, o:end])
                add_bias(tile[ROWS + r], offset[o:end], bounds[first + r, o:end])


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
def replace_plain(weight, bias, inputs, errors, values, bounds):
    """Take products and bias together exactly where nothing is rounded."""
    for v in range(len(inputs)):
        is_plain = True
        for k in range(inputs.shape[1]):
            is_plain &= errors[v, k] == 0.0
        for o in range(bias.size if is_plain else 0):
            total, is_exact = plain_sum(weight, o, inputs, v, bias[o])
            if is_exact:
                values[v, o], bounds[v, o] = total, 0.0


@apart(FLOAT_ROWS, FLOATS, FLOAT_ROWS, FLOAT_ROWS, error_model="numpy")
def preactivations(weight, bias, inputs, errors):
    """inputs @ weight.T + bias and its bound, given that of the inputs; both (n, width).

    The bound is 0 only where every term is a product with an exact 0, or nothing was rounded. Higham, Accuracy and
    Stability of Numerical Algorithms, section 3.1: a dot product of n terms, summed in any order, is off by
    n u |w| . |h|.
    """
    width, fan_in = weight.shape
    gamma = (fan_in + 4) * UNIT
    across, steep = two_tables(-(-width // COLUMNS) * fan_in, COLUMNS)
    pack(weight, across, steep)
    values, bounds = two_tables(len(inputs), width)
    used, tile = np.empty(fan_in, np.int64), floats(2 * ROWS, COLUMNS)
    x, doubt = two_tables(fan_in, ROWS)
    offset = np.empty(width)
    for o in range(width):
        offset[o] = 0.0 if bias[o] == 0.0 else gamma * abs(bias[o]) + TINY
    add_products(bias, offset, inputs, errors, gamma, across, steep, used, x, doubt, tile, values, bounds)
    replace_plain(weight, bias, inputs, errors, values, bounds)
    return values, bounds
