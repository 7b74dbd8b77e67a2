"""Networks of this and of other projects, from files: run folders, state_dicts, ONNX, JSON. Nothing is rounded."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from triangle_cli.store import files, run_folder
from triangle_cli.store.tensors import read_state, require_memory

KINDS = "a run folder, a network.pt or other state_dict, .onnx or .json"
COPIES = 4  # of the weights, in float64, that counting makes
FLOATS = (torch.float64, torch.float32, torch.float16, torch.bfloat16)


@dataclass(frozen=True)
class LoadedNetwork:
    """One network, ReLU after every layer but the last, as its file gives it.

    weights[l]: (out_l, in_l), biases[l]: (out_l,), float64 or float32; box: (lo, hi) of each input, if the file has
    one; restart: which network of a batch it is, if the file holds a batch.
    """

    weights: list[Tensor]
    biases: list[Tensor]
    box: list[tuple[float, float]] | None = None
    restart: int | None = None

    @property
    def inputs(self) -> int:
        """The number of inputs."""
        return self.weights[0].shape[1]

    @property
    def outputs(self) -> int:
        """The number of outputs."""
        return len(self.biases[-1])

    @property
    def hidden_widths(self) -> list[int]:
        """The number of neurons of each hidden layer."""
        return [len(bias) for bias in self.biases[:-1]]


def load(path: Path, restart: int | None = None) -> LoadedNetwork:
    """The network in a file or folder; which format it is shows in its name.

    Args:
        path: a run folder, or a file: `.json`, `.onnx`, anything else a state_dict for `torch.load`.
        restart: which network of a batch; default: the best, as run.json says.

    Raises:
        ValueError: not a network of Linear and ReLU layers; the line names the culprit and what is expected.
        OSError: the file cannot be read.
    """
    if not path.exists():
        raise ValueError(f"{path}: no such file, expected {KINDS}")
    if path.is_dir():
        return _from_run(path, restart)
    files.require_regular(path)
    if path.name == run_folder.NETWORK and (path.parent / run_folder.RUN).exists():
        return _from_run(path.parent, restart)
    if path.suffix in (".json", ".onnx") and restart is not None:
        raise ValueError(f"--restart {restart}: {path} holds one network, expected no --restart")
    if path.suffix == ".json":
        return _from_json(path)
    if path.suffix == ".onnx":
        from triangle_cli.formats.onnx_files import read_layers

        names, weights, biases = read_layers(path)
        return _checked(path, names, weights, biases)
    return _from_state_dict(path, restart, hint="--restart K")


def _from_run(folder: Path, restart: int | None) -> LoadedNetwork:
    record = run_folder.whole_run(folder)
    if record.from_data:
        return _from_run_on_data(folder, record.best_restart, restart)
    if restart is None:
        restart = record.best_restart
    if restart is None:
        raise ValueError(f"{folder}: all restarts diverged, expected --restart K")
    kept = record.restarts  # in the order of the file: schedules may keep the best of many starts
    if restart not in kept:
        raise ValueError(
            f"--restart {restart}: expected one of {', '.join(map(str, kept))}, which {folder} kept"
        )
    network = _from_state_dict(folder / run_folder.NETWORK, kept.index(restart), hint="--restart K")
    interval: Any = record.interval
    if interval is None:
        raise ValueError(f"{folder}: not written by a finished run (no interval)")
    box = interval if isinstance(interval[0], Sequence) else [interval]
    return LoadedNetwork(network.weights, network.biases, [(lo, hi) for lo, hi in box], restart)


def _from_run_on_data(folder: Path, kept: int | None, restart: int | None) -> LoadedNetwork:
    """The model of a run on data as plain layers."""
    from triangle_cli.learn.models import load_model
    from triangle_cli.nn.export import plain_layers

    if kept is None:
        raise ValueError(f"{folder}: all restarts diverged, expected a run with a model")
    if restart not in (None, kept):
        raise ValueError(f"--restart {restart}: expected {kept}, the one whose model {folder} keeps")
    try:
        weights, biases = plain_layers(load_model(folder))
    except ValueError as error:
        raise ValueError(f"{folder}: {error}") from None
    names = [f"layer {number}" for number in range(1, len(weights) + 1)]
    network = _checked(folder / run_folder.NETWORK, names, weights, biases)
    return LoadedNetwork(network.weights, network.biases, restart=kept)


def _from_state_dict(path: Path, restart: int | None, hint: str) -> LoadedNetwork:
    state = read_state(path, f"{KINDS}; `torch.save(model.state_dict(), ..)` writes a state_dict")
    names, weights, biases = _linear_layers(path, state)
    batched = {tensor.ndim for tensor in weights} == {3}
    if not batched:
        if restart is not None:
            raise ValueError(f"--restart {restart}: {path} holds one network, expected no --restart")
        return _checked(path, names, weights, biases)
    count = min(len(tensor) for tensor in [*weights, *biases])
    if restart is None:
        raise ValueError(f"{path}: holds {count} networks, expected {hint}, 0 to {count - 1}")
    if not 0 <= restart < count:
        raise ValueError(f"--restart {restart}: expected 0 to {count - 1}, {path} holds {count} networks")
    chosen = _checked(path, names, [w[restart] for w in weights], [b[restart] for b in biases])
    return LoadedNetwork(chosen.weights, chosen.biases, restart=restart)


def _linear_layers(path: Path, state: Any) -> tuple[list[str], list[Tensor], list[Tensor]]:
    """Names, weights and biases of a state_dict's layers, in its order; a layer without bias gets zeros."""
    layers: dict[str, dict[str, Tensor]] = {}
    for key, value in state.items():
        prefix, _, kind = str(key).rpartition(".")
        if not isinstance(value, Tensor):
            raise ValueError(f"{path}: entry {key!r} is a {type(value).__name__}, expected a tensor")
        if kind not in ("weight", "bias") or value.ndim not in ((2, 3) if kind == "weight" else (1, 2)):
            raise ValueError(
                f"{path}: {key!r} of shape {tuple(value.shape)} belongs to no Linear layer, expected a Sequential of "
                "Linear and ReLU: weights (out, in) and biases (out,), or such with the restarts leading"
            )
        layers.setdefault(prefix, {})[kind] = value
    for prefix, tensors in layers.items():
        if "weight" not in tensors:
            raise ValueError(f"{path}: {prefix}.bias has no {prefix}.weight, expected both")
    weights = [tensors["weight"] for tensors in layers.values()]
    biases = [tensors.get("bias", tensors["weight"].new_zeros(())) for tensors in layers.values()]
    biases = [b if b.ndim else w.new_zeros(w.shape[:-1]) for w, b in zip(weights, biases, strict=True)]
    if len({weight.ndim for weight in weights}) > 1:
        shapes = [tuple(weight.shape) for weight in weights]
        raise ValueError(f"{path}: weights of shapes {shapes}, expected as many dimensions in each")
    return list(layers), weights, biases


