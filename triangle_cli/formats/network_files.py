"""Networks of this and of other projects, from files: run folders, state_dicts, safetensors, ONNX, JSON."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from pathlib import Path

from triangle_cli.formats.network import KINDS, LoadedNetwork, require_content
from triangle_cli.store import files, run_folder

# a kind of file that holds one whole network: what reads it, `module:function` of this room, imported when asked for
READERS = {
    ".json": "json_files:read_json",
    ".onnx": "onnx_files:read_onnx",
    ".nnet": "nnet_files:read_nnet",
}


def load(
    path: Path,
    restart: int | None = None,
    stage: str | None = None,
    layers: Sequence[str] | None = None,
) -> LoadedNetwork:
    """The network in a file or folder; which format it is shows in its name.

    Args:
        path: a run folder, or a file: `.json`, `.onnx`, `.nnet`; `.npz`, `.safetensors` and anything else, which
            is for `torch.load`, hold a state_dict.
        restart: which network of a batch; default: the best of its stage, as run.json says.
        stage: of a run, after which phase; default: the one with the best network, or that of the file named.
        layers: of a state_dict, the names of its layers in the order of the network; default: found from names,
            shapes and the order of the file.

    Raises:
        ValueError: not a piecewise linear network; the line names the culprit and what is expected.
        OSError: the file cannot be read.
    """
    if not path.exists():
        raise ValueError(f"{path}: no such file, expected {KINDS}")
    if path.is_dir() or (run_folder.is_network(path.name) and (path.parent / run_folder.RUN).exists()):
        from triangle_cli.formats.run_networks import read_run_network

        _refuse_options(path, layers=layers)
        folder, file = (path, None) if path.is_dir() else (path.parent, path.name)
        return read_run_network(folder, restart, stage, file)
    _refuse_options(path, stage=stage)
    files.require_regular(path)
    require_content(path)
    if path.suffix in READERS:
        _refuse_options(path, restart=restart, layers=layers)
        module, function = READERS[path.suffix].split(":")
        read = getattr(importlib.import_module(f"triangle_cli.formats.{module}"), function)
        network: LoadedNetwork = read(path)
        return network
    from triangle_cli.formats.state_dicts import read_state_dict

    return read_state_dict(path, restart, layers)


def _refuse_options(path: Path, **given: object) -> None:
    """Raise ValueError for an option that a file of this kind does not take."""
    reasons = {"restart": "holds one network", "stage": "is no run", "layers": "says the order of its layers"}
    for name, value in given.items():
        if value is not None:
            shown = ",".join(map(str, value)) if isinstance(value, (list, tuple)) else value
            raise ValueError(f"--{name} {shown}: {path} {reasons[name]}, expected no --{name}")
