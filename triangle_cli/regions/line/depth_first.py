"""Regions of a narrow network on an interval, by a depth-first walk over its pieces from left to right.

Level 0 is the input x, level m the neurons of hidden layer m, level depth + 1 the outputs. A piece of level
m is an interval on which every neuron below level m is on or off throughout; it knows the neurons' values
at its two ends, before the ReLU. Its neurons are examined one by one: opposite signs at the ends split the
piece at the zero, the left part goes on to the next neuron and the right part waits. So every decision is
the sign of one value at one point, whether or not zeros coincide, and memory does not depend on the number
of pieces.

Pieces of one level tile the box from left to right: the right end of one is the left end of the next, and its
values are computed once.
"""

# ruff: noqa: ANN001, ANN201
# mypy: allow-untyped-defs, no-check-untyped-defs
import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from triangle_cli.compiling import njit
from triangle_cli.regions.line import arithmetic, lanes, slopes
from triangle_cli.regions.line.arithmetic import (
    EXTRA,
    LEAST,
    PLACE,
    PLAIN,
    UNDECIDED,
    UNIT,
    compiled,
    crossing,
    layer,
    sign,
)
from triangle_cli.regions.line.lanes import LANES, digest, load, store
from triangle_cli.regions.line.slopes import layer_slopes, slopes_differ, slopes_differ_closely

# What the walk returns: finished, or what it needs before it can be resumed. READY: it may be run; NEW: from the start.
DONE, SIGN, KINK, WIDTH, FULL, READY, NEW = 0, 1, 2, 3, 4, 5, 6

# Columns of `Walk.state`: where the walk is, and the answer given to it.
LEVEL, NEURON, ROW, CHANGED, LEAVES, ANSWER, RECORDED, STATE_SIZE = 0, 1, 2, 3, 4, 5, 6, 7
UNANSWERED = -1

# Columns of `Walk.counts`.
LINEAR, ACTIVATION, DEAD, WIDE_LINEAR, WIDE_ACTIVATION = 0, 1, 2, 3, 4


class Network(NamedTuple):
    """A network, or with one more axis in front a batch, padded with zeros to `size` neurons a layer."""

    weights: np.ndarray  # (depth + 1, size, size), [layer, from, to]
    biases: np.ndarray  # (depth + 1, size)
    least: float | np.ndarray  # no |weight| that is not 0 is smaller
    linear: np.ndarray  # (depth + 1, size): passed on as they are, without ReLU; of a batch the same for all
    box: np.ndarray  # (2,)
    threshold: float | np.ndarray  # wider than this is wide


class Walk(NamedTuple):
    """The state of a walk, or of several. Slot 0 of a level: its piece's left end; then right ends."""

    points: np.ndarray  # (rows, 3 size + EXTRA): see `layer`; row level * (size + 2) + slot
    births: np.ndarray  # (rows, 2): level and neuron whose zero the point is; at level 0, an end of the box
    tops: np.ndarray  # (depth + 1,): the slot of the current right end; -1: the level is not entered yet
    masks: np.ndarray  # (depth + 1, size): on or off, uint8
    old_masks: np.ndarray  # (depth + 1, size): as they were at the last leaf
    slopes: (
        np.ndarray
    )  # (depth + 3, 2 size): slopes and errors; the last row those of the last leaf's outputs
    region_start: np.ndarray  # (3,): where the current linear region began
    state: np.ndarray  # (STATE_SIZE,)
    counts: np.ndarray  # (5,)
    alive: np.ndarray  # (depth + 1, size): the neuron has been on
    ends: np.ndarray  # (capacity, 2): left and right end of each leaf recorded; capacity 0: only count
    kinks: np.ndarray  # (capacity,): whether a linear region starts there
    patterns: np.ndarray  # (capacity, depth + 1, size): its masks
    scratch: np.ndarray  # (4, 3 size + EXTRA)
    zeros: np.ndarray  # (depth + 1, size): no biases
    all_on: np.ndarray  # (depth + 1, size): nothing masked


@compiled
def begin(network, walk):
    """Bring a walk that is 0 throughout to its start, the box."""
    size = network.biases.shape[1]
    for m in range(len(walk.tops)):
        walk.tops[m] = -1
        for j in range(size):
            walk.all_on[m, j] = 1
    walk.state[NEURON] = 1  # nothing to examine at level 0: x counts as on
    walk.state[ANSWER] = UNANSWERED
    walk.masks[0, 0] = 1
    walk.slopes[0, 0] = 1.0
    walk.tops[0] = 1
    walk.births[1, 1] = 1
    for row in range(2):
        x = network.box[row]
        walk.points[row, 0] = walk.points[row, 3 * size + PLACE] = x
        walk.points[row, 3 * size + PLAIN] = 1.0
        walk.points[row, 3 * size + LEAST] = abs(x) if x != 0.0 else math.inf


