"""What each layer and function of torch does to a value of the network, as `modules` meets it."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from triangle_cli.formats.graph import Value, joined
from triangle_cli.formats.node import numbers
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


class Reader(Protocol):
    """What `modules` reads a traced model with, as what is registered here uses it."""

    assumed: list[str]

    def node(self, kind: str, *items: Any, **given: Any) -> Any: ...
    def reduced(self, kind: str, value: Value, dim: Any = None, keepdim: bool = False) -> Value: ...
    def array(self, item: Any) -> np.ndarray: ...
    def numbers(self, tensor: Any) -> np.ndarray: ...
    def scalar(self, item: Any) -> float: ...


def taken(value: Value, result: Any) -> Any:
    """The value's entries where tensors of their numbers stand."""
    if isinstance(result, Tensor):
        return value.take(result.numpy())
    if isinstance(result, (tuple, list)):
        return tuple(taken(value, item) for item in result)
    return result


def moved(target: Any, args: tuple, kwargs: dict[str, Any]) -> Any:
    """A function that moves entries, asked where it moves their numbers to."""
    value = args[0]
    entries = torch.from_numpy(value.indices())
    others = [torch.empty(item.shape) if isinstance(item, Value) else item for item in args[1:]]
    if isinstance(target, str):
        found = getattr(entries, target)
        return taken(value, found(*others, **kwargs) if callable(found) else found)
    return taken(value, target(entries, *others, **kwargs))


def padded(
    value: Value, pad: Sequence[int], mode: str = "constant", filling: float | None = None, **named: Any
) -> Value:
    """Entries with zeros, or entries mirrored or repeated, around them."""
    filling = named.get("value", filling)
    if mode == "constant" and filling:
        raise ValueError(f"pads with {filling}, expected 0")
    entries = torch.from_numpy(value.indices())
    if mode != "constant":
        places = torch.nn.functional.pad(entries.double(), list(pad), mode).long()
    else:
        places = torch.nn.functional.pad(entries, list(pad), value=-1)
    return value.take(places.numpy())


def concatenated(name: str, items: Sequence[Any], dim: int = 0, **named: Any) -> Value:
    """Values one after the other, `cat`, or beside each other, `stack`."""
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


def _linear(reader: Reader, value: Value, weight: Tensor, bias: Tensor | None = None) -> Value:
    return linear(value, reader.numbers(weight), None if bias is None else reader.numbers(bias))


def _conv(
    reader: Reader,
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


def _conv_module(reader: Reader, module: Any, value: Value) -> Value:
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
    reader: Reader, value: Value, kernel_size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1,
    ceil_mode: bool = False, return_indices: bool = False,
) -> Value:  # fmt: skip
    if return_indices:
        raise ValueError("returns indices, expected return_indices=False")
    return max_pool(value, _window(value, kernel_size, stride, padding, dilation, ceil_mode))


def _avg_pool(
    reader: Reader, value: Value, kernel_size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False,
    count_include_pad: bool = True, divisor_override: int | None = None,
) -> Value:  # fmt: skip
    if divisor_override is not None:
        raise ValueError("has divisor_override, expected none")
    window = _window(value, kernel_size, stride, padding, 1, ceil_mode)
    return average_pool(value, window, count_include_pad, reader.assumed)


