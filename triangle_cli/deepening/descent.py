"""Levenberg-Marquardt on the loss of a front, and kicks out of where it comes to rest.

A loss by exact integrals has no creases, but its curvature jumps where a breakpoint appears or one piece passes
another, and a method that only descends comes to rest there. Most small kicks let it go on.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from triangle_cli.deepening.front import Front
from triangle_cli.deepening.loss import Loss
from triangle_cli.deepening.normal import damped_step

STEP_LENGTHS = (1.0, 0.4, 0.15)  # what is tried along a step
DAMPINGS = 10  # how many are tried before a descent gives up
LEAST_DAMPING, MOST_DAMPING, FACTOR = 1e-13, 1e6, 5.0
STALLED = 6  # steps in a row that gain too little end a descent


@dataclass(frozen=True)
class Effort:
    """How far to descend: so many steps, from this damping, until a step gains less than `tolerance` of the loss."""

    steps: int
    damping: float
    tolerance: float


SETTLE = Effort(500, 1e-5, 1e-3)  # after a new layer
LOOK = Effort(40, 1e-4, 1e-2)  # which of several new layers is best
KICKED = Effort(60, 1e-5, 2e-2)
PROMISING = Effort(300, 1e-5, 2e-3)  # a kick that came near the best

SIZES = (-4.0, -1.5)  # of a kick, relative to a weight, log10
ADDED = 0.1  # of a kick, relative to the mean of all weights
SHARES = (0.1, 0.3, 1.0)  # of the weights that a kick moves; every other kick moves one layer
NEAR = 2.5  # times the best
SLIGHT = 0.999  # what is not below this much of the best is no gain
# after so many steps a kick that is still so many times above the best is given up: fewer than 1 in 10 of those that
# gain in the end are
GIVEN_UP = ((30, 1.5), (20, 2.5), (15, 4.0), (10, 10.0))


def hopeless(step: int, loss: float, best: float) -> bool:
    """Whether a kick that is at `loss` after `step` steps is not worth another."""
    for after, factor in GIVEN_UP:
        if step >= after:
            return loss > factor * best
    return False


def descend(
    loss: Loss, front: Front, effort: Effort, cut: float = 0.0, best: float | None = None
) -> tuple[Front, float]:
    """(front, its loss) after Levenberg-Marquardt; infinity for one whose loss is not finite.

    best: what there is already; a descent that will hardly come below it is given up.
    """
    widths, sign, damping, stalled = front.widths, front.sign, effort.damping, 0
    at = loss.evaluate(front.theta, widths, sign, cut)
    if at is None:
        return front, float("inf")
    theta = front.theta
    for step in range(effort.steps):
        if at.loss <= loss.rounding or (best is not None and hopeless(step, at.loss, best)):
            break
        found = None
        normal, slope = at.normal_equations()
        for _ in range(DAMPINGS):
            direction, solved = damped_step(normal, slope, damping)
            for length in STEP_LENGTHS if solved else ():
                tried = loss.evaluate(theta + length * direction, widths, sign, cut)
                if tried is not None and tried.loss < at.loss:
                    found = tried
                    break
            if found or damping > MOST_DAMPING:
                break
            damping *= FACTOR
        if found is None:
            break
        gained = 1 - found.loss / at.loss
        theta, at = theta + length * direction, found
        if length == STEP_LENGTHS[0]:
            damping = max(damping / FACTOR, LEAST_DAMPING)
        stalled = stalled + 1 if gained < effort.tolerance else 0
        if stalled == STALLED:
            break
    return front.moved(theta), at.loss


def kick(front: Front, stream: np.random.Generator) -> Front:
    """The front with some of its weights moved a little: those of one layer, or a random share of all."""
    theta, size = front.theta, 10 ** stream.uniform(*SIZES)
    if stream.random() < 0.5:
        ends = np.cumsum([layer.size for layer in front.layers])
        layer = stream.integers(len(ends))
        moved = np.arange(len(theta)) < ends[layer]
        moved &= np.arange(len(theta)) >= ends[layer] - front.layers[layer].size
    else:
        moved = stream.random(len(theta)) < stream.choice(SHARES)
    relative, added = stream.normal(size=(2, len(theta)))
    return front.moved(theta + size * moved * (relative * theta + ADDED * np.abs(theta).mean() * added))


def kick_often(
    loss: Loss, front: Front, best: float, kicks: int, stream: np.random.Generator, cut: float = 0.0
) -> Iterator[tuple[Front, float]]:
    """Kick and descend so many times; yields the best front and its loss after each."""
    for _ in range(kicks):
        tried, reached = descend(loss, kick(front, stream), KICKED, cut, best)
        if reached < NEAR * best:
            tried, reached = descend(loss, tried, PROMISING, cut)
        if reached < SLIGHT * best:
            front, best = tried, reached
        yield front, best
