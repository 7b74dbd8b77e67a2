"""The space of projective tents, compiled: the construction by its definition, and its derivatives by hand.

    p_0 = 1 - u,  q_0 = kappa u,  e_k = p_k - q_k,  m_k = min(p_k, q_k)
    p_{k+1} = lambda_k e_k where e_k > 0, else -mu_k e_k,  q_{k+1} = m_k
    y = offset + slope u + sign sum_k s_k m_k

See `construction.tents`. theta is that of `tent_space.TentSpace`.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from triangle_cli.training.bounds import TENT_BOUND
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


class Projective(NamedTuple):
    """The space of projective tents and the points to fit: what theta stands for."""

    depth: int
    free: bool  # whether every scale is a number of its own
    sign: float
    x: np.ndarray  # u, (1, padded)
    y: np.ndarray  # (padded,)
    roots: np.ndarray  # (padded,), of the points' weights; (0,) where all weigh the same
    n: int
    block: int  # points at a time


class TentsScratch(NamedTuple):
    """Memory for one restart."""

    rise: np.ndarray  # (d,), float64 like all that is not per point
    fall: np.ndarray  # (d,)
    gains: np.ndarray  # (d,), g_k
    scales: np.ndarray  # (d,)
    numbers: np.ndarray  # kappa, offset, slope
    natural: np.ndarray  # (3 d + 3,), derivatives: lambda, mu, scales, then `numbers`
    upper: np.ndarray  # (d, block), p
    lower: np.ndarray  # (d + 1, block), q; the last is m_{d-1}
    sums: np.ndarray  # (block,)
    by_upper: np.ndarray  # (block,)
    by_lower: np.ndarray  # (block,)
    rows: np.ndarray  # (3 d + 4 up to a multiple of 4, block), derivatives at every point
    products: np.ndarray  # as many twice


@compiled
def tents_scratch(model: Projective, second_order: bool) -> TentsScratch:
    """Memory for one restart; for first order without rows of derivatives."""
    block, depth, dtype = model.block, model.depth, model.y.dtype
    count = 3 * depth + 3
    rows = (count + 4) // 4 * 4 if second_order else 0  # one more, for the residual
    return TentsScratch(
        np.empty(depth),
        np.empty(depth),
        np.empty(depth),
        np.empty(depth),
        np.empty(3),
        np.empty(count),
        np.empty((depth, block), dtype),
        np.empty((depth + 1, block), dtype),
        np.empty(block, dtype),
        np.empty(block, dtype),
        np.empty(block, dtype),
        np.zeros((rows, block), dtype),
        np.empty((rows, rows)),
    )


@compiled
def _bounded(bent: float) -> float:
    """lambda, mu and kappa stay within exp(-TENT_BOUND) and exp(TENT_BOUND)."""
    return math.exp(TENT_BOUND * math.tanh(bent / TENT_BOUND))


@compiled
def _by_bent(bent: float, bounded: float) -> float:
    """The derivative of `_bounded`, which is `bounded` there."""
    share = math.tanh(bent / TENT_BOUND)
    return bounded * (1 - share * share)


@compiled
def _enter(model: Projective, theta: np.ndarray, scratch: TentsScratch) -> None:
    """The construction's numbers from theta."""
    depth, rise, fall = model.depth, scratch.rise, scratch.fall
    for k in range(depth):
        rise[k], fall[k] = _bounded(theta[k]), _bounded(theta[depth + k])
    logs, end = 2 * depth + 1, len(theta)
    gain = math.exp(theta[logs])
    for k in range(depth):
        total = rise[k] + fall[k]
        scratch.gains[k] = gain
        scratch.scales[k] = math.exp(theta[logs + k]) if model.free else gain * total / (1 + total)
        gain /= 1 + total
    numbers = scratch.numbers
    numbers[0], numbers[1], numbers[2] = _bounded(theta[2 * depth]), theta[end - 2], theta[end - 1]


