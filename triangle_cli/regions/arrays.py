"""Tensors and arrays as arrays of numpy: torch is imported by who has tensors, not by who counts."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

FLOATS = (np.dtype(np.float64), np.dtype(np.float32))


@dataclass(frozen=True)
class Layers:
    """One network as arrays of numpy: ReLU after every layer but the last, except for linear neurons.

    weights[l]: (out, in), biases[l]: (out,), float64 or float32; linear[l]: (out,) bool of each hidden layer, the
    neurons that are passed on as they are.
    """

    weights: list[np.ndarray]
    biases: list[np.ndarray]
    linear: list[np.ndarray]

    @classmethod
    def of(cls, weights: Sequence[Any], biases: Sequence[Any], linear: Sequence[Any] | None = None) -> Layers:
        """From tensors or arrays that fit each other; linear: None for ReLU after all."""
        arrays = as_arrays(weights), as_arrays(biases)
        return cls(*arrays, checked_linear(linear, [len(bias) for bias in arrays[1][:-1]]))

    @property
    def inputs(self) -> int:
        """The number of inputs."""
        return self.weights[0].shape[1]

    @property
    def neurons(self) -> list[int]:
        """The number of neurons with ReLU in each hidden layer."""
        return [int((~linear).sum()) for linear in self.linear]

    @property
    def carried(self) -> list[int]:
        """The number of neurons without ReLU in each hidden layer."""
        return [int(linear.sum()) for linear in self.linear]

    def all_relu(self) -> Layers:
        """The same function with ReLU after every neuron: x = relu(x) - relu(-x), exactly."""
        if not any(mask.any() for mask in self.linear):
            return self
        weights, biases = list(self.weights), list(self.biases)
        for l, linear in enumerate(self.linear):
            weights[l] = np.concatenate([weights[l], -weights[l][linear]])
            biases[l] = np.concatenate([biases[l], -biases[l][linear]])
            weights[l + 1] = np.concatenate([weights[l + 1], -weights[l + 1][:, linear]], axis=1)
        return Layers(weights, biases, [np.zeros(len(bias), bool) for bias in biases[:-1]])

    def values_at(self, x: np.ndarray) -> np.ndarray:
        """The outputs (n, outputs) at x (n, inputs), in float64."""
        values = np.asarray(x, float)
        for weight, bias, linear in zip(self.weights, self.biases, [*self.linear, None]):
            values = values @ weight.astype(float).T + bias
            if linear is not None:
                values = np.where(linear, values, np.maximum(values, 0.0))
        return values


def is_tensor(value: Any) -> bool:
    """Whether a value is one of torch's, told without importing it."""
    return hasattr(value, "detach") and hasattr(value, "numpy")


def as_array(value: Any) -> Any:
    """A tensor or array of floating point as an array; anything else as it is, to be refused by name."""
    if not isinstance(value, np.ndarray) and is_tensor(value) and _is_float(value.dtype):
        return value.numpy(force=True)
    return value


@cache
def _is_float(dtype: Any) -> bool:
    return str(dtype).removeprefix("torch.") in [kind.name for kind in FLOATS]


def as_arrays(values: Sequence[Any]) -> list[Any]:
    """`as_array` of each."""
    return [as_array(value) for value in values]


def is_floating(value: Any) -> bool:
    """Whether it is an array of float64 or float32."""
    return isinstance(value, np.ndarray) and value.dtype in FLOATS


def as_tensor(array: np.ndarray) -> Any:
    """The array's numbers as a tensor."""
    import torch

    return torch.from_numpy(np.array(array, order="C"))


