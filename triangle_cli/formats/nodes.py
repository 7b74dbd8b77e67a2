"""What each node of an ONNX graph does to a value of the network; constants are arrays, and are folded."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from triangle_cli.formats.graph import Graph, Value, constant, joined, largest
from triangle_cli.formats.operations import (
    Window,
    average_pool,
    convolution,
    left_product,
    max_pool,
    reciprocals,
    right_product,
    scale_of_normalization,
)
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


def _folded(node: Node, function: Callable[..., Any]) -> Item:
    with np.errstate(all="ignore"):
        return np.asarray(function(*node.inputs))


def _is_constant(node: Node) -> bool:
    return all(item is None or isinstance(item, np.ndarray) for item in node.inputs)


@known("Add", "Sum")
def _add(node: Node) -> Item:
    if _is_constant(node):
        return sum(node.inputs[1:], node.inputs[0])
    result = node.inputs[0]
    for item in node.inputs[1:]:
        if isinstance(result, np.ndarray):
            result, item = item, result
        if isinstance(item, np.ndarray):
            shift, value = spread(item, result) if isinstance(result, Value) else (item, result)
            result = value.shifted(shift) if isinstance(value, Value) else value + shift
        else:
            first, second = together(result, item)
            result = first.plus(second)
    return result


@known("Sub")
def _sub(node: Node) -> Item:
    if _is_constant(node):
        return _folded(node, np.subtract)
    a, b = node.inputs
    if isinstance(b, np.ndarray):
        shift, value = spread(b, a)
        return value.shifted(-shift)
    if isinstance(a, np.ndarray):
        shift, value = spread(a, b)
        return value.negated().shifted(shift)
    first, second = together(a, b)
    return first.plus(second.negated())


@known("Mul")
def _mul(node: Node) -> Item:
    if _is_constant(node):
        return _folded(node, np.multiply)
    a, b = node.inputs
    if isinstance(a, Value) and isinstance(b, Value):
        raise ValueError("multiplies two values, which is not piecewise linear, expected a constant")
    factor, value = spread(a, b) if isinstance(a, np.ndarray) else spread(b, a)
    return value.times(factor)


@known("Div")
def _div(node: Node) -> Item:
    if _is_constant(node):
        whole = node.inputs[0].dtype.kind in "iu"
        return _folded(node, (lambda a, b: (a / b).astype(a.dtype)) if whole else np.divide)
    divisor, value = spread(node.fixed(1, "a divisor"), node.inputs[0])
    return value.times(reciprocals(divisor, node.assumed))


@known("Neg")
def _neg(node: Node) -> Item:
    return _folded(node, np.negative) if _is_constant(node) else node.value().negated()


@known("Sqrt", "Reciprocal", "Floor", "Ceil", "Equal", "Where", "Pow", "Mod", "Range", "ReduceProd")
def _only_constants(node: Node) -> Item:
    if not _is_constant(node):
        raise ValueError(refusal(node.kind))
    functions: dict[str, Callable[..., Any]] = {
        "Sqrt": np.sqrt, "Reciprocal": np.reciprocal, "Floor": np.floor, "Ceil": np.ceil, "Equal": np.equal,
        "Where": np.where, "Pow": np.power, "Mod": np.mod,
        "ReduceProd": lambda array, *_: np.prod(array, keepdims=True),
        "Range": lambda *ends: np.arange(*(end.item() for end in ends)),
    }  # fmt: skip
    if node.kind == "Range":
        require_memory(node.graph.label, int(8 * abs((node.inputs[1] - node.inputs[0]) / node.inputs[2])))
    return _folded(node, functions[node.kind])


@known("Relu")
def _relu(node: Node) -> Item:
    return node.value().relu()


@known("LeakyRelu")
def _leaky_relu(node: Node) -> Item:
    value = node.value()
    return value.leaky_relu(np.full(value.shape, float(node.attribute("alpha", np.float32(0.01)))))


@known("PRelu")
def _prelu(node: Node) -> Item:
    slope, value = spread(node.fixed(1, "a slope"), node.value())
    return value.leaky_relu(slope)


@known("Abs")
def _abs(node: Node) -> Item:
    return _folded(node, np.abs) if _is_constant(node) else node.value().absolute()


@known("Clip")
def _clip(node: Node) -> Item:
    bounds: list[float | None] = []
    for number, name in ((1, "min"), (2, "max")):
        bound = node.given.get(name)
        if bound is None and node.input(number) is not None:
            bound = node.fixed(number, f"a {name}").reshape(-1)[0]
        is_none = bound is None or abs(float(bound)) >= float(np.finfo(np.float32).max)
        bounds.append(None if is_none else float(bound))
    lo, hi = bounds
    if lo is not None and hi is not None and not lo <= hi:
        raise ValueError(f"has min={lo:g} and max={hi:g}, expected min <= max")
    return node.value().clipped(lo, hi)


@known("HardSigmoid")
def _hard_sigmoid(node: Node) -> Item:
    value = node.value()
    alpha, beta = (float(node.attribute(name, np.float32(d))) for name, d in (("alpha", 0.2), ("beta", 0.5)))
    return value.times(np.full(value.shape, alpha)).shifted(np.full(value.shape, beta)).clipped(0.0, 1.0)


@known("Max", "Min")
def _extreme(node: Node) -> Item:
    is_max = node.kind == "Max"
    if _is_constant(node):
        result = node.inputs[0]
        for item in node.inputs[1:]:
            result = (np.maximum if is_max else np.minimum)(result, item)
        return result
    computed = [item for item in node.inputs if isinstance(item, Value)]
    result = computed[0]
    for value in computed[1:]:
        first, second = together(result, value)
        result = first.maximum(second) if is_max else first.minimum(second)
    for item in node.inputs:
        if isinstance(item, np.ndarray):
            bound, result = spread(item, result)
            shifted = result.shifted(-bound)
            result = (shifted.relu() if is_max else shifted.negated().relu().negated()).shifted(bound)
    return result


@known("MatMul")
def _matmul(node: Node) -> Item:
    if _is_constant(node):
        return _folded(node, np.matmul)
    a, b = node.inputs
    if isinstance(a, Value) and isinstance(b, Value):
        raise ValueError("multiplies two values, which is not piecewise linear, expected a constant matrix")
    matrix = numbers(a if isinstance(a, np.ndarray) else b)
    if matrix.ndim == 1 and isinstance(a, Value):
        return right_product(a, matrix[:, None]).moved(lambda entries: entries[..., 0])
    if matrix.ndim == 1:
        return left_product(matrix[None], b).moved(
            lambda entries: entries[..., 0, :] if entries.ndim > 1 else entries[0]
        )
    while matrix.ndim > 2 and len(matrix) == 1:
        matrix = matrix[0]
    if matrix.ndim != 2:
        raise ValueError(
            f"is no product of x with a matrix of shape {matrix.shape}, expected one of two dimensions"
        )
    return right_product(a, matrix) if isinstance(a, Value) else left_product(matrix, b)


@known("Gemm")
def _gemm(node: Node) -> Item:
    a, b = node.input(0), node.input(1)
    if a is None or b is None:
        raise ValueError("has fewer than 2 inputs, expected a value and a matrix")
    if isinstance(a, Value) and isinstance(b, Value):
        raise ValueError("multiplies two values, which is not piecewise linear, expected a constant matrix")
    turned = [bool(node.attribute(name, 0)) for name in ("transA", "transB")]
    items = [
        (item.moved(np.transpose) if isinstance(item, Value) else item.T) if turn else item
        for item, turn in zip((a, b), turned)
    ]
    if any(len(item.shape) != 2 for item in items):
        raise ValueError(
            f"multiplies shapes {items[0].shape} and {items[1].shape}, expected two dimensions each"
        )
    product = _matmul(Node(node.graph, "MatMul", items, {}, node.opset, 1))
    alpha, beta = (float(node.attribute(name, 1.0)) for name in ("alpha", "beta"))
    if isinstance(product, np.ndarray):
        product = constant(node.graph, numbers(product))
    if alpha != 1.0:
        product = product.times(np.full(product.shape, alpha))
    shift = node.input(2)
    if shift is None or beta == 0.0:
        return product
    if isinstance(shift, Value):
        first, second = together(product, shift.times(np.full(shift.shape, beta)))
        return first.plus(second)
    constants, product = spread(shift, product)
    scaled = constant(node.graph, constants).times(np.full(constants.shape, beta))
    return product.plus(scaled)


def window_of(node: Node, kernel: Sequence[int], space: Sequence[int]) -> Window:
    """The window of a convolution or pooling, from its attributes."""
    n = len(kernel)
    if n != len(space):
        raise ValueError(f"has a kernel of {n} dimensions over {len(space)}, expected as many")
    strides = tuple(node.attribute("strides") or [1] * n)
    dilations = tuple(node.attribute("dilations") or [1] * n)
    ends = list(node.attribute("pads") or [0] * 2 * n)
    if min(*strides, *dilations, *kernel) < 1 or len(ends) != 2 * n or min(ends) < 0:
        raise ValueError(
            f"has kernel {tuple(kernel)}, strides {strides}, pads {ends}, expected positive sizes"
        )
    pads = list(zip(ends[:n], ends[n:]))
    auto = node.attribute("auto_pad", b"NOTSET")
    auto = auto.decode() if isinstance(auto, bytes) else auto
    if auto.startswith("SAME"):
        pads = []
        for size, k, stride, dilation in zip(space, kernel, strides, dilations):
            missing = max((-(-size // stride) - 1) * stride + dilation * (k - 1) + 1 - size, 0)
            less, more = missing // 2, missing - missing // 2
            pads.append((less, more) if auto == "SAME_UPPER" else (more, less))
    return Window(tuple(kernel), strides, tuple(pads), dilations, bool(node.attribute("ceil_mode", 0)))


@known("Conv")
def _conv(node: Node) -> Item:
    value, weight = node.value(), numbers(node.fixed(1, "a kernel"))
    bias = None if node.input(2) is None else numbers(node.fixed(2, "a bias"))
    if weight.ndim != len(value.shape) or weight.ndim < 3:
        raise ValueError(f"has a kernel of shape {weight.shape} over values of shape {value.shape}")
    window = window_of(node, weight.shape[2:], value.shape[2:])
    return convolution(value, weight, bias, window, int(node.attribute("group", 1)))


@known("MaxPool")
def _max_pool(node: Node) -> Item:
    value = node.value()
    return max_pool(value, window_of(node, node.attribute("kernel_shape", ()), value.shape[2:]))


@known("AveragePool")
def _average_pool(node: Node) -> Item:
    value = node.value()
    window = window_of(node, node.attribute("kernel_shape", ()), value.shape[2:])
    return average_pool(value, window, bool(node.attribute("count_include_pad", 0)), node.assumed)


@known("GlobalAveragePool", "GlobalMaxPool")
def _global_pool(node: Node) -> Item:
    value = node.value()
    space = value.shape[2:]
    n = len(space)
    window = Window(space, (1,) * n, ((0, 0),) * n, (1,) * n)
    return max_pool(value, window) if "Max" in node.kind else average_pool(value, window, False, node.assumed)


@known("BatchNormalization")
def _batch_normalization(node: Node) -> Item:
    value = node.value()
    if node.attribute("training_mode", 0):
        raise ValueError("is in training mode, expected an export of model.eval()")
    names = ("a scale", "a shift", "a mean", "a variance")
    arrays = [node.fixed(number, name) for number, name in enumerate(names, 1)]
    for array in arrays:
        numbers(array)
    eps = float(node.attribute("epsilon", np.float32(1e-5)))
    scale, shift = (numbers(part) for part in scale_of_normalization(*arrays, eps, node.assumed))
    shape = (1, -1, *[1] * (len(value.shape) - 2))
    return value.times(np.broadcast_to(scale.reshape(shape), value.shape)).shifted(
        np.broadcast_to(shift.reshape(shape), value.shape)
    )


@known("Identity", "Dropout")
def _identity(node: Node) -> Item:
    if node.kind == "Dropout" and isinstance(node.input(2), np.ndarray) and node.inputs[2].any():
        raise ValueError("is in training mode, expected an export of model.eval()")
    return node.inputs[0]


@known("Cast", "CastLike")
def _cast(node: Node) -> Item:
    from onnx import helper

    item = node.inputs[0]
    if node.kind == "CastLike":
        return item if isinstance(item, Value) else item.astype(node.fixed(1, "a type").dtype)
    kind = np.dtype(helper.tensor_dtype_to_np_dtype(node.attribute("to")))
    if isinstance(item, np.ndarray):
        return item.astype(kind)
    if kind.kind != "f" or kind.itemsize < 4:
        raise ValueError(f"casts values to {kind}, which rounds them, expected float or double")
    return item


def _move(node: Node, move: Callable[[np.ndarray], np.ndarray]) -> Item:
    item = node.inputs[0]
    return item.moved(move) if isinstance(item, Value) else move(item)


@known("Flatten")
def _flatten(node: Node) -> Item:
    axis = int(node.attribute("axis", 1))
    shape = node.inputs[0].shape
    axis += len(shape) if axis < 0 else 0
    return _move(node, lambda entries: entries.reshape(math.prod(shape[:axis]), math.prod(shape[axis:])))


@known("Reshape")
def _reshape(node: Node) -> Item:
    target = node.whole(1, "shape") or []
    before = node.inputs[0].shape
    if not node.attribute("allowzero", 0):
        target = [before[i] if size == 0 and i < len(before) else size for i, size in enumerate(target)]
    return _move(node, lambda entries: entries.reshape(target))


@known("Squeeze")
def _squeeze(node: Node) -> Item:
    axes = node.whole(1, "axes")
    return _move(node, lambda entries: entries.squeeze(None if axes is None else tuple(axes)))


@known("Unsqueeze")
def _unsqueeze(node: Node) -> Item:
    axes = node.whole(1, "axes") or []
    return _move(node, lambda entries: np.expand_dims(entries, tuple(axes)))


@known("Transpose")
def _transpose(node: Node) -> Item:
    return _move(node, lambda entries: entries.transpose(node.attribute("perm")))


@known("Concat")
def _concat(node: Node) -> Item:
    axis = int(node.attribute("axis", 1))
    if _is_constant(node):
        return np.concatenate(node.inputs, axis)
    return joined([node.value(number) for number in range(len(node.inputs))], axis)


@known("Split")
def _split(node: Node) -> Item:
    axis, size = int(node.attribute("axis", 0)), node.inputs[0].shape[int(node.attribute("axis", 0))]
    sizes = node.whole(1, "split") or [-(-size // node.outputs)] * (node.outputs - 1)
    ends = np.cumsum(sizes)[: node.outputs - 1].tolist()
    parts = []
    for start, end in zip([0, *ends], [*ends, size]):
        parts.append(_move(node, lambda entries, a=start, b=end: entries.take(range(a, b), axis)))  # type: ignore[misc]
    return tuple(parts)


@known("Slice")
def _slice(node: Node) -> Item:
    starts, ends = node.whole(1, "starts") or [], node.whole(2, "ends") or []
    axes = node.whole(3, "axes", range(len(starts))) or []
    steps = node.whole(4, "steps", [1] * len(starts)) or []
    cuts = [slice(None)] * len(node.inputs[0].shape)
    for start, end, axis, step in zip(starts, ends, axes, steps):
        cuts[axis] = slice(start, None if step < 0 and end < -(2**30) else end, step)
    return _move(node, lambda entries: entries[tuple(cuts)])


@known("Gather")
def _gather(node: Node) -> Item:
    places = node.fixed(1, "indices").astype(np.int64)
    return _move(node, lambda entries: entries.take(places, int(node.attribute("axis", 0))))


@known("Expand", "Tile")
def _expand(node: Node) -> Item:
    sizes = node.whole(1, "shape") or []
    shape = node.inputs[0].shape
    if node.kind == "Tile":
        require_memory(node.graph.label, 160 * math.prod(sizes) * math.prod(shape))
        return _move(node, lambda entries: np.tile(entries, sizes))
    target = np.broadcast_shapes(shape, tuple(sizes))
    require_memory(node.graph.label, 160 * math.prod(target))
    return _move(node, lambda entries: np.broadcast_to(entries, target))


@known("Pad")
def _pad(node: Node) -> Item:
    pads = node.whole(1, "pads") or []
    mode = node.attribute("mode", b"constant")
    filling = node.input(2) if node.opset >= 11 else np.asarray(node.attribute("value", 0.0))
    if mode != b"constant" or (filling is not None and np.any(filling)) or node.input(3) is not None:
        raise ValueError("pads with other numbers than 0, expected zeros on all axes")
    n = len(node.inputs[0].shape)
    pairs = list(zip(pads[:n], pads[n:]))
    require_memory(
        node.graph.label,
        160 * math.prod(s + max(a, 0) + max(b, 0) for s, (a, b) in zip(node.inputs[0].shape, pairs)),
    )

    def move(entries: np.ndarray, filled: int) -> np.ndarray:
        wide = np.pad(entries, [(max(a, 0), max(b, 0)) for a, b in pairs], constant_values=filled)
        return wide[tuple(slice(max(-a, 0), wide.shape[i] - max(-b, 0)) for i, (a, b) in enumerate(pairs))]

    item = node.inputs[0]
    return item.moved(lambda entries: move(entries, -1)) if isinstance(item, Value) else move(item, 0)


@known("ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin")
def _reduce(node: Node) -> Item:
    value = node.value()
    n = len(value.shape)
    axes = node.whole(1, "axes") or list(range(n))
    axes = sorted(axis % n for axis in axes)
    others = [axis for axis in range(n) if axis not in axes]
    count = math.prod(value.shape[axis] for axis in axes)
    rows = value.indices().transpose(*others, *axes).reshape(*[value.shape[a] for a in others], count)
    keep = bool(node.attribute("keepdims", 1))
    shape = tuple(1 if i in axes else s for i, s in enumerate(value.shape) if keep or i not in axes)
    if node.kind in ("ReduceMax", "ReduceMin"):
        found = largest(value if node.kind == "ReduceMax" else value.negated(), rows)
        found = found if node.kind == "ReduceMax" else found.negated()
        return found.moved(lambda entries: entries.reshape(shape))
    from triangle_cli.formats.affine import Matrix

    weight = reciprocals(np.array([count]), node.assumed)[0] if node.kind == "ReduceMean" else 1.0
    flat = rows.reshape(-1, count)
    size = len(flat)
    matrix = Matrix(
        np.repeat(np.arange(size), count), flat.reshape(-1), np.full(flat.size, weight), np.zeros(size)
    )
    return value.through(matrix, shape)


@known("Constant")
def _constant(node: Node) -> Item:
    from onnx import numpy_helper

    for name, content in node.given.items():
        if name == "value":
            return numpy_helper.to_array(content)
        if name in ("value_float", "value_floats"):
            return np.asarray(content, np.float32)
        if name in ("value_int", "value_ints"):
            return np.asarray(content, np.int64)
    raise ValueError(f"has {', '.join(node.given) or 'no value'}, expected numbers")


@known("ConstantOfShape")
def _constant_of_shape(node: Node) -> Item:
    from onnx import numpy_helper

    shape = node.whole(0, "shape") or []
    filling = numpy_helper.to_array(node.given["value"]) if "value" in node.given else np.zeros(1, np.float32)
    require_memory(node.graph.label, 8 * math.prod(shape))
    return np.full(shape, filling.reshape(-1)[0])


@known("Shape")
def _shape(node: Node) -> Item:
    return np.array(node.inputs[0].shape[node.attribute("start", 0) : node.attribute("end")], np.int64)


@known("Size")
def _size(node: Node) -> Item:
    return np.array(math.prod(node.inputs[0].shape), np.int64)


def refusal(kind: str, before: str = "") -> str:
    """Why a kind of node is not read, and what to do about it."""
    cut = f"expected the network up to {before!r}: onnx.utils.extract_model cuts it there" if before else ""
    if kind in CURVED:
        return f"is {kind}, which is not piecewise linear, {cut or 'expected Gemm, Conv, Relu and the like'}"
    if kind in STEPS:
        return f"is {kind}, which is not continuous, {cut or 'expected Gemm, Conv, Relu and the like'}"
    return f"is {kind}, expected Gemm, MatMul, Conv, Add, Relu or another of docs/regions.md"