@compiled
def _leave(model: Projective, theta: np.ndarray, scratch: TentsScratch, out: np.ndarray) -> None:
    """The chain rule: `out`, the derivative by theta, from the one by the construction's numbers."""
    depth, rise, fall, natural = model.depth, scratch.rise, scratch.fall, scratch.natural
    by_scales, logs, end = natural[2 * depth :], 2 * depth + 1, len(theta)
    by_gain = 0.0
    for k in range(depth - 1, -1, -1):
        by_total = 0.0
        if model.free:
            out[logs + k] = by_scales[k] * scratch.scales[k]
        else:  # s_k = g_k t / (1 + t), g_{k+1} = g_k / (1 + t)
            total = rise[k] + fall[k]
            by_total = (by_scales[k] - by_gain) * scratch.gains[k] / ((1 + total) * (1 + total))
            by_gain = (by_scales[k] * total + by_gain) / (1 + total)
        out[k] = (natural[k] + by_total) * _by_bent(theta[k], rise[k])
        out[depth + k] = (natural[depth + k] + by_total) * _by_bent(theta[depth + k], fall[k])
    if not model.free:
        out[logs] = by_gain * scratch.gains[0]
    out[2 * depth] = natural[3 * depth] * _by_bent(theta[2 * depth], scratch.numbers[0])
    out[end - 2], out[end - 1] = natural[3 * depth + 1], natural[3 * depth + 2]


@compiled
def _tent(
    p: np.ndarray, q: np.ndarray, above: np.ndarray, m: np.ndarray,
    rise: float, fall: float, scale: float, sums: np.ndarray, count: int,
) -> None:  # fmt: skip
    zero = p.dtype.type(0)
    for i in range(count * LANES):
        over = p[i] - q[i]
        least = q[i] if over > zero else p[i]
        above[i] = rise * over if over > zero else -fall * over
        m[i] = least
        sums[i] += scale * least


@compiled
def _enter_block(model: Projective, scratch: TentsScratch, begin: int, m: int) -> None:
    """Forwards: p and q of every tent at a block of points, and output - y in `sums`."""
    number = model.y.dtype.type
    depth, sums, given, y = model.depth, scratch.sums, model.x[0], model.y
    upper, lower = scratch.upper, scratch.lower
    one, ratio = number(1), number(scratch.numbers[0])
    offset, slope = number(scratch.numbers[1]), number(scratch.numbers[2])
    for i in range(m * LANES):
        u = given[begin + i]
        upper[0, i] = one - u
        lower[0, i] = ratio * u
        sums[i] = offset + slope * u - y[begin + i]
    for k in range(depth):
        above = upper[k + 1] if k + 1 < depth else scratch.by_upper  # the last p is not needed
        rise, fall = number(scratch.rise[k]), number(scratch.fall[k])
        scale = number(model.sign * scratch.scales[k])
        _tent(upper[k], lower[k], above, lower[k + 1], rise, fall, scale, sums, m)


@compiled
def _back_tent(
    p: np.ndarray, q: np.ndarray, rise: float, fall: float, scale: float,
    sums: np.ndarray, by_p: np.ndarray, by_q: np.ndarray, m: int,
) -> tuple[float, float, float]:  # fmt: skip
    """From the derivatives by p_{k+1} and q_{k+1} to those by p_k and q_k; sums over the points by three numbers."""
    zero = p.dtype.type(0)
    by_scale = by_rise = by_fall = zero
    for i in range(m * LANES):
        over = p[i] - q[i]
        rises = over > zero
        by_scale += sums[i] * (q[i] if rises else p[i])
        by_rise += by_p[i] * over if rises else zero
        by_fall -= zero if rises else by_p[i] * over
        by_over = (rise if rises else fall) * by_p[i]
        by_least = scale * sums[i] + by_q[i] - by_over
        by_p[i] = by_over if rises else by_least
        by_q[i] = by_least if rises else by_over
    return by_scale, by_rise, by_fall


@compiled
def tents_derivative(model: Projective, theta: np.ndarray, scratch: TentsScratch, out: np.ndarray) -> float:
    """The mean squared error of one restart, and its derivative by theta, (P,), in `out`."""
    number = model.y.dtype.type
    depth, n, given = model.depth, model.n, model.x[0]
    sums, by_upper, by_lower, natural = scratch.sums, scratch.by_upper, scratch.by_lower, scratch.natural
    _enter(model, theta, scratch)
    natural[:] = 0
    total = 0.0
    for begin in range(0, n, model.block):
        m = lanes(begin, model.block, n)
        _enter_block(model, scratch, begin, m)
        total += weighted(sums, model.roots, begin, n - begin, m)
        for i in range(m * LANES):
            by_upper[i] = by_lower[i] = number(0)
        for k in range(depth - 1, -1, -1):
            by_scale, by_rise, by_fall = _back_tent(
                scratch.upper[k], scratch.lower[k], number(scratch.rise[k]), number(scratch.fall[k]),
                number(model.sign * scratch.scales[k]), sums, by_upper, by_lower, m,
            )  # fmt: skip
            natural[k] += by_rise
            natural[depth + k] += by_fall
            natural[2 * depth + k] += model.sign * by_scale
        by_ratio = whole = by_slope = number(0)
        for i in range(m * LANES):
            u = given[begin + i]
            by_ratio += by_lower[i] * u
            whole += sums[i]
            by_slope += sums[i] * u
        natural[3 * depth] += by_ratio
        natural[3 * depth + 1] += whole
        natural[3 * depth + 2] += by_slope
    for i in range(len(natural)):
        natural[i] *= 2.0 / n
    _leave(model, theta, scratch, out)
    return total / n