class Networks(NamedTuple):
    """Networks of one architecture, as rows of numbers.

    rows: (networks, numbers) float64, of each the weights (out, in) and biases (out,) of layer after layer; widths:
    neurons of every level from the inputs on; batch: the shape in which the networks were given.
    """

    rows: np.ndarray
    widths: list[int]
    batch: tuple[int, ...]

    @classmethod
    def of(cls, weights: Sequence[Any], biases: Sequence[Any], inputs: int | None = None) -> Networks:
        """From weights (*batch, out, in) and biases (*batch, out) of each layer, float32 or float64, a copy.

        inputs: so many are expected; None: as many as the first weights have.

        Raises:
            ValueError: shapes that do not fit, other kinds of numbers, NaN or infinity.
        """
        weights, biases = as_arrays(weights), as_arrays(biases)
        if len(weights) == 0 or len(weights) != len(biases):
            raise ValueError(
                f"weights, biases: {len(weights)} and {len(biases)} layers, expected equally many, 1 or more"
            )
        for name, values in (("weights", weights), ("biases", biases)):
            for l, value in enumerate(values):
                if not is_floating(value):
                    found = f"dtype {value.dtype}" if hasattr(value, "dtype") else type(value).__name__
                    raise ValueError(f"{name}[{l}]: {found}, expected torch.float32 or torch.float64")
        if weights[0].ndim < 2:
            wanted = "in" if inputs is None else inputs
            raise ValueError(f"weights[0]: shape {weights[0].shape}, expected (*batch, out, {wanted})")
        batch = weights[0].shape[:-2]
        inputs = weights[0].shape[-1] if inputs is None else inputs
        number, widths, tables = math.prod(batch), [inputs], []
        for l, (weight, bias) in enumerate(zip(weights, biases)):
            outputs = weight.shape[-2] if weight.ndim > 1 else 0
            if weight.shape != (*batch, outputs, inputs):
                raise ValueError(f"weights[{l}]: shape {weight.shape}, expected {(*batch, outputs, inputs)}")
            if bias.shape != (*batch, outputs):
                raise ValueError(f"biases[{l}]: shape {bias.shape}, expected {(*batch, outputs)}")
            tables += [weight.reshape(number, outputs * inputs), bias.reshape(number, outputs)]
            inputs = outputs
            widths.append(outputs)
        rows = np.concatenate(tables, axis=1, dtype=np.float64)
        if not np.isfinite(rows).all():
            at = next(i for i, table in enumerate(tables) if not np.isfinite(table).all())
            bad = tables[at][~np.isfinite(tables[at])][0].item()
            name = ("weights", "biases")[at % 2]
            raise ValueError(f"{name}[{at // 2}]: contains {bad}, expected finite numbers")
        return cls(rows, widths, batch)

    def single(self) -> Networks:
        """These, if they were given as one network.

        Raises:
            ValueError: they were given as a batch.
        """
        if self.batch:
            raise ValueError(f"weights have batch shape {self.batch}, expected one network, (out, in) each")
        return self

    def layers(self, i: int = 0) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Weights (out, in) and biases (out,) of each layer of one network."""
        return layers_in(self.rows[i], self.widths)


def layers_in(row: np.ndarray, widths: Sequence[int]) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Weights (out, in) and biases (out,) of each layer, out of the row (numbers,) of both."""
    weights, biases, start = [], [], 0
    for inputs, outputs in pairwise(widths):
        middle, end = start + outputs * inputs, start + outputs * (inputs + 1)
        weights.append(row[start:middle].reshape(outputs, inputs))
        biases.append(row[middle:end])
        start = end
    return weights, biases


def box_array(box: Any) -> np.ndarray:
    """The numbers of a box, (.., ..) float64.

    Raises:
        ValueError: nested sequences of unequal lengths, or what is no number.
    """
    try:
        return np.asarray(as_array(box) if is_tensor(box) else box, dtype=float)
    except (TypeError, ValueError):
        raise ValueError(f"box: {box}, expected numbers, [lo, hi] for each input") from None


def checked_linear(linear: Sequence[Any] | None, widths: Sequence[int]) -> list[np.ndarray]:
    """(width,) bool of each hidden layer: which neurons have no ReLU.

    Raises:
        ValueError: masks of other shapes or kinds.
    """
    if linear is None:
        return [np.zeros(width, bool) for width in widths]
    if len(linear) != len(widths):
        raise ValueError(f"linear: {len(linear)} masks, expected one for each of {len(widths)} hidden layers")
    masks = []
    for layer, (given, width) in enumerate(zip(linear, widths)):
        mask = (
            np.zeros(width, bool) if given is None else np.asarray(given.cpu() if is_tensor(given) else given)
        )
        if mask.shape != (width,) or mask.dtype != bool:
            raise ValueError(
                f"linear[{layer}] is {mask.dtype} of shape {mask.shape}, expected bool of shape ({width},)"
            )
        masks.append(mask)
    return masks
