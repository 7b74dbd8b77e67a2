"""`triangle predict`: what a trained network says at points. Imports torch only to read the network."""

from __future__ import annotations

import argparse
import math
import re
from pathlib import Path
from typing import TYPE_CHECKING

from triangle_cli import console
from triangle_cli.cli.networks import meant, network_parser
from triangle_cli.cli.options import Parser

if TYPE_CHECKING:
    import numpy as np

    from triangle_cli.export.forward import Layers

DESCRIPTION = """Values of a trained network at points, its slope there, and the number of the linear region (piece),
counted from the left from 1. A breakpoint belongs to the piece behind it; what lies outside of the network's
interval has no number, and its value is whatever the network happens to be there."""

EPILOG = """examples:
  triangle predict 1a2b3c4d --x 0.1,0.2
  triangle predict 1a2b3c4d --csv in.csv --out out.csv
  triangle predict 1a2b3c4d --csv in.csv --columns time
  triangle predict 5e6f7a8b --x 0.1,0.2 --x 0.3,0.4      two inputs: a point for each --x"""

NEGATIVE = re.compile(r"-(?:[\d.]|inf|nan)", re.IGNORECASE)


def parser() -> Parser:
    """The words of `triangle predict`."""
    words = network_parser("predict", DESCRIPTION)
    words.epilog, words.formatter_class = EPILOG, argparse.RawDescriptionHelpFormatter
    points = words.add_mutually_exclusive_group(required=True)
    points.add_argument(
        "--x",
        action="append",
        metavar="A,B,..",
        help="values of x; of several inputs a point, and --x again for more",
    )
    points.add_argument(
        "--csv",
        type=Path,
        metavar="FILE",
        help="a table with a column for each input; .tsv, .parquet, .npy, .npz too",
    )
    words.add_argument("--columns", metavar="A,B,..", help="which columns of --csv; default: the first ones")
    words.add_argument(
        "--out", type=Path, metavar="FILE", help="write there, as CSV, instead of the terminal"
    )
    return words


def main(words: list[str]) -> int:
    """Print, or write, a row for each point; returns the exit code.

    Raises:
        ValueError: there is no such network, or a point that is none of its inputs'.
        OSError: a file cannot be read or written.
    """
    options = parser().parse_args([f" {word}" if NEGATIVE.match(word) else word for word in words])
    if options.columns and not options.csv:
        raise ValueError(f"--columns {options.columns}: expected --csv FILE with it")
    network = meant(options)
    from triangle_cli.export.predict import predictions
    from triangle_cli.store import run_folder

    x, names = _typed(options.x, network.layers) if options.x else _read(options, network.layers)
    table = predictions(network.layers, x, names)
    if options.out:
        run_folder.write_table(options.out, table)
        console.say(f"-> {options.out}")
    else:
        console.say(table.to_csv(index=False), end="")
    return 0


def _typed(texts: list[str], layers: Layers) -> tuple[np.ndarray, list[str]]:
    """The points of --x, (n, inputs): of one input all values, else a point for each."""
    import numpy as np

    points = []
    for text in texts:
        try:
            numbers = [float(number) for number in text.split(",")]
        except ValueError:
            numbers = [math.nan]
        if not all(map(math.isfinite, numbers)) or (layers.inputs > 1 and len(numbers) != layers.inputs):
            wanted = "numbers, such as 0.1,0.2" if layers.inputs == 1 else f"{layers.inputs} numbers a point"
            raise ValueError(f"--x {text.strip()}: expected {wanted}")
        points.append(numbers)
    names = ["x"] if layers.inputs == 1 else [f"x{i + 1}" for i in range(layers.inputs)]
    return np.array([n for point in points for n in point]).reshape(-1, layers.inputs), names


def _read(options: argparse.Namespace, layers: Layers) -> tuple[np.ndarray, list[str]]:
    """The points of --csv, and the names of their columns."""
    import numpy as np

    from triangle_cli.store.tables import numbers, read_table

    label, inputs = f"--csv {options.csv}", layers.inputs
    table = read_table(options.csv, "--csv")
    known = [str(name) for name in table]
    names = options.columns.split(",") if options.columns else known[:inputs]
    for name in names:
        if name not in known:
            raise ValueError(f"--columns {name}: no such column, expected some of {', '.join(known)}")
    if len(names) != inputs:
        raise ValueError(f"{label}: {len(names)} columns, expected {inputs}, one for each input")
    if table.empty:
        raise ValueError(f"{label}: no rows, expected a point in each")
    return np.stack([numbers(table[name], label) for name in names], 1), names
