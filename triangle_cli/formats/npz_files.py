"""Networks in numpy's .npz: a weight and a bias for each layer, under whatever names are common."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from triangle_cli import console
from triangle_cli.store.files import numpy_reason, require_arrays
from triangle_cli.store.memory import require_memory, unpacked_size

EXPECTED = "arrays such as W0, b0, W1, b1, ..; 0.weight, 0.bias, ..; or weights and biases in turn, as arr_0, arr_1, .."
PARTS = {"weight": "weight", "weights": "weight", "kernel": "weight", "w": "weight"}
PARTS |= {"bias": "bias", "biases": "bias", "b": "bias"}
NAME = re.compile(r"(.*?)(weights?|kernel|w|biases|bias|b)[._]?(\d*)(?::\d+)?", re.IGNORECASE)


def read_npz(path: Path) -> dict[str, np.ndarray]:
    """The arrays as a state_dict has them: `name.weight` (out, in) and `name.bias`, in the order of the file.

    Weights are turned where their biases show that they are (in, out).

    Raises:
        ValueError: not such a file; the line names the entry.
        OSError: the file cannot be read.
    """
    require_memory(str(path), unpacked_size(path))
    try:
        with np.load(path, allow_pickle=False) as content:
            arrays = {name: content[name] for name in content.files}
        require_arrays(arrays)
    except OSError as error:
        if error.errno is not None:
            raise
        raise ValueError(f"{path}: not a file of numpy's savez, expected {EXPECTED}") from None
    except Exception as error:  # whatever damaged bytes lead to
        if console.of_memory(error):
            raise
        raise ValueError(
            f"{path}: not a file of numpy's savez ({numpy_reason(error)}), expected {EXPECTED}"
        ) from None
    if not arrays:
        raise ValueError(f"{path}: no arrays, expected {EXPECTED}")
    return _turned(_named(path, arrays))


def _named(path: Path, arrays: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    state: dict[str, np.ndarray] = {}
    in_turn = all(re.fullmatch(r"arr_\d+", name) for name in arrays)
    for place, (name, array) in enumerate(arrays.items()):
        if in_turn:
            layer, part = str(place // 2), ("weight", "bias")[place % 2]
        else:
            found = NAME.fullmatch(name)
            if found is None:
                raise ValueError(
                    f"{path}: entry {name!r} of shape {array.shape} is no layer's, expected {EXPECTED}"
                )
            layer = (found[1] + found[3]).strip("._/") or found[1].strip("._/") or "0"
            part = PARTS[found[2].lower()]
        if f"{layer}.{part}" in state:
            raise ValueError(f"{path}: two entries are the {part} of {layer!r}, expected one each")
        state[f"{layer}.{part}"] = array
    return state


def _turned(state: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The weights as (out, in): all turned if a bias fits only so."""
    turned = False
    for key, weight in state.items():
        bias = state.get(key.removesuffix("weight") + "bias")
        if key.endswith(".weight") and weight.ndim == 2 and bias is not None and bias.ndim == 1:
            turned |= weight.shape[0] != len(bias) and weight.shape[1] == len(bias)
    if not turned:
        return state
    return {key: np.ascontiguousarray(array.T) if array.ndim == 2 else array for key, array in state.items()}
