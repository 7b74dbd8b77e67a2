"""`triangle paper`: tables and figures of experiments, from the runs that they left on disk."""

from __future__ import annotations

from pathlib import Path

from triangle_cli import console
from triangle_cli.cli.options import Parser
from triangle_cli.paper.methods import experiment_names


def parser() -> Parser:
    """The words of `triangle paper`."""
    known = experiment_names()
    words = Parser(
        prog="triangle paper",
        description="Tables (CSV, Markdown, LaTeX) and figures (PNG, PDF) from the runs of `triangle run "
        "experiment=NAME`. Nothing is trained: `make tables` runs the experiments first. For an experiment of your "
        "own, `triangle run --config-dir mine experiment=NAME` with mine/experiment/NAME.yaml, `paper:` in that file "
        "may name a table and figures; without it there is a row per run.",
    )
    words.add_argument(
        "names",
        nargs="*",
        metavar="NAME",
        help=f"one or more of {', '.join(known)}, or of your own; default: all that have been run",
    )
    words.add_argument(
        "--outputs", type=Path, default=Path("outputs"), help="the folder of the runs; default: %(default)s"
    )
    words.add_argument(
        "--config-dir", type=Path, metavar="DIR", help="a folder with experiment/NAME.yaml of your own"
    )
    words.suggestions[""] = known
    return words


def main(words: list[str]) -> int:
    """Build the tables and figures of the experiments named; returns the exit code.

    Raises:
        ValueError: an experiment has not been run to its end.
    """
    options, known = parser().parse_args(words), experiment_names()
    swept = options.outputs / "sweeps"
    for name in options.names:
        own = options.config_dir and (options.config_dir / "experiment" / f"{name}.yaml").is_file()
        if name not in known and not own and not (swept / name).is_dir():
            parser().error(
                f"no experiment {name!r}, expected one of {', '.join(known)}, or --config-dir with it"
            )
    from rich.markdown import Markdown

    from triangle_cli.paper import experiments

    run_so_far = [name for name in known if (swept / name).is_dir()]
    for name in options.names or run_so_far or known:
        written = list(experiments.write(name, options.outputs, options.config_dir))
        console.out().print(Markdown((options.outputs / "tables" / f"{name}.md").read_text(encoding="utf-8")))
        console.out().print(f"-> {' '.join(str(path) for path in written)}")
    return 0
