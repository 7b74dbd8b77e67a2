"""Nodes of ONNX that compute: arithmetic, activations, products, convolutions, poolings. Constants are folded."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from triangle_cli.formats import moves  # noqa: F401  # registers its nodes
from triangle_cli.formats.graph import Value, constant
from triangle_cli.formats.node import (
    Item,
    Node,
    folded,
    is_constant,
    known,
    numbers,
    refusal,
    spread,
    together,
)
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


@known("Add", "Sum")
def _add(node: Node) -> Item:
    if is_constant(node):
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
    if is_constant(node):
        return folded(node, np.subtract)
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
    if is_constant(node):
        return folded(node, np.multiply)
    a, b = node.inputs
    if isinstance(a, Value) and isinstance(b, Value):
        raise ValueError("multiplies two values, which is not piecewise linear, expected a constant")
    factor, value = spread(a, b) if isinstance(a, np.ndarray) else spread(b, a)
    return value.times(factor)


@known("Div")
def _div(node: Node) -> Item:
    if is_constant(node):
        whole = node.inputs[0].dtype.kind in "iu"
        return folded(node, (lambda a, b: (a / b).astype(a.dtype)) if whole else np.divide)
    divisor, value = spread(node.fixed(1, "a divisor"), node.inputs[0])
    return value.times(reciprocals(divisor, node.assumed))


@known("Neg")
def _neg(node: Node) -> Item:
    return folded(node, np.negative) if is_constant(node) else node.value().negated()


@known("Sqrt", "Reciprocal", "Floor", "Ceil", "Equal", "Where", "Pow", "Mod", "Range", "ReduceProd")
def _only_constants(node: Node) -> Item:
    if not is_constant(node):
        raise ValueError(refusal(node.kind))
    functions: dict[str, Callable[..., Any]] = {
        "Sqrt": np.sqrt, "Reciprocal": np.reciprocal, "Floor": np.floor, "Ceil": np.ceil, "Equal": np.equal,
        "Where": np.where, "Pow": np.power, "Mod": np.mod,
        "ReduceProd": lambda array, *_: np.prod(array, keepdims=True),
        "Range": lambda *ends: np.arange(*(end.item() for end in ends)),
    }  # fmt: skip
    if node.kind == "Range":
        require_memory(node.graph.label, int(8 * abs((node.inputs[1] - node.inputs[0]) / node.inputs[2])))
    return folded(node, functions[node.kind])


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
    return folded(node, np.abs) if is_constant(node) else node.value().absolute()


@known("Clip")
def _clip(node: Node) -> Item:
    bounds: list[float | None] = []
    for number, name in ((1, "min"), (2, "max")):
        bound = node.given.get(name)
        if bound is None and node.input(number) is not None:
            bound = node.fixed(number, f"a {name}").reshape(-1)[0]
        largest_float = np.finfo(np.float32).max  # what older exporters write for none
        bounds.append(None if bound is None or abs(float(bound)) >= largest_float else float(bound))
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
    if is_constant(node):
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
    if is_constant(node):
        return folded(node, np.matmul)
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
    gamma, beta, mean, var = (node.fixed(number, name) for number, name in enumerate(names, 1))
    for array in (gamma, beta, mean, var):
        numbers(array)
    eps = float(node.attribute("epsilon", np.float32(1e-5)))
    scale, shift = (
        numbers(part) for part in scale_of_normalization(gamma, beta, mean, var, eps, node.assumed)
    )
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
