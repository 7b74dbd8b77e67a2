"""Double-double arithmetic with running error bounds, for the depth-first walk.

A number is three float64: (high, low, error), and the true value lies within `error` of high + low. Sums
and products come with their rounding errors (Knuth's two_sum; a product by the hardware's fused
multiply-add), and only what is dropped enters the bound: it stays exactly 0 as long as every operation was
exact, and there a computed 0 is a true 0. The same source serves float64 and `Lanes`, four at a time.

Rounding errors are themselves floats only away from underflow. Where an operand comes near it, the bound is
raised (see `SMALL`); overflow leaves NaN or infinity, which `sign` does not accept as decided.

Source: Dekker, A floating-point technique for extending the available precision (1971); Hida, Li, Bailey,
Algorithms for quad-double precision floating point arithmetic (2001).
"""

# ruff: noqa: ANN001, ANN201
# mypy: allow-untyped-defs, no-check-untyped-defs
import math

from triangle_cli.compiling import njit
from triangle_cli.regions.line.lanes import LANES, broadcast, fma, least_nonzero, load, store, total

SMALL = 2.0**-900  # a product at least this large has a representable rounding error
TINY = 2.0**-300  # with operands at least this large, up to 2^100, and results of at least TINY_RESULT,
TINY_RESULT = 2.0**-500  # no step of a crossing underflows
UNDERFLOW = 2.0**-1000  # more than what the sums and products of a layer can lose to underflow
ROOM = 1.0 + 2.0**-40  # covers the rounding of the bounds themselves
UNIT = 2.0**-53
PLACE, LEAST, PLAIN, EXTRA = 0, 3, 4, 8  # columns of a point after those of its neurons
UNDECIDED = 2  # what `sign` returns besides -1, 0, 1

# Without Numba's runtime arrays are not reference-counted: counting took longer than the arithmetic. Nothing
# compiled here or in the walk may allocate an array.
compiled = njit(error_model="numpy", _nrt=False, forceinline=True)


@compiled
def two_sum(a, b):
    """The rounded sum and its rounding error: together a + b exactly."""
    rounded = a + b
    virtual = rounded - a
    return rounded, (a - (rounded - virtual)) + (b - virtual)


@compiled
def sign(high, error):
    """Sign of a number whose low part is below 2^-50 of the high one: -1, 0, 1 or UNDECIDED."""
    if abs(high) * 0.999 > error:
        return 1 if high > 0.0 else -1
    if high == 0.0 and error == 0.0:
        return 0
    return UNDECIDED


@compiled
def product(a, a_low, b, b_low):
    """(high, low, lost): a b lies within `lost` of high + low, if a and b are exact."""
    high = a * b
    low = fma(a, b, -high)
    first = a * b_low
    first_lost = fma(a, b_low, -first)
    second = a_low * b
    second_lost = fma(a_low, b, -second)
    cross, cross_lost = two_sum(first, second)
    low, sum_lost = two_sum(low, cross)
    lost = (abs(first_lost) + abs(second_lost)) + (abs(cross_lost) + abs(sum_lost)) + abs(a_low * b_low)
    return high, low, lost


@compiled
def difference(a, a_low, b, b_low):
    """(high, low, lost): a - b lies within `lost` of high + low, if a and b are exact."""
    high, rest = two_sum(a, -b)
    low, low_lost = two_sum(a_low, -b_low)
    low, sum_lost = two_sum(low, rest)
    high, low = two_sum(high, low)
    return high, low, abs(low_lost) + abs(sum_lost)


@compiled
def quotient(a, a_low, b, b_low, inverse):
    """(high, low, lost): a / b lies within `lost` of high + low, if both are exact; inverse: about 1 / b."""
    first = a * inverse
    back = first * b
    back_low = fma(first, b, -back)
    cross = first * b_low
    cross_lost = fma(first, b_low, -cross)
    rest = a - back  # exact: the two are within a few ulps
    rest, lost_1 = two_sum(rest, a_low)
    rest, lost_2 = two_sum(rest, -back_low)
    rest, lost_3 = two_sum(rest, -cross)
    second = rest / b
    left = abs(fma(-second, b, rest)) + abs(second * b_low)
    lost = (left + abs(lost_1)) + (abs(lost_2) + abs(lost_3)) + abs(cross_lost)
    high, low = two_sum(first, second)
    return high, low, lost * abs(inverse)


