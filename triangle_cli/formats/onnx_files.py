"""ONNX files, node by node, as graphs of affine maps and ReLUs; needs the package `onnx`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from triangle_cli.formats import nodes  # noqa: F401  # registers what it reads
from triangle_cli.formats.graph import Graph, Value
from triangle_cli.formats.network import LoadedNetwork, Step, network_of
from triangle_cli.formats.node import FUNCTIONS, Item, Node, refusal
from triangle_cli.store import files

FLOATS = {1: "float32", 10: "float16", 11: "float64", 16: "bfloat16"}  # onnx.TensorProto's
OUR_DOMAINS = ("", "ai.onnx")


def read_onnx(path: Path) -> LoadedNetwork:
    """The network of a file.

    Raises:
        ValueError: `onnx` is not installed, the file is not ONNX, or a node in it is not piecewise linear, or not
            known; the line names the node and what to do.
        OSError: the file cannot be read.
    """
    try:
        import onnx
    except ImportError:
        raise ValueError(
            f"{path}: reading ONNX needs the package onnx, expected `pip install '.[onnx]'`"
        ) from None
    try:
        files.require_regular(path)
        model = onnx.load(str(path))
        if model.functions:
            from onnx import inliner

            model = inliner.inline_local_functions(model)
        constants = {item.name: _array(onnx, item) for item in model.graph.initializer}
    except OSError:
        raise
    except (
        Exception
    ) as error:  # protobuf's DecodeError, onnx's ValidationError, and what damaged bytes lead to
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise ValueError(f"{path}: not an ONNX network ({reason})") from None
    return _read_graph(path, model, constants)


def _array(onnx: Any, tensor: Any) -> np.ndarray:
    return np.asarray(onnx.numpy_helper.to_array(tensor))


def _read_graph(path: Path, model: Any, constants: dict[str, np.ndarray]) -> LoadedNetwork:
    proto = model.graph
    if not proto.node:
        raise ValueError(f"{path}: no nodes, expected a network")
    opset = max((item.version for item in model.opset_import if item.domain in OUR_DOMAINS), default=1)
    inputs = [item for item in proto.input if item.name not in constants]
    if len(inputs) != 1 or len(proto.output) != 1:
        raise ValueError(
            f"{path}: {len(inputs)} inputs and {len(proto.output)} outputs, expected one of each: "
            "onnx.utils.extract_model cuts a network out"
        )
    graph = Graph(str(path))
    values: dict[str, Item] = dict(constants)
    values[inputs[0].name] = graph.input(_input_shape(path, inputs[0]))
    steps, assumed = [Step(inputs[0].name, "input", values[inputs[0].name].shape, "the inputs")], list[str]()
    for proto_node in proto.node:
        label = f"{path}: node {proto_node.name or next(iter(proto_node.output), proto_node.op_type)!r}"
        missing = [name for name in proto_node.input if name and name not in values]
        if missing:
            raise ValueError(
                f"{label} ({proto_node.op_type}) takes {missing[0]!r}, which nothing before it makes"
            )
        before = graph.neurons, len(graph.groups)
        results = _apply(label, graph, proto_node, values, opset, assumed)
        values |= dict(zip(proto_node.output, results))
        if isinstance(results[0], Value):
            steps.append(Step.of(label.partition(" ")[2], proto_node.op_type, results[0], before))
    name = proto.output[0].name
    result = values.get(name)
    if result is None:
        raise ValueError(f"{path}: the output is {name}, which no node makes")
    if not isinstance(result, Value):
        raise ValueError(f"{path}: the output {name} does not depend on the input, expected a network")
    dtype = FLOATS.get(inputs[0].type.tensor_type.elem_type, "float32")
    return network_of(result, dtype=dtype, steps=steps, assumed=assumed)


def _input_shape(path: Path, proto: Any) -> tuple[int, ...]:
    """Of one input: a first dimension that is left open is 1."""
    shape = [int(item.dim_value) for item in proto.type.tensor_type.shape.dim]
    if shape and shape[0] <= 0:
        shape[0] = 1
    if not shape and not proto.type.tensor_type.HasField("shape"):
        raise ValueError(
            f"{path}: input {proto.name!r} has no shape, expected one: export with an example input"
        )
    if min(shape, default=1) < 1:
        shown = [str(item.dim_value or item.dim_param or "?") for item in proto.type.tensor_type.shape.dim]
        raise ValueError(
            f"{path}: input {proto.name!r} of shape ({', '.join(shown)}), expected fixed sizes beyond the first: "
            "export without dynamic axes"
        )
    return tuple(shape)


def _apply(
    label: str, graph: Graph, proto: Any, values: dict[str, Item], opset: int, assumed: list[str]
) -> tuple[Item, ...]:
    from onnx import helper

    kind = proto.op_type
    before = next((name for name in proto.input if isinstance(values.get(name), Value)), "")
    if proto.domain not in OUR_DOMAINS or kind not in FUNCTIONS:
        raise ValueError(f"{label} {refusal(kind, before)}")
    try:
        given = {item.name: helper.get_attribute_value(item) for item in proto.attribute}
        inputs = [values[name] if name else None for name in proto.input]
        if not proto.output or (not inputs and kind != "Constant") or (inputs and inputs[0] is None):
            raise ValueError(f"has {len(inputs)} inputs and {len(proto.output)} outputs")
        found = FUNCTIONS[kind](Node(graph, kind, inputs, given, opset, len(proto.output), assumed))
    except MemoryError:
        raise
    except (
        ValueError,
        IndexError,
        TypeError,
        AttributeError,
        KeyError,
        OverflowError,
        ArithmeticError,
    ) as error:
        reason = str(error).partition("\n")[0]
        if reason.startswith(graph.label):  # of memory
            raise ValueError(reason) from None
        raise ValueError(
            f"{label} ({kind}) {reason}" if not reason.startswith(f"is {kind}") else f"{label} {reason}"
        ) from None
    return found if isinstance(found, tuple) else (found,)
