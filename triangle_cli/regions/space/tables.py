"""The tables that `digits` works with: a network's weights, biases and box as digits of so many bits."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from triangle_cli.regions.space.arena import (
    ANEW,
    BITS,
    DIGITS,
    MOST_DIGITS,
    PLENTY,
    WANT,
    Arena,
    flat,
    scaled,
)

KEPT = 27.0  # bits that float64 bounds may lose from a layer of forms in digits to the last
WEIGHED = (
    80.0  # bits that bounds may lose from the inputs to the last layer, so that most gains need no digits
)


def bits_lost(weights: Sequence[np.ndarray]) -> float:
    """About how many bits bounds lose against values from the inputs to the last hidden layer, half of neurons on."""
    return sum(_layer_bits(weights))


def _layer_bits(weights: Sequence[np.ndarray]) -> list[float]:
    """The bits lost by each hidden layer but the first."""
    found = []
    for weight in weights[1:-1]:
        sizes = np.abs(weight)
        top = sizes.max(initial=0.0)
        sizes = sizes / top if top > 0.0 else sizes
        grown = sizes.sum() / math.sqrt(2 * len(weight) * max(1.0, (sizes**2).sum()))
        found.append(math.log2(max(1.0, grown)))
    return found


def last_anew(weights: Sequence[np.ndarray]) -> int:
    """The first hidden layer from which float64 forms, begun anew there, serve to the last; 0: from the inputs on."""
    layer, lost = len(weights) - 2, 0.0
    for bits in reversed(_layer_bits(weights)):
        lost += bits
        if lost > KEPT:
            break
        layer -= 1
    return layer


def split_digits(numbers: np.ndarray, digits: int, bits: int) -> tuple[np.ndarray, bool]:
    """(digits, *shape) whole numbers d_b with the sum of d_b 2^(-bits b), b = 1 .., and whether nothing is left."""
    rest, found = numbers.copy(), []
    for _ in range(digits):
        rest = np.ldexp(rest, bits)
        whole = np.floor(rest + 0.5)
        rest -= whole
        found.append(whole)
    return np.array(found).reshape(digits, *numbers.shape), not rest.any()


def with_digits(
    arena: Arena, weights: list[np.ndarray], biases: list[np.ndarray], box: np.ndarray, *_rest: object
) -> Arena:
    """The arena with numbers of more digits: at first a hundred bits or most of what depth costs, then some sixty more.

    weights, biases, box: of the network as given. If its layers are too wide for digits, there are none.
    """
    n, layers = len(box), len(weights)
    new_weights, new_biases, ends, _ = scaled(weights, biases, box)
    widths = [n, *(len(bias) for bias in biases)]
    before = int(arena.control[DIGITS])
    # bounds of the scaled network count all neurons as on: one bit a layer more
    anew, grown = last_anew(weights), [bits + 1.0 for bits in _layer_bits(weights)]
    plenty = 5 + int(1.25 * (sum(grown) + 2)) // 22
    first = plenty - 3 if bits_lost(weights) > WEIGHED else 3 + int(1.25 * sum(grown[:anew])) // 22
    digits = before + 3 if before else max(5, first)
    bits, tables = 0, []
    for bits in (22, 20, 18):
        tables = [_layer_digits(w, digits, bits) for w in new_weights]
        deepest = max(len(table) for table, _ in tables)
        if max(widths) * (deepest + 2) <= 2 ** (54 - 2 * bits) and n * digits <= 2 ** (54 - 2 * bits):
            break
    else:
        return arena._replace(control=_changed(arena.control, {MOST_DIGITS: before, PLENTY: 0, WANT: 0}))
    most = 4 + (53 * layers + 64) // bits
    cuts = [
        is_cut or bool(((w != 0) & (np.abs(new) < 1e-290)).any())
        for w, new, (_, is_cut) in zip(weights, new_weights, tables)
    ]
    constants = []
    for l, (bias, new) in enumerate(zip(biases[:-1], new_biases)):
        table, fits = split_digits(new, digits, bits)
        cuts[l] |= not fits or bool(((bias != 0) & (np.abs(new) < 1e-290)).any())
        constants.append(table)
    sides, _ = split_digits(ends.reshape(-1), digits, bits)
    lost = np.array([not split_digits(end.reshape(1), digits, bits)[1] for end in ends.reshape(-1)])
    lost |= (box != 0).reshape(-1) & (np.abs(ends.reshape(-1)) < 1e-290)
    rows, widest = len(arena.facets), max(widths[1:])
    return arena._replace(
        control=_changed(
            arena.control,
            {
                DIGITS: digits,
                BITS: bits,
                MOST_DIGITS: most,
                PLENTY: plenty,
                WANT: 0,
                ANEW: last_anew(weights),
            },
        ),
        digit_depth=np.array([len(table) for table, _ in tables], np.int64),
        digit_widths=np.array(widths[1:], np.int64),
        digit_at=np.concatenate([[0], np.cumsum([table.size for table, _ in tables])])[:-1].astype(np.int64),
        digit_weights=flat([table for table, _ in tables]),
        digit_biases=flat(constants),
        digit_cut=np.array(cuts, np.uint8),
        digit_ends=np.ascontiguousarray(sides.T),
        digit_end_cut=lost.astype(np.uint8),
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


def _layer_digits(weight: np.ndarray, digits: int, bits: int) -> tuple[np.ndarray, bool]:
    """Digits (depth, fan-in, fan-out) of a layer's weights without zeros behind, and whether some are cut off."""
    table, fits = split_digits(weight.T, digits, bits)
    used = np.flatnonzero(table.reshape(digits, -1).any(axis=1))
    return table[: used.max(initial=0) + 1], not fits


def _changed(control: np.ndarray, entries: dict[int, int]) -> np.ndarray:
    control[list(entries)] = list(entries.values())
    return control
