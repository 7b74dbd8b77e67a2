"""Peak space, compiled: the construction by its definition, and its derivatives by hand.

    u_b = offset + what one block of the network is a function of,  v_0 = u_b,  v_{i+1} = T_{a_i}(v_i)
    y = sum_b sigma_b (offset_b + slope_b u_b + sign sum_i s_i v_{i+1})

A wave costs a few operations a point, where the network that stands for it has 20 weights a layer. With
h_i = dy / dv_{i+1} the derivative by the wave's slope, dy/da_i = -h_i T'(v_i) v_{i+1} and dy/dv_i = h_i T'(v_i).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from triangle_cli.training.bounds import LOGISTIC_RATE, PEAK_MARGIN
from triangle_cli.training.compiled import (
    LANES,
    add_products,
    chained,
    compiled,
    lanes,
    residuals,
    rooted,
    weighted,
)

SPAN = 1 - 2 * PEAK_MARGIN


class Peaks(NamedTuple):
    """Peak space and the points to fit: what theta stands for.

    theta holds, for each of K blocks, d + 1 logits of peaks, the log of s_0 or of all d steps, offset and slope;
    then, where there is more than one input, D directions.
    """

    depth: int
    free: bool  # whether every step is a number of its own
    bend: np.ndarray  # (K,), sign times sigma_b
    sigma: np.ndarray  # (K,), +1 or -1
    along: np.ndarray  # (K,), which direction
    half: np.ndarray  # (inputs,), half the box; (0,) where u itself is given
    x: np.ndarray  # (inputs, padded), from the middle of the box; or u, (1, padded)
    y: np.ndarray  # (padded,)
    roots: np.ndarray  # (padded,), of the points' weights; (0,) where all weigh the same
    n: int
    block: int  # points at a time


class PeaksScratch(NamedTuple):
    """Memory for one restart."""

    peaks: np.ndarray  # (K, d + 1), float64 like all that is not per point
    steps: np.ndarray  # (K, d)
    scales: np.ndarray  # (K, d), their products
    affine: np.ndarray  # (K, 2), offset and slope
    unit: np.ndarray  # (D, inputs), directions over twice their reach
    natural: np.ndarray  # (N,), derivatives by all of these: `natural_count`
    values: np.ndarray  # (K, d + 1, block)
    sums: np.ndarray  # (block,)
    behind: np.ndarray  # (block,)
    rows: np.ndarray  # (N up to a multiple of 4, block), derivatives at every point
    products: np.ndarray  # (N up to a multiple of 4,) twice


@compiled
def natural_count(model: Peaks) -> int:
    """N: the peaks, scales, offset and slope of every block, then the entries of unit directions."""
    return len(model.sigma) * (2 * model.depth + 3) + (model.along[-1] + 1) * len(model.half)


@compiled
def peaks_scratch(model: Peaks, second_order: bool) -> PeaksScratch:
    """Memory for one restart; for first order without rows of derivatives."""
    block = model.block
    blocks, depth, dtype = len(model.sigma), model.depth, model.y.dtype
    count = natural_count(model)
    rows = (count + 4) // 4 * 4 if second_order else 0  # one more, for the residual
    return PeaksScratch(
        np.empty((blocks, depth + 1)),
        np.empty((blocks, depth)),
        np.empty((blocks, depth)),
        np.empty((blocks, 2)),
        np.empty((model.along[-1] + 1, len(model.half))),
        np.empty(count),
        np.empty((blocks, depth + 1, block), dtype),
        np.empty(block, dtype),
        np.empty(block, dtype),
        np.zeros((rows, block), dtype),
        np.empty((rows, rows)),
    )


@compiled
def steps_and_scales(depth: int, free: bool, logs: np.ndarray, peaks: np.ndarray, steps: np.ndarray) -> None:
    """The steps S_i: s_0, then exp of their logs, or (1 - a_i) a_{i+1} by Theorem 3.1."""
    steps[0] = math.exp(logs[0])
    for i in range(1, depth):
        steps[i] = math.exp(logs[i]) if free else (1 - peaks[i]) * peaks[i + 1]


@compiled
def peak(logit: float) -> float:
    """Peaks stay in (margin, 1 - margin)."""
    return PEAK_MARGIN + SPAN / (1 + math.exp(-LOGISTIC_RATE * logit))


@compiled
def _enter(model: Peaks, theta: np.ndarray, scratch: PeaksScratch) -> None:
    """The construction's numbers from theta."""
    depth, blocks = model.depth, len(model.sigma)
    logs = depth if model.free else 1
    place = 0
    for b in range(blocks):
        peaks, steps, scales = scratch.peaks[b], scratch.steps[b], scratch.scales[b]
        for i in range(depth + 1):
            peaks[i] = peak(theta[place + i])
        place += depth + 1
        steps_and_scales(depth, model.free, theta[place : place + logs], peaks, steps)
        scales[0] = steps[0]
        for i in range(1, depth):
            scales[i] = scales[i - 1] * steps[i]
        place += logs
        scratch.affine[b, 0], scratch.affine[b, 1] = theta[place], theta[place + 1]
        place += 2
    inputs = len(model.half)
    for direction in range(model.along[-1] + 1):
        reach = 0.0
        for i in range(inputs):
            reach += abs(theta[place + i]) * model.half[i]
        for i in range(inputs):
            scratch.unit[direction, i] = theta[place + i] / (2 * reach)
        place += inputs