@compiled
def wider(left, left_low, left_error, right, right_low, right_error, threshold):
    """1 if the two points are farther apart than `threshold`, 0 if not, else UNDECIDED."""
    width = (right - left) + (right_low - left_low)
    doubt = left_error + right_error + (width + threshold + abs(left_low) + abs(right_low)) * 4 * UNIT
    if width - threshold > doubt:
        return 1
    if threshold - width > doubt:
        return 0
    return UNDECIDED


@compiled
def split(walk, base, level, neuron, neurons, size):
    """Put the neuron's zero on top of the right ends of the level's piece."""
    top = walk.tops[level]
    crossing(walk.points, base, base + top, neuron, neurons, base + top + 1, size)
    walk.births[base + top + 1, 0] = level
    walk.births[base + top + 1, 1] = neuron
    walk.tops[level] = top + 1


@compiled
def enter(network, walk, widths, level, source, target, size):
    """Values at the next level of the point in row `source`, into row `target`."""
    layer(
        network.weights, network.biases, network.least, walk.points, source, walk.masks, level,
        widths[level], widths[level + 1], target, size,
    )  # fmt: skip
    for part in range(2):
        walk.births[target, part] = walk.births[source, part]


@compiled
def leaf(network, walk, widths):
    """Count one activation region, slot 0 to the top of the last hidden level. DONE, KINK, WIDTH or FULL."""
    state, start, slopes, points = walk.state, walk.region_start, walk.slopes, walk.points
    depth, size = len(widths) - 2, network.biases.shape[1]
    base, x = depth * (size + 2), 3 * size + PLACE
    top = base + walk.tops[depth]
    left, left_low, left_error = points[base, x], points[base, x + 1], points[base, x + 2]
    right, right_low, right_error = points[top, x], points[top, x + 1], points[top, x + 2]
    capacity = len(walk.kinks)
    if capacity > 0 and state[RECORDED] == capacity:
        return FULL
    kink = 1
    if state[LEAVES] > 0:
        kink = slopes_differ(slopes, depth + 1, widths[depth + 1], size)
        if kink == UNDECIDED:
            kink = slopes_differ_closely(network, walk, widths)
        if kink == UNDECIDED:
            kink = state[ANSWER]
            if kink == UNANSWERED:
                return KINK
    wide = wider(left, left_low, left_error, right, right_low, right_error, network.threshold)
    wide_before = 0
    if kink and state[LEAVES] > 0:
        wide_before = wider(start[0], start[1], start[2], left, left_low, left_error, network.threshold)
    if wide == UNDECIDED or wide_before == UNDECIDED:
        return WIDTH
    walk.counts[ACTIVATION] += 1
    walk.counts[WIDE_ACTIVATION] += wide
    walk.counts[LINEAR] += kink
    walk.counts[WIDE_LINEAR] += wide_before
    if kink:
        start[0], start[1], start[2] = left, left_low, left_error
        for part in range(2):
            for j in range(widths[depth + 1]):
                slopes[depth + 2, part * size + j] = slopes[depth + 1, part * size + j]
    for m in range(state[CHANGED], depth + 1):
        for j in range(widths[m]):
            walk.old_masks[m, j] = walk.masks[m, j]
    if capacity > 0:
        index = state[RECORDED]
        walk.ends[index, 0], walk.ends[index, 1], walk.kinks[index] = left, right, kink
        for m in range(depth + 1):
            for j in range(widths[m]):
                walk.patterns[index, m, j] = walk.masks[m, j]
        state[RECORDED] += 1
    state[LEAVES] += 1
    state[ANSWER] = UNANSWERED
    return DONE


@compiled
def move_on(walk, level, size):
    """Step past the piece of `level`: its right end becomes the left. The neuron to examine next, or -1."""
    base = level * (size + 2)
    top = walk.tops[level]
    for j in range(0, 3 * size + EXTRA, LANES):
        store(walk.points, (base, j), load(walk.points, (base + top, j)))
    for part in range(2):
        walk.births[base, part] = walk.births[base + top, part]
    walk.tops[level] = top - 1
    if top == 1:
        return -1
    neuron = walk.births[base + top, 1]
    walk.masks[level, neuron] ^= 1
    return neuron + 1


