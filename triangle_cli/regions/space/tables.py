"""The tables that `digits` works with: a network's weights, biases and box as digits of so many bits."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from triangle_cli.regions.space.arena import (
    ANEW,
    BITS,
    DIGITS,
    EMITTING,
    MOST_DIGITS,
    PLENTY,
    QUESTIONS,
    WANT,
    Arena,
    flat,
    starts,
)
from triangle_cli.regions.space.scaling import KEPT

# bits that float64 bounds may lose from a layer of forms in digits to the last, and from the inputs to the last if
# most gains are to need no digits
LASTING, WEIGHED = 27.0, 80.0


def bits_lost(weights: Sequence[np.ndarray]) -> float:
    """About how many bits bounds lose against values from the inputs to the last hidden layer, half of neurons on."""
    return sum(layer_bits(weights))


def layer_bits(weights: Sequence[np.ndarray]) -> list[float]:
    """The bits lost by each hidden layer but the first."""
    found = []
    for weight in weights[1:-1]:
        sizes = np.abs(weight)
        top = sizes.max(initial=0.0)
        sizes = sizes / top if top > 0.0 else sizes
        grown = sizes.sum() / math.sqrt(2 * len(weight) * max(1.0, (sizes**2).sum()))
        found.append(math.log2(max(1.0, grown)))
    return found


def last_anew(lost: list[float]) -> int:
    """The first hidden layer from which float64 forms, begun anew there, serve to the last; 0: from the inputs on.

    lost: `layer_bits`.
    """
    layer, total = len(lost), 0.0
    for bits in reversed(lost):
        total += bits
        if total > LASTING:
            break
        layer -= 1
    return layer


def split_digits(numbers: np.ndarray, digits: int, bits: int) -> tuple[np.ndarray, np.ndarray]:
    """(digits, *shape) whole numbers d_b with the sum of d_b 2^(-bits b), b = 1 .., and (*shape,) what is left."""
    rest, found = numbers, np.empty((digits, *numbers.shape))
    for whole in found:
        rest = np.ldexp(rest, bits)
        np.floor(rest + 0.5, out=whole)
        rest = rest - whole
    return found, rest


def with_digits(
    arena: Arena, weights: list[np.ndarray], biases: list[np.ndarray], box: np.ndarray, *_rest: object
) -> Arena:
    """The arena with numbers of more digits: at first a hundred bits or most of what depth costs, then some sixty more.

    weights, biases, box: of the network as given. If its layers are too wide for digits, there are none. A walk that
    hands out cells has at first as many as most questions may ask for, as more would have it begin anew.
    """
    n, layers = len(box), len(weights)
    widths = [n, *(len(bias) for bias in biases)]
    before = int(arena.control[DIGITS])
    # weights, layer after layer, then the hidden neurons' biases, then the ends of the box
    given = flat([*(weight.T for weight in weights), *biases[:-1], box])
    numbers = np.concatenate([arena.weights, arena.top.ravel(), arena.biases, arena.ends.ravel()])
    is_lost = (given != 0) & (np.abs(numbers) < KEPT)
    weight_at = starts(a * b for a, b in pairwise(widths))
    bias_at = [weight_at[-1] + start for start in arena.neuron_at.tolist()]
    # of each layer its weights and its biases
    layer_at = list(zip(weight_at, weight_at[1:], bias_at, [*bias_at[1:], bias_at[-1]]))
    idle = {WANT: 0, QUESTIONS: 0}  # what was asked is asked again if it is still open
    if not before:
        arena = arena._replace(twin=twins(numbers, is_lost, layer_at[:-1]))
    # bounds of the scaled network count all neurons as on: one bit a layer more
    lost = layer_bits(weights)
    anew, grown = last_anew(lost), [bits + 1.0 for bits in lost]
    plenty = 5 + int(1.25 * (sum(grown) + 2)) // 22
    first = plenty - 3 if sum(lost) > WEIGHED else 3 + int(1.25 * sum(grown[:anew])) // 22
    at_first = plenty if arena.control[EMITTING] else max(5, first)
    digits = before + 3 if before else at_first
    bits = 0
    for bits in (22, 20, 18):
        table, rest = split_digits(numbers, digits, bits)
        # digits of each layer's weights without zeros behind
        used = [np.flatnonzero(table[:, start:end].any(axis=1)) for start, end, _, _ in layer_at]
        depths = [int(digit.max(initial=0)) + 1 for digit in used]
        deepest = max(depths)
        if max(widths) * (deepest + 2) <= 2 ** (54 - 2 * bits) and n * digits <= 2 ** (54 - 2 * bits):
            break
    else:
        return arena._replace(control=_changed(arena.control, {MOST_DIGITS: before, PLENTY: 0} | idle))
    most = 4 + (53 * layers + 64) // bits
    is_cut = (rest != 0) | is_lost
    cut = np.zeros(layers, np.uint8)
    if is_cut.any():
        cut[:] = [is_cut[a:b].any() or is_cut[c:d].any() for a, b, c, d in layer_at]
    ends = slice(bias_at[-1], None)
    rows, widest = len(arena.facets), max(widths[1:])
    digit_weights = [table[:depth, start:end] for depth, (start, end, _, _) in zip(depths, layer_at)]
    return arena._replace(
        control=_changed(
            arena.control,
            {DIGITS: digits, BITS: bits, MOST_DIGITS: most, PLENTY: plenty, ANEW: anew} | idle,
        ),
        digit_depth=np.array(depths, np.int64),
        digit_widths=np.array(widths[1:], np.int64),
        digit_at=np.array(starts(part.size for part in digit_weights)[:-1], np.int64),
        digit_weights=flat(digit_weights),
        digit_biases=flat([table[:, start:end] for _, _, start, end in layer_at[:-1]]),
        digit_cut=cut,
        digit_ends=np.ascontiguousarray(table[:, ends].T),
        digit_end_cut=is_cut[ends].astype(np.uint8),
        digit_forms=np.zeros(digits * len(arena.forms)),
        digit_state=np.zeros(layers - 1, np.uint8),
        digit_error=np.zeros(layers - 1),
        digit_place=np.zeros((rows, n * digits)),
        digit_doubt=np.zeros(rows),
        solved=np.zeros(rows, np.uint8),
        digit_sum=np.zeros((digits + deepest) * (n + 1) * widest),
        digit_value=np.zeros(2 * digits),
        digit_gain=np.zeros((2, digits * widest)),
    )


def twins(numbers: np.ndarray, is_lost: np.ndarray, layer_at: list[tuple[int, int, int, int]]) -> np.ndarray:
    """(N,) `Arena.twin`: twice a neuron of the layer with the same weights and bias but for a factor +-2^k, + 1 if -.

    numbers: scaled, which makes the factor +-1, with the weights and biases of each hidden layer at layer_at; is_lost:
    those that are not what they were.
    """
    found: list[int] = []
    any_lost = is_lost.any()
    for begin, end, first, last in layer_at:
        terms = np.concatenate([numbers[begin:end], numbers[first:last]]).reshape(-1, last - first)
        leading = (terms != 0).argmax(axis=0)
        sign = np.sign(terms[leading, np.arange(last - first)])
        rows = np.ascontiguousarray((terms * sign).T) + 0.0  # no -0
        of_row: dict[bytes, int] = {}
        neurons = range(len(found), len(found) + len(rows))
        alone = [False] * len(rows)
        if any_lost:
            lost = np.concatenate([is_lost[begin:end], is_lost[first:last]]).reshape(terms.shape)
            alone = np.logical_or.reduce(lost).tolist()
        for i, row, is_negative, is_alone in zip(neurons, rows, (sign < 0).tolist(), alone):
            one = i if is_alone else of_row.setdefault(row.tobytes(), i)
            found.append(2 * one + is_negative)
    return np.array(found, np.int64)


def _changed(control: np.ndarray, entries: dict[int, int]) -> np.ndarray:
    control[list(entries)] = list(entries.values())
    return control
