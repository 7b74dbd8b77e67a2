"""Networks in JSON: layers as nested lists of numbers, ReLU between them, and a box if there is one."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from triangle_cli.formats.network import LoadedNetwork, checked
from triangle_cli.store import files

SHAPE = '{"layers": [{"weight": [[..]], "bias": [..]}, ..], "box": [[lo, hi], ..]}'


def read_json(path: Path) -> LoadedNetwork:
    """The network, in float64.

    Raises:
        ValueError: not JSON of this shape; the line names the culprit.
        OSError: the file cannot be read.
    """

    def refuse(constant: str) -> float:
        raise ValueError(f"{constant} is not a finite number")

    try:
        tree = json.loads(files.read_text(path), parse_constant=refuse)
    except (ValueError, RecursionError) as error:  # JSONDecodeError and UnicodeDecodeError are ValueErrors
        raise ValueError(f"{path}: not JSON of finite numbers ({error})") from None
    if not isinstance(tree, dict) or not isinstance(tree.get("layers"), list) or not tree["layers"]:
        raise ValueError(f"{path}: no list of layers, expected {SHAPE}")
    if unknown := sorted(set(tree) - {"layers", "box"}):
        raise ValueError(f"{path}: unknown entry {unknown[0]!r}, expected {SHAPE}")
    names = [f"layers[{i}]" for i in range(len(tree["layers"]))]
    weights, biases = [], []
    for name, layer in zip(names, tree["layers"], strict=True):
        keys = sorted(layer) if isinstance(layer, dict) else []
        if keys != ["bias", "weight"]:
            found = ", ".join(map(repr, keys)) if isinstance(layer, dict) else type(layer).__name__
            raise ValueError(f"{path}: {name} has {found or 'nothing'}, expected 'weight' and 'bias'")
        weights.append(_array(f"{path}: {name}.weight", layer["weight"], 2))
        biases.append(_array(f"{path}: {name}.bias", layer["bias"], 1))
    network = checked(path, names, weights, biases)
    if tree.get("box") is None:
        return network
    box = _array(f"{path}: box", tree["box"], 2)
    return replace(network, box=[tuple(side) for side in box.tolist()])


def _array(name: str, value: Any, dimensions: int) -> np.ndarray:
    """float64 from nested lists of numbers, all rows of one length."""

    def is_number(item: Any) -> bool:
        return isinstance(item, int | float) and not isinstance(item, bool)

    rows = value if dimensions == 2 else [value]
    shape = "a list of lists of numbers" if dimensions == 2 else "a list of numbers"
    if not isinstance(rows, list) or not all(
        isinstance(row, list) and all(map(is_number, row)) for row in rows
    ):
        raise ValueError(f"{name}: expected {shape}")
    if len({len(row) for row in rows}) > 1:
        raise ValueError(
            f"{name}: rows of {', '.join(str(len(row)) for row in rows)} numbers, expected equally many"
        )
    try:
        return np.array(value, dtype=np.float64)
    except (OverflowError, ValueError):
        raise ValueError(f"{name}: holds a number beyond float64's range, expected finite numbers") from None
