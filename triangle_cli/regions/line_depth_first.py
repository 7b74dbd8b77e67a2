"""Regions of a narrow network on an interval, by a depth-first walk over its pieces from left to right.

Level 0 is the input x, level m the neurons of hidden layer m, level depth + 1 the outputs. A piece of level m is
an interval on which every neuron below level m is on or off throughout; it knows the neurons' values at its two
ends, before the ReLU. Its neurons are examined one by one: opposite signs at the ends split the piece at the zero,
the left part goes on to the next neuron and the right part waits. So every decision is the sign of one value at
one point, whether or not zeros coincide, and memory does not depend on the number of pieces.

Pieces of one level tile the box from left to right: the right end of one is the left end of the next, and its
values are computed once.
"""

import math

import numpy as np
from numba import njit

from triangle_cli.regions.line_arithmetic import (
    ROOM,
    SMALL,
    UNDECIDED,
    UNDERFLOW,
    UNIT,
    crossing,
    difference,
    layer,
    sign,
    smallest,
)

# What the walk returns: finished, or what it needs before it can be resumed (READY: it may be run).
DONE, SIGN, KINK, WIDTH, READY = 0, 1, 2, 3, 4

# Columns of `state`: where the walk is, and the answers given to it.
LEVEL, NEURON, SLOT, CHANGED, LEAVES, ANSWER, RECORDED = 0, 1, 2, 3, 4, 5, 6
STATE_SIZE = 7
UNANSWERED = -1

# Columns of `counts`.
LINEAR, ACTIVATION, WIDE_LINEAR, WIDE_ACTIVATION = 0, 1, 2, 3


@njit(cache=True, error_model="numpy")
def equilibrate(weights, biases, widths, ends, shifts):  # noqa: ANN001, ANN201
    """Scale every neuron, and x, by a power of two so that its largest weight is in [1/2, 1); in place.

    relu(2^k z) = 2^k relu(z), so the regions stay the same. weights: (layers, fan-in, fan-out), padded; biases:
    (layers, fan-out); ends: (2,), the box; `shifts` (layers + 1, fan-out) receives each k, row 0 that of x.
    Returns whether no bit was lost.
    """
    lossless = True
    shifts[0, 0] = -math.frexp(max(abs(ends[0]), abs(ends[1])))[1]
    for i in range(2):
        if ends[i] != 0.0:
            ends[i] = math.ldexp(ends[i], shifts[0, 0])
            lossless &= abs(ends[i]) > SMALL
    for m in range(len(widths) - 1):
        for j in range(widths[m + 1]):
            largest = -(2**40)
            if biases[m, j] != 0.0:
                largest = math.frexp(biases[m, j])[1]
            for k in range(widths[m]):
                if weights[m, k, j] != 0.0:
                    largest = max(largest, math.frexp(weights[m, k, j])[1] - shifts[m, k])
            if largest == -(2**40):
                continue
            shifts[m + 1, j] = -largest
            for k in range(-1, widths[m]):
                value = biases[m, j] if k < 0 else weights[m, k, j]
                if value != 0.0:
                    fraction, power = math.frexp(value)
                    power -= largest + (0 if k < 0 else shifts[m, k])
                    if power < -930:
                        lossless = False
                    value = math.ldexp(fraction, max(power, -2000))
                    if k < 0:
                        biases[m, j] = value
                    else:
                        weights[m, k, j] = value
    return lossless


@njit(error_model="numpy")
def layer_slopes(weight, source, mask, inputs, outputs, target):  # noqa: ANN001, ANN201
    """target = weight^T (mask * source) for vectors of (slope, error bound), in float64."""
    gamma = (inputs + 1) * UNIT * 1.01
    for j in range(outputs):
        target[0, j] = 0.0
        target[1, j] = 0.0
    nonzero = False
    for k in range(inputs):
        if mask[k] and not (source[0, k] == 0.0 and source[1, k] == 0.0):
            nonzero = True
            slope = source[0, k]
            error = abs(slope) * gamma + source[1, k]
            for j in range(outputs):
                target[0, j] += weight[k, j] * slope
                target[1, j] += abs(weight[k, j]) * error
    if nonzero:
        for j in range(outputs):
            target[1, j] = target[1, j] * ROOM + UNDERFLOW


@njit(error_model="numpy")
def slopes_differ(old, new, outputs):  # noqa: ANN001, ANN201
    """1 if some output's slope certainly differs, 0 if all certainly agree, else UNDECIDED."""
    answer = 0
    for j in range(outputs):
        error = old[1, j] + new[1, j]
        gap = abs(new[0, j] - old[0, j])
        if gap * 0.999 > error:
            return 1
        if not (gap == 0.0 and error == 0.0):
            answer = UNDECIDED
    return answer


