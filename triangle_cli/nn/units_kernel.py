"""The networks of a layer's units and their derivative in one compiled pass each, for the CPU.

What a unit computes is so little that operations which read and write all values each time spend their time on
memory. Here the numbers of a strip of units stay in the processor's first cache while all rows go by, vector
instructions take units side by side, and nothing that lies between is kept: the derivative computes it once more.
Compiled by numba at the first call and kept on disk. The formulas are those of `units.py`.

A strip is an array of rows of STRIP numbers, one after another: `values[k * STRIP + j]` is row k of unit j. In one
flat array with a constant stride the compiler sees that rows do not overlap.
"""

from __future__ import annotations

import math

import numpy as np

from triangle_cli.compiling import njit
from triangle_cli.nn.forms import LIMIT, MOST_SKEW, PEAKS, WEIGHTS

STRIP = 64  # units; always computed in full, so that loops have no remainder
SUMMED = 64  # rows whose derivatives are summed in the dtype of z, before the sum of all in float64

# a product and a sum may be one instruction; NaN and infinity keep their meaning, and no sum is reordered
compiled = njit(cache=True, nogil=True, fastmath={"contract", "nsz"}, error_model="numpy")


@compiled
def evaluate(
    z: np.ndarray,
    numbers: np.ndarray,
    lo: float,
    hi: float,
    form: int,
    begin: int,
    end: int,
    y: np.ndarray,
) -> None:
    """Fill y[:, begin:end] for z (n, units) and numbers (units, K): those of the formula `form`, see `forms`.

    lo and hi have the dtype of the arrays, which are contiguous.
    """
    count = numbers.shape[1]
    packed, values = _rows(_packed_rows(count, form), z), _rows(count, z)
    x, out = _rows(1, z), _rows(1, z)
    for first in range(begin, end, STRIP):
        units = min(STRIP, end - first)
        _pack(numbers, first, units, packed)
        if form == LIMIT:
            _pack_sides(packed, lo, hi)
        for row in range(z.shape[0]):
            _copy(z[row, first : first + units], x)
            _without_end(x, lo)
            if form == WEIGHTS:
                _weights(x, packed, lo, hi, values, out)
            elif form == PEAKS:
                _peaks(x, packed, lo, hi, values, out)
            else:
                _limit(x, packed, lo, hi, out)
            _copy(out[:units], y[row, first:])


@compiled
def differentiate(
    z: np.ndarray,
    numbers: np.ndarray,
    lo: float,
    hi: float,
    form: int,
    begin: int,
    end: int,
    by_y: np.ndarray,
    by_z: np.ndarray,
    by_numbers: np.ndarray,
) -> None:
    """Fill by_z[:, begin:end] and by_numbers[begin:end], the derivatives, from by_y (n, units); the rest as above."""
    n, count = z.shape[0], numbers.shape[1]
    rows = _packed_rows(count, form)
    packed, values, sums = _rows(rows, z), _rows(count, z), _rows(rows, z)
    x, signal, out, behind = _rows(1, z), _rows(1, z), _rows(1, z), _rows(4, z)
    totals = np.empty(len(sums), np.float64)
    for first in range(begin, end, STRIP):
        units = min(STRIP, end - first)
        _pack(numbers, first, units, packed)
        if form == LIMIT:
            _pack_sides(packed, lo, hi)
        totals[:] = 0
        for top in range(0, n, SUMMED):
            sums[:] = 0
            for row in range(top, min(top + SUMMED, n)):
                _copy(z[row, first : first + units], x)
                _without_end(x, lo)
                _copy(by_y[row, first : first + units], signal)
                if form == WEIGHTS:
                    _weights(x, packed, lo, hi, values, out)
                    _weights_derivative(x, packed, lo, hi, values, signal, behind, sums, out)
                elif form == PEAKS:
                    _peaks(x, packed, lo, hi, values, out)
                    _peaks_derivative(packed, lo, hi, values, signal, sums, out)
                else:
                    _limit_derivative(x, packed, lo, hi, signal, sums, out)
                _copy(out[:units], by_z[row, first:])
                for j in range(units):
                    if z[row, first + j] == -np.inf:
                        by_z[row, first + j] = 0
            for i in range(len(sums)):
                totals[i] += sums[i]
        if form == LIMIT:
            _sides_derivative(packed, totals)
        for j in range(units):
            for k in range(count):
                by_numbers[first + j, k] = totals[k * STRIP + j]


