"""What becomes of the runs of an experiment: the table and the figures that its file asks for."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import triangle_cli.paper
from triangle_cli.drawing import style
from triangle_cli.paper import figures, registry, tables
from triangle_cli.paper.collection import collect_experiment, diverged
from triangle_cli.paper.methods import read_paper
from triangle_cli.settings.require import require, require_one_of


@dataclass(frozen=True)
class Experiment:
    """The `paper:` part of a file of conf/experiment/."""

    build: Callable[..., tables.Table]
    draw: tuple[registry.Drawer, ...]
    options: dict[str, str]  # of the table


def read_experiment(name: str, config_dir: Path | None = None) -> Experiment:
    """What the file of an experiment asks for; a row per run where it asks for nothing, or is not found.

    Raises:
        ValueError: it asks for a table or a figure that does not exist.
    """
    for module in pkgutil.iter_modules(triangle_cli.paper.__path__):
        if module.name not in OPTIONAL:
            importlib.import_module(f"triangle_cli.paper.{module.name}")
    part = dict(read_paper("experiment", name, config_dir) or {})
    table, drawn = part.pop("table", "runs"), part.pop("figures", [])
    require_one_of(table, "paper.table", sorted(registry.TABLES))
    require(isinstance(drawn, list), "paper.figures", drawn, "a list, such as [losses, regions]")
    for figure in drawn:
        require_one_of(figure, "paper.figures", sorted(registry.FIGURES))
    return Experiment(registry.TABLES[table], tuple(registry.FIGURES[figure] for figure in drawn), part)


OPTIONAL = ("boosting", "splines", "trees")  # need extras, and are imported where they are used


def write(name: str, outputs: Path, config_dir: Path | None = None) -> Iterator[Path]:
    """Write the table, then the figures of an experiment from its runs; yields the files.

    Args:
        name: of the experiment, and of the folder outputs/sweeps/NAME that holds its jobs.
        outputs: the folder of the runs.
        config_dir: a folder of one's own with experiment/NAME.yaml and method/*.yaml.

    Raises:
        ValueError: the experiment has not been run to its end, or asks for what does not exist.
    """
    experiment = read_experiment(name, config_dir)
    runs = collect_experiment(outputs, name, config_dir)
    try:
        table = experiment.build(name, runs, **experiment.options)
    except TypeError as error:
        if "unexpected keyword argument" not in str(error):
            raise
        raise ValueError(f"paper: {str(error).split(') ')[-1]} for this table") from None
    caption = " ".join([table.caption, *filter(None, map(diverged, runs))])
    yield from tables.write(replace(table, caption=caption), outputs)
    for draw in experiment.draw:
        with style.ours():
            drawn = figures.write(name, draw(runs), outputs)
        yield from drawn
