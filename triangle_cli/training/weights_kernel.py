"""Weight space, compiled: networks of any depth and width, and their derivatives by hand.

Layers are passed four outputs times four inputs at a time (`weights_passes`). So widths are padded with neurons of
weight 0 to a multiple of four, and theta is copied to and from the padded layout.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from triangle_cli.training.compiled import LANES, add_products, compiled, lanes, residuals, rooted, weighted
from triangle_cli.training.weights_passes import (
    backwards_first,
    backwards_next,
    forwards_first,
    forwards_next,
)


class Weights(NamedTuple):
    """Weight space and the points to fit: what theta stands for.

    The hidden layers are `groups` groups of `width` neurons, each group fed by its own alone. Padded layout, all
    rows with their bias at the end: groups x width rows of the first layer, as many for each other hidden layer,
    of `width` weights, then the output's.
    """

    depth: int
    groups: int
    width: int  # a multiple of four
    place: np.ndarray  # (P,), of each of theta's numbers in the padded layout
    number: np.ndarray  # of each place there, which of theta's it is, or -1
    x: np.ndarray  # (inputs, padded)
    y: np.ndarray  # (padded,)
    roots: np.ndarray  # (padded,), of the points' weights; (0,) where all weigh the same
    n: int
    block: int  # points at a time


class WeightsScratch(NamedTuple):
    """Memory for one restart."""

    weights: np.ndarray  # in the padded layout
    slopes: np.ndarray  # derivatives by them
    values: np.ndarray  # (d, groups x width, block)
    signal: np.ndarray  # (2, groups x width, block), derivatives by what leaves a layer, and enters it
    sums: np.ndarray  # (block,)
    rows: np.ndarray  # (P + 1 up to a multiple of four, block), derivatives at every point
    products: np.ndarray  # as many twice


@compiled
def padded_count(model: Weights) -> int:
    """How many numbers the padded layout has."""
    neurons = model.groups * model.width
    return neurons * (len(model.x) + 1) + (model.depth - 1) * neurons * (model.width + 1) + neurons + 1


@compiled
def weights_scratch(model: Weights, second_order: bool) -> WeightsScratch:
    """Memory for one restart; for first order without rows of derivatives."""
    block = model.block
    dtype, neurons, count = model.y.dtype, model.groups * model.width, padded_count(model)
    rows = (len(model.place) + 4) // 4 * 4 if second_order else 0
    return WeightsScratch(
        np.zeros(count, dtype),
        np.empty(count),
        np.empty((model.depth, neurons, block), dtype),
        np.empty((2, neurons, block), dtype),
        np.empty(block, dtype),
        np.zeros((rows, block), dtype),
        np.empty((rows, rows)),
    )


@compiled
def _sums(row: np.ndarray, other: np.ndarray, begin: int, m: int) -> tuple[float, float]:
    """Of row times other, and of row."""
    product = total = row.dtype.type(0)
    for p in range(m * LANES):
        product += row[p] * other[begin + p]
        total += row[p]
    return product, total


@compiled
def _enter_block(model: Weights, scratch: WeightsScratch, begin: int, m: int) -> int:
    """Forwards: all values at a block of points, and output - y in `sums`. Where the output's weights are."""
    weights, values, sums, y = scratch.weights, scratch.values, scratch.sums, model.y
    inputs, width, neurons = len(model.x), model.width, model.groups * model.width
    zero, infinity = y.dtype.type(0), y.dtype.type(np.inf)
    place = 0
    for j in range(neurons):
        row, bias, weight, x = values[0, j], weights[place + inputs], weights[place], model.x[0]
        if inputs == 1:
            for p in range(m * LANES):
                z = bias + weight * x[begin + p]
                row[p] = zero if z <= zero else z
        elif inputs == 2:
            other, y_weight = model.x[1], weights[place + 1]
            for p in range(m * LANES):
                z = bias + weight * x[begin + p] + y_weight * other[begin + p]
                row[p] = zero if z <= zero else z
        else:
            for p in range(m * LANES):
                row[p] = bias
            for i in range(inputs):
                other, weight = model.x[i], weights[place + i]
                for p in range(m * LANES):
                    row[p] += weight * other[begin + p]
            for p in range(m * LANES):
                row[p] = zero if row[p] <= zero else row[p]
        place += inputs + 1
    stride = width + 1
    for layer in range(1, model.depth):
        for j in range(0, neurons, 4):
            fed = j // width * width
            for k in range(0, width, 4):
                w = place + width
                bias = weights[w], weights[w + stride], weights[w + 2 * stride], weights[w + 3 * stride]
                src, dst = values[layer - 1, fed + k : fed + k + 4], values[layer, j : j + 4]
                least = zero if k + 4 == width else -infinity
                if k == 0:
                    forwards_first(weights, place + k, stride, bias, least, src, dst, m)
                else:
                    forwards_next(weights, place + k, stride, bias, least, src, dst, m)
            place += 4 * stride
    last = values[model.depth - 1]
    bias = weights[place + neurons]
    for k in range(0, neurons, 4):
        w0, w1, w2, w3 = (
            weights[place + k],
            weights[place + k + 1],
            weights[place + k + 2],
            weights[place + k + 3],
        )
        r0, r1, r2, r3 = last[k], last[k + 1], last[k + 2], last[k + 3]
        if k == 0:
            for p in range(m * LANES):
                sums[p] = bias - y[begin + p] + w0 * r0[p] + w1 * r1[p] + w2 * r2[p] + w3 * r3[p]
        else:
            for p in range(m * LANES):
                sums[p] += w0 * r0[p] + w1 * r1[p] + w2 * r2[p] + w3 * r3[p]
    return place