@njit(error_model="numpy")
def slopes_differ_closely(weights, widths, least_weights, old_masks, masks, zeros):  # noqa: ANN001, ANN201
    """As `slopes_differ`, from the on/off patterns of two neighbours, in double-double.

    Carries the old piece's slopes and, from the first level where the patterns differ, the jump, so that the
    jump's error is relative to the jump and a jump no weight lets through is exactly 0.
    """
    depth = len(widths) - 2
    size = zeros.shape[0] + 1
    slope, slope_next = np.zeros((3, size)), np.zeros((3, size))
    jump, jump_next = np.zeros((3, size)), np.zeros((3, size))
    all_on = np.ones(size, np.uint8)
    slope[0, 1] = 1.0
    for m in range(depth + 1):
        for k in range(widths[m]):
            was, now = old_masks[m, k], masks[m, k]
            if now and not was:
                high, low, lost = difference(
                    jump[0, 1 + k], jump[1, 1 + k], -slope[0, 1 + k], -slope[1, 1 + k]
                )
                jump[0, 1 + k] = high
                jump[1, 1 + k] = low
                jump[2, 1 + k] += slope[2, 1 + k] + lost
            elif was and not now:
                jump[0, 1 + k] = -slope[0, 1 + k]
                jump[1, 1 + k] = -slope[1, 1 + k]
                jump[2, 1 + k] = slope[2, 1 + k]
            elif not now:
                for part in range(3):
                    jump[part, 1 + k] = 0.0
            if not was:
                for part in range(3):
                    slope[part, 1 + k] = 0.0
        weight, least = weights[m], least_weights[m]
        layer(weight, zeros, least, slope, all_on, widths[m], widths[m + 1], slope_next)
        layer(weight, zeros, least, jump, all_on, widths[m], widths[m + 1], jump_next)
        slope, slope_next = slope_next, slope
        jump, jump_next = jump_next, jump
    answer = 0
    for j in range(widths[depth + 1]):
        nonzero = sign(jump[0, 1 + j], jump[2, 1 + j])
        if nonzero == 1 or nonzero == -1:
            return 1
        if nonzero == UNDECIDED:
            answer = UNDECIDED
    return answer


@njit(error_model="numpy")
def wider(left, right, threshold):  # noqa: ANN001, ANN201
    """1 if the points (high, low, error) are farther apart than `threshold`, 0 if not, else UNDECIDED."""
    width = (right[0] - left[0]) + (right[1] - left[1])
    doubt = left[2] + right[2] + (width + threshold + abs(left[1]) + abs(right[1])) * 4 * UNIT
    if width - threshold > doubt:
        return 1
    if threshold - width > doubt:
        return 0
    return UNDECIDED


@njit(cache=True, nogil=True, error_model="numpy")
def walk(
    weights,
    biases,
    widths,
    least_weights,
    threshold,
    points,
    births,
    tops,
    masks,
    old_masks,
    slopes,
    region_start,
    state,
    counts,
    alive,
):
    """Walk over the pieces of one network until done or until a decision needs exact arithmetic.

    weights: (depth + 1, size, size), input-major and padded; points: (depth + 1, size + 2, 3, 1 + size), for each
    level the left end of its current piece in slot 0 and the waiting right ends, nearest on top; births: level and
    neuron whose zero each point is (level 0: an end of the box); masks: (depth + 1, size), on or off.
    Returns DONE, or SIGN (of neuron NEURON at level LEVEL in slot SLOT), KINK (between the last leaf and this one),
    WIDTH (compare a width with `threshold`).
    """
    depth = len(widths) - 2
    level, neuron = state[LEVEL], state[NEURON]
    while level >= 0:
        if neuron < widths[level]:
            top = tops[level]
            at_left = sign(points[level, 0, 0, 1 + neuron], points[level, 0, 2, 1 + neuron])
            at_right = sign(points[level, top, 0, 1 + neuron], points[level, top, 2, 1 + neuron])
            if at_left == UNDECIDED or at_right == UNDECIDED:
                state[LEVEL], state[NEURON] = level, neuron
                state[SLOT] = 0 if at_left == UNDECIDED else top
                return SIGN
            on = at_left + at_right > 0
            if at_left * at_right < 0:
                on = at_left > 0
                alive[level, neuron] = True
                crossing(
                    points[level, 0],
                    points[level, top],
                    1 + neuron,
                    1 + widths[level],
                    points[level, top + 1],
                )
                births[level, top + 1, 0] = level
                births[level, top + 1, 1] = neuron
                births[level, top + 1, 2] = neuron
                tops[level] = top + 1
            masks[level, neuron] = on
            alive[level, neuron] |= on
            neuron += 1
            continue
        layer_slopes(
            weights[level], slopes[level], masks[level], widths[level], widths[level + 1], slopes[level + 1]
        )
        if level < depth:
            weight, bias, least = weights[level], biases[level], least_weights[level]
            inputs, outputs = widths[level], widths[level + 1]
            if tops[level + 1] < 0:  # the first piece of this level: its left end is the box's
                layer(
                    weight, bias, least, points[level, 0], masks[level], inputs, outputs, points[level + 1, 0]
                )
                births[level + 1, 0] = births[level, 0]
            top = tops[level]
            layer(
                weight, bias, least, points[level, top], masks[level], inputs, outputs, points[level + 1, 1]
            )
            births[level + 1, 1] = births[level, top]
            level += 1
            tops[level] = 1
            neuron = 0
            continue

        # A leaf: one activation region, from slot 0 to the top of the last hidden level.
        outputs = widths[depth + 1]
        left, right = points[depth, 0, :, 0], points[depth, tops[depth], :, 0]
        kink = 1
        if state[LEAVES] > 0:
            kink = slopes_differ(slopes[depth + 2], slopes[depth + 1], outputs)
            if kink == UNDECIDED:
                kink = slopes_differ_closely(
                    weights, widths, least_weights, old_masks, masks, biases[depth + 1]
                )
            if kink == UNDECIDED:
                if state[ANSWER] == UNANSWERED:
                    state[LEVEL], state[NEURON] = level, neuron
                    return KINK
                kink = state[ANSWER]
                state[ANSWER] = UNANSWERED
        last = True
        for m in range(depth + 1):
            last &= tops[m] == 1
        wide = wider(left, right, threshold)
        wide_before, wide_after = 0, 0
        if kink and state[LEAVES] > 0:
            wide_before = wider(region_start, left, threshold)
        if last:
            wide_after = wider(left if kink else region_start, right, threshold)
        if wide == UNDECIDED or wide_before == UNDECIDED or wide_after == UNDECIDED:
            return WIDTH
        counts[ACTIVATION] += 1
        counts[WIDE_ACTIVATION] += wide
        counts[LINEAR] += kink
        counts[WIDE_LINEAR] += wide_before + wide_after
        if kink:
            for part in range(3):
                region_start[part] = left[part]
        for j in range(outputs):
            slopes[depth + 2, 0, j] = slopes[depth + 1, 0, j]
            slopes[depth + 2, 1, j] = slopes[depth + 1, 1, j]
        for m in range(state[CHANGED], depth + 1):
            for j in range(widths[m]):
                old_masks[m, j] = masks[m, j]
        state[LEAVES] += 1

        # On to the next waiting right part: this level's, or the nearest one above that has one.
        while level >= 0:
            top = tops[level]
            points[level, 0] = points[level, top]
            births[level, 0] = births[level, top]
            tops[level] = top - 1
            if top > 1:
                neuron = births[level, top, 2]
                masks[level, neuron] ^= 1
                neuron += 1
                break
            level -= 1
        state[CHANGED] = level
    state[LEVEL] = level
    return DONE


