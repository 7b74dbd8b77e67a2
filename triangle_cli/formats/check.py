"""What a file's own runtime says at random inputs, beside what was read of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from triangle_cli.formats.network import LoadedNetwork

POINTS = 100
Run = Callable[[np.ndarray], np.ndarray]  # (n, inputs) to (n, outputs)


@dataclass(frozen=True)
class Agreement:
    """The largest difference between a runtime and our reading, at so many points; largest: output in size."""

    runtime: str
    points: int
    difference: float
    largest: float


def compare(path: Path, network: LoadedNetwork, box: Sequence[Sequence[float]], seed: int = 0) -> Agreement:
    """Run the file's own runtime at random points of a box, in the file's dtype.

    Raises:
        ValueError: the runtime is not installed, or refuses the file.
    """
    name, run = _runtime(path, network)
    lo, hi = np.array(box, float).T
    dtype = "float32" if network.dtype == "bfloat16" else network.dtype
    x = np.random.default_rng(seed).uniform(lo, hi, (POINTS, network.inputs)).astype(dtype)
    theirs, ours = run(x).astype(float), network.layers.values_at(x.astype(float))
    difference = np.abs(theirs - ours).max()
    return Agreement(name, POINTS, float(difference), float(np.abs(ours).max()))


def _runtime(path: Path, network: LoadedNetwork) -> tuple[str, Run]:
    if path.suffix == ".onnx":
        return _onnxruntime(path, network)
    if path.suffix == ".nnet":
        return "the formula of .nnet in numpy", _nnet(path)
    return "torch", _torch(network)


def _onnxruntime(path: Path, network: LoadedNetwork) -> tuple[str, Run]:
    try:
        import onnxruntime
    except ImportError:
        raise ValueError(
            f"--check: needs the package onnxruntime for {path}, expected `pip install onnxruntime`"
        ) from None
    onnxruntime.set_default_logger_severity(4)
    try:
        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    except Exception as error:  # its own kinds
        reason = str(error).partition("\n")[0]
        raise ValueError(f"--check: onnxruntime does not run {path} ({reason})") from None
    name = next(item.name for item in session.get_inputs() if tuple(item.shape) or network.shape == ())

    def run(x: np.ndarray) -> np.ndarray:
        rows: list[Any] = [session.run(None, {name: row.reshape(network.shape)})[0] for row in x]
        return np.stack([row.reshape(-1) for row in rows])

    return f"onnxruntime {onnxruntime.__version__}", run


def _torch(network: LoadedNetwork) -> Run:
    """Linear and ReLU in the file's dtype."""
    import torch

    dtype = getattr(torch, network.dtype)
    layers = [
        [torch.from_numpy(array).to(dtype) for array in kind] for kind in (network.weights, network.biases)
    ]

    def run(x: np.ndarray) -> np.ndarray:
        values = torch.from_numpy(x).to(dtype)
        for place, (weight, bias) in enumerate(zip(*layers)):
            values = torch.nn.functional.linear(values if place == 0 else values.relu(), weight, bias)
        return values.double().numpy()

    return run


def _nnet(path: Path) -> Run:
    """NNet's evaluate_network: (x - mean) / range, the layers, then times the outputs' range, plus their mean."""
    lines = [line for line in path.read_text().splitlines() if not line.startswith("//")]
    rows = [np.array([float(word) for word in line.split(",") if word.strip()]) for line in lines]
    sizes, means, ranges = rows[1].astype(int), rows[5], rows[6]

    def run(x: np.ndarray) -> np.ndarray:
        values, place = (x - means[:-1]) / ranges[:-1], 7
        for layer, size in enumerate(sizes[1:]):
            weight, bias = (
                np.stack(rows[place : place + size]),
                np.concatenate(rows[place + size : place + 2 * size]),
            )
            values = (values if layer == 0 else np.maximum(values, 0)) @ weight.T + bias
            place += 2 * size
        return values * ranges[-1] + means[-1]

    return run
