"""The files that `triangle export` writes, each from one network: a registry of what `--to` may be."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from triangle_cli.export.c import lookup_header, network_header, require_identifier
from triangle_cli.export.forward import ORDER, Layers
from triangle_cli.export.narrow import narrowed
from triangle_cli.export.pieces import pieces_table
from triangle_cli.settings.require import require_one_of
from triangle_cli.store import run_folder

Write = Callable[[Path], object]
OPSET, IR_VERSION = 17, 8  # of ONNX: what runtimes since 2022 read


@dataclass(frozen=True)
class Format:
    """What `--to` writes: the suffix of its files, the first one where none is named, and what makes the writer."""

    suffixes: tuple[str, ...]
    writer: Callable[[Layers, str, str, str], Write]  # of a network, a name, a title and a suffix
    reorders: bool  # whether what runs it adds in an order of its own
    single: bool  # whether it can be in float32


def _c(layers: Layers, name: str, title: str, suffix: str) -> Write:
    text = network_header(layers, name, title)
    return lambda path: path.write_text(text, encoding="utf-8")


def _pieces(layers: Layers, name: str, title: str, suffix: str) -> Write:
    table = pieces_table(layers.astype(np.float64))
    if suffix == ".csv":
        return lambda path: table.to_csv(path, index=False)
    if layers.outputs != 1:
        raise ValueError(f"{layers.outputs} outputs: expected a network of one output for a lookup in C")
    dtype = layers.weights[0].dtype
    left, y, slope = (table[key].to_numpy().astype(dtype) for key in ("left", "y_left", "slope"))
    text = lookup_header(left, y, slope, name, f"{title}\n{len(table)} pieces, looked up.")
    return lambda path: path.write_text(text, encoding="utf-8")


NUMPY = '''"""{title}

Evaluated as: {order}.
"""

import numpy as np

LAYERS = [  # weights (out, in) and biases (out,)
{layers}
]


def {name}(x):
    """The outputs at x: {shapes}."""
    values = np.asarray(x, dtype=float).reshape(-1, {inputs}).T
    for place, (weights, biases) in enumerate(LAYERS):
        sums = np.repeat(biases[:, None], values.shape[1], axis=1)
        for j in range(weights.shape[1]):
            sums = sums + weights[:, j, None] * values[j]
        values = sums if place == len(LAYERS) - 1 else np.where(sums < 0, 0.0, sums)
    return {result}
'''


def _numpy(layers: Layers, name: str, title: str, suffix: str) -> Write:
    rows = [
        f"    (np.array({weight.tolist()}), np.array({bias.tolist()})),"
        for weight, bias in zip(layers.weights, layers.biases)
    ]
    shapes = "(n,)" if layers.inputs == 1 else f"(n, {layers.inputs})"
    shapes += ", returns (n,)" if layers.outputs == 1 else f", returns (n, {layers.outputs})"
    text = NUMPY.format(
        title=title.replace("\\", "/").replace('"""', "'''"),
        order=ORDER,
        layers="\n".join(rows),
        name=name,
        shapes=shapes,
        inputs=layers.inputs,
        result="values[0]" if layers.outputs == 1 else "values.T",
    )
    return lambda path: path.write_text(text, encoding="utf-8")


def _torch(layers: Layers, name: str, title: str, suffix: str) -> Write:
    import torch

    state = {}
    for place, (weight, bias) in enumerate(zip(layers.weights, layers.biases)):
        state[f"{2 * place}.weight"] = torch.from_numpy(weight.copy())
        state[f"{2 * place}.bias"] = torch.from_numpy(bias.copy())
    content = io.BytesIO()  # torch.save aborts the process when the disk is full
    torch.save(state, content)
    return lambda path: path.write_bytes(content.getvalue())


def _json(layers: Layers, name: str, title: str, suffix: str) -> Write:
    rows = [{"weight": w.tolist(), "bias": b.tolist()} for w, b in zip(layers.weights, layers.biases)]
    content: dict[str, object] = {"layers": rows}
    if layers.box is not None:
        content["box"] = [list(side) for side in layers.box]
    text = json.dumps(content, indent=1) + "\n"
    return lambda path: path.write_text(text, encoding="utf-8")