@compiled
def _rows(count: int, like: np.ndarray) -> np.ndarray:
    """Zeros for `count` rows of a strip, where a vector never lies across two lines of the cache."""
    spare = 64 // like.itemsize
    memory = np.zeros(count * STRIP + spare, like.dtype)
    begin = -np.int64(memory.ctypes.data) % 64 // like.itemsize
    return memory[begin : begin + count * STRIP]


@compiled
def _copy(source: np.ndarray, target: np.ndarray) -> None:
    for j in range(len(source)):
        target[j] = source[j]


@compiled
def _without_end(x: np.ndarray, lo: float) -> None:
    """As `units.without_end`, in place."""
    for j in range(len(x)):
        x[j] = lo if x[j] == -np.inf else x[j]


@compiled
def _pack(numbers: np.ndarray, first: int, units: int, packed: np.ndarray) -> None:
    """One row for each number of the units from `first` on."""
    for j in range(units):
        for k in range(numbers.shape[1]):
            packed[k * STRIP + j] = numbers[first + j, k]


@compiled
def _peaks(z: np.ndarray, p: np.ndarray, lo: float, hi: float, values: np.ndarray, y: np.ndarray) -> None:
    """values: rows u, v_0, ..., v_{d-1}."""
    scale = 1 / (hi - lo)
    for j in range(STRIP):
        u = (z[j] - lo) * scale
        values[j] = u
        y[j] = p[j] + u * p[STRIP + j]
    for wave in range(len(p) // (3 * STRIP)):
        lines, v, out = p[(2 + 3 * wave) * STRIP :], values[wave * STRIP :], values[(wave + 1) * STRIP :]
        for j in range(STRIP):
            left = v[j] * lines[j]
            right = lines[2 * STRIP + j] + v[j] * lines[STRIP + j]
            least = left if left < right or left != left else right  # a NaN of either stays
            out[j] = least
            y[j] -= least


@compiled
def _peaks_derivative(
    p: np.ndarray,
    lo: float,
    hi: float,
    values: np.ndarray,
    by_y: np.ndarray,
    sums: np.ndarray,
    by_z: np.ndarray,
) -> None:
    """Add to `sums`, the rows of p. On a peak both lines have half, as torch.minimum has it."""
    zero, half, one = p.dtype.type(0), p.dtype.type(0.5), p.dtype.type(1)
    by_z[:] = 0
    for wave in range(len(p) // (3 * STRIP) - 1, -1, -1):
        at = (2 + 3 * wave) * STRIP
        lines, sum_lines, v = p[at:], sums[at:], values[wave * STRIP :]
        for j in range(STRIP):
            by_wave = by_z[j] - by_y[j]
            rise, fall = lines[j], lines[STRIP + j]
            left, right = v[j] * rise, lines[2 * STRIP + j] + v[j] * fall
            part = one if left < right else (half if left == right else zero)
            by_left, by_right = by_wave * part, by_wave * (one - part)
            sum_lines[j] += by_left * v[j]
            sum_lines[STRIP + j] += by_right * v[j]
            sum_lines[2 * STRIP + j] += by_right
            by_z[j] = by_left * rise + by_right * fall
    scale = 1 / (hi - lo)
    for j in range(STRIP):
        sums[j] += by_y[j]
        sums[STRIP + j] += by_y[j] * values[j]
        by_z[j] = (by_z[j] + by_y[j] * p[STRIP + j]) * scale


@compiled
def _weights(z: np.ndarray, p: np.ndarray, lo: float, hi: float, values: np.ndarray, y: np.ndarray) -> None:
    """values: row x, clamped, then four rows for each hidden layer, after ReLU."""
    zero = p.dtype.type(0)
    for j in range(STRIP):
        x = lo if z[j] < lo else z[j]
        x = hi if x > hi else x
        values[j] = x
        for k in range(4):
            v = p[2 * k * STRIP + j] * x + p[(2 * k + 1) * STRIP + j]
            values[(1 + k) * STRIP + j] = zero if v <= zero else v
    layers = len(p) // (20 * STRIP)  # hidden ones after the first
    for layer in range(layers):
        w, h, out = (
            p[(8 + 20 * layer) * STRIP :],
            values[(1 + 4 * layer) * STRIP :],
            values[(5 + 4 * layer) * STRIP :],
        )
        for j in range(STRIP):
            a, b, c, d = h[j], h[STRIP + j], h[2 * STRIP + j], h[3 * STRIP + j]
            for k in range(4):
                i = 5 * k * STRIP + j
                v = (
                    w[i + 4 * STRIP]
                    + a * w[i]
                    + b * w[i + STRIP]
                    + c * w[i + 2 * STRIP]
                    + d * w[i + 3 * STRIP]
                )
                out[k * STRIP + j] = zero if v <= zero else v
    w, h = p[(8 + 20 * layers) * STRIP :], values[(1 + 4 * layers) * STRIP :]
    for j in range(STRIP):
        v = w[4 * STRIP + j]
        for k in range(4):
            v += w[k * STRIP + j] * h[k * STRIP + j]
        outside = z[j] - values[j]
        under = zero if outside > zero else outside
        over = zero if outside < zero else outside
        y[j] = v + w[5 * STRIP + j] * under + w[6 * STRIP + j] * over


@compiled
def _weights_derivative(
    z: np.ndarray,
    p: np.ndarray,
    lo: float,
    hi: float,
    values: np.ndarray,
    by_y: np.ndarray,
    signal: np.ndarray,
    sums: np.ndarray,
    by_z: np.ndarray,
) -> None:
    """Add to `sums`, the rows of p. signal: four rows, the derivatives by a layer's values before ReLU."""
    zero = p.dtype.type(0)
    layers = len(p) // (20 * STRIP)
    at = (8 + 20 * layers) * STRIP
    w, sum_w, h = p[at:], sums[at:], values[(1 + 4 * layers) * STRIP :]
    for j in range(STRIP):
        outside = z[j] - values[j]
        sum_w[4 * STRIP + j] += by_y[j]
        sum_w[5 * STRIP + j] += by_y[j] * (zero if outside > zero else outside)
        sum_w[6 * STRIP + j] += by_y[j] * (zero if outside < zero else outside)
        for k in range(4):
            i = k * STRIP + j
            sum_w[i] += by_y[j] * h[i]
            signal[i] = zero if h[i] <= zero else by_y[j] * w[i]
    for layer in range(layers - 1, -1, -1):
        at = (8 + 20 * layer) * STRIP
        w, sum_w, h = p[at:], sums[at:], values[(1 + 4 * layer) * STRIP :]
        for j in range(STRIP):
            a, b, c, d = signal[j], signal[STRIP + j], signal[2 * STRIP + j], signal[3 * STRIP + j]
            for k in range(4):
                i, below = k * STRIP + j, h[k * STRIP + j]
                sum_w[i] += a * below
                sum_w[i + 5 * STRIP] += b * below
                sum_w[i + 10 * STRIP] += c * below
                sum_w[i + 15 * STRIP] += d * below
                s = a * w[i] + b * w[i + 5 * STRIP] + c * w[i + 10 * STRIP] + d * w[i + 15 * STRIP]
                signal[i] = zero if below <= zero else s
            sum_w[4 * STRIP + j] += a
            sum_w[9 * STRIP + j] += b
            sum_w[14 * STRIP + j] += c
            sum_w[19 * STRIP + j] += d
    below_lo, above_hi = p[len(p) - 2 * STRIP :], p[len(p) - STRIP :]
    for j in range(STRIP):
        inside = zero
        for k in range(4):
            s = signal[k * STRIP + j]
            sums[2 * k * STRIP + j] += s * values[j]
            sums[(2 * k + 1) * STRIP + j] += s
            inside += s * p[2 * k * STRIP + j]
        outside = by_y[j] * (below_lo[j] if z[j] < lo else above_hi[j])
        by_z[j] = outside if z[j] < lo or z[j] > hi else inside


@compiled
def _packed_rows(count: int, form: int) -> int:
    """How many numbers a unit's formula is computed with: with skew also the slopes that follow from it."""
    return count + 2 if form == LIMIT else count


@compiled
def _pack_sides(p: np.ndarray, lo: float, hi: float) -> None:
    """The rows rise and fall, from that of skew, as in `units.sides`."""
    stretch = 2 / (hi - lo)
    for j in range(STRIP):
        skew = MOST_SKEW * math.tanh(p[2 * STRIP + j] / MOST_SKEW)
        p[3 * STRIP + j] = math.exp(skew) * stretch
        p[4 * STRIP + j] = math.exp(-skew) * stretch


@compiled
def _sides_derivative(p: np.ndarray, totals: np.ndarray) -> None:
    """The row of skew, from those of rise and fall."""
    for j in range(STRIP):
        bound = math.tanh(p[2 * STRIP + j] / MOST_SKEW)
        by_skew = totals[3 * STRIP + j] * p[3 * STRIP + j] - totals[4 * STRIP + j] * p[4 * STRIP + j]
        totals[2 * STRIP + j] = by_skew * (1 - bound * bound)


@compiled
def _limit(z: np.ndarray, p: np.ndarray, lo: float, hi: float, y: np.ndarray) -> None:
    """p: rows slope, bend, skew, rise, fall."""
    zero, one = p.dtype.type(0), p.dtype.type(1)
    offset = -lo * (hi / (hi - lo))
    for j in range(STRIP):
        slope, bend, rise, fall = p[j], p[STRIP + j], p[3 * STRIP + j], p[4 * STRIP + j]
        x = lo if z[j] < lo else z[j]
        x = hi if x > hi else x
        left, right = rise * (x - lo), fall * (hi - x)
        outside = z[j] - x
        under = zero if outside > zero else outside
        over = zero if outside < zero else outside
        inside = offset + slope * x + bend * (left * right * (one / (left + right)))
        y[j] = inside + (slope + bend * rise) * under + (slope - bend * fall) * over


@compiled
def _limit_derivative(
    z: np.ndarray, p: np.ndarray, lo: float, hi: float, by_y: np.ndarray, sums: np.ndarray, by_z: np.ndarray
) -> None:
    """Add to `sums`, the rows of p but that of skew. R_p = (q / (p + q))^2 R_q = (p / (p + q))^2."""
    one = p.dtype.type(1)
    for j in range(STRIP):
        slope, bend, rise, fall = p[j], p[STRIP + j], p[3 * STRIP + j], p[4 * STRIP + j]
        x = lo if z[j] < lo else z[j]
        x = hi if x > hi else x
        left, right = rise * (x - lo), fall * (hi - x)
        inverse = one / (left + right)
        by_left, by_right = right * inverse, left * inverse
        by_left, by_right = by_left * by_left, by_right * by_right
        up, down = by_left * (z[j] - lo), by_right * (hi - z[j])  # R is homogeneous of degree 1
        by_bend = by_y[j] * bend
        sums[j] += by_y[j] * z[j]
        sums[STRIP + j] += by_y[j] * (rise * up + fall * down)
        sums[3 * STRIP + j] += by_bend * up
        sums[4 * STRIP + j] += by_bend * down
        by_z[j] = by_y[j] * slope + by_bend * (by_left * rise - by_right * fall)
