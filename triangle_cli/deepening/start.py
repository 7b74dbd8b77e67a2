"""Where deepening starts: fronts of one layer, whose pieces are hyperbolas that touch the target at knots.

Between two knots p falls from an amplitude to 0 while q rises from 0 to another, or the other way round, and y runs
straight from one value of the target to the next: y + sign R(p, q) is then a piece of a hyperbola. Its slopes at the
ends are the target's if the amplitude at each knot is the distance of the target there from its tangent at the
neighbouring knot: knots where both neighbours' tangents are equally far make all of it touch (Hermite's conditions).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from triangle_cli.deepening.front import Front

Target = Callable[[np.ndarray], np.ndarray]

SECANT = 1e-6  # half the width over which slopes are taken
SWEEPS, HALVINGS, SETTLED = 60, 30, 1e-7
KNOT_NOISE, AMPLITUDE_NOISE = 0.03, 0.3
LEAST_GAP = 1e-3  # between knots and the ends; knots may come as near to each other as its square
LEAST_AMPLITUDE = 1e-9  # relative to the target's size: p = q = 0 everywhere would have no slope to follow


def tangent_distance(target: Target, knot: float, u: float) -> float:
    """How far the target at u is from its tangent at `knot`."""
    low, high = max(knot - SECANT, 0.0), min(knot + SECANT, 1.0)
    at_knot, here, below, above = target(np.array([knot, u, low, high]))
    return abs(here - at_knot - (above - below) / (high - low) * (u - knot))


def touching_knots(target: Target, pieces: int) -> np.ndarray:
    """Knots 0 = u_0 < .. < u_pieces = 1, each equally far from both neighbours' tangents."""
    knots = np.linspace(0, 1, pieces + 1)
    for _ in range(SWEEPS):
        before = knots.copy()
        for j in range(1, pieces):
            low, high = knots[j - 1], knots[j + 1]
            for _ in range(HALVINGS):
                knots[j] = (low + high) / 2
                if tangent_distance(target, knots[j - 1], knots[j]) < tangent_distance(
                    target, knots[j + 1], knots[j]
                ):
                    low = knots[j]
                else:
                    high = knots[j]
        if np.abs(knots - before).max() < SETTLED:
            break
    return knots


def zigzag_front(target: Target, knots: np.ndarray, amplitudes: np.ndarray, width: int, sign: float) -> Front:
    """The front of one layer through the target at `knots`, (k + 1,), k <= width; amplitudes (k + 1,), positive."""
    pieces, odd = len(knots) - 1, np.arange(len(knots)) % 2
    layer = np.zeros((width, 2))
    layer[:, 0] = 1
    layer[1:, 1] = -0.5  # neurons that no knot needs
    layer[1:pieces, 1] = -knots[1:-1]
    outputs = np.zeros((3, width + 1))
    for row, values in zip(outputs, (amplitudes * (1 - odd), amplitudes * odd, target(knots))):
        slopes = np.diff(values) / np.diff(knots)
        row[:pieces], row[-1] = np.diff(slopes, prepend=0), values[0]
    return Front((layer, outputs), sign).normalised()


def draw_fronts(
    target: Target, width: int, sign: float, count: int, stream: np.random.Generator
) -> list[Front]:
    """So many fronts of one layer, of 2 to `width` pieces, most with knots or amplitudes moved a little."""
    knots = {pieces: touching_knots(target, pieces) for pieces in range(2, width + 1)}
    return [
        _draw_front(target, width, sign, knots[int(stream.integers(2, width + 1))], stream)
        for _ in range(count)
    ]


def _draw_front(
    target: Target, width: int, sign: float, knots: np.ndarray, stream: np.random.Generator
) -> Front:
    knots = knots.copy()
    knots[1:-1] += KNOT_NOISE * stream.normal(size=len(knots) - 2) * stream.integers(0, 2)
    knots[1:-1] = np.sort(np.clip(knots[1:-1], LEAST_GAP, 1 - LEAST_GAP))
    knots = np.maximum.accumulate(knots + LEAST_GAP**2 * np.arange(len(knots)))  # no two alike
    knots /= knots[-1]
    neighbours = [*range(1, len(knots)), len(knots) - 2]
    distances = [tangent_distance(target, knots[i], knot) for i, knot in zip(neighbours, knots)]
    size = np.abs(target(knots)).max() or 1.0
    amplitudes = np.maximum(distances, LEAST_AMPLITUDE * size)
    amplitudes *= np.exp(AMPLITUDE_NOISE * stream.normal(size=len(knots)) * stream.integers(0, 2))
    return zigzag_front(target, knots, amplitudes, width, sign)