@compiled
def plain_layer(weights, biases, points, source, masks, level, inputs, outputs, target, size):
    """`layer` for a source of plain floats, if no operation rounds; returns whether that is so."""
    lost = broadcast(0.0)
    zero = broadcast(0.0)
    least = math.inf
    for j in range(0, outputs, LANES):
        high = load(biases, (level, j))
        for k in range(inputs):
            if masks[level, k]:
                w, value = load(weights, (level, k, j)), broadcast(points[source, k])
                term = w * value
                lost = lost + abs(fma(w, value, -term))
                high, rest = two_sum(high, term)
                lost = lost + abs(rest)
        store(points, (target, j), high)
        store(points, (target, size + j), zero)
        store(points, (target, 2 * size + j), zero)
        least = min(least, least_nonzero(high, high, high))
    points[target, 3 * size + LEAST] = least
    return total(lost) == 0.0


@compiled
def layer(weights, biases, least_weight, points, source, masks, level, inputs, outputs, target, size):
    """points[target] = W (mask * points[source]) + b.

    Rows of `points` are (high, low, error) of every neuron, `size` columns each, then `PLACE` and `LEAST`
    as in `crossing`. weights, biases, masks: of all levels, the row `level` is used; weights[level]:
    (fan-in, fan-out), padded with zeros; least_weight: its smallest magnitude that is not 0.
    """
    for part in range(3):
        points[target, 3 * size + PLACE + part] = points[source, 3 * size + PLACE + part]
    close_to_underflow = points[source, 3 * size + LEAST] * least_weight < SMALL
    points[target, 3 * size + PLAIN] = 1.0
    if (
        points[source, 3 * size + PLAIN] != 0.0
        and not close_to_underflow
        and plain_layer(weights, biases, points, source, masks, level, inputs, outputs, target, size)
    ):
        return
    points[target, 3 * size + PLAIN] = 0.0
    more = broadcast(UNDERFLOW if close_to_underflow else 0.0)
    least = math.inf
    for j in range(0, outputs, LANES):
        high = load(biases, (level, j))
        low = broadcast(0.0)
        error = broadcast(0.0)
        for k in range(inputs):
            if masks[level, k]:
                w = load(weights, (level, k, j))
                value, value_low = broadcast(points[source, k]), broadcast(points[source, size + k])
                term = w * value
                term_low = fma(w, value, -term)
                cross = w * value_low
                cross_lost = fma(w, value_low, -cross)
                term_low, lost_1 = two_sum(term_low, cross)
                high, rest = two_sum(high, term)
                rest, lost_2 = two_sum(rest, term_low)
                low, lost_3 = two_sum(low, rest)
                lost = (abs(cross_lost) + abs(lost_1)) + (abs(lost_2) + abs(lost_3))
                error = error + (lost + abs(w) * broadcast(points[source, 2 * size + k]))
        high, low = two_sum(high, low)
        error = error * broadcast(ROOM) + more
        store(points, (target, j), high)
        store(points, (target, size + j), low)
        store(points, (target, 2 * size + j), error)
        least = min(least, least_nonzero(high, low, error))
    points[target, 3 * size + LEAST] = least


@compiled
def plain_crossing(points, left, right, neuron, neurons, target, a, b, span, size):
    """`crossing` between plain floats, if no operation rounds; returns whether that is so."""
    a, b, span = broadcast(a), broadcast(b), broadcast(span)
    lost, zero = broadcast(0.0), broadcast(0.0)
    least = math.inf
    for j in range(0, neurons, LANES):
        at_left, at_right = load(points, (left, j)), load(points, (right, j))
        first, second = at_left * b, at_right * a
        lost = lost + (abs(fma(at_left, b, -first)) + abs(fma(at_right, a, -second)))
        top, rest = two_sum(first, -second)
        high = top / span
        lost = lost + (abs(rest) + abs(fma(-high, span, top)))
        store(points, (target, j), high)
        store(points, (target, size + j), zero)
        store(points, (target, 2 * size + j), zero)
        least = min(least, least_nonzero(high, high, high))
    points[target, 3 * size + LEAST] = least
    points[target, neuron] = 0.0
    return total(lost) == 0.0 and least >= TINY_RESULT