@compiled
def tents_error(model: Projective, theta: np.ndarray, scratch: TentsScratch) -> float:
    """The mean squared error of one restart."""
    _enter(model, theta, scratch)
    total = 0.0
    for begin in range(0, model.n, model.block):
        m = lanes(begin, model.block, model.n)
        _enter_block(model, scratch, begin, m)
        total += weighted(scratch.sums, model.roots, begin, model.n - begin, m)
    return total / model.n


@compiled
def _slope_rows(model: Projective, scratch: TentsScratch, begin: int, m: int) -> None:
    """Backwards: the derivatives of the output by the construction's numbers, point by point."""
    number = model.y.dtype.type
    depth, rows, given, zero = model.depth, scratch.rows, model.x[0], number(0)
    by_p, by_q = scratch.by_upper, scratch.by_lower
    for i in range(m * LANES):
        by_p[i] = by_q[i] = zero
    for k in range(depth - 1, -1, -1):
        p, q = scratch.upper[k], scratch.lower[k]
        rise, fall, sign = number(scratch.rise[k]), number(scratch.fall[k]), number(model.sign)
        scale = number(model.sign * scratch.scales[k])
        by_rise, by_fall, by_scale = rows[k], rows[depth + k], rows[2 * depth + k]
        for i in range(m * LANES):
            over = p[i] - q[i]
            rises = over > zero
            by_scale[i] = sign * (q[i] if rises else p[i])
            by_rise[i] = by_p[i] * over if rises else zero
            by_fall[i] = zero if rises else -by_p[i] * over
            by_over = (rise if rises else fall) * by_p[i]
            by_least = scale + by_q[i] - by_over
            by_p[i] = by_over if rises else by_least
            by_q[i] = by_least if rises else by_over
    for i in range(m * LANES):
        u = given[begin + i]
        rows[3 * depth, i] = by_q[i] * u
        rows[3 * depth + 1, i] = number(1)
        rows[3 * depth + 2, i] = u


@compiled
def tents_normal(
    model: Projective, theta: np.ndarray, scratch: TentsScratch, normal: np.ndarray, slope: np.ndarray
) -> float:
    """The mean squared error, J^T J in the lower half of `normal`, (P, P) at least, and J^T (y - f) in `slope`."""
    _enter(model, theta, scratch)
    count, rows, products = len(scratch.natural), scratch.rows, scratch.products
    products[:] = 0
    total = 0.0
    for begin in range(0, model.n, model.block):
        m = lanes(begin, model.block, model.n)
        _enter_block(model, scratch, begin, m)
        rooted(scratch.sums.reshape(1, -1), 1, model.roots, begin, m)
        total += residuals(scratch.sums, model.n - begin, m)
        _slope_rows(model, scratch, begin, m)
        rooted(rows, count, model.roots, begin, m)
        for i in range(m * LANES):
            rows[count, i] = scratch.sums[i]
        for k in range(count):
            for i in range(model.n - begin, m * LANES):
                rows[k, i] = 0
        add_products(rows, len(rows), m, products)
    chain = np.empty((count, len(slope)))
    for k in range(count):
        scratch.natural[:] = 0
        scratch.natural[k] = 1
        _leave(model, theta, scratch, chain[k])
    chained(products, chain, normal, slope)
    return total / model.n


@compiled
def tents_at(model: Projective, x: np.ndarray, y: np.ndarray, roots: np.ndarray, n: int) -> Projective:
    """The same space with other points."""
    return Projective(model.depth, model.free, model.sign, x, y, roots, n, model.block)