@compiled
def _leave(model: Peaks, theta: np.ndarray, scratch: PeaksScratch, out: np.ndarray) -> None:
    """The chain rule: `out`, the derivative by theta, from the one by the construction's numbers."""
    depth, blocks = model.depth, len(model.sigma)
    natural, each = scratch.natural, 2 * depth + 3
    place = 0
    for b in range(blocks):
        peaks, scales = scratch.peaks[b], scratch.scales[b]
        by_peaks = natural[b * each : b * each + depth + 1]
        by_scales = natural[b * each + depth + 1 : b * each + 2 * depth + 1]
        logs = place + depth + 1
        for i in range(depth - 1, 0, -1):  # s_i = s_{i-1} S_i
            by_step = by_scales[i] * scales[i - 1]
            by_scales[i - 1] += by_scales[i] * scratch.steps[b, i]
            if model.free:
                out[logs + i] = by_scales[i] * scales[i]
            else:
                by_peaks[i] -= by_step * peaks[i + 1]
                by_peaks[i + 1] += by_step * (1 - peaks[i])
        out[logs] = by_scales[0] * scales[0]
        for i in range(depth + 1):
            unit = (peaks[i] - PEAK_MARGIN) / SPAN
            out[place + i] = by_peaks[i] * SPAN * LOGISTIC_RATE * unit * (1 - unit)
        place = logs + (depth if model.free else 1)
        out[place] = natural[b * each + 2 * depth + 1]
        out[place + 1] = natural[b * each + 2 * depth + 2]
        place += 2
    inputs = len(model.half)
    for direction in range(model.along[-1] + 1):
        # u = 1/2 + unit . x, unit = direction / (2 reach), reach = |direction| . half
        toward = natural[blocks * each + direction * inputs : blocks * each + (direction + 1) * inputs]
        reach, both = 0.0, 0.0
        for i in range(inputs):
            reach += abs(theta[place + i]) * model.half[i]
            both += scratch.unit[direction, i] * toward[i]
        for i in range(inputs):
            out[place + i] = (toward[i] / 2 - both * np.sign(theta[place + i]) * model.half[i]) / reach
        place += inputs


@compiled
def _wave(
    v: np.ndarray, w: np.ndarray, up: float, down: float, scale: float, sums: np.ndarray, m: int
) -> None:
    one = v.dtype.type(1)
    for p in range(m * LANES):
        wave = min(v[p] * up, (one - v[p]) * down)
        w[p] = wave
        sums[p] += scale * wave


