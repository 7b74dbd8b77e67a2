"""What `triangle export` and `triangle predict` have in common: which network is meant."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from triangle_cli.cli.options import Parser, runs_parser
from triangle_cli.store import index, run_folder

if TYPE_CHECKING:
    from triangle_cli.export.forward import Layers


@dataclass(frozen=True)
class Meant:
    """A network, and what it is called: in a line, and as a file."""

    layers: Layers
    where: str
    name: str


def network_parser(verb: str, description: str) -> Parser:
    """A parser whose first word is a run, or a file with a network."""
    parser = runs_parser(verb, description)
    parser.add_argument(
        "run", metavar="RUN", help="its folder, its hash or a part of its path; or a file with a network"
    )
    parser.add_argument(
        "--restart", type=int, metavar="K", help="network K of a run, from 0; default: the best"
    )
    parser.add_argument(
        "--stage", metavar="S", help="of a run: init, peaks, weights, ..; default: that of its best network"
    )
    return parser


def meant(options: argparse.Namespace) -> Meant:
    """The network that the words mean.

    Raises:
        ValueError: there is none, or several runs are meant.
        OSError: its file cannot be read.
    """
    from triangle_cli.export.forward import Layers
    from triangle_cli.formats import network_files

    path = Path(options.run)
    if not path.is_file() or path.name == run_folder.RUN:
        path = index.locate(options.run, options.outputs)
    network = network_files.load(path, options.restart, options.stage)
    record = run_folder.read_record(path) if path.is_dir() else None
    of_run = "" if network.stage is None else f", restart {network.restart} after {network.stage}"
    return Meant(
        Layers.of(network),
        f"{path}{of_run.replace('after init', 'at the start')}",
        path.stem if record is None else record.function,
    )