@compiled
def crossing(points, left, right, neuron, neurons, target, size):
    """Fill row `target` with the values where `neuron` is 0, its signs at `left` and `right` differing.

    Rows of `points`: as in `layer`; PLACE: x at the point, as three columns; LEAST: the smallest magnitude
    that is not 0 in the row, x aside. With a and b the pivot's values at the ends, each neuron's value
    there is (L b - R a) / (b - a): no rounding error where the true value is a float. Errors of the ends
    enter through (1 - t) L + t R, t = a / (a - b), not through the determinant: on a narrow piece that
    would multiply them by |L| / |R - L| at every split.
    """
    a, a_low, a_error = points[left, neuron], points[left, size + neuron], points[left, 2 * size + neuron]
    b, b_low, b_error = points[right, neuron], points[right, size + neuron], points[right, 2 * size + neuron]
    span, span_low, span_lost = difference(b, b_low, a, a_low)
    inverse = 1.0 / span
    length = abs(span) * (1.0 - 2.0**-40)
    from_left = abs(a * inverse)
    from_right = abs(b * inverse)
    wander = 0.0
    if a_error != 0.0 or b_error != 0.0:  # the zero's place is uncertain by this share of the piece
        wander = max((from_left * b_error + from_right * a_error) / (length - a_error - b_error), 2.0**-400)
    smallest = min(points[left, 3 * size + LEAST], points[right, 3 * size + LEAST])
    tiny = smallest < TINY or (abs(span_low) < TINY and span_low != 0.0) or not TINY <= length <= 2.0**100
    more = math.inf if tiny else 0.0

    share, share_low, _ = quotient(-a, -a_low, span, span_low, inverse)
    x_more = 0.0 if 2.0**-800 <= length <= 2.0**800 else math.inf
    place(points, left, right, target, 3 * size + PLACE, share, share_low, wander, x_more)

    points[target, 3 * size + PLAIN] = 1.0
    plain = points[left, 3 * size + PLAIN] * points[right, 3 * size + PLAIN] != 0.0 and span_low == 0.0
    if plain and not tiny and plain_crossing(points, left, right, neuron, neurons, target, a, b, span, size):
        return
    points[target, 3 * size + PLAIN] = 0.0
    a_, a_low_, b_, b_low_ = broadcast(a), broadcast(a_low), broadcast(b), broadcast(b_low)
    span_, span_low_, inverse_ = broadcast(span), broadcast(span_low), broadcast(inverse)
    smallest = math.inf
    for j in range(0, neurons, LANES):
        left_high, left_low = load(points, (left, j)), load(points, (left, size + j))
        right_high, right_low = load(points, (right, j)), load(points, (right, size + j))
        left_error, right_error = load(points, (left, 2 * size + j)), load(points, (right, 2 * size + j))
        high_1, low_1, lost_1 = product(left_high, left_low, b_, b_low_)
        high_2, low_2, lost_2 = product(right_high, right_low, a_, a_low_)
        high, low, lost = difference(high_1, low_1, high_2, low_2)
        high, low, lost_3 = quotient(high, low, span_, span_low_, inverse_)
        lost = (lost + lost_1) + (lost_2 + abs(high) * broadcast(span_lost))
        reach = (abs(right_high - left_high) + (abs(left_low) + abs(right_low))) + max(
            left_error, right_error
        )
        carried = (
            broadcast(from_right) * left_error
            + broadcast(from_left) * right_error
            + broadcast(wander) * reach
        )
        error = (lost * abs(inverse_) + (lost_3 + carried)) * broadcast(ROOM) + broadcast(more)
        store(points, (target, j), high)
        store(points, (target, size + j), low)
        store(points, (target, 2 * size + j), error)
        smallest = min(smallest, least_nonzero(high, low, error))
    points[target, 3 * size + LEAST] = smallest
    if smallest < TINY_RESULT:
        for j in range(neurons):
            points[target, 2 * size + j] = math.inf
    for part in range(3):
        points[target, part * size + neuron] = 0.0


@compiled
def place(points, left, right, target, column, share, share_low, wander, more):
    """The input x at `share` of the way from left to right, to about 100 bits: it only decides widths."""
    x, x_low, x_error = points[left, column], points[left, column + 1], points[left, column + 2]
    end, end_low, end_error = points[right, column], points[right, column + 1], points[right, column + 2]
    gap, gap_low = two_sum(end, -x)
    gap_low += end_low - x_low
    step = gap * share
    step_low = fma(gap, share, -step) + (gap * share_low + gap_low * share)
    middle, middle_low = two_sum(x, step)
    middle, middle_low = two_sum(middle, middle_low + (x_low + step_low))
    points[target, column] = middle
    points[target, column + 1] = middle_low
    carried = max(x_error, end_error) + wander * (abs(gap) + x_error + end_error)
    points[target, column + 2] = (carried + (abs(x) + abs(end)) * 2.0**-98 + UNDERFLOW) * ROOM + more
