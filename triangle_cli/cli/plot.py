"""`triangle plot`: figures of one's own runs."""

from __future__ import annotations

import argparse
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING

from triangle_cli import console
from triangle_cli.cli.options import Parser, runs_parser

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from triangle_cli.store.index import Row

EXAMPLES = """
examples:
  triangle plot --x depth --y mse_min --hue init --log --floor
  triangle plot x3 --x epoch --y loss --hue init --log --out losses.pdf --size column
  triangle plot SWEEP --x depth --y mse_train --hue method --kind box --panels function --log
  triangle plot SWEEP --x depth --y regions --hue method --kind heat --out regions.svg

  triangle plot RUN --kind fit --out fit.pdf --no-title

columns: those of `triangle ls --format csv` (a run each), of errors.csv (mse_train, linear_regions, stage, ..: a
restart each), and over --x epoch those of history.csv and regions.csv (loss, linear_regions, dead_neurons, ..).
"""


FIT = "fit"


def parser() -> Parser:
    """The words of `triangle plot`."""
    words = runs_parser("plot", "Any column of runs, of their stages or their histories, against any other.")
    words.formatter_class = argparse.RawDescriptionHelpFormatter
    words.epilog = EXAMPLES
    words.add_argument(
        "runs", nargs="*", metavar="QUERY|SWEEP|RUN", help="which runs, as words of ls; default: all of them"
    )
    words.add_argument("--where", metavar="EXPR", help="such as: depth >= 6 and init == 'triangle'")
    words.add_argument("--x", metavar="COL", default="depth", help="default: %(default)s")
    words.add_argument("--y", metavar="COL", default="mse_min", help="default: %(default)s")
    words.add_argument(
        "--hue", metavar="COL", help="a colour, dash and marker for each value; rows of a heat map"
    )
    words.add_argument("--panels", metavar="COL", help="a panel for each value")
    words.add_argument(
        "--kind",
        choices=("line", "strip", "box", "heat", FIT),
        help="default: line where x is a number, else strip, which shows every value; fit: of one run what it "
        "found, as in its fit.png",
    )
    words.add_argument("--log", action="store_true", help="y, or the colours of a heat map, by powers of ten")
    words.add_argument("--log-x", action="store_true", help="x by powers of ten")
    words.add_argument(
        "--floor", action="store_true", help="draw the least MSE of any function of 2^depth pieces"
    )
    words.add_argument(
        "--band",
        choices=("range", "quartiles", "deviation", "none"),
        default="range",
        help="around a line: all values (default) or their middle half around the median, or one standard "
        "deviation around the mean",
    )
    words.add_argument("--size", metavar="S", help="page (default), column, or inches such as 5x3")
    words.add_argument(
        "--no-title", dest="title", action="store_false", help="for pictures that get a caption"
    )
    words.add_argument(
        "--style", metavar="S", help="a style of matplotlib's, or a style file, on top of ours"
    )
    words.add_argument(
        "--out",
        type=Path,
        metavar="FILE",
        help="PNG, PDF, SVG or PGF by its ending; default: Y-X.png, fit.pdf",
    )
    columns = ["depth", "epoch", "mse_min", "mse_mean", "mse_train", "loss", "linear_regions", "regions"]
    for option in ("--x", "--y", "--hue", "--panels"):
        words.suggestions[option] = [*columns, "function", "init", "method", "schedule", "stage"]
    words.suggestions["--size"] = ["column", "page"]
    return words


def main(words: list[str]) -> int:
    """Draw the figure and say where it is; returns the exit code."""
    chosen = parser().parse_args(words)
    from triangle_cli.drawing import style
    from triangle_cli.studies import choose

    out = chosen.out or Path(
        "fit.pdf" if chosen.kind == FIT else f"{chosen.y}-{chosen.x}.png".replace("/", "_")
    )
    style.require_kind("--out", out)
    if chosen.size:
        style.inches(chosen.size)
    rows, damaged = choose.choose(chosen.runs, chosen.outputs, chosen.where)
    for line in damaged:
        console.note(f"triangle: {line}; left out")
    with style.ours(chosen.style):
        style.save(_fit(rows, chosen) if chosen.kind == FIT else _figure(rows, chosen), out)
    console.say(f"{len(rows)} run{'s' if len(rows) != 1 else ''} -> {out}")
    return 0


def _figure(rows: list[Row], chosen: argparse.Namespace) -> Figure:
    """Columns of runs against each other."""
    from triangle_cli.studies import columns, floors, plots, titles

    if chosen.floor and "mse" not in chosen.y and chosen.y != "loss":
        raise ValueError(f"--floor: expected --y with an MSE, such as mse_min, not {chosen.y}")
    asked = {f"--{option}": getattr(chosen, option) for option in ("x", "y", "hue", "panels")}
    frame = columns.frame(rows, asked)
    if frame.diverged:
        console.note(f"triangle: {frame.diverged} restarts diverged and are left out")
    if chosen.floor:
        known = {row["folder"]: floors.floor(row) for row in rows}
        frame.table[columns.FLOOR] = frame.table["folder"].map(known)
    options = {field.name: getattr(chosen, field.name) for field in fields(plots.Plot)}
    plot = plots.Plot(**options | {"size": chosen.size or "page"})
    return plots.draw(frame, plot, titles.caption(rows, set(asked.values())))


def _fit(rows: list[Row], chosen: argparse.Namespace) -> Figure:
    """What one run found."""
    from triangle_cli.drawing import style
    from triangle_cli.runs import pictures
    from triangle_cli.settings.compose import recorded_settings
    from triangle_cli.store import run_folder

    if len(rows) > 1:
        raise ValueError(f"--kind fit: expected one run, {len(rows)} are meant: {rows[0]['folder']}, ..")
    folder = Path(rows[0]["folder"])
    record = run_folder.whole_run(folder)
    settings = recorded_settings(record.hash, record.settings, record.threads)
    figure = pictures.figure(pictures.read_result(folder, record, settings), settings)
    if chosen.size:
        figure.set_size_inches(*style.inches(chosen.size))
    if not chosen.title:
        figure.suptitle("")
        for axes in figure.axes:
            axes.set_title("")
    return figure
