"""A model of PyTorch as a graph of affine maps and ReLUs, by symbolic tracing (torch.fx).

Reed, DeVito, He, Ussery, Ansel, torch.fx: practical program capture and transformation for deep learning in Python
(2022).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, fx, nn

from triangle_cli.formats import nodes  # noqa: F401  # registers what it reads
from triangle_cli.formats.graph import Graph, Value
from triangle_cli.formats.module_kinds import CALLS, MODULES, concatenated, moved, padded
from triangle_cli.formats.network import LoadedNetwork, Step, network_of
from triangle_cli.formats.node import FUNCTIONS, Node, numbers, refusal
from triangle_cli.nn import LimitActivation, LimitLayer, TriangleActivation, TriangleLayer

EXPORT = "torch.onnx.export(model, example, 'model.onnx') takes such models, and the file is read"
SAME = (
    "dropout",
    "dropout1d",
    "dropout2d",
    "alpha_dropout",
    "contiguous",
    "clone",
    "detach",
    "to",
    "float",
    "double",
)
MOVES = (
    "view", "reshape", "flatten", "unflatten", "permute", "transpose", "swapaxes", "movedim", "squeeze", "unsqueeze",
    "expand", "expand_as", "t", "T", "mT", "chunk", "split", "unbind", "narrow", "select", "getitem", "index_select",
    "flip", "roll", "repeat", "tile", "adjoint", "view_as", "broadcast_to", "pixel_shuffle", "pixel_unshuffle",
)  # fmt: skip
NODES = {  # torch's names of what nodes of ONNX do
    "add": "Add", "radd": "Add", "iadd": "Add", "sub": "Sub", "isub": "Sub", "subtract": "Sub", "mul": "Mul",
    "imul": "Mul", "multiply": "Mul", "truediv": "Div", "div": "Div", "divide": "Div", "neg": "Neg", "negative": "Neg",
    "relu": "Relu", "abs": "Abs", "maximum": "Max", "minimum": "Min", "max": "Max", "min": "Min", "matmul": "MatMul",
    "mm": "MatMul", "prelu": "PRelu",
}  # fmt: skip
CURVED = {
    "softmax": "Softmax",
    "log_softmax": "LogSoftmax",
    "sigmoid": "Sigmoid",
    "tanh": "Tanh",
    "gelu": "Gelu",
}


def lower(module: nn.Module, shape: Sequence[int] | None = None) -> LoadedNetwork:
    """A model as layers, exactly: no float is rounded; what could not be exact is said in `assumed`.

    Args:
        module: of Linear, convolutions, poolings, batch normalization in use, ReLU, LeakyReLU, PReLU, Hardtanh,
            ReLU6, TriangleLayer and the like, of sums, differences and maxima of their values, concatenations and
            reshapes; it is read as it is in evaluation: `model.eval()`.
        shape: of one input, without the batch; None: that of the first Linear.

    Raises:
        ValueError: something in it is not piecewise linear, or not known; the line names it and what to do.

    >>> lower(nn.Sequential(nn.Linear(2, 8), nn.LeakyReLU(0.1), nn.Linear(8, 1))).hidden_widths
    [8]
    """
    name = type(module).__name__
    if shape is None:
        first = next((part for part in module.modules() if getattr(part, "weight", None) is not None), None)
        if not isinstance(first, nn.Linear):
            raise ValueError(f"{name}: expected the shape of one input, such as shape=(1, 28, 28)")
        shape = (first.in_features,)
    if not all(isinstance(size, int) and size > 0 for size in shape):
        raise ValueError(f"shape: {tuple(shape)}, expected positive whole numbers")
    tracer = _Tracer()
    if tracer.is_leaf_module(module, ""):
        module = nn.Sequential(module)
    try:
        traced = tracer.trace(module)
    except Exception as error:  # tracing runs the model's own code
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise ValueError(
            f"{name}: cannot be traced ({reason}), expected no branches on values: {EXPORT}"
        ) from None
    parameter = next(iter(module.parameters()), torch.zeros(1))
    if parameter.dtype not in (torch.float64, torch.float32, torch.float16, torch.bfloat16):
        raise ValueError(f"{name}: parameters of {parameter.dtype}, expected floating point of 16 to 64 bits")
    reader = Reader(fx.GraphModule(module, traced), name, str(parameter.dtype).removeprefix("torch."))
    value = reader.network.input((1, *shape))
    reader.steps.append(Step("", "input", tuple(shape), "the inputs"))
    with torch.no_grad():
        result = reader.run(value)
    if not isinstance(result, Value):
        raise ValueError(
            f"{name}: returns a {type(result).__name__}, expected one tensor that depends on the input"
        )
    return network_of(result, reader.dtype, reader.steps, reader.assumed)


OWN = (TriangleActivation, TriangleLayer, LimitActivation, LimitLayer)


class _Tracer(fx.Tracer):
    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        """What is not looked into: layers of torch, and the units of a TriangleLayer."""
        return isinstance(m, OWN) or super().is_leaf_module(m, module_qualified_name)


class Reader(fx.Interpreter):
    """Runs a traced model with values of a graph in the place of tensors."""

    def __init__(self, module: fx.GraphModule, name: str, dtype: str) -> None:
        super().__init__(module)
        self.extra_traceback = False
        self.label, self.dtype = name, dtype
        self.network = Graph(name)
        self.steps: list[Step] = []
        self.assumed: list[str] = []

    def run_node(self, n: fx.Node) -> Any:
        """One node; what is wrong with it is said with its name."""
        before = self.network.neurons, len(self.network.groups)
        target = str(n.target) if n.op == "call_module" else n.name
        try:
            result = super().run_node(n)
        except MemoryError:
            raise
        except Exception as error:
            reason = str(error).partition("\n")[0] or type(error).__name__
            raise ValueError(f"{self.label}: {target} {reason}") from None
        if isinstance(result, Value) and n.op not in ("placeholder", "output"):
            kind = type(self.fetch_attr(str(n.target))).__name__ if n.op == "call_module" else _name(n.target)
            self.steps.append(Step.of(target, kind, result, before))
            self._write_back(n, result)
        return result

    def _write_back(self, n: fx.Node, result: Value) -> None:
        """What works in place changes the value under its old names too."""
        in_place = n.kwargs.get("inplace", False) or _is_in_place(n.target)
        if n.op == "call_module":
            in_place = getattr(self.fetch_attr(str(n.target)), "inplace", False)
        if in_place and n.args and isinstance(n.args[0], fx.Node):
            old = self.env[n.args[0]]
            self.env.update({node: result for node, value in self.env.items() if value is old})

    def call_module(self, target: Any, args: tuple, kwargs: dict[str, Any]) -> Any:
        """A layer."""
        module = self.fetch_attr(target)
        for kind in type(module).__mro__:
            if kind in MODULES:
                return MODULES[kind](self, module, *args)
        raise ValueError(_refusal(type(module).__name__))

    def call_function(self, target: Any, args: tuple, kwargs: dict[str, Any]) -> Any:
        """A function of torch, or an operator."""
        if not _has_value((args, kwargs)):
            return super().call_function(target, args, kwargs)
        return self.called(target, args, kwargs)

    def call_method(self, target: Any, args: tuple, kwargs: dict[str, Any]) -> Any:
        """A method of a tensor."""
        if not _has_value((args, kwargs)):
            return super().call_method(target, args, kwargs)
        if not isinstance(args[0], Value):  # of a constant
            return self.called(getattr(torch.Tensor, target), args, kwargs)
        return self.called(target, args, kwargs)

    def called(self, target: Any, args: tuple, kwargs: dict[str, Any]) -> Any:
        """What a function or method makes of values."""
        name = _name(target)
        if name == "getattr":
            name, args = args[1], args[:1]
            target = name
        if name in ("size", "shape", "dim", "ndim", "numel", "dtype", "device"):
            return self._asked(name, *args)
        if name == "getitem" and not isinstance(args[0], Value):  # of parts
            return args[0][args[1]]
        if name in SAME:
            return args[0]
        if name in MOVES:
            return moved(target, args, kwargs)
        if name == "pad":
            return padded(*args, **kwargs)
        if name in ("cat", "concat", "stack"):
            return concatenated(name, *args, **kwargs)
        if name in CALLS:
            return CALLS[name](self, *args, **kwargs)
        if name in NODES:
            kwargs = {key: value for key, value in kwargs.items() if key != "inplace"}
            if name in ("max", "min") and len(args) < 2:
                return self.reduced(f"Reduce{name.capitalize()}", *args)
            if set(kwargs) - {"other", "input"} or kwargs.get("alpha", 1) != 1:
                raise ValueError(f"has {', '.join(kwargs)}, expected none")
            return self.node(NODES[name], *args, *kwargs.values())
        raise ValueError(_refusal(name))

    def _asked(self, name: str, value: Value, axis: int | None = None) -> Any:
        """What models ask of a tensor."""
        if name in ("dtype", "device"):
            return getattr(torch, self.dtype) if name == "dtype" else torch.device("cpu")
        if name in ("dim", "ndim"):
            return len(value.shape)
        if name == "numel":
            return value.size
        return torch.Size(value.shape) if axis is None else value.shape[axis]

    def node(self, kind: str, *items: Any, **given: Any) -> Any:
        """What a node of ONNX makes of values and constants."""
        inputs = [item if isinstance(item, Value) or item is None else self.array(item) for item in items]
        return FUNCTIONS[kind](Node(self.network, kind, inputs, given, 18, 1, self.assumed))

    def reduced(self, kind: str, value: Value, dim: Any = None, keepdim: bool = False) -> Value:
        """A sum, mean or extreme over dimensions, all if none is named."""
        axes = range(len(value.shape)) if dim is None else [dim] if isinstance(dim, int) else dim
        found: Value = self.node(
            kind, value, axes=[axis % len(value.shape) for axis in axes], keepdims=int(keepdim)
        )
        return found

    def array(self, item: Any) -> np.ndarray:
        """A constant; numbers of Python are rounded to the model's dtype, as torch does."""
        if isinstance(item, Tensor):
            return (item.float() if item.dtype == torch.bfloat16 else item).detach().cpu().numpy()
        if isinstance(item, (bool, int, float)):
            dtype = self.dtype if self.dtype != "bfloat16" else "float32"
            return np.asarray(item, dtype)
        raise ValueError(f"takes a {type(item).__name__}, expected tensors and numbers")

    def numbers(self, tensor: Any) -> np.ndarray:
        """A constant as float64, finite."""
        return numbers(self.array(tensor))

    def scalar(self, item: Any) -> float:
        """A number of Python as the model's dtype has it."""
        return float(self.array(item))


def _name(target: Any) -> str:
    name = target if isinstance(target, str) else getattr(target, "__name__", str(target))
    stripped = name.strip("_") if name.startswith("__") else name.rstrip("_")
    return str(stripped)


def _is_in_place(target: Any) -> bool:
    name = target if isinstance(target, str) else getattr(target, "__name__", "")
    return (name.endswith("_") and not name.endswith("__")) or name in ("iadd", "isub", "imul", "itruediv")


def _refusal(kind: str) -> str:
    kind = CURVED.get(kind, kind)
    said = refusal(kind).partition(", expected")[0]
    if "piecewise" in said or "continuous" in said:
        return f"{said}, expected the model up to it, such as model[:-1]"
    return f"is {kind}, expected a layer of docs/regions.md: {EXPORT}"


def _has_value(item: Any) -> bool:
    if isinstance(item, (tuple, list)):
        return any(map(_has_value, item))
    if isinstance(item, dict):
        return any(map(_has_value, item.values()))
    return isinstance(item, Value)
