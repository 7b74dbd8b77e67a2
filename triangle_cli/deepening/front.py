"""Fronts: dense ReLU layers of u in [0, 1] that end in (p, q, y), and stand for y + sign R(p, q)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np

from triangle_cli.deepening.pieces import breakpoints
from triangle_cli.deepening.tail import fold, limit

GRID = np.linspace(0, 1, 2049)  # beside the breakpoints, where spans are measured
SILENT = 1e-9  # the outgoing weights of a new crease: it changes nothing yet, and learning can find it
# of the span of p, q and y, kept between them and 0 in the tail's layers
TAIL_LIFT = np.array([0.3, 0.3, 0.5])
FREE_LIFT = (0.02, 0.7)  # the same in a new layer of a front, drawn


@dataclass(frozen=True)
class Front:
    """A network of u in [0, 1] with one output y and no tail, or with the outputs (p, q, y) and the tail R.

    layers: each (out, in + 1), the weights with the bias as the last column; ReLU after every one but the last.
    sign: of the tail; 0.0 without one.
    """

    layers: tuple[np.ndarray, ...]
    sign: float

    @property
    def depth(self) -> int:
        """The number of hidden layers."""
        return len(self.layers) - 1

    @property
    def width(self) -> int:
        """Of the hidden layers."""
        return len(self.layers[0])

    @cached_property
    def widths(self) -> np.ndarray:
        """Of the input, the hidden layers and the outputs."""
        return np.array([1, *(len(layer) for layer in self.layers)])

    @cached_property
    def theta(self) -> np.ndarray:
        """All parameters, layer by layer."""
        return np.concatenate([layer.ravel() for layer in self.layers])

    def moved(self, theta: np.ndarray) -> Front:
        """The front of this shape with these parameters."""
        layers, start = [], 0
        for layer in self.layers:
            layers.append(theta[start : start + layer.size].reshape(layer.shape))
            start += layer.size
        return Front(tuple(layers), self.sign)

    def hidden(self, u: np.ndarray) -> np.ndarray:
        """The last hidden layer after its ReLU, (width, n), at u (n,)."""
        values = u[None]
        for layer in self.layers[:-1]:
            values = np.maximum(layer[:, :-1] @ values + layer[:, -1:], 0)
        return values

    def outputs(self, u: np.ndarray) -> np.ndarray:
        """(y,) or (p, q, y) at u: (1, n) or (3, n)."""
        return self.layers[-1][:, :-1] @ self.hidden(u) + self.layers[-1][:, -1:]

    def __call__(self, u: np.ndarray) -> np.ndarray:
        """The function at u, (n,)."""
        outputs = self.outputs(u)
        return outputs[0] if len(outputs) == 1 else outputs[2] + self.sign * limit(outputs[0], outputs[1])

    def normalised(self) -> Front:
        """The same function, each neuron scaled so that its incoming and outgoing weights have one norm."""
        layers = [layer.copy() for layer in self.layers]
        for into, out_of in pairwise(layers):
            before, after = np.linalg.norm(into, axis=1), np.linalg.norm(out_of[:, :-1], axis=0)
            used = (before > 0) & (after > 0)
            scale = np.sqrt(np.where(used, after, 1) / np.where(used, before, 1))
            into *= scale[:, None]
            out_of[:, :-1] /= scale
        return Front(tuple(layers), self.sign)

    def _places(self) -> np.ndarray:
        return np.union1d(breakpoints(self.theta, self.widths)[0], GRID)

    def deepened(self, stream: np.random.Generator, folded: bool) -> Front:
        """The same function with one layer more: a tent of the tail written out, or (p, q, y) handed on.

        Neurons that neither needs become creases at random places, whose outgoing weights are nearly 0.
        """
        *hidden, last = self.layers
        values = self.hidden(self._places())
        states = last[:, :-1] @ values + last[:, -1:]
        span = np.maximum(np.ptp(states, axis=1), 1e-300)
        lift = np.maximum(0, -states.min(1)) + span * np.exp(
            stream.uniform(np.log(FREE_LIFT[0]), np.log(FREE_LIFT[1]), 3)
        )
        layer, taken = np.zeros((self.width, last.shape[1])), 4 if folded else 3
        layer[:3] = last
        layer[:3, -1] += lift
        if folded:
            layer[3] = last[0] - last[1]
        outputs = np.zeros((3, self.width + 1))
        outputs[:, :taken] = fold(self.sign, 1.0, 0.5) if folded else np.eye(3)
        for neuron in range(taken, self.width):
            layer[neuron] = span[0] * (stream.normal(size=3) @ (last / span[:, None]))
            line = layer[neuron, :-1] @ values + layer[neuron, -1]
            layer[neuron, -1] -= np.quantile(line, stream.uniform(0.1, 0.9))
            outputs[:, neuron] = SILENT * stream.normal(size=3)
        outputs[:, -1] = -outputs[:, :3] @ lift
        return Front((*hidden, layer, outputs), self.sign).normalised()

    def unrolled(self, tents: int, last_share: float = 4 / 3) -> Front:
        """The network whose tail is `tents` more layers, and nothing after them; y alone without any.

        p and q are doubled a layer, so that they keep their size.

        last_share: of the last tent, relative to its own: 4/3 leaves least where p and q are positive, 2 leaves
            nothing where one is negative.
        """
        *hidden, last = (layer.copy() for layer in self.layers)
        states = last[:, :-1] @ self.hidden(self._places()) + last[:, -1:]
        gain = np.abs(states[:2]).max() or 1.0
        last[:2] /= gain
        states[:2] /= gain
        for tent in range(tents):
            lift = np.maximum(0, -states.min(1)) + TAIL_LIFT * np.ptp(states, axis=1)
            layer = np.zeros((self.width, last.shape[1]))
            layer[:3] = last
            layer[:3, -1] += lift
            layer[3] = last[0] - last[1]
            hidden.append(layer)
            rows = fold(self.sign, 4.0, gain / 2 * (last_share if tent == tents - 1 else 1))
            last = np.zeros((3, self.width + 1))
            last[:, :4] = rows
            last[:, -1] = -rows[:, :3] @ lift
            states = rows @ np.vstack([states, np.maximum(states[0] - states[1], 0)])
            gain /= 4
        return Front((*hidden, last[2:]), 0.0).normalised()

    def on(self, interval: tuple[float, float]) -> tuple[np.ndarray, ...]:
        """The layers for x in [lo, hi] = interval, u = (x - lo) / (hi - lo) folded into the first."""
        lo, hi = interval
        first = self.layers[0].copy()
        first[:, 0] /= hi - lo
        first[:, 1] -= first[:, 0] * lo
        return (first, *self.layers[1:])
