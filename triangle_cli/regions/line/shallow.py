"""Networks of one hidden layer: one sort of the breakpoints.

Neuron j turns at -b_j / w_j. Division is rounded correctly, so that it keeps the order: where two rounded breakpoints
differ, the true ones do, the same way round, whatever under- or overflows. Only those that are equal once rounded, to
each other or to an end of the box, are compared as fractions.
"""

from fractions import Fraction
from itertools import pairwise

import numpy as np

UNIT = 2.0**-53
BLOCK = 512  # pieces whose affine maps are computed at once


class Shallow:
    """A network with one hidden layer on an interval.

    weights: (n, 1) and (outputs, n), biases: (n,) and (outputs,), finite float64; linear: (n,) bool, neurons without
    ReLU; None: ReLU after all.
    """

    def __init__(
        self,
        weights: list[np.ndarray],
        biases: list[np.ndarray],
        lo: float,
        hi: float,
        linear: np.ndarray | None = None,
    ) -> None:
        linear = np.zeros(len(biases[0]), bool) if linear is None else linear
        self.weight, self.bias, self.linear = weights[0][:, 0], biases[0], linear
        self.top, self.offset = weights[1], biases[1]
        self.lo, self.hi = lo, hi
        turns = np.flatnonzero((self.weight != 0.0) & ~linear)
        with np.errstate(over="ignore", under="ignore"):
            rounded = -self.bias[turns] / self.weight[turns]
        after_lo = self._beyond(turns, rounded, lo, 1)
        before_hi = self._beyond(turns, rounded, hi, -1)
        on = linear | ((self.weight == 0.0) & (self.bias > 0.0))
        on[turns] = np.where(self.weight[turns] > 0.0, before_hi, after_lo)
        self.on = on  # somewhere
        inside = after_lo & before_hi
        order = np.argsort(rounded[inside], kind="stable")
        self.neurons, self.places = self._in_order(turns[inside][order], rounded[inside][order])

    def breakpoint(self, neuron: int) -> Fraction:
        """Where a neuron turns."""
        return Fraction(-float(self.bias[neuron])) / Fraction(float(self.weight[neuron]))

    def _beyond(self, neurons: np.ndarray, rounded: np.ndarray, end: float, side: int) -> np.ndarray:
        """Which breakpoints are right (side 1) or left (-1) of an end of the box."""
        beyond: np.ndarray = rounded > end if side > 0 else rounded < end
        for i in np.flatnonzero(rounded == end).tolist():
            gap = self.breakpoint(neurons[i]) - Fraction(end)
            beyond[i] = gap > 0 if side > 0 else gap < 0
        return beyond

    def _in_order(self, neurons: np.ndarray, rounded: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The neurons from left to right, and for each the number of its breakpoint among the different ones."""
        is_new = np.ones(len(neurons), bool)
        is_new[1:] = rounded[1:] != rounded[:-1]
        starts = np.append(np.flatnonzero(is_new), len(neurons))
        for i in np.flatnonzero(np.diff(starts) > 1).tolist():
            run = slice(int(starts[i]), int(starts[i + 1]))
            found = sorted((self.breakpoint(j), j) for j in neurons[run].tolist())
            neurons[run] = [j for _, j in found]
            is_new[run] = [True, *(a[0] != b[0] for a, b in pairwise(found))]
        return neurons, np.cumsum(is_new) - 1

    def kinks(self) -> np.ndarray:
        """(breakpoints,) bool: whether the outputs' slopes change there, by the sum of |w| times the weights above."""
        count = self.places[-1] + 1 if len(self.places) else 0
        changes = (self.top[:, self.neurons] != 0.0).any(axis=0)
        kinks = np.zeros(count, bool)
        np.logical_or.at(kinks, self.places, changes)
        sizes = np.bincount(self.places, minlength=count)
        ends = np.cumsum(sizes)
        for place in np.flatnonzero(kinks & (sizes > 1)).tolist():
            run = self.neurons[ends[place] - sizes[place] : ends[place]].tolist()
            steep = [abs(Fraction(float(self.weight[j]))) for j in run]
            rows = self.top[:, run].tolist()
            kinks[place] = any(sum(w * Fraction(v) for w, v in zip(steep, row)) for row in rows)
        return kinks

    def first_neurons(self) -> np.ndarray:
        """A neuron that turns at each breakpoint."""
        return self.neurons[np.flatnonzero(np.diff(self.places, prepend=-1))]

    def wide(self, neurons: np.ndarray) -> int:
        """How many of the pieces between the breakpoints of these neurons, from left to right, are wide."""
        with np.errstate(over="ignore", under="ignore"):
            inner = np.clip(-self.bias[neurons] / self.weight[neurons], self.lo, self.hi)
        x = np.concatenate([[self.lo], inner, [self.hi]])
        with np.errstate(over="ignore", invalid="ignore"):
            threshold = 1e-9 * (self.hi - self.lo)
            gap = np.diff(x)
            doubt = 8 * UNIT * (np.abs(x[1:]) + np.abs(x[:-1]) + threshold) + 2.0**-1000
            is_wide = gap - threshold > doubt
            unclear = np.flatnonzero(~is_wide & ~(threshold - gap > doubt) | ~np.isfinite(doubt))
        exact = (Fraction(self.hi) - Fraction(self.lo)) / 10**9
        for i in unclear.tolist():
            left = Fraction(self.lo) if i == 0 else self.breakpoint(neurons[i - 1])
            right = Fraction(self.hi) if i == len(neurons) else self.breakpoint(neurons[i])
            is_wide[i] = right - left > exact
        return int(is_wide.sum())

    def counts(self) -> tuple[int, int, int, int, int]:
        """(linear, activation, dead, wide linear, wide activation)."""
        kinks, first = self.kinks(), self.first_neurons()
        kinked = first[kinks]
        dead = int((~self.on).sum())
        return len(kinked) + 1, len(first) + 1, dead, self.wide(kinked), self.wide(first)

    def pieces(self, merged: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Left and right ends, slopes and intercepts of the linear regions, or activation regions if not `merged`."""
        first = self.first_neurons()
        shown = np.flatnonzero(self.kinks()) if merged else np.arange(len(first))
        with np.errstate(over="ignore", under="ignore"):
            inner = -self.bias[first[shown]] / self.weight[first[shown]]
        left = np.concatenate([[self.lo], inner])
        # on right of its breakpoint, or left of it; or throughout or not at all
        rank = np.full(len(self.weight), -1)
        rank[self.neurons] = self.places
        lines, last = [], np.concatenate([[-1], shown])  # the breakpoint left of each piece
        for start in range(0, len(left), BLOCK):
            turned = last[start : start + BLOCK]
            is_right = rank[:, None] <= turned
            on = np.where(rank[:, None] < 0, self.on[:, None], is_right == (self.weight > 0.0)[:, None])
            with np.errstate(over="ignore", invalid="ignore"):
                slope, intercept = (
                    self.top @ (on * self.weight[:, None]),
                    self.top @ (on * self.bias[:, None]),
                )
                lines.append((slope.T, intercept.T + self.offset))
        slope, intercept = (np.concatenate(parts) for parts in zip(*lines))
        return left, np.append(left[1:], self.hi), slope, intercept