@compiled
def _enter(model: Weights, theta: np.ndarray, scratch: WeightsScratch) -> None:
    for i in range(len(theta)):
        scratch.weights[model.place[i]] = theta[i]


@compiled
def weights_derivative(model: Weights, theta: np.ndarray, scratch: WeightsScratch, out: np.ndarray) -> float:
    """The mean squared error of one restart, and its derivative by theta, (P,), in `out`."""
    _enter(model, theta, scratch)
    weights, slopes, values, sums = scratch.weights, scratch.slopes, scratch.values, scratch.sums
    inputs, width, neurons, n = len(model.x), model.width, model.groups * model.width, model.n
    stride, zero, infinity = width + 1, model.y.dtype.type(0), model.y.dtype.type(np.inf)
    slopes[:] = 0
    total = 0.0
    for begin in range(0, n, model.block):
        m = lanes(begin, model.block, n)
        place = _enter_block(model, scratch, begin, m)
        total += weighted(sums, model.roots, begin, n - begin, m)
        signal, behind = scratch.signal[0], scratch.signal[1]
        last = values[model.depth - 1]
        for k in range(0, neurons, 4):
            w0, w1, w2, w3 = (
                weights[place + k],
                weights[place + k + 1],
                weights[place + k + 2],
                weights[place + k + 3],
            )
            r0, r1, r2, r3 = last[k], last[k + 1], last[k + 2], last[k + 3]
            q0, q1, q2, q3 = signal[k], signal[k + 1], signal[k + 2], signal[k + 3]
            a0 = a1 = a2 = a3 = whole = zero
            for p in range(m * LANES):
                e = sums[p]
                whole += e
                a0 += e * r0[p]
                a1 += e * r1[p]
                a2 += e * r2[p]
                a3 += e * r3[p]
                q0[p] = e * w0 if r0[p] > zero else zero
                q1[p] = e * w1 if r1[p] > zero else zero
                q2[p] = e * w2 if r2[p] > zero else zero
                q3[p] = e * w3 if r3[p] > zero else zero
            slopes[place + k] += a0
            slopes[place + k + 1] += a1
            slopes[place + k + 2] += a2
            slopes[place + k + 3] += a3
        slopes[place + neurons] += whole
        for layer in range(model.depth - 1, 0, -1):
            place -= neurons * stride
            for group in range(0, neurons, width):
                for k in range(0, width, 4):
                    src, below = (
                        values[layer - 1, group + k : group + k + 4],
                        behind[group + k : group + k + 4],
                    )
                    bias = width if k == 0 else 0
                    for j in range(0, width, 4):
                        start, above = place + (group + j) * stride + k, signal[group + j : group + j + 4]
                        level = zero if j + 4 == width else -infinity
                        if j == 0:
                            backwards_first(weights, slopes, start, stride, bias, level, src, above, below, m)
                        else:
                            backwards_next(weights, slopes, start, stride, bias, level, src, above, below, m)
            signal, behind = behind, signal
        for j in range(neurons):
            for k in range(inputs):
                product, sum_ = _sums(signal[j], model.x[k], begin, m)
                slopes[j * (inputs + 1) + k] += product
            slopes[j * (inputs + 1) + inputs] += sum_
    for i in range(len(out)):
        out[i] = slopes[model.place[i]] * (2.0 / n)
    return total / n


@compiled
def weights_error(model: Weights, theta: np.ndarray, scratch: WeightsScratch) -> float:
    """The mean squared error of one restart."""
    _enter(model, theta, scratch)
    total = 0.0
    for begin in range(0, model.n, model.block):
        m = lanes(begin, model.block, model.n)
        _enter_block(model, scratch, begin, m)
        total += weighted(scratch.sums, model.roots, begin, model.n - begin, m)
    return total / model.n


