"""One network as its file gives it, and the checks that all formats share. Nothing is rounded."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from triangle_cli.formats.graph import COPIES, Value, lowered
from triangle_cli.regions.arrays import Layers
from triangle_cli.store.memory import require_memory
from triangle_cli.store.run_folder import is_lfs_pointer

KINDS = "a run folder, a network.pt or other state_dict, .safetensors, .onnx, .nnet, .npz or .json"
FLOATS = ("float64", "float32", "float16")


@dataclass(frozen=True)
class Step:
    """One layer or node as it was read, and what became of it."""

    name: str
    kind: str
    shape: tuple[int, ...]  # of what it makes
    lowered: str

    @classmethod
    def of(cls, name: str, kind: str, value: Value, before: tuple[int, int]) -> Step:
        """What was made since the graph had so many (neurons, groups)."""
        groups = value.graph.groups[before[1] :]
        relus = sum(group.affine.size for group in groups if group.has_relu)
        others = sum(group.affine.size for group in groups if not group.has_relu)
        parts = [f"{relus:,} ReLUs"] * bool(relus) + [f"{others:,} neurons without ReLU"] * bool(others)
        return cls(name, kind, value.shape, " and ".join(parts) or "an affine map")


@dataclass(frozen=True)
class LoadedNetwork:
    """One network as its file gives it, lowered to layers.

    layers: what is counted; dtype: of the file's numbers; box: (lo, hi) of each input, if the file has one; restart:
    which network of a batch it is, if the file holds a batch; stage: of a run, after which phase; assumed: what the
    file does not say and the counts rest on; steps: what was read, layer by layer; shape: of one input.
    """

    layers: Layers
    dtype: str
    box: list[tuple[float, float]] | None = None
    restart: int | None = None
    stage: str | None = None
    assumed: tuple[str, ...] = ()
    steps: list[Step] = field(default_factory=list)
    shape: tuple[int, ...] = ()

    @property
    def inputs(self) -> int:
        """The number of inputs."""
        return self.layers.inputs

    @property
    def outputs(self) -> int:
        """The number of outputs."""
        return len(self.layers.biases[-1])

    @property
    def weights(self) -> list[np.ndarray]:
        """(out, in) of each layer."""
        return self.layers.weights

    @property
    def biases(self) -> list[np.ndarray]:
        """(out,) of each layer."""
        return self.layers.biases

    @property
    def hidden_widths(self) -> list[int]:
        """The number of ReLUs of each hidden layer that has any."""
        return [width for width in self.layers.neurons if width]

    @property
    def parameters(self) -> int:
        """The number of weights that are not 0 in the layers that are counted, and of their biases."""
        kept = [~linear for linear in self.layers.linear] + [np.ones(self.outputs, bool)]
        return sum(
            int((w[rows] != 0).sum()) + len(b[rows]) for w, b, rows in zip(self.weights, self.biases, kept)
        )


def require_content(path: Path) -> None:
    """Raise ValueError for a file that only stands for another, as a clone without Git LFS leaves it."""
    if is_lfs_pointer(path):
        raise ValueError(f"{path}: a Git LFS pointer, not the file itself, expected `git lfs pull` first")


def network_of(value: Value, dtype: str, steps: list[Step], assumed: Sequence[str] = ()) -> LoadedNetwork:
    """The network up to a value."""
    layers = lowered(value)
    shape = steps[0].shape if steps else (layers.inputs,)
    return LoadedNetwork(layers, dtype, assumed=tuple(assumed), steps=steps, shape=shape)


def checked(
    path: Path | str, names: list[str], weights: list[np.ndarray], biases: list[np.ndarray]
) -> LoadedNetwork:
    """The network, if its layers fit each other and are finite; half precision becomes float32, without rounding.

    Raises:
        ValueError: they do not; the line names the layer.
    """
    fan_in = weights[0].shape[-1] if weights[0].ndim else 0
    require_memory(str(path), COPIES * 8 * sum(array.size for array in [*weights, *biases]))
    for name, weight, bias in zip(names, weights, biases, strict=True):
        label = f"{path}: {name}" if name else str(path)
        if not weight.size or weight.ndim != 2:
            raise ValueError(f"{label}: weight of shape {weight.shape}, expected (out, {fan_in or 'in'})")
        if weight.shape[1] != fan_in:
            raise ValueError(
                f"{label}: weight of shape {weight.shape}, expected (out, {fan_in}) after {fan_in} values"
            )
        if bias.shape != (len(weight),):
            raise ValueError(f"{label}: bias of shape {bias.shape}, expected ({len(weight)},)")
        for kind, array in (("weight", weight), ("bias", bias)):
            if array.dtype.name not in FLOATS:
                raise ValueError(
                    f"{label}: {kind} of {array.dtype}, expected floating point of 16 to 64 bits"
                )
            if not np.isfinite(array).all():
                bad = array[~np.isfinite(array)][0].item()
                raise ValueError(f"{label}: {kind} holds {bad}, expected finite numbers")
        fan_in = len(weight)
    dtype = weights[0].dtype.name
    arrays = [[_at_least_float32(array) for array in layers] for layers in (weights, biases)]
    steps = [Step("", "input", (weights[0].shape[1],), "the inputs")]
    for place, (name, weight) in enumerate(zip(names, weights)):
        is_last = place == len(names) - 1
        made = "an affine map" if is_last else f"{len(weight):,} ReLUs"
        steps.append(Step(name, "Linear" if is_last else "Linear, ReLU", (len(weight),), made))
    return LoadedNetwork(Layers.of(*arrays), dtype, steps=steps, shape=(weights[0].shape[1],))


def _at_least_float32(array: np.ndarray) -> np.ndarray:
    return array if array.dtype == np.float64 else array.astype(np.float32)


def sizes_text(shape: Sequence[int]) -> str:
    """1 x 28 x 28."""
    return " x ".join(map(str, shape)) or str(math.prod(shape))