@compiled
def _enter_block(model: Peaks, scratch: PeaksScratch, begin: int, m: int) -> None:
    """Forwards: the values of every wave at a block of points, and output - y in `sums`."""
    number = model.y.dtype.type
    depth, inputs, sums, y = model.depth, len(model.half), scratch.sums, model.y
    for p in range(m * LANES):
        sums[p] = -y[begin + p]
    for b in range(len(model.sigma)):
        u = scratch.values[b, 0]
        if inputs == 0:
            given = model.x[0]
            for p in range(m * LANES):
                u[p] = given[begin + p]
        else:
            u[:] = number(0.5)
            for i in range(inputs):
                row, weight = model.x[i], number(scratch.unit[model.along[b], i])
                for p in range(m * LANES):
                    u[p] += weight * row[begin + p]
        offset = number(model.sigma[b] * scratch.affine[b, 0])
        slope = number(model.sigma[b] * scratch.affine[b, 1])
        for p in range(m * LANES):
            sums[p] += offset + slope * u[p]
        for i in range(depth):
            top = scratch.peaks[b, i]
            up, down, scale = (
                number(1 / top),
                number(1 / (1 - top)),
                number(model.bend[b] * scratch.scales[b, i]),
            )
            _wave(scratch.values[b, i], scratch.values[b, i + 1], up, down, scale, sums, m)


@compiled
def _back_wave(
    v: np.ndarray, w: np.ndarray, top: float, up: float, down: float, scale: float,
    sums: np.ndarray, behind: np.ndarray, m: int,
) -> tuple[float, float]:  # fmt: skip
    by_scale = by_peak = v.dtype.type(0)
    for p in range(m * LANES):
        h = (behind[p] + scale * sums[p]) * (up if v[p] <= top else -down)
        by_scale += sums[p] * w[p]
        by_peak += h * w[p]
        behind[p] = h
    return by_scale, by_peak


@compiled
def peaks_derivative(model: Peaks, theta: np.ndarray, scratch: PeaksScratch, out: np.ndarray) -> float:
    """The mean squared error of one restart, and its derivative by theta, (P,), in `out`."""
    number = model.y.dtype.type
    depth, inputs, blocks, n = model.depth, len(model.half), len(model.sigma), model.n
    each = 2 * depth + 3
    sums, behind, natural = scratch.sums, scratch.behind, scratch.natural
    _enter(model, theta, scratch)
    natural[:] = 0
    total = 0.0
    for begin in range(0, n, model.block):
        m = lanes(begin, model.block, n)
        _enter_block(model, scratch, begin, m)
        total += weighted(sums, model.roots, begin, n - begin, m)
        whole = number(0)
        for p in range(m * LANES):
            whole += sums[p]
        for b in range(blocks):
            u = scratch.values[b, 0]
            for p in range(m * LANES):
                behind[p] = number(0)
            for i in range(depth - 1, -1, -1):
                top = scratch.peaks[b, i]
                by_scale, by_peak = _back_wave(
                    scratch.values[b, i], scratch.values[b, i + 1], number(top), number(1 / top),
                    number(1 / (1 - top)), number(model.bend[b] * scratch.scales[b, i]), sums, behind, m,
                )  # fmt: skip
                natural[b * each + i] -= by_peak
                natural[b * each + depth + 1 + i] += model.bend[b] * by_scale
            natural[b * each + 2 * depth + 1] += model.sigma[b] * whole
            by_slope = number(0)
            for p in range(m * LANES):
                by_slope += sums[p] * u[p]
            natural[b * each + 2 * depth + 2] += model.sigma[b] * by_slope
            slope = number(model.sigma[b] * scratch.affine[b, 1])
            for i in range(inputs):
                row, toward = model.x[i], number(0)
                for p in range(m * LANES):
                    toward += (behind[p] + slope * sums[p]) * row[begin + p]
                natural[blocks * each + model.along[b] * inputs + i] += toward
    for i in range(len(natural)):
        natural[i] *= 2.0 / n
    _leave(model, theta, scratch, out)
    return total / n


