"""A model of PyTorch as a graph of affine maps and ReLUs, by symbolic tracing (torch.fx).

Reed, DeVito, He, Ussery, Ansel, torch.fx: practical program capture and transformation for deep learning in Python
(2022).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, fx, nn

from triangle_cli.formats.graph import Graph, Value, joined
from triangle_cli.formats.network import LoadedNetwork, Step, network_of
from triangle_cli.formats.nodes import FUNCTIONS, Node, numbers, refusal
from triangle_cli.formats.operations import (
    Window,
    average_pool,
    convolution,
    linear,
    max_pool,
    reciprocals,
    scale_of_normalization,
)
from triangle_cli.nn import LimitActivation, LimitLayer, TriangleActivation, TriangleLayer
from triangle_cli.nn.units import unit_networks

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
    reader = _Reader(fx.GraphModule(module, traced), name, str(parameter.dtype).removeprefix("torch."))
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


class _Reader(fx.Interpreter):
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
            kind = type(self.fetch_attr(n.target)).__name__ if n.op == "call_module" else _name(n.target)
            self.steps.append(Step.of(target, kind, result, before))
            self._write_back(n, result)
        return result

    def _write_back(self, n: fx.Node, result: Value) -> None:
        """What works in place changes the value under its old names too."""
        in_place = n.kwargs.get("inplace", False) or _is_in_place(n.target)
        if n.op == "call_module":
            in_place = getattr(self.fetch_attr(n.target), "inplace", False)
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

    def call_method(self, target: str, args: tuple, kwargs: dict[str, Any]) -> Any:
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
            return _moved(target, args, kwargs)
        if name == "pad":
            return _padded(*args, **kwargs)
        if name in ("cat", "concat", "stack"):
            return _concatenated(name, *args, **kwargs)
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


def _taken(value: Value, result: Any) -> Any:
    """The value's entries where tensors of their numbers stand."""
    if isinstance(result, Tensor):
        return value.take(result.numpy())
    if isinstance(result, (tuple, list)):
        return tuple(_taken(value, item) for item in result)
    return result


def _moved(target: Any, args: tuple, kwargs: dict[str, Any]) -> Any:
    """A function that moves entries, asked where it moves their numbers to."""
    value = args[0]
    entries = torch.from_numpy(value.indices())
    others = [torch.empty(item.shape) if isinstance(item, Value) else item for item in args[1:]]
    if isinstance(target, str):
        found = getattr(entries, target)
        return _taken(value, found(*others, **kwargs) if callable(found) else found)
    return _taken(value, target(entries, *others, **kwargs))


def _padded(
    value: Value, pad: Sequence[int], mode: str = "constant", filling: float | None = None, **named: Any
) -> Value:
    filling = named.get("value", filling)
    if mode == "constant" and filling:
        raise ValueError(f"pads with {filling}, expected 0")
    entries = torch.from_numpy(value.indices())
    if mode != "constant":
        places = torch.nn.functional.pad(entries.double(), list(pad), mode).long()
    else:
        places = torch.nn.functional.pad(entries, list(pad), value=-1)
    return value.take(places.numpy())


def _concatenated(name: str, items: Sequence[Any], dim: int = 0, **named: Any) -> Value:
    axis = named.get("axis", dim)
    if not all(isinstance(item, Value) for item in items):
        raise ValueError("joins a constant to values, expected values alone")
    if name == "stack":
        items = [item.moved(lambda entries: np.expand_dims(entries, axis)) for item in items]
    return joined(items, axis)


def _pair(item: Any, n: int) -> tuple[int, ...]:
    return (item,) * n if isinstance(item, int) else tuple(item)


