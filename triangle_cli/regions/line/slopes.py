"""Slopes of the outputs on the pieces of the depth-first walk, and whether they differ between two neighbours."""

# ruff: noqa: ANN001, ANN201
# mypy: allow-untyped-defs, no-check-untyped-defs
import math

from triangle_cli.compiling import njit
from triangle_cli.regions.line.arithmetic import (
    LEAST,
    PLAIN,
    ROOM,
    UNDECIDED,
    UNDERFLOW,
    UNIT,
    compiled,
    difference,
    layer,
    sign,
)
from triangle_cli.regions.line.lanes import LANES, broadcast, load, store


@compiled
def layer_slopes(weights, masks, slopes, level, inputs, outputs, size):
    """slopes[level + 1] = W (mask * slopes[level]), as (slope, error bound), in float64."""
    gamma = (inputs + 1) * UNIT * 1.01
    for j in range(0, outputs, LANES):
        slope, error = broadcast(0.0), broadcast(0.0)
        total = 0.0
        for k in range(inputs):
            if masks[level, k]:
                value, value_error = slopes[level, k], slopes[level, size + k]
                total += abs(value) + value_error
                value_error += abs(value) * gamma
                w = load(weights, (level, k, j))
                slope = slope + w * broadcast(value)
                error = error + abs(w) * broadcast(value_error)
        more = UNDERFLOW if total != 0.0 else 0.0
        store(slopes, (level + 1, j), slope)
        store(slopes, (level + 1, size + j), error * broadcast(ROOM) + broadcast(more))


@compiled
def slopes_differ(slopes, level, outputs, size):
    """1 if some output's slope differs from the last leaf's, 0 if all certainly agree, else UNDECIDED."""
    answer = 0
    for j in range(outputs):
        error = slopes[level, size + j] + slopes[level + 1, size + j]
        gap = abs(slopes[level, j] - slopes[level + 1, j])
        if gap * 0.999 > error:
            return 1
        if not (gap == 0.0 and error == 0.0):
            answer = UNDECIDED
    return answer


@njit(error_model="numpy", _nrt=False)
def slopes_differ_closely(network, walk, widths):
    """As `slopes_differ`, from the on/off patterns of two neighbours, in double-double.

    Carries the old piece's slopes and, from the first level where the patterns differ, the jump, so that the
    jump's error is relative to the jump, and a jump that no weight lets through is exactly 0.
    """
    depth = len(widths) - 2
    scratch, size = walk.scratch, network.biases.shape[1]
    slope, jump = 0, 2  # rows of scratch; at every other level 1 and 3
    scratch[:2] = 0.0
    scratch[2:] = 0.0
    scratch[0, 0] = 1.0
    for m in range(depth + 1):
        for k in range(widths[m]):
            was, now = walk.old_masks[m, k], walk.masks[m, k]
            value, value_low, error = (
                scratch[slope, k],
                scratch[slope, size + k],
                scratch[slope, 2 * size + k],
            )
            if now and not was:
                high, low, lost = difference(scratch[jump, k], scratch[jump, size + k], -value, -value_low)
                scratch[jump, k] = high
                scratch[jump, size + k] = low
                scratch[jump, 2 * size + k] += error + lost
            elif was and not now:
                scratch[jump, k] = -value
                scratch[jump, size + k] = -value_low
                scratch[jump, 2 * size + k] = error
            for part in range(3):
                scratch[jump, part * size + k] *= was or now
                scratch[slope, part * size + k] *= was
        for row in (slope, jump):
            scratch[row, 3 * size + PLAIN] = 0.0
            least = math.inf
            for column in range(3 * size):
                value = abs(scratch[row, column])
                if value < least and value != 0.0:
                    least = value
            scratch[row, 3 * size + LEAST] = least
            layer(
                network.weights, walk.zeros, network.least, scratch, row, walk.all_on, m,
                widths[m], widths[m + 1], row ^ 1, size,
            )  # fmt: skip
        slope, jump = slope ^ 1, jump ^ 1
    answer = 0
    for j in range(widths[depth + 1]):
        jumps = sign(scratch[jump, j], scratch[jump, 2 * size + j])
        if jumps == 1 or jumps == -1:
            return 1
        if jumps == UNDECIDED:
            answer = UNDECIDED
    return answer
