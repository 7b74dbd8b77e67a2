"""Networks in state_dicts: tensors by name, written by torch.save or by safetensors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from triangle_cli.formats.layer_order import order_layers
from triangle_cli.formats.network import FLOATS, KINDS, LoadedNetwork, checked
from triangle_cli.regions.arrays import is_tensor

ASSUMED = "ReLU after every layer but the last: a state_dict does not say"
SEQUENTIAL = (
    "a Sequential of Linear and ReLU: weights (out, in) and biases (out,), or such with the restarts leading"
)
MODEL = "other models: triangle_cli.count_regions(model, box), or an export to ONNX"
TRIANGLES = ("activation.peaks", "activation.weights")  # how the names of a TriangleLayer's tensors end
LIMITS = ("activation.curves", "activation._extra_state")  # and those of a LimitLayer


def read_state_dict(
    path: Path, restart: int | None, layers: Sequence[str] | None = None, hint: str = "--restart K"
) -> LoadedNetwork:
    """The network of a state_dict, or one of the networks where restarts lead every tensor.

    Args:
        path: of the file.
        restart: which network of a batch.
        layers: the names of all layers in the order of the network; None: found from names, shapes and the file.
        hint: what to type for one of several networks.

    Raises:
        ValueError: not such a file; the line names the culprit.
        OSError: the file cannot be read.
    """
    state = _require_tensors(path, _state_dict_in(path, _read(path)))
    names, weights, biases = _layers(path, state, layers)
    if weights[0].ndim == 2:
        if restart is not None:
            raise ValueError(f"--restart {restart}: {path} holds one network, expected no --restart")
        return replace(_checked(path, names, weights, biases), assumed=(ASSUMED,))
    count = len(weights[0])
    if restart is None:
        raise ValueError(f"{path}: holds {count} networks, expected {hint}, 0 to {count - 1}")
    if not 0 <= restart < count:
        raise ValueError(f"--restart {restart}: expected 0 to {count - 1}, {path} holds {count} networks")
    chosen = _checked(path, names, [w[restart] for w in weights], [b[restart] for b in biases])
    return replace(chosen, restart=restart, assumed=(ASSUMED,))


def _checked(path: Path, names: list[str], weights: list[Any], biases: list[Any]) -> LoadedNetwork:
    """`network.checked`, of tensors or arrays."""
    arrays: list[list[Any]] = [[], []]
    for name, *pair in zip(names, weights, biases):
        for kind, value, column in zip(("weight", "bias"), pair, arrays):
            column.append(_array(f"{path}: {name}: {kind}" if name else f"{path}: {kind}", value))
    return checked(path, names, *arrays)


def _array(label: str, value: Any) -> Any:
    if not is_tensor(value):
        return value
    kind = str(value.dtype).removeprefix("torch.")
    if kind not in (*FLOATS, "bfloat16") or str(value.layout) != "torch.strided" or value.is_meta:
        found = f"{value.dtype}, {value.layout}, on {value.device}"
        raise ValueError(f"{label} of {found}, expected floating point of 16 to 64 bits")
    return (value.float() if kind == "bfloat16" else value).detach().cpu().numpy()


def _read(path: Path) -> Any:
    if path.suffix == ".safetensors":
        return _read_safetensors(path)
    if path.suffix == ".npz":
        from triangle_cli.formats.npz_files import read_npz

        return read_npz(path)
    from triangle_cli.store.tensors import read_state

    return read_state(path, f"{KINDS}; `torch.save(model.state_dict(), ..)` writes a state_dict")


def _read_safetensors(path: Path) -> dict[str, Any]:
    try:
        from safetensors import SafetensorError
        from safetensors.torch import load_file
    except ImportError:
        needed = "expected `pip install '.[safetensors]'`"
        raise ValueError(f"{path}: reading it needs the package safetensors, {needed}") from None
    try:
        found: dict[str, Any] = load_file(path)
        return found
    except SafetensorError as error:
        raise ValueError(f"{path}: not a file of safetensors ({error})") from None


def _state_dict_in(path: Path, content: Any) -> Any:
    """The content, or the one entry of it that is a state_dict: training scripts save more beside it."""
    if not isinstance(content, dict) or all(map(_is_numbers, content.values())):
        return content
    inner = [
        key
        for key, value in content.items()
        if isinstance(value, dict) and value and all(map(_is_numbers, value.values()))
    ]
    if len(inner) > 1:
        listed = ", ".join(map(str, inner))
        raise ValueError(
            f"{path}: {len(inner)} entries are state_dicts, {listed}: expected a file with one of them, as "
            f"`torch.save(checkpoint[{inner[0]!r}], ..)` writes"
        )
    return content[inner[0]] if inner else content


def _is_numbers(value: Any) -> bool:
    return is_tensor(value) or isinstance(value, np.ndarray)


def _require_tensors(path: Path, state: Any) -> dict[str, Any]:
    if not isinstance(state, dict) or not state:
        raise ValueError(f"{path}: holds a {type(state).__name__}, expected a state_dict: tensors by name")
    for key, value in state.items():
        if not _is_numbers(value):
            raise ValueError(f"{path}: entry {key!r} is a {type(value).__name__}, expected a tensor")
        if f".{key}".endswith(TRIANGLES):
            raise ValueError(
                f"{path}: {key!r} is of a TriangleLayer, expected plain layers: weights, biases = "
                "triangle_cli.nn.plain_layers(model) makes them, triangle_cli.count_regions(model, box) counts"
            )
        if f".{key}".endswith(LIMITS):
            raise ValueError(
                f"{path}: {key!r} is of a LimitLayer, expected plain layers: triangle_cli.nn.unroll(model, depth) "
                "makes them"
            )
        kind = str(key).rpartition(".")[2]
        if kind not in ("weight", "bias") or value.ndim not in ((2, 3) if kind == "weight" else (1, 2)):
            raise ValueError(
                f"{path}: {key!r} of shape {tuple(value.shape)} belongs to no Linear layer, expected {SEQUENTIAL}; "
                f"{MODEL}"
            )
    return {str(key): value for key, value in state.items()}


def _layers(
    path: Path, state: dict[str, Any], wanted: Sequence[str] | None
) -> tuple[list[str], list[Any], list[Any]]:
    """Names, weights and biases of the layers, in the order of the network; a layer without bias gets zeros."""
    layers: dict[str, dict[str, Any]] = {}
    for key, value in state.items():
        prefix, _, kind = key.rpartition(".")
        layers.setdefault(prefix, {})[kind] = value
    for prefix, tensors in layers.items():
        if "weight" not in tensors:
            raise ValueError(f"{path}: {prefix}.bias has no {prefix}.weight, expected both")
    _require_one_or_a_batch(path, layers)
    names = _ordered(path, layers, list(state) == sorted(state), wanted)
    weights = [layers[name]["weight"] for name in names]
    biases = [layers[name].get("bias", np.zeros(w.shape[:-1], np.float32)) for name, w in zip(names, weights)]
    return names, weights, biases


def _require_one_or_a_batch(path: Path, layers: dict[str, dict[str, Any]]) -> None:
    """Raise ValueError unless all tensors are of one network, or all of a batch: a Conv1d has three dimensions too."""
    weights = {f"{name}.weight": tensors["weight"] for name, tensors in layers.items()}
    shapes = [tuple(weight.shape) for weight in weights.values()]
    if {len(shape) for shape in shapes} == {2}:
        return
    batch = shapes[0][0]
    for (key, weight), tensors in zip(weights.items(), layers.values()):
        bias = tensors.get("bias")
        if weight.ndim == 3 and (bias is None or bias.ndim != 2 or {len(weight), len(bias)} != {batch}):
            raise ValueError(
                f"{path}: {key!r} of shape {tuple(weight.shape)} is of a convolution, or of a batch without its "
                f"biases (restarts, out), expected {SEQUENTIAL}; {MODEL}"
            )
    if len({len(shape) for shape in shapes}) > 1:
        raise ValueError(f"{path}: weights of shapes {shapes}, expected as many dimensions in each")


def _ordered(
    path: Path, layers: dict[str, dict[str, Any]], is_sorted: bool, wanted: Sequence[str] | None
) -> list[str]:
    names = list(layers)
    if wanted is not None:
        if sorted(wanted) != sorted(names):
            raise ValueError(f"--layers {','.join(wanted)}: expected all of {', '.join(names)}, each once")
        return list(wanted)
    sizes = [(tensors["weight"].shape[-1], tensors["weight"].shape[-2]) for tensors in layers.values()]
    order = order_layers(names, sizes, is_sorted)
    if order is None:
        listed = ",".join(names)
        raise ValueError(
            f"{path}: neither names nor shapes tell in which order its layers follow each other, expected "
            f"--layers {listed} in the right order"
        )
    return [names[place] for place in order]
