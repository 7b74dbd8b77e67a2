"""A layer, four outputs times four inputs at a time, there and back, compiled.

Sixteen weights, and on the way back twenty derivatives, stay in registers while a block of points goes by.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from triangle_cli.training.compiled import LANES, compiled


def _make_forwards(first: bool) -> Callable[..., None]:
    """For the first four inputs, or for others, whose outputs are added to what is there."""

    @compiled
    def forwards(
        weights: np.ndarray, start: int, stride: int, bias: tuple[float, float, float, float],
        least: float, src: np.ndarray, dst: np.ndarray, m: int,
    ) -> None:  # fmt: skip
        """Four outputs of a layer from four of its inputs; no less than `least`, 0 where these are its last inputs."""
        w00, w01, w02, w03 = weights[start], weights[start + 1], weights[start + 2], weights[start + 3]
        start += stride
        w10, w11, w12, w13 = weights[start], weights[start + 1], weights[start + 2], weights[start + 3]
        start += stride
        w20, w21, w22, w23 = weights[start], weights[start + 1], weights[start + 2], weights[start + 3]
        start += stride
        w30, w31, w32, w33 = weights[start], weights[start + 1], weights[start + 2], weights[start + 3]
        s0, s1, s2, s3 = src[0], src[1], src[2], src[3]
        d0, d1, d2, d3 = dst[0], dst[1], dst[2], dst[3]
        for p in range(m * LANES):
            a, b, c, d = s0[p], s1[p], s2[p], s3[p]
            y0 = (bias[0] if first else d0[p]) + w00 * a + w01 * b + w02 * c + w03 * d
            y1 = (bias[1] if first else d1[p]) + w10 * a + w11 * b + w12 * c + w13 * d
            y2 = (bias[2] if first else d2[p]) + w20 * a + w21 * b + w22 * c + w23 * d
            y3 = (bias[3] if first else d3[p]) + w30 * a + w31 * b + w32 * c + w33 * d
            d0[p] = least if y0 <= least else y0  # a NaN stays one
            d1[p] = least if y1 <= least else y1
            d2[p] = least if y2 <= least else y2
            d3[p] = least if y3 <= least else y3

    return forwards


def _make_backwards(first: bool) -> Callable[..., None]:
    """For the first four outputs, or for others, whose derivatives by inputs are added to what is there."""

    @compiled
    def backwards(
        weights: np.ndarray, slopes: np.ndarray, start: int, stride: int, bias: int, level: float,
        src: np.ndarray, signal: np.ndarray, behind: np.ndarray, m: int,
    ) -> None:  # fmt: skip
        """Derivatives by sixteen weights, and by four inputs where those are above `level`: 0 for the last outputs."""
        w00, w01, w02, w03 = weights[start], weights[start + 1], weights[start + 2], weights[start + 3]
        row = start + stride
        w10, w11, w12, w13 = weights[row], weights[row + 1], weights[row + 2], weights[row + 3]
        row += stride
        w20, w21, w22, w23 = weights[row], weights[row + 1], weights[row + 2], weights[row + 3]
        row += stride
        w30, w31, w32, w33 = weights[row], weights[row + 1], weights[row + 2], weights[row + 3]
        s0, s1, s2, s3 = src[0], src[1], src[2], src[3]
        q0, q1, q2, q3 = signal[0], signal[1], signal[2], signal[3]
        e0, e1, e2, e3 = behind[0], behind[1], behind[2], behind[3]
        zero = src.dtype.type(0)
        a00 = a01 = a02 = a03 = a04 = a10 = a11 = a12 = a13 = a14 = zero
        a20 = a21 = a22 = a23 = a24 = a30 = a31 = a32 = a33 = a34 = zero
        for p in range(m * LANES):
            a, b, c, d = s0[p], s1[p], s2[p], s3[p]
            t, u, v, z = q0[p], q1[p], q2[p], q3[p]
            a00 += t * a
            a01 += t * b
            a02 += t * c
            a03 += t * d
            a04 += t
            a10 += u * a
            a11 += u * b
            a12 += u * c
            a13 += u * d
            a14 += u
            a20 += v * a
            a21 += v * b
            a22 += v * c
            a23 += v * d
            a24 += v
            a30 += z * a
            a31 += z * b
            a32 += z * c
            a33 += z * d
            a34 += z
            y0 = (zero if first else e0[p]) + w00 * t + w10 * u + w20 * v + w30 * z
            y1 = (zero if first else e1[p]) + w01 * t + w11 * u + w21 * v + w31 * z
            y2 = (zero if first else e2[p]) + w02 * t + w12 * u + w22 * v + w32 * z
            y3 = (zero if first else e3[p]) + w03 * t + w13 * u + w23 * v + w33 * z
            e0[p] = y0 if a > level else zero
            e1[p] = y1 if b > level else zero
            e2[p] = y2 if c > level else zero
            e3[p] = y3 if d > level else zero
        row = start
        slopes[row] += a00
        slopes[row + 1] += a01
        slopes[row + 2] += a02
        slopes[row + 3] += a03
        if bias > 0:
            slopes[row + bias] += a04
        row += stride
        slopes[row] += a10
        slopes[row + 1] += a11
        slopes[row + 2] += a12
        slopes[row + 3] += a13
        if bias > 0:
            slopes[row + bias] += a14
        row += stride
        slopes[row] += a20
        slopes[row + 1] += a21
        slopes[row + 2] += a22
        slopes[row + 3] += a23
        if bias > 0:
            slopes[row + bias] += a24
        row += stride
        slopes[row] += a30
        slopes[row + 1] += a31
        slopes[row + 2] += a32
        slopes[row + 3] += a33
        if bias > 0:
            slopes[row + bias] += a34

    return backwards


forwards_first, forwards_next = _make_forwards(True), _make_forwards(False)
backwards_first, backwards_next = _make_backwards(True), _make_backwards(False)
