# ruff: noqa: ANN001, ANN201 - numba infers the types
# mypy: allow-untyped-defs, no-check-untyped-defs
"""Compiled arithmetic of the two-dimensional region counter: signs, values between and after neurons.

Every float comes with a bound on its distance from the true value. It is 0 where the float is exact, which stays so as
long as nothing is rounded: sawtooths and other networks of short numbers then leave few signs open.
"""

import numpy as np

from triangle_cli.compiling import UNCOUNTED, apart, inside
from triangle_cli.regions.line.lanes import fma
from triangle_cli.regions.plane.records import FLOAT_ROWS, INTEGER_ROWS

UNIT = 2.0**-52  # twice the relative rounding error of one float64 operation
TINY = 1e-200  # added to every bound that is not exactly 0: covers all underflow
SLACK = 1.0 + 1e-9  # covers the rounding of the bounds themselves
SMALL = 2.0**-900  # a product at least this large has a representable rounding error
UNDECIDED = 2


@inside(inline="always")
def sum_lost(a, b):
    """The rounding error of a + b (Knuth's two_sum); NaN if it overflows."""
    rounded = a + b
    virtual = rounded - a
    return (a - (rounded - virtual)) + (b - virtual)


@inside(inline="always")
def is_exact_product(a, b):
    """Whether a * b is not rounded."""
    product = a * b
    return fma(a, b, -product) == 0.0 and (abs(product) >= SMALL or a == 0.0 or b == 0.0)


@inside(**UNCOUNTED)
def lerp(low, low_error, high, high_error, t, t_error):
    """Value and bound at low + t (high - low), 0 <= t <= 1/2."""
    rise = high - low
    value = low + t * rise
    if low_error == 0.0 and high_error == 0.0:
        if rise == 0.0:
            return value, 0.0
        plain = t_error == 0.0 and sum_lost(high, -low) == 0.0 and is_exact_product(t, rise)
        if plain and sum_lost(low, t * rise) == 0.0:
            return value, 0.0
    error = (1.0 - t) * low_error + t * high_error + t_error * (abs(rise) + low_error + high_error)
    return value, (error + UNIT * (t * abs(rise) + abs(value))) * SLACK + TINY


@inside(**UNCOUNTED)
def sign_of(value, error):
    """-1, 0 or 1 beyond doubt, else UNDECIDED (also for NaN). A bound of 0 means that the float is exact."""
    if value > error and value < 1e300:
        return 1
    if value < -error and value > -1e300:
        return -1
    if error == 0.0 and value == 0.0:
        return 0
    return UNDECIDED


@inside(**UNCOUNTED)
def crossing(a, a_error, b, b_error):
    """Where a segment with |values| a, b at its ends is cut: swapped ends or not, t <= 1/2, its bound."""
    swapped = b < a
    if swapped:
        a, b, a_error, b_error = b, a, b_error, a_error
    total = a + b
    if not (1e-150 < total < 1e150):
        return swapped, 0.5, 1.0
    if a_error == 0.0 and b_error == 0.0 and sum_lost(a, b) == 0.0:
        t = a / total
        if t > 1e-100 and fma(-t, total, a) == 0.0:
            return swapped, t, 0.0
    a, b, a_error, b_error = a / total, b / total, a_error / total, b_error / total
    least = 1.0 - a_error - b_error
    if not least > 0.0:
        return swapped, 0.5, 1.0
    error = ((a_error * b + b_error * a) / least + 2.0 * UNIT * a) * SLACK + TINY
    return swapped, a, min(error, 1.0)


@inside(**UNCOUNTED)
def copy(source, target, start):
    """target[start : start + len(source)] = source, for which numba would compile what it says where sizes differ."""
    # whose indices are not negative, so that this is done many at a time
    rows = target[start : start + source.shape[0]]
    for i in range(source.shape[0]):
        if source.ndim == 1:
            rows[i] = source[i]
        else:
            for k in range(source.shape[1]):
                rows[i, k] = source[i, k]


@inside()
def floats(rows, columns):
    """Room for floats; numba compiles `np.empty` anew for each constant in a shape, this once."""
    return np.empty((rows, columns))


@inside()
def integers(rows, columns):
    """Room for integers."""
    return np.empty((rows, columns), np.int64)


@inside()
def two_tables(rows, columns):
    """Room for floats and their bounds, if little made at once: each array is a call to the allocator."""
    if rows * columns > 2**16:  # where glibc would keep what is freed of either, but not of both
        return floats(rows, columns), floats(rows, columns)
    both = floats(2 * rows, columns)
    return both[:rows], both[rows:]


