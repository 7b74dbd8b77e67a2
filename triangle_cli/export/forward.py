"""The one order of operations in which an exported network is evaluated, and how far another order can be from it.

Layer by layer, for neuron i:

    sum = b_i;  sum = sum + w_i1 x_1;  sum = sum + w_i2 x_2;  ..;  sum < 0 ? 0 : sum

every product and every sum rounded on its own to float64 (or float32). The last layer keeps its sums as they are.
What evaluates a network in this order gives the same bits everywhere; a runtime that reorders sums, or fuses a product
with a sum, is within `rounding_bound` of it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from triangle_cli.formats.network import LoadedNetwork

ORDER = "sum = bias; sum = sum + weight * input, input by input, each rounded; then sum < 0 ? 0 : sum"


@dataclass(frozen=True)
class Layers:
    """One network as arrays of one dtype: weights[l] (out, in), biases[l] (out,); box: [lo, hi] of each input."""

    weights: list[np.ndarray]
    biases: list[np.ndarray]
    box: list[tuple[float, float]] | None = None

    @classmethod
    def of(cls, network: LoadedNetwork) -> Layers:
        """A network from a file, in float64, which holds float32 weights as they are."""
        plain = network.layers.all_relu()
        weights, biases = ([array.astype(float) for array in kind] for kind in (plain.weights, plain.biases))
        return cls(weights, biases, network.box)

    def astype(self, dtype: type) -> Layers:
        """The same network, its numbers rounded to a dtype."""
        return Layers(
            [w.astype(dtype) for w in self.weights], [b.astype(dtype) for b in self.biases], self.box
        )

    @property
    def inputs(self) -> int:
        """How many numbers go in."""
        return self.weights[0].shape[1]

    @property
    def outputs(self) -> int:
        """How many come out."""
        return len(self.biases[-1])

    @property
    def widths(self) -> list[int]:
        """Neurons of each hidden layer."""
        return [len(bias) for bias in self.biases[:-1]]

    def hidden(self, x: np.ndarray) -> list[np.ndarray]:
        """What leaves each layer at x (n, inputs): (out, n) each, in the stated order."""
        dtype = self.weights[0].dtype
        values, found = np.ascontiguousarray(x.T, dtype), []
        for place, (weight, bias) in enumerate(zip(self.weights, self.biases)):
            sums = np.repeat(bias[:, None], values.shape[1], axis=1)
            for j in range(weight.shape[1]):
                sums = sums + weight[:, j, None] * values[j]
            last = place == len(self.weights) - 1
            values = sums if last else np.where(sums < 0, dtype.type(0), sums)
            found.append(values)
        return found

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """The outputs at x, (n,) for one input, else (n, inputs): (n,) for one output, else (n, outputs)."""
        values = self.hidden(x.reshape(len(x), -1))[-1]
        return values[0] if len(values) == 1 else values.T

    def gradients(self, x: np.ndarray) -> np.ndarray:
        """The slopes at x (n, inputs), (n, outputs, inputs): of the neurons that are on there, in floating point."""
        leaving = self.hidden(x)[:-1]
        slopes = np.broadcast_to(self.weights[0], (len(x), *self.weights[0].shape))
        for weight, values in zip(self.weights[1:], leaving):
            slopes = weight @ (slopes * (values > 0).T[:, :, None])
        return slopes


def rounding_bound(layers: Layers, box: list[tuple[float, float]]) -> float:
    """How far two evaluations in float64 can be apart on the box, whatever the order of their sums, fused or not.

    The error of a sum of n products and a bias is at most gamma = (n + 1) u / (1 - (n + 1) u) times the sum of their
    absolute values, for every order (Higham, Accuracy and Stability of Numerical Algorithms, section 3.1); it is
    carried on through |W|. Values are bounded by interval arithmetic, which is coarse for deep networks.
    """
    unit = np.finfo(layers.weights[0].dtype).eps / 2
    low, high = (np.array(ends, float) for ends in zip(*box))
    error = np.zeros(len(low))
    for place, (weight, bias) in enumerate(zip(layers.weights, layers.biases)):
        terms = weight.shape[1] + 1
        size, slack = np.abs(weight), terms * unit / (1 - terms * unit)
        reach = np.maximum(np.abs(low), np.abs(high)) + error
        error = slack * (size @ reach + np.abs(bias)) + size @ error
        up, down = np.maximum(weight, 0), np.minimum(weight, 0)
        low, high = up @ low + down @ high + bias, up @ high + down @ low + bias
        if place < len(layers.weights) - 1:
            low, high = np.maximum(low, 0), np.maximum(high, 0)
    return float(2 * error.max())
