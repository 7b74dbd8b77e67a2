"""From walks to results: counts of a batch, and the pieces of one network with their affine maps."""

from collections.abc import Iterable, Iterator
from fractions import Fraction

import numpy as np

from triangle_cli.regions.arrays import Networks
from triangle_cli.regions.bounds import Exhausted
from triangle_cli.regions.line.exact import ExactLine
from triangle_cli.regions.line.leaves import Leaves
from triangle_cli.regions.line.packing import PackedNetworks, Unresolved
from triangle_cli.regions.line.shallow import Shallow
from triangle_cli.regions.line.wide import count_wide, wide_leaves
from triangle_cli.regions.telling import Tell

NARROW = 48  # up to this width the depth-first walk is the faster one, once its compiled code is loaded
FEW = 2**14, 2**10  # regions, and questions to integers, that take less time without it

Columns = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]  # left, right, slope, intercept


def count_fast(
    networks: Networks,
    lo: float,
    hi: float,
    linear: list[np.ndarray] | None = None,
    tell: Tell | None = None,
) -> tuple[np.ndarray, list[int]]:
    """(networks, 5) counts as in `count_exactly`, and the networks that remain unresolved."""
    number = len(networks.rows)
    if _is_shallow(networks):
        rows = [_shallow(networks, lo, hi, linear, i).counts() for i in range(number)]
        return np.array(rows, np.int64).reshape(-1, 5), []
    is_narrow = _is_narrow(networks)
    packed = PackedNetworks(networks, lo, hi, linear, as_is=is_narrow)
    if is_narrow:
        from triangle_cli.regions.line.narrow import count_narrow  # numba loads only when it counts

        return count_narrow(packed, tell)
    counts, unresolved = np.zeros((number, 5), np.int64), []
    for i in range(number):
        try:
            counts[i] = count_wide(packed, i, tell=tell)
        except Unresolved:
            unresolved.append(i)
    return counts, unresolved


def _is_narrow(networks: Networks) -> bool:
    return max(networks.widths[1:-1], default=0) <= NARROW


def _is_shallow(networks: Networks) -> bool:
    return len(networks.widths) == 3 and not _is_narrow(networks)


def _shallow(
    networks: Networks, lo: float, hi: float, linear: list[np.ndarray] | None, i: int = 0
) -> Shallow:
    return Shallow(*networks.layers(i), lo, hi, None if linear is None else linear[0])


def fast_pieces(
    network: Networks,
    lo: float,
    hi: float,
    merged: bool,
    linear: list[np.ndarray] | None = None,
) -> Columns:
    """Pieces of a single network (a batch of one), in float64."""
    if _is_shallow(network):
        return _shallow(network, lo, hi, linear).pieces(merged)
    is_narrow = _is_narrow(network)
    packed = PackedNetworks(network, lo, hi, linear, as_is=is_narrow)
    try:
        if is_narrow:
            from triangle_cli.regions.line.narrow import narrow_leaves  # numba loads only when it counts

            leaves = narrow_leaves(packed)
        else:
            leaves = wide_leaves(packed)
        columns = _joined(_unscaled(packed, leaves, merged), hi)
    except Unresolved:
        return exact_pieces(network, lo, hi, merged, linear)
    columns[0][0] = lo
    return columns


def few_pieces(
    network: Networks, lo: float, hi: float, linear: list[np.ndarray]
) -> tuple[tuple[int, ...], Columns] | None:
    """Counts and linear regions of a single network (a batch of one) without compiled code.

    None where that takes longer than loading it, or where it is not needed: for wide networks.
    """
    if _is_shallow(network):
        shallow = _shallow(network, lo, hi, linear)
        return shallow.counts(), shallow.pieces(merged=True)
    if not _is_narrow(network):
        return None
    packed = PackedNetworks(network, lo, hi, linear)
    try:
        counts = count_wide(packed, 0, FEW)
        columns = _joined(_unscaled(packed, wide_leaves(packed), merged=True), hi)
    except (Exhausted, Unresolved):
        return None
    columns[0][0] = lo
    return counts, columns


def exact_pieces(
    network: Networks,
    lo: float,
    hi: float,
    merged: bool,
    linear: list[np.ndarray] | None = None,
) -> Columns:
    """Pieces of a single network (a batch of one), in integers and rounded at the end."""
    line = ExactLine(*network.layers(), lo, hi, linear)
    alive = [[False] * len(bias) for bias in line.biases[:-1]]
    left, slope, intercept, last = [], [], [], None
    for piece in line.pieces(alive):
        if merged and piece.slopes == last:
            continue
        last = piece.slopes
        left.append(_float(piece.left))
        slope.append([_float(Fraction(value, 1 << piece.scale)) for value in piece.slopes])
        intercept.append([_float(Fraction(value, 1 << piece.scale)) for value in piece.intercepts])
    return _joined([(np.array(left), np.array(slope), np.array(intercept))], hi)


def _float(value: Fraction) -> float:
    try:
        return float(value)
    except OverflowError:
        return np.inf if value > 0 else -np.inf


def _unscaled(packed: PackedNetworks, blocks: Iterable[Leaves], merged: bool) -> Iterator[tuple]:
    """(left, slope, intercept) of blocks of pieces, in the network's own scale."""
    depth = len(packed.widths) - 2
    scale_x = packed.shifts[0, 0, 0]
    scale_y = packed.shifts[0, depth + 1, : packed.widths[-1]][:, None]
    for block in blocks:
        starts = block.kinks if merged else np.ones_like(block.kinks)
        slope, intercept = np.ones((1, starts.sum())), np.zeros((1, starts.sum()))
        for level, mask in enumerate(block.masks):
            weight, bias = packed.layer(0, level)
            on = mask[:, starts]
            slope, intercept = weight @ (on * slope), weight @ (on * intercept) + bias[:, None]
        with np.errstate(over="ignore"):  # a number past the largest float64 is infinite
            left = np.ldexp(block.left[starts], -scale_x)
            lines = np.ldexp(slope, scale_x - scale_y).T, np.ldexp(intercept, -scale_y).T
        yield left, *lines


def _joined(blocks: Iterable[tuple], hi: float) -> Columns:
    left, slope, intercept = (np.concatenate(parts) for parts in zip(*blocks))
    return left, np.append(left[1:], hi), np.ascontiguousarray(slope), np.ascontiguousarray(intercept)
