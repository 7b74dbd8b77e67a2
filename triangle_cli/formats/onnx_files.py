"""ONNX files that are chains of Gemm, MatMul, Add and Relu, read as layers; needs the package `onnx`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from triangle_cli.store import files

PASSED = ("Identity", "Flatten")  # nodes that change no value
EXACT = 2**53  # up to which float64 holds every whole number
KNOWN = "Gemm, MatMul, Add or Relu"
Layer = tuple[str, Tensor, Tensor | None]  # name, weight (out, in), bias (out,) or None so far


def read_layers(path: Path) -> tuple[list[str], list[Tensor], list[Tensor]]:
    """Names, weights (out, in) and biases (out,) of the layers, ReLU between them.

    A Relu at the end or the start stays: a layer that only copies is put beside it.

    Raises:
        ValueError: `onnx` is not installed, the file is not ONNX, or its graph is not such a chain.
    """
    try:
        import onnx
    except ImportError:
        raise ValueError(
            f"{path}: reading ONNX needs the package onnx, expected `pip install '.[onnx]'`"
        ) from None
    try:
        files.require_regular(path)
        graph = onnx.load(str(path)).graph
        values = dict(_constants(graph))
    except OSError:
        raise
    except (
        Exception
    ) as error:  # protobuf's DecodeError, onnx's ValidationError, and what damaged bytes lead to
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise ValueError(f"{path}: not an ONNX network ({reason})") from None
    layers, has_relu = _chain(path, graph, values)
    if not layers:
        raise ValueError(f"{path}: no Gemm or MatMul, expected a chain of {KNOWN}")
    layers = _with_copies(layers, has_relu)
    biases = [weight.new_zeros(len(weight)) if bias is None else bias for _, weight, bias in layers]
    return [name for name, _, _ in layers], [weight for _, weight, _ in layers], biases


def _constants(graph: Any) -> Iterator[tuple[str, np.ndarray]]:
    from onnx import numpy_helper

    for tensor in graph.initializer:
        yield tensor.name, numpy_helper.to_array(tensor)
    for node in graph.node:
        if node.op_type == "Constant":
            for attribute in node.attribute:
                if attribute.name == "value":
                    yield node.output[0], numpy_helper.to_array(attribute.t)


def _tensor(label: str, array: np.ndarray) -> Tensor:
    """float32 or float64 without rounding. Raises ValueError for what is neither, such as complex numbers."""
    if array.dtype.kind in "cOSUM":
        raise ValueError(f"{label} has a constant of {array.dtype}, expected floating point of 16 to 64 bits")
    if array.dtype.kind in "iu" and array.size and max(int(array.max()), -int(array.min())) > EXACT:
        raise ValueError(f"{label} has a constant of {array.dtype} beyond 2^53, expected floating point")
    return torch.from_numpy(array.astype("float64" if array.dtype.itemsize > 4 else "float32"))


def _chain(path: Path, graph: Any, values: dict[str, np.ndarray]) -> tuple[list[Layer], list[bool]]:
    """The layers, and whether a Relu comes before each of them and after the last."""
    inputs = [item.name for item in graph.input if item.name not in values]
    if len(inputs) != 1 or len(graph.output) != 1:
        raise ValueError(
            f"{path}: {len(inputs)} inputs and {len(graph.output)} outputs, expected one of each"
        )
    current, has_relu = inputs[0], [False]
    layers: list[Layer] = []
    for node in graph.node:
        if node.op_type == "Constant":
            continue
        label = f"{path}: node {node.name or next(iter(node.output), node.op_type)!r}"
        if node.op_type not in ("Gemm", "MatMul", "Add", "Relu", *PASSED):
            raise ValueError(f"{label} is {node.op_type}, expected {KNOWN}")
        takes = 1 if node.op_type in ("Relu", *PASSED) else 2
        if len(node.input) < takes or len(node.output) != 1:
            found = f"{len(node.input)} inputs and {len(node.output)} outputs"
            raise ValueError(f"{label} ({node.op_type}) has {found}, expected {takes} and 1")
        computed = [name for name in node.input if name and name not in values]
        if computed != [current]:
            raise ValueError(
                f"{label} takes {', '.join(computed) or 'no input'}, expected {current}: a plain chain"
            )
        current = node.output[0]
        if node.op_type == "Relu":
            has_relu[-1] = True
        elif node.op_type == "Add":
            bias = next((values[name] for name in node.input if name in values), np.zeros(0))
            _add(label, layers, has_relu, bias)
        elif node.op_type not in PASSED:
            if layers and not has_relu[-1]:
                raise ValueError(f"{label} follows {layers[-1][0]!r} without Relu, expected one between them")
            linear = _gemm if node.op_type == "Gemm" else _matmul
            layers.append((node.name or node.output[0], *linear(label, node, values)))
            has_relu.append(False)
    if current != graph.output[0].name:
        raise ValueError(f"{path}: the output is {graph.output[0].name}, expected the last node's, {current}")
    return layers, has_relu


def _add(label: str, layers: list[Layer], has_relu: list[bool], bias: np.ndarray) -> None:
    """Give the last layer its bias."""
    if not layers or has_relu[-1] or layers[-1][2] is not None:
        raise ValueError(f"{label} is an Add of its own, expected one directly after a MatMul, as its bias")
    name, weight, _ = layers[-1]
    layers[-1] = name, weight, _row(label, bias, len(weight))


def _gemm(label: str, node: Any, values: dict[str, np.ndarray]) -> tuple[Tensor, Tensor | None]:
    given = {item.name: item.f if item.name in ("alpha", "beta") else item.i for item in node.attribute}
    for name, expected in (("alpha", 1), ("beta", 1), ("transA", 0)):
        if given.get(name, expected) != expected:
            raise ValueError(f"{label} has {name}={given[name]:g}, expected {expected}")
    weight = _matrix(label, node, values)
    weight = weight if given.get("transB", 0) else weight.T
    has_bias = len(node.input) > 2 and node.input[2]
    return weight, _row(label, values[node.input[2]], len(weight)) if has_bias else None


def _matmul(label: str, node: Any, values: dict[str, np.ndarray]) -> tuple[Tensor, None]:
    return _matrix(label, node, values).T, None


def _matrix(label: str, node: Any, values: dict[str, np.ndarray]) -> Tensor:
    """The constant on the right of x @ matrix."""
    found = None if node.input[0] in values else values.get(node.input[1])
    if found is None or found.ndim != 2:
        shape = "" if found is None else f" of shape {tuple(found.shape)}"
        raise ValueError(
            f"{label} is no product of x with a matrix{shape}, expected one of two dimensions on the right"
        )
    return _tensor(label, found)


def _row(label: str, bias: np.ndarray, width: int) -> Tensor:
    """A bias (width,), from any shape that ONNX lets stand for it."""
    if bias.size not in (1, width):
        raise ValueError(f"{label} has a bias of shape {tuple(bias.shape)}, expected ({width},)")
    if bias.size > 1 and bias.shape[-1] != width:  # (width, 1) would make a matrix of every row
        raise ValueError(
            f"{label} has a bias of shape {tuple(bias.shape)}, which ONNX spreads over ({width}, {width}), expected "
            f"({width},)"
        )
    return _tensor(label, bias).flatten().expand(width).clone()


def _with_copies(layers: list[Layer], has_relu: list[bool]) -> list[Layer]:
    """Layers such that ReLU follows all but the last: x -> x before a leading Relu and after a closing one."""
    first, last = layers[0][1], layers[-1][1]
    before = [("copies before the first Relu", torch.eye(first.shape[1], dtype=first.dtype), None)]
    after = [("copies after the last Relu", torch.eye(len(last), dtype=last.dtype), None)]
    return (before if has_relu[0] else []) + layers + (after if has_relu[-1] else [])