@compiled
def weights_extremes(model: Weights, theta: np.ndarray, scratch: WeightsScratch) -> tuple[float, float]:
    """The mean squared error of one restart, and the largest absolute one."""
    _enter(model, theta, scratch)
    total, largest, sums = 0.0, 0.0, scratch.sums
    for begin in range(0, model.n, model.block):
        m = lanes(begin, model.block, model.n)
        _enter_block(model, scratch, begin, m)
        for p in range(m * LANES):  # past the last point are copies of it
            largest = max(largest, abs(sums[p]))
        total += weighted(sums, model.roots, begin, model.n - begin, m)
    return total / model.n, total if math.isnan(total) else largest


@compiled
def _copy(row: np.ndarray, out: np.ndarray, m: int) -> None:
    for p in range(m * LANES):
        out[p] = row[p]


@compiled
def _slope_rows(model: Weights, scratch: WeightsScratch, begin: int, m: int, place: int) -> None:
    """Backwards: the derivatives of the output by theta, point by point. place: of the output's weights."""
    weights, values, rows, number = scratch.weights, scratch.values, scratch.rows, model.number
    inputs, width, neurons = len(model.x), model.width, model.groups * model.width
    zero, one = model.y.dtype.type(0), model.y.dtype.type(1)
    signal, behind = scratch.signal[0], scratch.signal[1]
    last = values[model.depth - 1]
    for k in range(neurons):
        if number[place + k] >= 0:
            _copy(last[k], rows[number[place + k]], m)
        for p in range(m * LANES):
            signal[k, p] = weights[place + k] if last[k, p] > zero else zero
    bias = rows[number[place + neurons]]
    for p in range(m * LANES):
        bias[p] = one
    for layer in range(model.depth - 1, 0, -1):
        place -= neurons * (width + 1)
        for j in range(neurons):
            start, above, group = place + j * (width + 1), signal[j], j // width * width
            for k in range(width):
                if number[start + k] >= 0:
                    row, src = rows[number[start + k]], values[layer - 1, group + k]
                    for p in range(m * LANES):
                        row[p] = above[p] * src[p]
            if number[start + width] >= 0:
                _copy(above, rows[number[start + width]], m)
        for k in range(neurons):
            group, below, src = k // width * width, behind[k], values[layer - 1, k]
            for p in range(m * LANES):
                below[p] = zero
            for j in range(width):
                weight, above = weights[place + (group + j) * (width + 1) + k - group], signal[group + j]
                for p in range(m * LANES):
                    below[p] += weight * above[p]
            for p in range(m * LANES):
                below[p] = below[p] if src[p] > zero else zero
        signal, behind = behind, signal
    for j in range(neurons):
        start = j * (inputs + 1)
        if number[start] >= 0:
            for k in range(inputs):
                row, x = rows[number[start + k]], model.x[k]
                for p in range(m * LANES):
                    row[p] = signal[j, p] * x[begin + p]
            _copy(signal[j], rows[number[start + inputs]], m)


@compiled
def weights_normal(
    model: Weights, theta: np.ndarray, scratch: WeightsScratch, normal: np.ndarray, slope: np.ndarray
) -> float:
    """The mean squared error, J^T J in the lower half of `normal`, (P, P) at least, and J^T (y - f) in `slope`."""
    _enter(model, theta, scratch)
    rows, products, count = scratch.rows, scratch.products, len(theta)
    products[:] = 0
    total = 0.0
    for begin in range(0, model.n, model.block):
        m = lanes(begin, model.block, model.n)
        place = _enter_block(model, scratch, begin, m)
        rooted(scratch.sums.reshape(1, -1), 1, model.roots, begin, m)
        total += residuals(scratch.sums, model.n - begin, m)
        _slope_rows(model, scratch, begin, m, place)
        rooted(rows, count, model.roots, begin, m)
        _copy(scratch.sums, rows[count], m)
        for k in range(count):
            for p in range(model.n - begin, m * LANES):
                rows[k, p] = 0
        add_products(rows, len(rows), m, products)
    for i in range(count):
        slope[i] = -products[count, i]
        for j in range(i + 1):
            normal[i, j] = products[i, j]
    return total / model.n


@compiled
def weights_at(model: Weights, x: np.ndarray, y: np.ndarray, roots: np.ndarray, n: int) -> Weights:
    """The same space with other points."""
    return Weights(
        model.depth, model.groups, model.width, model.place, model.number, x, y, roots, n, model.block
    )