def _adaptive(reader: Reader, value: Value, output_size: Any, is_max: bool) -> Value:
    space = value.shape[2:]
    sizes = [size or whole for size, whole in zip(_pair(output_size, len(space)), space)]
    if any(whole % size for size, whole in zip(sizes, space)):
        raise ValueError(f"makes {tuple(sizes)} of {space}, expected sizes that divide these")
    window = _window(value, tuple(whole // size for size, whole in zip(sizes, space)), None, 0)
    return max_pool(value, window) if is_max else average_pool(value, window, False, reader.assumed)


def _batch_norm(
    reader: Reader, value: Value, mean: Any, var: Any, weight: Any = None, bias: Any = None, training: bool = False,
    momentum: float = 0.1, eps: float = 1e-5,
) -> Value:  # fmt: skip
    if training or mean is None:
        raise ValueError("uses the statistics of its batch, expected model.eval() with running statistics")
    means, variances = reader.array(mean), reader.array(var)
    gamma = np.ones_like(means) if weight is None else reader.array(weight)
    beta = np.zeros_like(means) if bias is None else reader.array(bias)
    scale, shift = scale_of_normalization(gamma, beta, means, variances, eps, reader.assumed)
    shape = (1, -1, *[1] * (len(value.shape) - 2))
    scaled = value.times(np.broadcast_to(numbers(scale).reshape(shape), value.shape))
    return scaled.shifted(np.broadcast_to(numbers(shift).reshape(shape), value.shape))


def _batch_norm_module(reader: Reader, module: Any, value: Value) -> Value:
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


def _prelu(reader: Reader, value: Value, weight: Tensor) -> Value:
    slopes = reader.numbers(weight)
    shape = (1, -1, *[1] * (len(value.shape) - 2)) if len(value.shape) > 1 else (-1,)
    return value.leaky_relu(np.broadcast_to(slopes.reshape(shape), value.shape))


def _leaky_relu(reader: Reader, value: Value, negative_slope: float = 0.01, inplace: bool = False) -> Value:
    return value.leaky_relu(np.full(value.shape, reader.scalar(negative_slope)))


def _clamp(reader: Reader, value: Value, min: Any = None, max: Any = None) -> Value:
    lo, hi = (None if bound is None or math.isinf(bound) else reader.scalar(bound) for bound in (min, max))
    return value.clipped(lo, hi)


def _hardtanh(
    reader: Reader, value: Value, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False
) -> Value:
    return _clamp(reader, value, min_val, max_val)


def _units(reader: Reader, module: TriangleActivation, value: Value) -> Value:
    """The units of a TriangleLayer, by their formulas (`nn/units.py`)."""
    table = reader.numbers(module.numbers())
    lo, hi = (reader.scalar(end) for end in module.interval)
    if module.released:
        layers = [reader.numbers(layer) for layer in unit_networks(module.numbers()[:, :-2])]
        return _units_by_weights(value, layers, table[:, -2], table[:, -1], lo, hi)
    length = reciprocals(np.array([reader.scalar(hi - lo)]), reader.assumed)[0]
    return _units_by_peaks(value.shifted(_wide(-lo, value)).times(_wide(length, value)), table)


def _wide(entries: Any, value: Value) -> np.ndarray:
    return np.broadcast_to(np.asarray(entries), value.shape)


def _units_by_peaks(values: Value, table: np.ndarray) -> Value:
    """`units.by_peaks` of values on [0, 1]."""
    offset, slope, *lines = table.T
    total = values.times(_wide(slope, values)).shifted(_wide(offset, values))
    for rise, fall, start in zip(lines[::3], lines[1::3], lines[2::3]):
        left = values.times(_wide(rise, values))
        values = left.minimum(values.times(_wide(fall, values)).shifted(_wide(start, values))).neurons()
        total = total.plus(values.negated())
    return total


def _units_by_weights(
    value: Value, layers: list[np.ndarray], below: np.ndarray, above: np.ndarray, lo: float, hi: float
) -> Value:
    """`units.by_weights`: layers[l] is (units, out, in + 1)."""
    values = [value.clipped(lo, hi)]
    for place, layer in enumerate(layers):
        sums = []
        for j in range(layer.shape[1]):
            result = values[0].times(_wide(layer[:, j, 0], value))
            for i, part in enumerate(values[1:], 1):
                result = result.plus(part.times(_wide(layer[:, j, i], value)))
            sums.append(result.shifted(_wide(layer[:, j, -1], value)))
        values = [total.relu() for total in sums] if place < len(layers) - 1 else sums
    over = value.shifted(_wide(-hi, value)).relu().times(_wide(above, value))
    under = value.shifted(_wide(-lo, value)).negated().relu().negated().times(_wide(below, value))
    return values[0].plus(over).plus(under)


def _triangle_layer(reader: Reader, module: TriangleLayer, value: Value) -> Value:
    return _units(reader, module.activation, _linear(reader, value, module.linear.weight, module.linear.bias))


def _limit(reader: Reader, module: Any, value: Value) -> Value:
    raise ValueError(
        f"is a {type(module).__name__}, which is smooth, expected triangle_cli.nn.unroll(model, depth)"
    )


def _same(reader: Reader, module: Any, value: Value) -> Value:
    return value


def _unflattened(reader: Reader, module: Any, value: Value) -> Any:
    return taken(value, module(torch.from_numpy(value.indices())))


def _zero_padded(reader: Reader, module: Any, value: Value) -> Value:
    return padded(value, module.padding)


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
