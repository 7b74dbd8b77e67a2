"""What a front is judged by: the mean square of its error over [0, 1], or over samples."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from triangle_cli.deepening.front import Front
from triangle_cli.deepening.normal import normal_equations
from triangle_cli.deepening.pieces import breakpoints, fitted, gauss_nodes, sample_nodes, tail_energy

MOST_PIECES = 20_000  # in training: no step of it needs more


@dataclass(frozen=True)
class Evaluation:
    """A front where it was looked at: its pieces, the nodes on them, and the errors there."""

    loss: float
    parts: tuple

    def normal_equations(self) -> tuple[np.ndarray, np.ndarray]:
        """(J^T J, lower triangle, J^T residual), of half the loss's Gauss-Newton form."""
        return normal_equations(*self.parts)


@dataclass(frozen=True)
class Loss:
    """The mean square of target - front.

    target: of u in [0, 1], (n,) -> (n,): then the integral over the interval, by Gauss nodes between the breakpoints,
        exact up to rounding. None: over the samples alone.
    samples: u ascending and y, (n,) each.
    guide: roughly what the samples say, as `target`, for where fronts start; None: straight lines between them.
    weight: (n,), of the samples, of mean 1; None: all weigh the same.
    most_pieces: a front of more has no loss.
    """

    target: Callable[[np.ndarray], np.ndarray] | None = None
    samples: tuple[np.ndarray, np.ndarray] | None = None
    guide: Callable[[np.ndarray], np.ndarray] | None = None
    weight: np.ndarray | None = None
    most_pieces: int = MOST_PIECES

    def shape(self, u: np.ndarray) -> np.ndarray:
        """The target at any u in [0, 1], (n,); of samples their guide."""
        known = self.target or self.guide
        if known is not None:
            return known(u)
        assert self.samples is not None
        return np.interp(u, *self.samples)

    @cached_property
    def rounding(self) -> float:
        """A loss that float64 cannot tell from 0."""
        values = self.shape(np.linspace(0, 1, 257))
        return float(np.finfo(float).eps ** 2 * max(np.square(values).mean(), np.finfo(float).tiny))

    def evaluate(
        self, theta: np.ndarray, widths: np.ndarray, sign: float, cut: float = 0.0
    ) -> Evaluation | None:
        """The front with these parameters; None where its loss is not finite.

        cut: the price of the tail, added to the loss: cut times the mean square of p + q. See `tail`.
        """
        u, outputs = breakpoints(theta, widths)
        if len(u) > self.most_pieces:
            return None
        if self.target is not None:
            nodes, local, weight, first = gauss_nodes(u, outputs)
            values = self.target(nodes)
        else:
            assert self.samples is not None
            nodes, values = self.samples
            local, first = sample_nodes(u, nodes)
            weight = np.full(len(nodes), 1 / len(nodes)) if self.weight is None else self.weight / len(nodes)
        residual = values - fitted(outputs, local, first, sign)
        loss = weight @ (residual * residual)
        if cut and len(outputs) == 3:
            loss += cut * tail_energy(outputs, local, weight, first)
        if not np.isfinite(loss):
            return None
        return Evaluation(float(loss), (theta, widths, sign, u, outputs, local, weight, first, residual, cut))

    def of(self, front: Front, cut: float = 0.0) -> float:
        """The loss of a front; infinity where it is not finite."""
        found = self.evaluate(front.theta, front.widths, front.sign, cut)
        return float("inf") if found is None else found.loss
