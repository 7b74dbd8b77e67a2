"""One network as its file gives it, and the checks that all formats share. Nothing is rounded."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from triangle_cli.store.run_folder import is_lfs_pointer
from triangle_cli.store.tensors import require_memory

KINDS = "a run folder, a network.pt or other state_dict, .safetensors, .onnx or .json"
COPIES = 4  # of the weights, in float64, that counting makes
FLOATS = (torch.float64, torch.float32, torch.float16, torch.bfloat16)


@dataclass(frozen=True)
class LoadedNetwork:
    """One network, ReLU after every layer but the last, as its file gives it.

    weights[l]: (out_l, in_l), biases[l]: (out_l,), float64 or float32; box: (lo, hi) of each input, if the file has
    one; restart: which network of a batch it is, if the file holds a batch; stage: of a run, after which phase;
    assumed: what the file does not say and the counts rest on.
    """

    weights: list[Tensor]
    biases: list[Tensor]
    box: list[tuple[float, float]] | None = None
    restart: int | None = None
    stage: str | None = None
    assumed: str | None = None

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


def require_content(path: Path) -> None:
    """Raise ValueError for a file that only stands for another, as a clone without Git LFS leaves it."""
    if is_lfs_pointer(path):
        raise ValueError(f"{path}: a Git LFS pointer, not the file itself, expected `git lfs pull` first")


def checked(path: Path, names: list[str], weights: list[Tensor], biases: list[Tensor]) -> LoadedNetwork:
    """The network, if its layers fit each other and are finite; half precision becomes float32, without rounding.

    Raises:
        ValueError: they do not; the line names the layer.
    """
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