@compiled
def walk_on(network, walk, widths):
    """Walk over the pieces of one network until done or until a decision needs exact arithmetic.

    Returns DONE, or SIGN (of neuron NEURON at level LEVEL in row ROW), KINK (do the slopes differ between
    the last leaf and this one), WIDTH (a width is within rounding of the threshold), FULL (no room to
    record a leaf).
    """
    depth, size = len(widths) - 2, network.biases.shape[1]
    state, points = walk.state, walk.points
    level, neuron = state[LEVEL], state[NEURON]
    while level >= 0:
        if neuron < widths[level]:
            if network.linear[level, neuron]:
                walk.masks[level, neuron] = walk.alive[level, neuron] = True
                neuron += 1
                continue
            base = level * (size + 2)
            top = base + walk.tops[level]
            at_left = sign(points[base, neuron], points[base, 2 * size + neuron])
            at_right = sign(points[top, neuron], points[top, 2 * size + neuron])
            if at_left == UNDECIDED or at_right == UNDECIDED:
                state[LEVEL], state[NEURON] = level, neuron
                state[ROW] = base if at_left == UNDECIDED else top
                return SIGN
            on = at_left + at_right > 0
            if at_left * at_right < 0:
                split(walk, base, level, neuron, widths[level], size)
                on = at_left > 0
                walk.alive[level, neuron] = True
            walk.masks[level, neuron] = on
            walk.alive[level, neuron] |= on
            neuron += 1
            continue
        layer_slopes(network.weights, walk.masks, walk.slopes, level, widths[level], widths[level + 1], size)
        if level < depth:
            base = level * (size + 2)
            above = base + size + 2
            entered = walk.tops[level + 1] >= 0  # if not, the left end, the box's, is to be carried up too
            for slot in range(1 if entered else 0, 2):
                enter(network, walk, widths, level, base + slot * walk.tops[level], above + slot, size)
            level += 1
            walk.tops[level] = 1
            neuron = 0
            continue
        status = leaf(network, walk, widths)
        if status != DONE:
            state[LEVEL], state[NEURON] = level, neuron
            return status
        neuron = move_on(walk, level, size)
        while neuron < 0:
            level -= 1
            if level < 0:
                break
            neuron = move_on(walk, level, size)
        state[CHANGED] = level
    state[LEVEL] = level
    start, x = walk.region_start, 3 * size + PLACE
    wide = wider(
        start[0], start[1], start[2], points[0, x], points[0, x + 1], points[0, x + 2], network.threshold
    )
    if wide == UNDECIDED:
        return WIDTH
    walk.counts[WIDE_LINEAR] += wide
    for m in range(1, depth + 1):
        for j in range(widths[m]):
            walk.counts[DEAD] += not walk.alive[m, j]
    return DONE


def _compile_walk(sources: str) -> Callable:
    """Compile `walk_all`; `sources` enters the key of Numba's cache, which looks at one file's date only."""

    @njit(cache=True, nogil=True, error_model="numpy", _nrt=False)
    def walk_all(networks, walks, widths, status):
        """Walk over each network of a batch whose status is NEW or READY, and leave there what `walk_on` returns.

        networks, walks: `Network` and `Walk` with an axis of networks in front, so that numbers are (networks,).
        """
        sources  # noqa: B018
        for i in range(len(status)):
            if status[i] == NEW or status[i] == READY:
                network = Network(
                    networks.weights[i], networks.biases[i], networks.least[i], networks.linear,
                    networks.box[i], networks.threshold[i],
                )  # fmt: skip
                walk = Walk(
                    walks.points[i], walks.births[i], walks.tops[i], walks.masks[i], walks.old_masks[i],
                    walks.slopes[i], walks.region_start[i], walks.state[i], walks.counts[i], walks.alive[i],
                    walks.ends[i], walks.kinks[i], walks.patterns[i], walks.scratch[i], walks.zeros[i],
                    walks.all_on[i],
                )  # fmt: skip
                if status[i] == NEW:
                    begin(network, walk)
                status[i] = walk_on(network, walk, widths)

    return walk_all


walk_all = _compile_walk(digest(arithmetic, lanes, slopes))


def new_walk(networks: int, levels: int, size: int, capacity: int) -> Walk:
    """Room for as many walks, of levels of `size` neurons below the outputs; capacity: leaves to record before FULL."""
    rows, row = levels * (size + 2), 3 * size + EXTRA
    return Walk(
        points=np.zeros((networks, rows, row)),
        births=np.zeros((networks, rows, 2), np.int64),
        tops=np.zeros((networks, levels), np.int64),
        masks=np.zeros((networks, levels, size), np.uint8),
        old_masks=np.zeros((networks, levels, size), np.uint8),
        slopes=np.zeros((networks, levels + 2, 2 * size)),
        region_start=np.zeros((networks, 3)),
        state=np.zeros((networks, STATE_SIZE), np.int64),
        counts=np.zeros((networks, 5), np.int64),
        alive=np.zeros((networks, levels, size), np.bool_),
        ends=np.zeros((networks, capacity, 2)),
        kinks=np.zeros((networks, capacity), np.bool_),
        patterns=np.zeros((networks, capacity, levels, size), np.uint8),
        scratch=np.zeros((networks, 4, row)),
        zeros=np.zeros((networks, levels, size)),
        all_on=np.zeros((networks, levels, size), np.uint8),
    )
