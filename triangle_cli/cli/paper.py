"""`triangle paper`: the paper's tables and figures, from the runs that experiments left on disk."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from matplotlib.figure import Figure
from rich.markdown import Markdown

from triangle_cli import console
from triangle_cli.cli.options import Parser
from triangle_cli.paper import figures, tables
from triangle_cli.paper.collection import Collected, collect_experiment, diverged
from triangle_cli.paper.fits import against_depth, compare_methods, compare_networks, past_the_paper
from triangle_cli.paper.learning import compare_models, compare_on_tables, learning_curves

Drawer = Callable[[list[Collected]], Iterator[tuple[str, Figure]]]


@dataclass(frozen=True)
class Experiment:
    """What becomes of the runs of one file of conf/experiment/."""

    build: Callable[[list[Collected]], tables.Table]
    draw: tuple[Drawer, ...] = ()


EXPERIMENTS = {
    "dense": Experiment(
        compare_methods("dense", "mse_train"), (figures.fits, figures.losses, figures.regions)
    ),
    "sparse": Experiment(compare_methods("sparse", "mse_test")),
    "depth": Experiment(against_depth, (figures.depths,)),
    "beyond": Experiment(past_the_paper, (figures.fits, figures.time_against_error)),
    "nonconvex": Experiment(compare_networks("nonconvex")),
    "radial": Experiment(compare_networks("radial")),
    "digits": Experiment(compare_models("digits"), (learning_curves,)),
    "cifar10": Experiment(compare_models("cifar10"), (learning_curves,)),
    "imagenet_vgg16": Experiment(compare_models("imagenet_vgg16"), (learning_curves,)),
    "tabular": Experiment(compare_on_tables, (learning_curves,)),
}


def write(name: str, outputs: Path) -> list[Path]:
    """Write the tables and figures of an experiment from its runs; returns the files.

    Raises:
        ValueError: the experiment has not been run to its end.
    """
    runs, experiment = collect_experiment(outputs, name), EXPERIMENTS[name]
    table = experiment.build(runs)
    caption = " ".join([table.caption, *filter(None, map(diverged, runs))])
    written = tables.write(replace(table, caption=caption), outputs)
    for draw in experiment.draw:
        written += figures.write(name, draw(runs), outputs)
    return written


def main(words: list[str]) -> int:
    """Build the tables and figures of the experiments named; returns the exit code.

    Raises:
        ValueError: an experiment has not been run to its end.
    """
    parser = Parser(
        prog="triangle paper",
        description="Tables (CSV, Markdown, LaTeX) and figures (PNG, PDF) from the runs of `triangle run "
        "experiment=NAME`. Nothing is trained: `make tables` runs the experiments first.",
    )
    names = list(EXPERIMENTS)
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
        written = write(name, options.outputs)
        console.out().print(Markdown((options.outputs / "tables" / f"{name}.md").read_text(encoding="utf-8")))
        console.out().print(f"-> {' '.join(str(path) for path in written)}")
    return 0
