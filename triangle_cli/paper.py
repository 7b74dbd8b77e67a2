"""`triangle paper`: the paper's tables and figures, from the runs that experiments left on disk."""

from __future__ import annotations

import argparse
from pathlib import Path

from rich.markdown import Markdown

from triangle_cli import figures, report, tables


def main(words: list[str]) -> int:
    """Build the tables and figures of the experiments named; returns the exit code.

    Raises:
        ValueError: an experiment has not been run to its end.
    """
    parser = argparse.ArgumentParser(
        prog="triangle paper",
        description="Tables (CSV, Markdown, LaTeX) and figures (PNG, PDF) from the runs of `triangle run "
        "experiment=NAME`. Nothing is trained: `make tables` runs the experiments first.",
    )
    names = list(tables.BUILDERS)
    parser.add_argument(
        "names",
        nargs="*",
        metavar="NAME",
        help=f"one or more of {', '.join(names)}; default: all that have been run",
    )
    parser.add_argument(
        "--outputs", type=Path, default=Path("outputs"), help="the folder of the runs; default: %(default)s"
    )
    options = parser.parse_args(words)
    for name in options.names or names:
        if name not in names:
            parser.error(f"no experiment {name!r}, expected one of {', '.join(names)}")
    run_so_far = [name for name in names if (options.outputs / "sweeps" / name).is_dir()]
    for name in options.names or run_so_far or names:
        written = tables.write(name, options.outputs)
        if name in figures.DRAWERS:
            written += figures.write(name, options.outputs)
        report.OUT.print(Markdown((options.outputs / "tables" / f"{name}.md").read_text(encoding="utf-8")))
        report.OUT.print(f"-> {' '.join(str(path) for path in written)}")
    return 0