def _from_json(path: Path) -> LoadedNetwork:
    def refuse(constant: str) -> float:
        raise ValueError(f"{constant} is not a finite number")

    try:
        tree = json.loads(files.read_text(path), parse_constant=refuse)
    except (ValueError, RecursionError) as error:  # JSONDecodeError and UnicodeDecodeError are ValueErrors
        raise ValueError(f"{path}: not JSON of finite numbers ({error})") from None
    shape = '{"layers": [{"weight": [[..]], "bias": [..]}, ..], "box": [[lo, hi], ..]}'
    if not isinstance(tree, dict) or not isinstance(tree.get("layers"), list) or not tree["layers"]:
        raise ValueError(f"{path}: no list of layers, expected {shape}")
    if unknown := sorted(set(tree) - {"layers", "box"}):
        raise ValueError(f"{path}: unknown entry {unknown[0]!r}, expected {shape}")
    names = [f"layers[{i}]" for i in range(len(tree["layers"]))]
    weights, biases = [], []
    for name, layer in zip(names, tree["layers"], strict=True):
        keys = sorted(layer) if isinstance(layer, dict) else []
        if keys != ["bias", "weight"]:
            found = ", ".join(map(repr, keys)) if isinstance(layer, dict) else type(layer).__name__
            raise ValueError(f"{path}: {name} has {found or 'nothing'}, expected 'weight' and 'bias'")
        weights.append(_tensor(f"{path}: {name}.weight", layer["weight"], 2))
        biases.append(_tensor(f"{path}: {name}.bias", layer["bias"], 1))
    network = _checked(path, names, weights, biases)
    if tree.get("box") is None:
        return network
    box = _tensor(f"{path}: box", tree["box"], 2)
    return LoadedNetwork(network.weights, network.biases, [tuple(side) for side in box.tolist()])


def _tensor(name: str, value: Any, dimensions: int) -> Tensor:
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
        return torch.tensor(value, dtype=torch.float64)
    except (OverflowError, RuntimeError):
        raise ValueError(f"{name}: holds a number beyond float64's range, expected finite numbers") from None


def _checked(path: Path, names: list[str], weights: list[Tensor], biases: list[Tensor]) -> LoadedNetwork:
    """The network, if its layers fit each other and are finite; half precision becomes float32, without rounding."""
    fan_in = weights[0].shape[-1]
    require_memory(str(path), COPIES * 8 * sum(tensor.numel() for tensor in [*weights, *biases]))
    for name, weight, bias in zip(names, weights, biases, strict=True):
        label = f"{path}: {name}" if name else str(path)
        if not weight.numel() or weight.ndim != 2:
            raise ValueError(
                f"{label}: weight of shape {tuple(weight.shape)}, expected (out, {fan_in or 'in'})"
            )
        if weight.shape[1] != fan_in:
            raise ValueError(
                f"{label}: weight of shape {tuple(weight.shape)}, expected (out, {fan_in}) after {fan_in} values"
            )
        if tuple(bias.shape) != (len(weight),):
            raise ValueError(f"{label}: bias of shape {tuple(bias.shape)}, expected ({len(weight)},)")
        for kind, tensor in (("weight", weight), ("bias", bias)):
            if tensor.dtype not in FLOATS or tensor.layout is not torch.strided or tensor.is_meta:
                found = f"{tensor.dtype}, {tensor.layout}, on {tensor.device}"
                raise ValueError(f"{label}: {kind} of {found}, expected floating point of 16 to 64 bits")
            if not tensor.isfinite().all():
                bad = tensor[~tensor.isfinite()][0].item()
                raise ValueError(f"{label}: {kind} holds {bad}, expected finite numbers")
        fan_in = len(weight)
    return LoadedNetwork(list(map(_at_least_float32, weights)), list(map(_at_least_float32, biases)))


def _at_least_float32(tensor: Tensor) -> Tensor:
    return tensor if tensor.dtype == torch.float64 else tensor.float()