@compiled
def peaks_error(model: Peaks, theta: np.ndarray, scratch: PeaksScratch) -> float:
    """The mean squared error of one restart."""
    _enter(model, theta, scratch)
    total = 0.0
    for begin in range(0, model.n, model.block):
        m = lanes(begin, model.block, model.n)
        _enter_block(model, scratch, begin, m)
        total += weighted(scratch.sums, model.roots, begin, model.n - begin, m)
    return total / model.n


@compiled
def _slope_rows(model: Peaks, scratch: PeaksScratch, begin: int, m: int) -> None:
    """Backwards: the derivatives of the output by the construction's numbers, point by point."""
    number = model.y.dtype.type
    depth, inputs, blocks = model.depth, len(model.half), len(model.sigma)
    each, rows, behind = 2 * depth + 3, scratch.rows, scratch.behind
    for k in range(blocks * each, blocks * each + inputs * (model.along[-1] + 1)):
        rows[k, :] = number(0)
    for b in range(blocks):
        sigma, bend, slope = number(model.sigma[b]), number(model.bend[b]), number(scratch.affine[b, 1])
        u = scratch.values[b, 0]
        behind[:] = number(0)
        for i in range(depth - 1, -1, -1):
            v, w, place = scratch.values[b, i], scratch.values[b, i + 1], b * each + i
            top = number(scratch.peaks[b, i])
            up, down = number(1 / scratch.peaks[b, i]), number(1 / (1 - scratch.peaks[b, i]))
            scale = number(model.bend[b] * scratch.scales[b, i])
            for p in range(m * LANES):
                h = (behind[p] + scale) * (up if v[p] <= top else -down)
                rows[place + depth + 1, p] = bend * w[p]
                rows[place, p] = -h * w[p]
                behind[p] = h
        rows[b * each + depth, :] = number(0)  # the last peak only scales
        for p in range(m * LANES):
            rows[b * each + 2 * depth + 1, p] = sigma
            rows[b * each + 2 * depth + 2, p] = sigma * u[p]
        for i in range(inputs):
            x, toward = model.x[i], rows[blocks * each + model.along[b] * inputs + i]
            for p in range(m * LANES):
                toward[p] += (behind[p] + sigma * slope) * x[begin + p]


@compiled
def peaks_normal(
    model: Peaks, theta: np.ndarray, scratch: PeaksScratch, normal: np.ndarray, slope: np.ndarray
) -> float:
    """The mean squared error, J^T J in the lower half of `normal`, (P, P) at least, and J^T (y - f) in `slope`."""
    _enter(model, theta, scratch)
    count = natural_count(model)
    rows, products = scratch.rows, scratch.products
    products[:] = 0
    total = 0.0
    for begin in range(0, model.n, model.block):
        m = lanes(begin, model.block, model.n)
        _enter_block(model, scratch, begin, m)
        rooted(scratch.sums.reshape(1, -1), 1, model.roots, begin, m)
        total += residuals(scratch.sums, model.n - begin, m)
        _slope_rows(model, scratch, begin, m)
        rooted(rows, count, model.roots, begin, m)
        for p in range(m * LANES):
            rows[count, p] = scratch.sums[p]
        for k in range(count):
            for p in range(model.n - begin, m * LANES):
                rows[k, p] = 0
        add_products(rows, len(rows), m, products)
    chain = np.empty((count, len(slope)))  # of one number at a time
    for k in range(count):
        scratch.natural[:] = 0
        scratch.natural[k] = 1
        _leave(model, theta, scratch, chain[k])
    chained(products, chain, normal, slope)
    return total / model.n


@compiled
def peaks_at(model: Peaks, x: np.ndarray, y: np.ndarray, roots: np.ndarray, n: int) -> Peaks:
    """The same space with other points."""
    return Peaks(
        model.depth, model.free, model.bend, model.sigma, model.along, model.half, x, y, roots, n, model.block
    )
