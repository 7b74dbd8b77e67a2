"""Double-double arithmetic with running error bounds, for the depth-first traversal.

A number is three float64: (high, low, error), and the true value lies within `error` of high + low. Sums and
products come with their rounding errors (Knuth's two_sum; a product by the hardware's fused multiply-add), and
only what is dropped enters the bound: it stays exactly 0 as long as every operation was exact, and there a
computed 0 is a true 0.

Rounding errors are themselves floats only away from underflow. Where an operand comes near it, the bound is
raised (see `SMALL`); overflow leaves NaN or infinity, which no comparison below accepts as decided.

Source: Dekker, A floating-point technique for extending the available precision (1971); Hida, Li, Bailey,
Algorithms for quad-double precision floating point arithmetic (2001).
"""

import math

from numba import njit, types
from numba.extending import intrinsic

SMALL = 2.0**-900  # a product at least this large has a representable rounding error
UNDERFLOW = 2.0**-1000  # more than what any one product or sum can lose to underflow, even flushed to zero
ROOM = 1.0 + 2.0**-40  # covers the rounding of the bounds themselves
UNIT = 2.0**-53
UNDECIDED = 2  # what `sign` returns besides -1, 0, 1

_inline = njit(inline="always", error_model="numpy")


@intrinsic
def fma(typingctx, a, b, c):  # noqa: ANN001, ANN201
    """a * b + c, rounded once."""

    def codegen(context, builder, signature, arguments):  # noqa: ANN001
        return builder.fma(*arguments)

    return types.float64(types.float64, types.float64, types.float64), codegen


@_inline
def two_sum(a: float, b: float):  # noqa: ANN201
    """The rounded sum and its rounding error: their sum is a + b exactly."""
    total = a + b
    virtual = total - a
    return total, (a - (total - virtual)) + (b - virtual)


@_inline
def sign(high: float, error: float) -> int:
    """Sign of a number whose low part is below 2^-52 of the high one: -1, 0, 1 or UNDECIDED."""
    if abs(high) * 0.999 > error:
        return 1 if high > 0.0 else -1
    if high == 0.0 and error == 0.0:
        return 0
    return UNDECIDED


@_inline
def smallest(least: float, value: float) -> float:
    """The smaller of `least` and |value|, zeros left out."""
    value = abs(value)
    return value if value < least and value != 0.0 else least


@njit(error_model="numpy")
def layer(weight, bias, least_weight, source, mask, inputs, outputs, target):  # noqa: ANN001, ANN201
    """target = weight^T (mask * source) + bias, for vectors of (high, low, error).

    weight: (inputs, outputs) or larger; source, target: (3, 1 + neurons), neuron k in column 1 + k; `mask`: the
    neurons that are on; `least_weight`: the smallest |weight| that is not 0. Column 0 (the input x) is copied.
    """
    for part in range(3):
        target[part, 0] = source[part, 0]
    for j in range(outputs):
        target[0, 1 + j] = bias[j]
        target[1, 1 + j] = 0.0
        target[2, 1 + j] = 0.0
    least = math.inf
    for k in range(inputs):
        if mask[k]:
            high = source[0, 1 + k]
            low = source[1, 1 + k]
            error = source[2, 1 + k]
            least = smallest(smallest(smallest(least, high), low), error)
            for j in range(outputs):
                w = weight[k, j]
                product = w * high
                product_low = fma(w, high, -product)
                cross = w * low
                cross_lost = fma(w, low, -cross)
                product_low, product_lost = two_sum(product_low, cross)
                total, total_low = two_sum(target[0, 1 + j], product)
                rest, rest_lost = two_sum(target[1, 1 + j], product_low)
                rest, sum_lost = two_sum(rest, total_low)
                target[0, 1 + j], target[1, 1 + j] = two_sum(total, rest)
                lost = (abs(cross_lost) + abs(product_lost)) + (abs(rest_lost) + abs(sum_lost))
                target[2, 1 + j] += abs(w) * error + lost
    more = UNDERFLOW if least * least_weight < SMALL else 0.0
    for j in range(outputs):
        target[2, 1 + j] = target[2, 1 + j] * ROOM + more


