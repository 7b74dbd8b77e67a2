"""`triangle report`: one page that tells a study."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from triangle_cli import console
from triangle_cli.cli.options import Parser, runs_parser

EXAMPLES = """
examples:
  triangle report                            all runs in outputs/
  triangle report dense --out dense.html     those of a sweep, or of an experiment
  triangle report x3 --where "depth >= 5"

The page needs no network and no other file. In it: what was run and how to run it again; a table to sort and to filter;
errors against any setting, with floors; errors and linear regions by epoch; the fit of each run, down to single pieces.
"""


def parser() -> Parser:
    """The words of `triangle report`."""
    words = runs_parser("report", "One page that tells a study: open it in a browser, send it, print it.")
    words.formatter_class = argparse.RawDescriptionHelpFormatter
    words.epilog = EXAMPLES
    words.add_argument(
        "runs", nargs="*", metavar="QUERY|SWEEP|RUN", help="which runs, as words of ls; default: all of them"
    )
    words.add_argument("--where", metavar="EXPR", help="such as: depth >= 6 and init == 'triangle'")
    words.add_argument("--title", help="of the page; default: the words that choose the runs")
    words.add_argument(
        "--out", type=Path, metavar="FILE", default=Path("report.html"), help="default: %(default)s"
    )
    return words


def main(words: list[str]) -> int:
    """Write the page and say where it is; returns the exit code."""
    chosen = parser().parse_args(words)
    from rich.progress import track

    from triangle_cli.studies import choose
    from triangle_cli.studies.page import write

    if chosen.out.suffix.lower() not in (".html", ".htm"):
        raise ValueError(f"--out {chosen.out}: expected a name that ends in .html")
    write.plotly()  # before all runs are read
    rows, damaged = choose.choose(chosen.runs, chosen.outputs, chosen.where)
    for line in damaged:
        console.note(f"triangle: {line}; left out")
    err = console.err()
    title = (
        chosen.title
        or " ".join([*chosen.runs, chosen.where or ""]).strip()
        or f"All runs in {chosen.outputs}"
    )

    def each(runs: Iterable[Any]) -> Iterable[Any]:
        return track(
            runs, "reading", total=len(rows), console=err, transient=True, disable=not err.is_terminal
        )

    write.write(rows, title, chosen.out, each)
    size = chosen.out.stat().st_size / 1e6
    console.say(
        f"{len(rows)} run{'s' if len(rows) != 1 else ''}, {size:.1f} MB -> {chosen.out.resolve().as_uri()}"
    )
    return 0
