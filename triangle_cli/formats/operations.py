"""Layers that exporters and torch share, as affine maps and windows over the entries of a value."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from triangle_cli.formats.affine import Matrix
from triangle_cli.formats.graph import ENTRY, Value, largest
from triangle_cli.store.memory import require_memory

NORMALIZED = (
    "batch normalization is x * s + t, s = gamma / sqrt(var + eps) and t = beta - mean * s rounded to {dtype}"
)
QUOTIENTS = "quotients by constants are products with their reciprocals, rounded to float64"


@dataclass(frozen=True)
class Window:
    """How a kernel moves over the last dimensions of a value; each entry is of one dimension."""

    kernel: tuple[int, ...]
    strides: tuple[int, ...]
    pads: tuple[tuple[int, int], ...]  # in front and behind
    dilations: tuple[int, ...]
    rounds_up: bool = False  # whether a last window may reach beyond the padding

    def places(self, shape: Sequence[int]) -> np.ndarray:
        """(*out, kernel entries): the number of the entry that each entry of each window is on; -1: padding.

        shape: of the dimensions that the kernel moves over.
        """
        flat = np.zeros((1, 1), np.int64)
        out: list[int] = []
        for size, kernel, stride, (front, back), dilation in zip(
            shape, self.kernel, self.strides, self.pads, self.dilations
        ):
            free = size + front + back - dilation * (kernel - 1) - 1
            steps = (-(-free // stride) if self.rounds_up else free // stride) + 1
            if self.rounds_up and (steps - 1) * stride >= size + front:
                steps -= 1  # a window that would begin in the padding behind
            if steps < 1:
                raise ValueError(f"a kernel of {kernel} over {size} values, expected one that fits")
            require_memory("a convolution or pooling", 32 * flat.size * steps * kernel)
            place = np.arange(steps)[:, None] * stride + np.arange(kernel) * dilation - front
            place = np.where((place >= 0) & (place < size), place, -1)
            inner = flat[:, None, :, None], place[None, :, None, :]
            flat = np.where((inner[0] < 0) | (inner[1] < 0), -1, inner[0] * size + inner[1])
            out.append(steps)
            flat = flat.reshape(math.prod(out), -1)
        return flat.reshape(*out, -1)

    def counted(self, shape: Sequence[int]) -> np.ndarray:
        """How many entries of each window lie on values or their padding, (out entries,), as averages count them."""
        padded = tuple(size + front + back for size, (front, back) in zip(shape, self.pads))
        bare = Window(self.kernel, self.strides, ((0, 0),) * len(shape), self.dilations, True)
        steps = self.places(shape).shape[:-1]
        full = bare.places(padded)[tuple(slice(0, step) for step in steps)]
        return (full >= 0).sum(axis=-1).reshape(-1)


def linear(value: Value, weight: np.ndarray, bias: np.ndarray | None) -> Value:
    """x @ weight.T + bias over the last dimension: weight (out, in), bias (out,)."""
    found = right_product(value, weight.T)
    return found if bias is None else found.shifted(np.broadcast_to(bias, found.shape))


def right_product(value: Value, matrix: np.ndarray) -> Value:
    """x @ matrix, (in, out), over the last dimension."""
    *outer, size = value.shape
    if matrix.ndim != 2 or len(matrix) != size:
        raise ValueError(f"a matrix of shape {matrix.shape} after {size} values, expected ({size}, out)")
    rows, out = math.prod(outer), matrix.shape[1]
    require_memory(value.graph.label, ENTRY * rows * matrix.size)
    k, j = np.nonzero(matrix)
    first = np.arange(rows)[:, None]
    entries = (first * out + j).reshape(-1), (first * size + k).reshape(-1)
    weights = np.tile(matrix[k, j].astype(float), rows)
    return value.through(Matrix(*entries, weights, np.zeros(rows * out)), (*outer, out))


def left_product(matrix: np.ndarray, value: Value) -> Value:
    """matrix @ x, (out, in), over the last dimension but one, or the only one."""
    if len(value.shape) == 1:
        return right_product(value, matrix.T)
    turned = value.moved(lambda entries: entries.swapaxes(-1, -2))
    return right_product(turned, matrix.T).moved(lambda entries: entries.swapaxes(-1, -2))


def convolution(
    value: Value, weight: np.ndarray, bias: np.ndarray | None, window: Window, groups: int = 1
) -> Value:
    """Cross-correlation as frameworks have it: value (n, channels, ..), weight (out, channels / groups, ..)."""
    batch, channels, *space = value.shape
    outs, each = weight.shape[:2]
    if groups < 1 or each * groups != channels or outs % groups:
        raise ValueError(
            f"a weight of shape {weight.shape} in {groups} groups after {channels} channels, expected "
            f"(out, {channels // max(groups, 1)}, ..)"
        )
    places = window.places(space)
    steps, size, inside = places.shape[:-1], math.prod(places.shape[:-1]), math.prod(space)
    require_memory(value.graph.label, ENTRY * batch * outs * size * each * places.shape[-1])
    flat = places.reshape(size, -1)  # (p, k)
    n, o = np.arange(batch), np.arange(outs)
    row = ((n[:, None] * outs + o)[:, :, None] * size + np.arange(size))[:, :, :, None, None]
    channel = (o // (outs // groups))[:, None] * each + np.arange(each)  # (out, each)
    column = (n[:, None, None] * channels + channel)[:, :, None, :, None] * inside + flat[
        None, None, :, None, :
    ]
    weights = weight.reshape(outs, 1, each, -1).astype(float)[None]
    row, column, weights = (array.reshape(-1) for array in np.broadcast_arrays(row, column, weights))
    there = np.broadcast_to(
        flat[None, None, :, None, :] >= 0, (batch, outs, size, each, flat.shape[1])
    ).reshape(-1)
    there = there & (weights != 0.0)
    constant = np.zeros((batch, outs, size)) + (0.0 if bias is None else bias.astype(float)[:, None])
    matrix = Matrix(row[there], column[there], weights[there], constant.reshape(-1))
    return value.through(matrix, (batch, outs, *steps))


def _channel_windows(value: Value, places: np.ndarray) -> np.ndarray:
    """(n, channels, *out, k): numbers of entries of the whole value."""
    batch, channels, *space = value.shape
    start = (np.arange(batch * channels) * math.prod(space)).reshape(batch, channels, *([1] * places.ndim))
    return np.where(places < 0, -1, places + start)


def max_pool(value: Value, window: Window) -> Value:
    """The largest entry of each window; padding counts for nothing."""
    places = window.places(value.shape[2:])
    require_memory(value.graph.label, ENTRY * places.size * value.shape[0] * value.shape[1])
    return largest(value, _channel_windows(value, places))


def average_pool(value: Value, window: Window, counts_padding: bool, assumed: list[str]) -> Value:
    """The mean of each window, with or without the zeros of the padding."""
    places = window.places(value.shape[2:])
    size = places[..., 0].size
    count = window.counted(value.shape[2:]) if counts_padding else (places >= 0).sum(-1).reshape(-1)
    require_memory(value.graph.label, ENTRY * places.size * value.shape[0] * value.shape[1])
    channels = value.shape[0] * value.shape[1]
    windows = _channel_windows(value, places).reshape(channels * size, -1)
    row, place = np.nonzero(windows >= 0)
    weight = np.tile(reciprocals(count, assumed), channels)[row]
    matrix = Matrix(row, windows[row, place], weight, np.zeros(len(windows)))
    return value.through(matrix, (*value.shape[:2], *places.shape[:-1]))


def reciprocals(divisors: np.ndarray, assumed: list[str]) -> np.ndarray:
    """1 / divisor as float64; where that is rounded, `assumed` says so."""
    divisors = np.asarray(divisors, float)
    if not divisors.all():
        raise ValueError("a division by 0, expected other divisors")
    mantissa, _ = np.frexp(divisors)
    if (np.abs(mantissa) != 0.5).any() and QUOTIENTS not in assumed:
        assumed.append(QUOTIENTS)
    return 1.0 / divisors


def scale_of_normalization(
    gamma: np.ndarray, beta: np.ndarray, mean: np.ndarray, var: np.ndarray, eps: float, assumed: list[str]
) -> tuple[np.ndarray, np.ndarray]:
    """Scale and shift of batch normalization in use, in the dtype of the arrays, as runtimes compute them once."""
    dtype = gamma.dtype
    with np.errstate(all="ignore"):
        scale = gamma / np.sqrt(var + dtype.type(eps))
        shift = beta - mean * scale
    line = NORMALIZED.format(dtype=dtype.name)
    if line not in assumed and not all(
        Fraction(s) ** 2 * (Fraction(v) + Fraction(eps)) == Fraction(g) ** 2
        and Fraction(t) == Fraction(b) - Fraction(m) * Fraction(s)
        for s, v, g, t, b, m in zip(*(a.tolist() for a in (scale, var, gamma, shift, beta, mean)))
        if math.isfinite(s) and math.isfinite(t)
    ):
        assumed.append(line)
    return scale, shift
