"""What a node of an ONNX graph is to the function that reads it, and the registry of these functions by kind."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from triangle_cli.formats.graph import Graph, Value, constant
from triangle_cli.store.memory import require_memory

Item = Any  # an array (a constant), a Value, or None for an input that is left out
EXACT = 2**53  # up to which float64 holds every whole number
CURVED = (
    "Softmax", "LogSoftmax", "Sigmoid", "Tanh", "Gelu", "Elu", "Selu", "Celu", "Softplus", "Softsign", "Exp", "Log",
    "Erf", "Mish", "HardSwish", "LayerNormalization", "InstanceNormalization", "Sqrt", "Pow", "Sin", "Cos",
)  # fmt: skip
STEPS = ("ArgMax", "Sign", "Round", "Floor", "Ceil", "Greater", "Less", "ThresholdedRelu", "TopK", "ZipMap")


@dataclass
class Node:
    """A node as its function sees it."""

    graph: Graph
    kind: str
    inputs: list[Item]
    given: dict[str, Any]
    opset: int
    outputs: int
    assumed: list[str] = field(default_factory=list)

    def attribute(self, name: str, default: Any = None) -> Any:
        """An attribute, or what ONNX takes without it."""
        return self.given.get(name, default)

    def input(self, number: int) -> Item:
        """An input, None if it is left out."""
        return self.inputs[number] if number < len(self.inputs) else None

    def value(self, number: int = 0) -> Value:
        """An input as a value of the network."""
        item = self.input(number)
        return item if isinstance(item, Value) else constant(self.graph, numbers(item))

    def fixed(self, number: int, name: str) -> np.ndarray:
        """An input that has to be a constant."""
        item = self.input(number)
        if not isinstance(item, np.ndarray):
            raise ValueError(f"has {name} that depends on the input, expected a constant")
        return item

    def whole(self, number: int, name: str, default: Sequence[int] | None = None) -> list[int] | None:
        """Whole numbers that older opsets have as an attribute and newer ones as an input."""
        if name in self.given:
            found = self.given[name]
            return [int(item) for item in found] if isinstance(found, (list, tuple)) else [int(found)]
        if self.input(number) is None:
            return None if default is None else list(default)
        return [int(item) for item in self.fixed(number, name).reshape(-1)]


FUNCTIONS: dict[str, Callable[[Node], Item]] = {}


def known(*kinds: str) -> Callable[[Callable[[Node], Item]], Callable[[Node], Item]]:
    """Register what a node of these kinds does."""

    def register(function: Callable[[Node], Item]) -> Callable[[Node], Item]:
        FUNCTIONS.update(dict.fromkeys(kinds, function))
        return function

    return register


def numbers(array: np.ndarray) -> np.ndarray:
    """A constant as float64, without rounding.

    Raises:
        ValueError: NaN or infinity, whole numbers beyond 2^53, or what are no numbers.
    """
    if array.dtype.kind not in "fiub" or array.dtype.itemsize > 8:
        raise ValueError(f"has a constant of {array.dtype}, expected floating point of 16 to 64 bits")
    if array.dtype.kind in "iu" and array.size and max(int(array.max()), -int(array.min())) > EXACT:
        raise ValueError(f"has a constant of {array.dtype} beyond 2^53, expected floating point")
    found = array.astype(float)
    if not np.isfinite(found).all():
        raise ValueError(f"holds {found[~np.isfinite(found)][0]}, expected finite numbers")
    return found


def spread(item: np.ndarray, value: Value) -> tuple[np.ndarray, Value]:
    """A constant and a value in the shape that both have together."""
    found = numbers(item)
    shape = np.broadcast_shapes(found.shape, value.shape)
    if math.prod(shape) != value.size and (shape[0] != 1 and value.shape[:1] in ((1,), ())):
        width = value.shape[-1] if value.shape else 1
        raise ValueError(
            f"has a bias of shape {item.shape}, which is spread over {shape}, expected ({width},)"
        )
    require_memory(value.graph.label, 160 * math.prod(shape))
    return np.broadcast_to(found, shape), value.moved(lambda entries: np.broadcast_to(entries, shape))


def together(first: Value, second: Value) -> tuple[Value, Value]:
    """Two values in the shape that both have together."""
    shape = np.broadcast_shapes(first.shape, second.shape)
    require_memory(first.graph.label, 160 * math.prod(shape))
    a, b = (value.moved(lambda entries: np.broadcast_to(entries, shape)) for value in (first, second))
    return a, b


def folded(node: Node, function: Callable[..., Any]) -> Item:
    """What a function of numpy makes of a node's constants."""
    with np.errstate(all="ignore"):
        return np.asarray(function(*node.inputs))


def is_constant(node: Node) -> bool:
    """Whether a node depends on constants alone."""
    return all(item is None or isinstance(item, np.ndarray) for item in node.inputs)


def refusal(kind: str, before: str = "") -> str:
    """Why a kind of node is not read, and what to do about it."""
    cut = f"expected the network up to {before!r}: onnx.utils.extract_model cuts it there" if before else ""
    if kind in CURVED:
        return f"is {kind}, which is not piecewise linear, {cut or 'expected Gemm, Conv, Relu and the like'}"
    if kind in STEPS:
        return f"is {kind}, which is not continuous, {cut or 'expected Gemm, Conv, Relu and the like'}"
    return f"is {kind}, expected Gemm, MatMul, Conv, Add, Relu or another of docs/regions.md"