def _onnx(layers: Layers, name: str, title: str, suffix: str) -> Write:
    try:
        import onnx
        from onnx import TensorProto, helper, numpy_helper
    except ImportError:
        raise ValueError("--to onnx: needs the package onnx, expected `pip install '.[onnx]'`") from None
    kind = TensorProto.FLOAT if layers.weights[0].dtype == np.float32 else TensorProto.DOUBLE
    nodes, constants, current = [], [], "x"
    for place, (weight, bias) in enumerate(zip(layers.weights, layers.biases)):
        last = place == len(layers.weights) - 1
        names = [f"{2 * place}.weight", f"{2 * place}.bias"]
        constants += [
            numpy_helper.from_array(np.ascontiguousarray(a), n) for a, n in zip((weight, bias), names)
        ]
        into = "y" if last else f"sums_{place}"
        nodes.append(helper.make_node("Gemm", [current, *names], [into], name=f"layer_{place}", transB=1))
        if not last:
            current = f"values_{place}"
            nodes.append(helper.make_node("Relu", [into], [current], name=f"relu_{place}"))
    graph = helper.make_graph(
        nodes,
        name,
        [helper.make_tensor_value_info("x", kind, ["n", layers.inputs])],
        [helper.make_tensor_value_info("y", kind, ["n", layers.outputs])],
        constants,
        doc_string=title,
    )
    opset = [helper.make_opsetid("", OPSET)]
    model = helper.make_model(graph, opset_imports=opset, ir_version=IR_VERSION, producer_name="triangle")
    onnx.checker.check_model(model)
    content = model.SerializeToString()
    return lambda path: path.write_bytes(content)


def kind_of(path: Path, to: str | None) -> str:
    """The format by its name, or by the suffix of the file.

    Raises:
        ValueError: there is no such format, or its files are called otherwise.
    """
    if to is None:
        to = next((name for name, kind in FORMATS.items() if path.suffix in kind.suffixes), None)
        if to is None:
            known = ", ".join(suffix for kind in FORMATS.values() for suffix in kind.suffixes)
            raise ValueError(f"{path}: expected a name in one of {known}")
    require_one_of(to, "to", FORMATS)
    if path.suffix not in FORMATS[to].suffixes:
        raise ValueError(f"{path}: expected a name in {' or '.join(FORMATS[to].suffixes)} for {to}")
    return to


def write_network(
    layers: Layers, path: Path, to: str | None = None, name: str = "f", float32: bool = False, title: str = ""
) -> tuple[Layers, str]:
    """Write a network to a file, whole or not at all. Returns the network written, and what float32 made of it.

    Args:
        layers: the network, float64.
        path: the file.
        to: a name in `FORMATS`; None: by the file's suffix.
        name: of the function in C and numpy.
        float32: round it, see `narrow`.
        title: what it is, in a line or more.

    Raises:
        ValueError: this kind of file cannot hold it. OSError: it cannot be written.
    """
    require_identifier(name)
    to = kind_of(path, to)
    kind, kept = FORMATS[to], ""
    if float32 and not kind.single:
        singles = ", ".join(name for name, each in FORMATS.items() if each.single)
        raise ValueError(f"--float32: expected --to one of {singles}, not {to}, which is exact in float64")
    if float32:
        layers, kept = narrowed(layers)
    write = kind.writer(layers, name, title, path.suffix)
    run_folder.write_whole(path, write)
    return layers, kept


FORMATS = {
    "onnx": Format((".onnx",), _onnx, reorders=True, single=True),
    "c": Format((".h", ".c"), _c, reorders=False, single=True),
    "numpy": Format((".py",), _numpy, reorders=False, single=False),
    "torch": Format((".pt",), _torch, reorders=True, single=True),
    "json": Format((".json",), _json, reorders=False, single=False),
    "pieces": Format((".csv", ".h"), _pieces, reorders=False, single=True),
}