@_inline
def product(a_high: float, a_low: float, b_high: float, b_low: float):  # noqa: ANN201
    """(high, low, lost): a b lies within `lost` of high + low, if a and b are exact."""
    high = a_high * b_high
    low = fma(a_high, b_high, -high)
    first = a_high * b_low
    first_lost = fma(a_high, b_low, -first)
    second = a_low * b_high
    second_lost = fma(a_low, b_high, -second)
    low, low_lost = two_sum(low, first)
    low, sum_lost = two_sum(low, second)
    lost = (abs(first_lost) + abs(second_lost)) + (abs(low_lost) + abs(sum_lost)) + abs(a_low * b_low)
    return high, low, lost


@_inline
def difference(a_high: float, a_low: float, b_high: float, b_low: float):  # noqa: ANN201
    """(high, low, lost): a - b lies within `lost` of high + low, if a and b are exact."""
    high, rest = two_sum(a_high, -b_high)
    low, low_lost = two_sum(a_low, -b_low)
    low, sum_lost = two_sum(low, rest)
    high, low = two_sum(high, low)
    return high, low, abs(low_lost) + abs(sum_lost)


@_inline
def quotient(a_high: float, a_low: float, b_high: float, b_low: float):  # noqa: ANN201
    """(high, low, lost): a / b lies within `lost` of high + low, if a and b are exact."""
    first = a_high / b_high
    back = first * b_high
    back_low = fma(first, b_high, -back)
    cross = first * b_low
    cross_lost = fma(first, b_low, -cross)
    rest, lost_0 = two_sum(a_high, -back)
    rest, lost_1 = two_sum(rest, a_low)
    rest, lost_2 = two_sum(rest, -back_low)
    rest, lost_3 = two_sum(rest, -cross)
    second = rest / b_high
    left = abs(fma(-second, b_high, rest)) + abs(second * b_low)
    lost = left + ((abs(lost_0) + abs(lost_1)) + (abs(lost_2) + abs(lost_3))) + abs(cross_lost)
    high, low = two_sum(first, second)
    return high, low, lost / (abs(b_high) * (1.0 - 2.0**-40))


@njit(error_model="numpy")
def crossing(left, right, pivot, columns, target):  # noqa: ANN001, ANN201
    """Values at the point where column `pivot` is 0, between two points where its signs differ.

    With a and b the pivot's values at the ends, each column's value there is (L b - R a) / (b - a): no rounding
    error where the true value is a float. Errors of the ends enter through (1 - t) L + t R, t = a / (a - b), not
    through the determinant: on a narrow piece that would multiply them by |L| / |R - L| at every split.
    """
    a, a_low, a_error = left[0, pivot], left[1, pivot], left[2, pivot]
    b, b_low, b_error = right[0, pivot], right[1, pivot], right[2, pivot]
    span, span_low, span_lost = difference(b, b_low, a, a_low)
    size = abs(span) * (1.0 - 2.0**-40)
    from_left = abs(a) / size
    from_right = abs(b) / size
    wander = (from_left * b_error + from_right * a_error) / (size - a_error - b_error)
    least = math.inf
    for k in range(columns):
        left_high, left_low, right_high, right_low = left[0, k], left[1, k], right[0, k], right[1, k]
        left_error, right_error = left[2, k], right[2, k]
        high_1, low_1, lost_1 = product(left_high, left_low, b, b_low)
        high_2, low_2, lost_2 = product(right_high, right_low, a, a_low)
        high, low, lost = difference(high_1, low_1, high_2, low_2)
        value, value_low, value_lost = quotient(high, low, span, span_low)
        lost = (lost + lost_1 + lost_2 + abs(value) * span_lost) / size + value_lost
        reach = abs(right_high - left_high) + abs(left_low) + abs(right_low) + max(left_error, right_error)
        carried = from_right * left_error + from_left * right_error + wander * reach
        target[0, k] = value
        target[1, k] = value_low
        target[2, k] = (lost + carried) * ROOM
    for k in range(columns):
        for part in range(3):
            least = smallest(smallest(least, left[part, k]), right[part, k])
    least_pivot = smallest(math.inf, span_low)
    for part in range(3):
        least_pivot = smallest(smallest(least_pivot, left[part, pivot]), right[part, pivot])
    if not (least * least_pivot >= 2.0**-700 and 2.0**-100 <= size <= 2.0**100):
        for k in range(columns):
            target[2, k] = math.inf
    for part in range(3):
        target[part, pivot] = 0.0
