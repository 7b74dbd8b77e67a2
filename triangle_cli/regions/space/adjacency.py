"""Which cells of a partition share a facet, exactly."""

from __future__ import annotations

import numpy as np

from triangle_cli.regions.space.exact import Exact

BATCH = 1 << 22  # values at corners of facets looked at in one go


def are_alone(
    masks: np.ndarray,
    pointer: np.ndarray,
    cell: np.ndarray,
    bit: np.ndarray,
    values: np.ndarray,
    bounds: np.ndarray,
) -> np.ndarray:
    """Whether surely no hidden neuron but its own is 0 all over a facet, (facets,) bool.

    masks: (corners,) uint64, the facets of each corner, of cell i from pointer[i] on; cell, bit: of each facet;
    values: (corners, N) of the hidden neurons at the corners; bounds: (corners,) of their errors.
    """
    clear = np.abs(values) > bounds[:, None]
    result = np.zeros(len(cell), bool)
    count = np.diff(pointer)[cell]
    step = max(1, BATCH // max(1, values.shape[1] * int(count.max(initial=1))))
    for start in range(0, len(cell), step):
        some = slice(start, start + step)
        begin = np.concatenate([[0], np.cumsum(count[some])])
        corner = np.repeat(pointer[cell[some]] - begin[:-1], count[some]) + np.arange(begin[-1])
        own = np.repeat(np.uint64(1) << bit[some].astype(np.uint64), count[some])
        lies_on = (masks[corner] & own) != 0
        seen = np.logical_or.reduceat(clear[corner] & lies_on[:, None], begin[:-1], axis=0)
        result[some] = (~seen).sum(axis=1) == 1
    return result


def adjacent(
    on: np.ndarray, cell: np.ndarray, neuron: np.ndarray, alone: np.ndarray, network: tuple
) -> np.ndarray:
    """Pairs of cells (pairs, 2) that share a facet of positive volume, each once, the smaller number first.

    on: (cells, N) bool; cell, neuron, alone: of each facet that is no side of the box. Across a facet of one neuron
    only that neuron turns; where others may be 0 all over it, which of them turn is worked out in integers. A facet
    has one cell on its other side: what is not 0 all over it has one sign on its inside.
    """
    packed = np.packbits(on, axis=1)
    of_pattern = {row.tobytes(): i for i, row in enumerate(packed)}
    used = np.flatnonzero(on[cell, neuron])  # each from the side where its neuron is on
    there = packed[cell[used]]
    k = neuron[used]
    there[np.arange(len(used)), k // 8] ^= (128 >> (k % 8)).astype(np.uint8)
    exact: Exact | None = None
    other = np.empty(len(used), np.int64)
    for i, facet in enumerate(used):
        if not alone[facet]:
            exact = exact or Exact(*network)
            across = exact.across(on[cell[facet]].tobytes(), int(neuron[facet]))
            there[i] = np.packbits(np.frombuffer(across, np.uint8))
        other[i] = of_pattern[there[i].tobytes()]
    return np.unique(np.sort(np.stack([cell[used], other], axis=1), axis=1), axis=0).astype(np.int64)
