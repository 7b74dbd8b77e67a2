"""Nodes of ONNX that move entries, reduce them, or make constants."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from triangle_cli.formats.affine import Matrix
from triangle_cli.formats.graph import Value, joined, largest
from triangle_cli.formats.node import Item, Node, is_constant, known
from triangle_cli.formats.operations import reciprocals
from triangle_cli.store.memory import require_memory


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
    if is_constant(node):
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
