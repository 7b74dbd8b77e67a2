"""Tensors from files that anybody may have written: nothing runs, nothing waits, nothing fills the memory."""

from __future__ import annotations

import pickle
import warnings
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from triangle_cli import console
from triangle_cli.store import files
from triangle_cli.store.memory import require_memory, unpacked_size


def read_state(path: Path, expected: str) -> dict[Any, Any]:
    """What torch.save wrote, on the CPU; tensors in it are dense, and as large as they say.

    Args:
        path: the file.
        expected: what would be accepted, for the line that refuses it.

    Raises:
        ValueError: it holds something else than plain tensors, or more than the memory does.
        OSError: the file cannot be read.
    """
    files.require_regular(path)
    try:
        require_memory(str(path), unpacked_size(path))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of old kinds of tensors, which are refused below
            state = torch.load(path, weights_only=True, map_location="cpu")
    except (OSError, ValueError):
        raise
    except Exception as error:  # torch.load fails in many ways on what is not its own
        if console.of_memory(error):
            raise ValueError(f"{path}: {console.NO_MEMORY}") from None
        found = files.looks_like(path)
        if isinstance(error, pickle.UnpicklingError) and found == files.OTHER:
            raise ValueError(f"{path}: not a file of plain tensors, expected {expected}") from None
        raise ValueError(f"{path}: not a network ({found}), expected {expected}") from None
    if not isinstance(state, dict) or not state:
        raise ValueError(f"{path}: holds a {type(state).__name__}, expected a state_dict: tensors by name")
    for name, tensor in state.items():
        if isinstance(tensor, Tensor):
            _require_dense(f"{path}: {name}", tensor)
    return state


def _require_dense(label: str, tensor: Tensor) -> None:
    """Raise ValueError for a tensor that is not a block of numbers: quantized, sparse, or a view that repeats them."""
    if tensor.is_quantized:
        raise ValueError(f"{label} is quantized ({tensor.dtype}), expected floating point of 16 to 64 bits")
    if tensor.layout is not torch.strided or tensor.is_meta or tensor.is_nested:
        raise ValueError(f"{label} is {tensor.layout} on {tensor.device}, expected a plain tensor of numbers")
    held, said = tensor.untyped_storage().nbytes(), tensor.numel() * tensor.element_size()
    if said > held:
        shape = tuple(tensor.shape)
        raise ValueError(f"{label} of shape {shape} repeats {held:,} bytes, expected a number for each entry")