@njit(cache=True, error_model="numpy")
def equilibrate_all(weights, biases, widths, ends, shifts, lossless, least_weights):  # noqa: ANN001, ANN201
    """`equilibrate` for a batch; also the smallest nonzero |weight| of every layer."""
    for i in range(len(weights)):
        lossless[i] = equilibrate(weights[i], biases[i], widths, ends[i], shifts[i])
        for m in range(len(widths) - 1):
            least = math.inf
            for k in range(widths[m]):
                for j in range(widths[m + 1]):
                    least = smallest(least, weights[i, m, k, j])
            least_weights[i, m] = least


@njit(cache=True, nogil=True, error_model="numpy")
def walk_all(
    weights, biases, widths, least, ends, status, points, births, tops, masks, old_masks, slopes, starts, state,
    counts, alive,
):  # fmt: skip
    """`walk` each network of a batch whose status is READY, and leave there what it returns."""
    for i in range(len(weights)):
        if status[i] == READY:
            threshold = 1e-9 * (ends[i, 1] - ends[i, 0])
            status[i] = walk(
                weights[i], biases[i], widths, least[i], threshold, points[i], births[i], tops[i], masks[i],
                old_masks[i], slopes[i], starts[i], state[i], counts[i], alive[i],
            )  # fmt: skip


def new_state(networks: int, widths: np.ndarray, size: int, ends: np.ndarray) -> dict[str, np.ndarray]:
    """The arrays of `walk` for a batch of networks, before the first step. ends: (networks, 2), the boxes."""
    levels = len(widths) - 1
    state = {
        "points": np.zeros((networks, levels, size + 2, 3, 1 + size)),
        "births": np.zeros((networks, levels, size + 2, 3), np.int64),
        "tops": np.full((networks, levels), -1, np.int64),
        "masks": np.zeros((networks, levels, size), np.uint8),
        "old_masks": np.zeros((networks, levels, size), np.uint8),
        "slopes": np.zeros((networks, levels + 2, 2, size)),
        "region_start": np.zeros((networks, 3)),
        "state": np.zeros((networks, STATE_SIZE), np.int64),
        "counts": np.zeros((networks, 4), np.int64),
        "alive": np.zeros((networks, levels, size), np.bool_),
    }
    state["state"][:, NEURON] = 1  # nothing to examine at level 0: x counts as on
    state["state"][:, ANSWER] = UNANSWERED
    state["masks"][:, 0, 0] = 1
    state["slopes"][:, 0, 0, 0] = 1.0
    state["tops"][:, 0] = 1
    state["births"][:, 0, 1, 1] = 1
    state["points"][:, 0, :2, 0, :2] = ends[:, :, None]
    return state
