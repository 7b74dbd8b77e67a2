"""The memory of a walk through the cells of a network of n inputs, and the names of its parts.

The walk (`walk.py`) keeps one frame for each split on the path to the present cell, one behind the other in a
few flat arrays, so that memory is depth times the vertices of one cell. Every number of a frame that the walk
needs to go on is here and not in local variables: the walk can stop at any question, and be resumed.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import lru_cache
from itertools import accumulate, pairwise
from typing import NamedTuple

import numpy as np

from triangle_cli.regions.line.exact import all_relu
from triangle_cli.regions.space.scaling import KEPT, scaled, steepness

# What the walk returns.
DONE, ASK, GROW, FLUSH, PAUSE, LIMITED, CROWDED, FINER = 0, 1, 2, 3, 4, 5, 6, 7

# Where a frame stands: its cell enters a layer, is classified by it, is split, its two sides are made, it is left.
ENTER, CLASSIFY, SPLIT, ABOVE, BELOW, LEAVE = 0, 1, 2, 3, 4, 5

# Entries of `Arena.control`.
(
    DEPTH, CELLS, BUDGET, LIMIT, QUESTIONS, LOOKS, JOINS, LEAVES, CORNERS, PART, PARTS, NODE, FACETS, EMITTING, DIGITS,
    BITS, WANT, PLENTY, MOST_DIGITS, TIED, ANEW,
) = range(21)  # fmt: skip
CONTROL_SIZE = 21

CUT = 8  # splits after which the cells are dealt out to threads

# Rows of `Arena.frame`, one column per frame.
(
    STAGE, LAYER, ROW, COUNT, NEW, VALUE, COLUMNS, CROSSING, STEPS, TOLD, SIMPLE, CAREFUL, GAIN, BIT, LABEL, SPLITTER,
    TIES,
) = range(17)  # fmt: skip
FRAME_SIZE = 17

PLUS, MINUS, ZERO = 1, 2, 3  # answers in `Arena.told`; 0: none
EVERYWHERE = 2**40  # in `Arena.ties`, in the place of a facet: all over the cell


class Arena(NamedTuple):
    """All state of a walk; `n` inputs, `N` hidden neurons numbered through, `L` hidden layers."""

    # the network, scaled so that no value in the box exceeds 1
    weights: np.ndarray  # flat, layer after layer, (fan-in, fan-out) each
    steep: np.ndarray  # |weights| for bounds: at least LEAST_WEIGHT where not 0
    biases: np.ndarray  # (N,)
    weight_at: np.ndarray  # (L,) int64, where a layer's weights start
    neuron_at: np.ndarray  # (L + 1,) int64, a layer's first neuron
    widths: np.ndarray  # (L + 1,) int64, inputs first
    mix: (
        np.ndarray
    )  # (last width,) one combination of the outputs: its weight on each neuron of the last layer
    mix_steep: np.ndarray  # (last width,) the same of absolute values, 0 only where no output has a weight
    top: np.ndarray  # (last width, outputs): the outputs' weights
    hashes: np.ndarray  # (N, 2) uint64: a pattern's key is the xor of those of the neurons that are on
    # forms of the neurons on the present cell
    forms: np.ndarray  # flat, (n + 1, fan-out) of each layer at form_at
    form_at: np.ndarray  # (L,) int64
    reach: np.ndarray  # (N,) sum of the absolute coefficients: a bound on the value in the box
    error: np.ndarray  # (N,) bound on form minus true form in the box
    lost: np.ndarray  # (N,) what scaling may have lost to underflow
    slope: np.ndarray  # (N,) bound on the change of a value per distance (largest coordinate)
    base: np.ndarray  # (N,) error of a value at a vertex that is exact
    changes: np.ndarray  # (L,) int64: neurons that forms were changed by since composed; -1: stale
    is_full: np.ndarray  # (L,) uint8: neurons are 0 all over a cell only where all below are off
    added: np.ndarray  # (N,) uint8: on in the forms of the next layer
    once_added: np.ndarray  # (N,) uint8: that were so since these were composed
    on: np.ndarray  # (N,) uint8
    linear: np.ndarray  # (N,) uint8: passed on as they are, without ReLU: always on
    alive: np.ndarray  # (N,) uint8: on in some cell
    twin: (
        np.ndarray
    )  # (N,) int64, half of it the same for neurons of a layer that are equal but for a factor +-2^k
    # frames
    control: np.ndarray
    dealt: np.ndarray  # (2^CUT + 1,) int64, of all threads: cells at depth CUT, by NODE, that one has
    frame: np.ndarray  # (FRAME_SIZE, frames) int64
    shared: np.ndarray  # (frames,) uint64: facets on which other neurons vanish too
    ties: (
        np.ndarray
    )  # (N, 2) int64: these neurons and the facets (their labels) all over which they are 0, TIES of a frame
    crossing: np.ndarray  # neurons that take both signs in a frame's cell, in a row per frame at CROSSING
    label: np.ndarray  # (64,) int64: neuron of each facet; -1 - i for side i of the box
    # vertices
    place: np.ndarray  # (rows, n)
    facets: np.ndarray  # (rows,) uint64
    doubt: np.ndarray  # (rows,) bound on |place - true vertex|, largest coordinate
    sign: np.ndarray  # (rows,) int8, of the splitting neuron
    fine: np.ndarray  # (rows,) uint8: solved for, so that doubt is as small as it gets
    values: np.ndarray  # flat: a frame's rows times its columns
    told: np.ndarray  # flat, as `values`, int8: what the oracle has said
    rows: np.ndarray  # (rows,) int64: vertices of one side
    # scratch
    low: np.ndarray  # (widest,)
    high: np.ndarray
    keep: np.ndarray  # (widest,) int64
    ends: np.ndarray  # (n, 2) the box
    planes: np.ndarray  # (rows, n + 3), of `refining`, as the following
    square: np.ndarray
    inverse: np.ndarray
    residual: np.ndarray
    moved: np.ndarray
    touch: np.ndarray  # (2,) uint64: facets found shared; whether a neuron is 0 all over
    tied: np.ndarray  # (N, 2) int64: neurons that are 0 all over a facet; whether all over the cell
    flip: np.ndarray  # (2,) uint64: key of the neurons that turn at a facet
    slack: np.ndarray  # (1,) added to every bound: infinity to have all decided in integers
    # gains of the facets of lower layers in the last one
    gain: np.ndarray  # flat, one row of FACETS per frame at GAIN
    gain_bit: np.ndarray  # (64,) int64
    gain_error: np.ndarray  # (64,)
    gain_part: np.ndarray  # (64, last width): what each neuron of the last layer adds
    gain_bound: np.ndarray  # (N,) bound on the error of a neuron's gain on any path
    heft: np.ndarray  # (L,) bound on the sum of |derivatives of the outputs by a layer's neurons that are on|
    largest: np.ndarray  # (L,) of the derivatives by a facet's neuron that were passed on to a layer
    column: np.ndarray  # (6 or n + 1, widest) scratch
    # numbers of more digits, of `digits`; sizes 0 until they are asked for
    digit_depth: np.ndarray  # (L + 1,) int64: digits of each layer's weights, the outputs' last
    digit_widths: np.ndarray  # (L + 1,) int64: neurons of each layer
    digit_at: np.ndarray  # (L + 1,) int64: where its weights start
    digit_weights: np.ndarray  # flat, (depth, fan-in, fan-out) each
    digit_biases: np.ndarray  # flat, (K, fan-out) of each hidden layer
    digit_cut: np.ndarray  # (L + 1,) uint8: not all bits of a layer fitted
    digit_ends: np.ndarray  # (2 n, K) the box, lower and upper end of each input
    digit_end_cut: np.ndarray  # (2 n,) uint8
    digit_forms: np.ndarray  # flat, (K, n + 1, fan-out) of each hidden layer
    digit_state: np.ndarray  # (L,) uint8: STALE, ROUNDED or EXACT
    digit_error: np.ndarray  # (L,) bound on the error of any coefficient
    digit_place: np.ndarray  # (rows, n K) vertices
    digit_doubt: np.ndarray  # (rows,) bound on their distance from the true ones
    solved: np.ndarray  # (rows,) uint8: STALE, ROUNDED, EXACT or FAILED
    digit_sum: np.ndarray  # scratch, as the following
    digit_value: np.ndarray
    digit_gain: np.ndarray  # (2, K widest)
    digit_zero: np.ndarray  # (1,) bool
    # what is handed out
    questions: np.ndarray  # (.., 3) int64: row, neuron, position in `told`
    joins: np.ndarray  # (.., 4) uint64: keys of two cells with one map
    looks: np.ndarray  # (.., N + 1) int32: pattern, and the neuron of the facet to look across
    leaf_on: np.ndarray  # (.., N) uint8
    leaf_size: np.ndarray  # (..,) int64 vertices
    leaf_label: np.ndarray  # (.., 64) int32
    leaf_place: np.ndarray  # (.., n)
    leaf_doubt: np.ndarray  # (..,)
    leaf_facets: np.ndarray  # (..,) uint64
    leaf_turn: np.ndarray  # (..,) int64: order of all threads' leaves, one for those of a cell dealt out


SMALL = 1e-200  # added to every bound that is not exactly 0: covers all underflow


def gain_bounds(steeps: list[np.ndarray], mix_steep: np.ndarray) -> np.ndarray:
    """(N,) bounds on the rounding of each hidden neuron's gain, by the absolute weights of all paths from it.

    steeps: (in, out) of each hidden layer.
    """
    sizes, terms, bounds = mix_steep, 16, []
    with np.errstate(over="ignore", invalid="ignore"):  # infinite bounds leave gains to those of the path
        for steep in steeps[::-1]:
            bounds.append(terms * 2.0**-52 * sizes + SMALL)
            sizes, terms = steep @ sizes, terms + steep.shape[1] + 16
    return np.concatenate(bounds[::-1])


@lru_cache(maxsize=16)
def combination(outputs: int) -> np.ndarray:
    """(outputs,) factors of one combination of the outputs, in which no change of theirs is likely to cancel."""
    return 1 + np.random.default_rng(7).random(outputs)


@lru_cache(maxsize=16)
def hash_keys(neurons: int) -> np.ndarray:
    """(neurons, 2) uint64: one bit each while there are no more than 128, then random."""
    keys = np.zeros((neurons, 2), np.uint64)
    if neurons <= 128:
        i = np.arange(neurons)
        keys[i, i // 64] = np.uint64(1) << (i % 64).astype(np.uint64)
        return keys
    return np.random.default_rng(2023).integers(0, 2**64, (neurons, 2), np.uint64)


def full(weight: np.ndarray, bias: np.ndarray) -> bool:
    """Whether each neuron of a layer has a bias or else no weight that is 0."""
    return bool(((weight != 0).all(axis=1) | (bias != 0)).all())


def new_arena(
    weights: list[np.ndarray],
    biases: list[np.ndarray],
    box: np.ndarray,
    *,
    exact: bool,
    emitting: bool,
    part: int = 0,
    parts: int = 1,
    limit: int | None = None,
    linear: list[np.ndarray] | None = None,
) -> Arena:
    """An arena with the box as its first frame. weights[l]: (out, in), the outputs' last; box: (n, 2).

    linear[l]: (width,) bool of each hidden layer, neurons without ReLU.
    """
    n = len(box)
    new_weights, new_biases, ends, _ = scaled(weights, biases, box)
    widths = [n, *(len(bias) for bias in biases[:-1])]
    neuron_at = starts(widths[1:])
    neurons, widest, last = neuron_at[-1], max(widths), widths[-1]
    weight_at = starts(a * b for a, b in pairwise(widths))
    form_at = starts((n + 1) * width for width in widths[1:])
    flat_weights, flat_biases = flat([w.T for w in new_weights[:-1]]), flat(new_biases[:-1])
    steep = steepness(flat([w.T for w in weights[:-1]]), flat_weights)
    # what scaling has not kept in full of biases, and of weights in the first layer
    lost = (flat(biases[:-1]) != 0) & (np.abs(flat_biases) < KEPT)
    lost[: widths[1]] |= ((weights[0] != 0) & (np.abs(new_weights[0]) < KEPT)).any(axis=1)
    loss = np.where(lost, SMALL, 0.0)
    mixing = combination(len(biases[-1]))
    mix_steep = mixing @ steepness(weights[-1], new_weights[-1])
    steeps = [steep[i:j].reshape(a, b) for i, j, a, b in zip(weight_at, weight_at[1:], widths, widths[1:])]
    frames, rows = 32, 512
    control = np.zeros(CONTROL_SIZE, np.int64)
    control[[LIMIT, PART, PARTS, EMITTING]] = limit or 2**62, part, parts, emitting
    control[MOST_DIGITS] = 1  # some are to be had
    arena = Arena(
        weights=flat_weights,
        steep=steep,
        biases=flat_biases,
        weight_at=np.array(weight_at[:-1], np.int64),
        neuron_at=np.array(neuron_at, np.int64),
        widths=np.array(widths, np.int64),
        mix=np.array([math.fsum(column) for column in (mixing[:, None] * new_weights[-1]).T.tolist()]),
        mix_steep=mix_steep,
        top=np.ascontiguousarray(new_weights[-1].T),
        hashes=hash_keys(neurons),
        forms=np.zeros(form_at[-1]),
        form_at=np.array(form_at[:-1], np.int64),
        reach=np.zeros(neurons),
        error=loss.copy(),
        lost=loss,
        slope=np.zeros(neurons),
        base=np.zeros(neurons),
        changes=np.full(len(biases) - 1, -1),
        is_full=np.array([full(w, b) for w, b in zip(weights[:-1], biases)], np.uint8),
        added=np.zeros(neurons, np.uint8),
        once_added=np.zeros(neurons, np.uint8),
        on=np.zeros(neurons, np.uint8),
        linear=np.concatenate(all_relu(biases) if linear is None else linear).astype(np.uint8),
        alive=np.zeros(neurons, np.uint8),
        twin=2 * np.arange(neurons),
        control=control,
        dealt=np.zeros(2**CUT + 1, np.int64),
        frame=np.zeros((FRAME_SIZE, frames), np.int64),
        shared=np.zeros(frames, np.uint64),
        ties=np.zeros((neurons, 2), np.int64),
        crossing=np.zeros(4 * (neurons + widest), np.int64),
        label=np.zeros(64, np.int64),
        place=np.zeros((rows, n)),
        facets=np.zeros(rows, np.uint64),
        doubt=np.zeros(rows),
        sign=np.zeros(rows, np.int8),
        fine=np.ones(rows, np.uint8),
        values=np.zeros(rows * widest),
        told=np.zeros(rows * widest, np.int8),
        rows=np.zeros(rows, np.int64),
        low=np.zeros(widest),
        high=np.zeros(widest),
        keep=np.zeros(widest, np.int64),
        ends=ends,
        planes=np.zeros((64, n + 5)),
        square=np.zeros((64, n)),
        inverse=np.zeros((n, n)),
        residual=np.zeros(n),
        moved=np.zeros(n),
        touch=np.zeros(2, np.uint64),
        tied=np.zeros((neurons, 2), np.int64),
        flip=np.zeros(2, np.uint64),
        slack=np.array([math.inf if exact else 0.0]),
        gain=np.zeros(64 * frames),
        gain_bit=np.zeros(64, np.int64),
        gain_error=np.zeros(64),
        gain_part=np.zeros((64, last)),
        gain_bound=gain_bounds(steeps, mix_steep),
        heft=np.zeros(len(biases) - 1),
        largest=np.zeros(len(biases) - 1),
        column=np.zeros((max(6, n + 1), max(widest, len(biases[-1])))),
        **no_digits(len(biases), n, rows),
        questions=np.zeros((1024, 3), np.int64),
        joins=np.zeros((4096, 4), np.uint64),
        looks=np.zeros((1024, neurons + 1), np.int32),
        leaf_on=np.zeros((4096 if emitting else 0, neurons), np.uint8),
        leaf_size=np.zeros(4096 if emitting else 0, np.int64),
        leaf_label=np.zeros((4096 if emitting else 0, 64), np.int32),
        leaf_place=np.zeros((65536 if emitting else 0, n)),
        leaf_doubt=np.zeros(65536 if emitting else 0),
        leaf_facets=np.zeros(65536 if emitting else 0, np.uint64),
        leaf_turn=np.zeros(4096 if emitting else 0, np.int64),
    )
    corners = 1 << n
    if corners > rows:
        arena = grown(arena, corners)
    for v in range(corners):
        mask = 0
        for j in range(n):
            side = v >> j & 1
            arena.place[v, j] = ends[j, side]
            mask |= 1 << (2 * j + side)
        arena.facets[v] = mask
    arena.label[: 2 * n] = -1 - np.arange(2 * n)
    arena.frame[[COUNT, SIMPLE, BIT], 0] = corners, 1, -1
    for j in range(n):
        arena.forms[j * widths[1] : (j + 1) * widths[1]] = new_weights[0][:, j]
    arena.forms[n * widths[1] : (n + 1) * widths[1]] = new_biases[0]
    return arena


def no_digits(layers: int, n: int, rows: int) -> dict[str, np.ndarray]:
    """The parts of an arena that `digits` uses, empty."""
    whole, flag, real = np.int64, np.uint8, np.float64
    return {
        "digit_depth": np.zeros(layers, whole),
        "digit_widths": np.zeros(layers, whole),
        "digit_at": np.zeros(layers, whole),
        "digit_weights": np.zeros(0, real),
        "digit_biases": np.zeros(0, real),
        "digit_cut": np.zeros(layers, flag),
        "digit_ends": np.zeros((2 * n, 0), real),
        "digit_end_cut": np.zeros(2 * n, flag),
        "digit_forms": np.zeros(0, real),
        "digit_state": np.zeros(layers - 1, flag),
        "digit_error": np.zeros(layers - 1, real),
        "digit_place": np.zeros((rows, 0), real),
        "digit_doubt": np.zeros(rows, real),
        "solved": np.zeros(rows, flag),
        "digit_sum": np.zeros(0, real),
        "digit_value": np.zeros(0, real),
        "digit_gain": np.zeros((2, 0), real),
        "digit_zero": np.zeros(1, np.bool_),
    }


def starts(sizes: Iterable[int]) -> list[int]:
    """Where parts of these sizes start, one behind the other, and where the last ends."""
    return [0, *accumulate(sizes)]


def flat(arrays: list[np.ndarray]) -> np.ndarray:
    """All numbers of some arrays, one array behind the other."""
    return np.concatenate([np.ascontiguousarray(array).ravel() for array in arrays])


def grown(arena: Arena, least: int = 0) -> Arena:
    """A copy with twice the room for frames and vertices."""

    def double(array: np.ndarray, axis: int = 0) -> np.ndarray:
        room = list(array.shape)
        room[axis] = max(room[axis], least - room[axis])
        return np.concatenate([array, np.zeros(room, array.dtype)], axis=axis)

    names = (
        "shared crossing place facets doubt sign fine values told rows gain digit_place digit_doubt solved"
    )
    larger = {name: double(getattr(arena, name)) for name in names.split()}
    return arena._replace(frame=double(arena.frame, 1), **larger)