def _window(
    value: Value,
    kernel: Any,
    stride: Any,
    padding: Any,
    dilation: Any = 1,
    ceil_mode: bool = False,
    n: int = 0,
) -> Window:
    n = n or len(value.shape) - 2
    kernel, dilation = _pair(kernel, n), _pair(dilation, n)
    stride = kernel if stride is None or stride == () else _pair(stride, n)
    if padding == "valid":
        padding = 0
    if padding == "same":
        total = [d * (k - 1) for d, k in zip(dilation, kernel)]
        pads = tuple((size // 2, size - size // 2) for size in total)
    else:
        pads = tuple((size, size) for size in _pair(padding, n))
    return Window(kernel, stride, pads, dilation, ceil_mode)


def _linear(reader: _Reader, value: Value, weight: Tensor, bias: Tensor | None = None) -> Value:
    return linear(value, reader.numbers(weight), None if bias is None else reader.numbers(bias))


def _conv(
    reader: _Reader,
    value: Value,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Value:
    kernel = reader.numbers(weight)
    window = _window(value, kernel.shape[2:], stride, padding, dilation)
    return convolution(value, kernel, None if bias is None else reader.numbers(bias), window, groups)


def _conv_module(reader: _Reader, module: Any, value: Value) -> Value:
    if module.padding_mode != "zeros":
        raise ValueError(f"has padding_mode={module.padding_mode!r}, expected 'zeros'")
    return _conv(
        reader,
        value,
        module.weight,
        module.bias,
        module.stride,
        module.padding,
        module.dilation,
        module.groups,
    )


def _max_pool(
    reader: _Reader, value: Value, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1,
    ceil_mode: bool = False, return_indices: bool = False,
) -> Value:  # fmt: skip
    if return_indices:
        raise ValueError("returns indices, expected return_indices=False")
    return max_pool(value, _window(value, kernel_size, stride, padding, dilation, ceil_mode))


def _avg_pool(
    reader: _Reader, value: Value, kernel_size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False,
    count_include_pad: bool = True, divisor_override: int | None = None,
) -> Value:  # fmt: skip
    if divisor_override is not None:
        raise ValueError("has divisor_override, expected none")
    window = _window(value, kernel_size, stride, padding, 1, ceil_mode)
    return average_pool(value, window, count_include_pad, reader.assumed)


def _adaptive(reader: _Reader, value: Value, output_size: Any, is_max: bool) -> Value:
    space = value.shape[2:]
    sizes = [size or whole for size, whole in zip(_pair(output_size, len(space)), space)]
    if any(whole % size for size, whole in zip(sizes, space)):
        raise ValueError(f"makes {tuple(sizes)} of {space}, expected sizes that divide these")
    window = _window(value, tuple(whole // size for size, whole in zip(sizes, space)), None, 0)
    return max_pool(value, window) if is_max else average_pool(value, window, False, reader.assumed)


def _batch_norm(
    reader: _Reader, value: Value, mean: Any, var: Any, weight: Any = None, bias: Any = None, training: bool = False,
    momentum: float = 0.1, eps: float = 1e-5,
) -> Value:  # fmt: skip
    if training or mean is None:
        raise ValueError("uses the statistics of its batch, expected model.eval() with running statistics")
    arrays = [reader.array(mean), reader.array(var)]
    gamma = np.ones_like(arrays[0]) if weight is None else reader.array(weight)
    beta = np.zeros_like(arrays[0]) if bias is None else reader.array(bias)
    scale, shift = scale_of_normalization(gamma, beta, *arrays, eps, reader.assumed)
    shape = (1, -1, *[1] * (len(value.shape) - 2))
    scaled = value.times(np.broadcast_to(numbers(scale).reshape(shape), value.shape))
    return scaled.shifted(np.broadcast_to(numbers(shift).reshape(shape), value.shape))


def _batch_norm_module(reader: _Reader, module: Any, value: Value) -> Value:
    training = module.training or module.running_mean is None
    return _batch_norm(
        reader,
        value,
        module.running_mean,
        module.running_var,
        module.weight,
        module.bias,
        training,
        eps=module.eps,
    )


def _prelu(reader: _Reader, value: Value, weight: Tensor) -> Value:
    slopes = reader.numbers(weight)
    shape = (1, -1, *[1] * (len(value.shape) - 2)) if len(value.shape) > 1 else (-1,)
    return value.leaky_relu(np.broadcast_to(slopes.reshape(shape), value.shape))


def _leaky_relu(reader: _Reader, value: Value, negative_slope: float = 0.01, inplace: bool = False) -> Value:
    return value.leaky_relu(np.full(value.shape, reader.scalar(negative_slope)))


def _clamp(reader: _Reader, value: Value, min: Any = None, max: Any = None) -> Value:
    lo, hi = (None if bound is None or math.isinf(bound) else reader.scalar(bound) for bound in (min, max))
    return value.clipped(lo, hi)


def _hardtanh(
    reader: _Reader, value: Value, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False
) -> Value:
    return _clamp(reader, value, min_val, max_val)


def _units(reader: _Reader, module: TriangleActivation, value: Value) -> Value:
    """The units of a TriangleLayer, by their formulas (`nn/units.py`)."""
    table = reader.numbers(module.numbers())
    lo, hi = (reader.scalar(end) for end in module.interval)
    full = value.shape

    def column(entries: np.ndarray) -> np.ndarray:
        return np.broadcast_to(entries, full)

    if not module.released:
        offset, slope, *lines = table.T
        length = reciprocals(np.array(reader.scalar(hi - lo)), reader.assumed)
        values = value.shifted(column(-lo)).times(column(length)).neurons()
        total = values.times(column(slope)).shifted(column(offset))
        for rise, fall, start in zip(lines[::3], lines[1::3], lines[2::3]):
            left, right = values.times(column(rise)), values.times(column(fall)).shifted(column(start))
            values = left.minimum(right).neurons()
            total = total.plus(values.negated())
        return total
    weights, below, above = module.numbers()[:, :-2], table[:, -2], table[:, -1]
    inside = value.clipped(lo, hi)
    values = [inside]
    layers = [reader.numbers(layer) for layer in unit_networks(weights)]
    for place, layer in enumerate(layers):
        new = []
        for j in range(layer.shape[1]):
            parts = [part.neurons().times(column(layer[:, j, i])) for i, part in enumerate(values)]
            result = parts[0]
            for part in parts[1:]:
                result = result.plus(part)
            result = result.shifted(column(layer[:, j, -1]))
            new.append(result.relu() if place < len(layers) - 1 else result)
        values = new
    over = value.shifted(column(-hi)).relu().times(column(above))
    under = value.shifted(column(-lo)).negated().relu().negated().times(column(below))
    return values[0].plus(over).plus(under)


def _triangle_layer(reader: _Reader, module: TriangleLayer, value: Value) -> Value:
    return _units(reader, module.activation, _linear(reader, value, module.linear.weight, module.linear.bias))


def _limit(reader: _Reader, module: Any, value: Value) -> Value:
    raise ValueError(f"is a {type(module).__name__}, which is smooth, expected a TriangleLayer in its place")


def _same(reader: _Reader, module: Any, value: Value) -> Value:
    return value


def _unflattened(reader: _Reader, module: Any, value: Value) -> Any:
    return _taken(value, module(torch.from_numpy(value.indices())))


def _zero_padded(reader: _Reader, module: Any, value: Value) -> Value:
    return _padded(value, module.padding)


MODULES: dict[type, Callable[..., Any]] = {
    nn.Linear: lambda reader, m, value: _linear(reader, value, m.weight, m.bias),
    nn.Conv1d: _conv_module, nn.Conv2d: _conv_module, nn.Conv3d: _conv_module,
    nn.ReLU: lambda reader, m, value: value.relu(),
    nn.ReLU6: lambda reader, m, value: value.clipped(0.0, 6.0),
    nn.LeakyReLU: lambda reader, m, value: _leaky_relu(reader, value, m.negative_slope),
    nn.PReLU: lambda reader, m, value: _prelu(reader, value, m.weight),
    nn.Hardtanh: lambda reader, m, value: _hardtanh(reader, value, m.min_val, m.max_val),
    TriangleActivation: _units, TriangleLayer: _triangle_layer, LimitActivation: _limit, LimitLayer: _limit,
    nn.Identity: _same, nn.Dropout: _same, nn.Dropout1d: _same, nn.Dropout2d: _same, nn.AlphaDropout: _same,
    nn.Flatten: _unflattened, nn.Unflatten: _unflattened, nn.PixelShuffle: _unflattened,
    nn.ZeroPad1d: _zero_padded, nn.ZeroPad2d: _zero_padded,
}  # fmt: skip
MODULES |= dict.fromkeys((nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d), _batch_norm_module)
MODULES |= dict.fromkeys(
    (nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d),
    lambda reader, m, value: _max_pool(
        reader, value, m.kernel_size, m.stride, m.padding, m.dilation, m.ceil_mode, m.return_indices
    ),
)
MODULES[nn.AvgPool1d] = lambda reader, m, value: _avg_pool(
    reader, value, m.kernel_size, m.stride, m.padding, m.ceil_mode, m.count_include_pad
)
MODULES |= dict.fromkeys(
    (nn.AvgPool2d, nn.AvgPool3d),
    lambda reader, m, value: _avg_pool(
        reader,
        value,
        m.kernel_size,
        m.stride,
        m.padding,
        m.ceil_mode,
        m.count_include_pad,
        m.divisor_override,
    ),
)
MODULES |= dict.fromkeys(
    (nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d, nn.AdaptiveAvgPool3d),
    lambda reader, m, value: _adaptive(reader, value, m.output_size, False),
)
MODULES |= dict.fromkeys(
    (nn.AdaptiveMaxPool1d, nn.AdaptiveMaxPool2d, nn.AdaptiveMaxPool3d),
    lambda reader, m, value: _adaptive(reader, value, m.output_size, True),
)

CALLS: dict[str, Callable[..., Any]] = {
    "linear": _linear, "conv1d": _conv, "conv2d": _conv, "conv3d": _conv, "leaky_relu": _leaky_relu,
    "prelu": _prelu, "hardtanh": _hardtanh, "clamp": _clamp, "clip": _clamp,
    "clamp_min": lambda reader, value, min: _clamp(reader, value, min),
    "clamp_max": lambda reader, value, max: _clamp(reader, value, None, max),
    "relu6": lambda reader, value, inplace=False: value.clipped(0.0, 6.0),
    "batch_norm": _batch_norm,
    "mean": lambda reader, value, dim=None, keepdim=False: reader.reduced("ReduceMean", value, dim, keepdim),
    "sum": lambda reader, value, dim=None, keepdim=False: reader.reduced("ReduceSum", value, dim, keepdim),
    "amax": lambda reader, value, dim=(), keepdim=False: reader.reduced("ReduceMax", value, dim or None, keepdim),
    "amin": lambda reader, value, dim=(), keepdim=False: reader.reduced("ReduceMin", value, dim or None, keepdim),
    "rsub": lambda reader, value, other: reader.node("Sub", other, value),
    "adaptive_avg_pool1d": lambda reader, value, size: _adaptive(reader, value, size, False),
    "adaptive_avg_pool2d": lambda reader, value, size: _adaptive(reader, value, size, False),
}  # fmt: skip
CALLS |= dict.fromkeys(("max_pool1d", "max_pool2d", "max_pool3d"), _max_pool)
CALLS |= dict.fromkeys(("avg_pool1d", "avg_pool2d", "avg_pool3d"), _avg_pool)
