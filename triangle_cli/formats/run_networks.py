"""The networks that a run keeps, of each of its stages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from triangle_cli.formats.network import LoadedNetwork, checked
from triangle_cli.formats.state_dicts import read_state_dict
from triangle_cli.store import run_folder
from triangle_cli.store.record import RunRecord, Stage


def read_run_network(
    folder: Path, restart: int | None = None, stage: str | None = None, file: str | None = None
) -> LoadedNetwork:
    """A network of a finished run, on the run's interval.

    Args:
        folder: the run's.
        restart: which of the networks that the stage kept; default: the best.
        stage: after which phase, or init; default: the one with the best network of all.
        file: names the stage where `stage` does not: what it is kept in.

    Raises:
        ValueError: no finished run, or one that did not keep this network.
    """
    record = run_folder.whole_run(folder)
    try:
        kept = record.stage(stage, file)
    except ValueError as error:
        raise ValueError(f"{folder}: {error}") from None
    if record.from_data:
        return _from_run_on_data(folder, record, kept, restart)
    if restart is None:
        restart = kept.best_restart
    if restart is None:
        raise ValueError(f"{folder}: all restarts diverged, expected --restart K")
    if restart not in kept.restarts:  # in the order of the file: schedules may keep the best of many starts
        raise ValueError(
            f"--restart {restart}: expected one of {', '.join(map(str, kept.restarts))}, which {folder} kept"
        )
    network = read_state_dict(folder / kept.file, kept.restarts.index(restart))
    interval: Any = record.interval
    if interval is None:
        raise ValueError(f"{folder}: not written by a finished run (no interval)")
    sides = interval if isinstance(interval[0], Sequence) else [interval]
    box = [(lo, hi) for lo, hi in sides] * (network.inputs if len(sides) == 1 else 1)
    return replace(network, box=box, restart=restart, stage=kept.name, assumed=())


def _from_run_on_data(folder: Path, record: RunRecord, kept: Stage, restart: int | None) -> LoadedNetwork:
    """The model of a run on data as plain layers."""
    from triangle_cli.learn.models import load_model
    from triangle_cli.nn.export import network as plain_layers

    if kept.best_restart is None:
        raise ValueError(f"{folder}: all restarts diverged, expected a run with a model")
    if restart not in (None, kept.best_restart):
        raise ValueError(
            f"--restart {restart}: expected {kept.best_restart}, the one whose model {folder} keeps"
        )
    try:
        weights, biases = plain_layers(load_model(folder, kept.name), record.settings["depth"])
    except ValueError as error:
        raise ValueError(f"{folder}: {error}") from None
    limits = record.settings["init"]["mode"] == "limit"
    depth = record.settings["depth"]
    assumed = (
        (f"each limit layer is {depth} layers of ReLUs (depth={depth}, as the run says)",) if limits else ()
    )
    names = [f"layer {number}" for number in range(1, len(weights) + 1)]
    arrays = [[layer.numpy() for layer in layers] for layers in (weights, biases)]
    network = checked(folder / kept.file, names, *arrays)
    return replace(network, restart=kept.best_restart, stage=kept.name, assumed=assumed)