@inside()
def grown(array, size):
    """`array`, or a copy at least twice as long if it has fewer than `size` rows."""
    if size <= array.shape[0]:
        return array
    larger = np.zeros((max(size, 2 * array.shape[0]), *array.shape[1:]), array.dtype)
    copy(array, larger, 0)
    return larger


@inside()
def joined(first, second):
    """The rows of one array, then those of another."""
    both = np.empty((first.shape[0] + second.shape[0], *first.shape[1:]), first.dtype)
    copy(first, both, 0)
    copy(second, both, len(first))
    return both


@inside(**UNCOUNTED)
def classify(values, errors, linear, exact, signs):
    """Signs (n, width) int8 of values known up to errors, and 1 of `linear` neurons; returns how many are UNDECIDED."""
    undecided = 0
    for v in range(values.shape[0]):
        decided = 0
        for k in range(values.shape[1]):  # no branch: half of all signs are either
            value, error = values[v, k], errors[v, k]
            sign = np.int8((value > error) & (value < 1e300)) - np.int8((value < -error) & (value > -1e300))
            signs[v, k] = sign
            decided += (sign != 0) | ((error == 0.0) & (value == 0.0))
        if decided == values.shape[1] and not exact:
            continue
        for k in range(values.shape[1]):
            if not linear[k] and (exact or sign_of(values[v, k], errors[v, k]) == UNDECIDED):
                signs[v, k] = UNDECIDED
                undecided += 1
    for k in range(values.shape[1]):
        for v in range(values.shape[0] if linear[k] else 0):
            signs[v, k] = 1
    return undecided


@inside(**UNCOUNTED)
def rectify(values, errors, row, signs, linear, x, x_errors):
    """A row after the ReLU, but of `linear` neurons, into x and x_errors; signs: of the row, or of none of its neurons.

    Without signs a neuron is off where its bound says so.
    """
    for k in range(x.size):
        value, error = values[row, k], errors[row, k]
        is_off = (signs[k] <= 0 if signs.size else value < -error) and not linear[k]
        x[k] = 0.0 if is_off or (value < 0.0 and not linear[k]) else value
        x_errors[k] = 0.0 if is_off else error


@inside(**UNCOUNTED)
def lerp_row(low, low_error, p, high, high_error, q, t, t_error, values, errors, v):
    """`lerp` of whole rows, from p and q into v."""
    width = values.shape[1]
    if t_error == 0.0:
        for k in range(width):
            values[v, k], errors[v, k] = lerp(
                low[p, k], low_error[p, k], high[q, k], high_error[q, k], t, t_error
            )
        return
    for k in range(width):  # no branch, which would keep it from the vector unit
        rise, doubt = high[q, k] - low[p, k], low_error[p, k] + high_error[q, k]
        value = low[p, k] + t * rise
        carried = (1.0 - t) * low_error[p, k] + t * high_error[q, k] + t_error * (abs(rise) + doubt)
        error = (carried + UNIT * (t * abs(rise) + abs(value))) * SLACK + TINY
        values[v, k], errors[v, k] = value, (0.0 if (rise == 0.0) & (doubt == 0.0) else error)


@inside(**UNCOUNTED)
def add_between(values, errors, parents, place, first):
    """Rows from the first on for new vertices, each of them between two earlier ones."""
    for i in range(len(parents)):
        p, q, t, t_error = parents[i, 0], parents[i, 1], place[i, 0], place[i, 1]
        lerp_row(values, errors, p, values, errors, q, t, t_error, values, errors, first + i)


@apart(FLOAT_ROWS, FLOAT_ROWS, INTEGER_ROWS, FLOAT_ROWS, error_model="numpy")
def lengthened(values, errors, parents, place):
    """`values`, `errors` (n, k) and rows for new vertices, each of them between two earlier ones."""
    n = len(values) + len(parents)
    longer, longer_errors = two_tables(n, values.shape[1])
    copy(values, longer, 0)
    copy(errors, longer_errors, 0)
    add_between(longer, longer_errors, parents, place, len(values))
    return longer, longer_errors


@inside(**UNCOUNTED)
def cells_of(pointer, sides, ends, cells_beside, cell_at):
    """Cells left and right of each edge (-1: outside), and some cell at each vertex."""
    for edge in range(len(ends)):
        cells_beside[edge, 0] = cells_beside[edge, 1] = -1
    for c in range(pointer.size - 1):
        for i in range(pointer[c], pointer[c + 1]):
            edge, turn = sides[i] >> 1, sides[i] & 1
            cells_beside[edge, turn] = c
            cell_at[ends[edge, turn]] = c
