"""Pictures of one run: what it found, and its losses and linear regions on the way."""

from __future__ import annotations

import logging
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from triangle_cli import imports
from triangle_cli.settings.run import FitSettings, LearnSettings
from triangle_cli.store import run_folder
from triangle_cli.store.record import RunRecord
from triangle_cli.store.stages import counted_through, read_errors, read_table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CURVES = {  # a file, and the table, column, scale of y that it shows
    run_folder.LOSS_PICTURE: (run_folder.HISTORY, "loss", "log"),
    run_folder.REGIONS_PICTURE: (run_folder.REGIONS, "linear_regions", "linear"),
}

log = logging.getLogger(__name__)


def draw(result: Any, settings: FitSettings | LearnSettings, path: Path) -> None:
    """Write the picture of what a run found."""
    with imports.uncollected():
        from triangle_cli.drawing import style

    with style.ours():
        style.save_drawn_once(figure(result, settings), path)


def figure(result: Any, settings: FitSettings | LearnSettings) -> Figure:
    """What a run found: the fit and its error, a map of them in the plane, or the scores while learning."""
    if isinstance(settings, LearnSettings):
        with imports.uncollected():
            from triangle_cli.learn.pictures import learning_figure

        return learning_figure(result, settings)
    with imports.uncollected():
        from triangle_cli.fit import pictures, pictures_plane, pictures_samples

    if settings.function.path is not None:
        return pictures_samples.samples_figure(result, settings)
    of_kind = pictures_plane.plane_figure if result.target.inputs == 2 else pictures.fit_figure
    return of_kind(result, settings)


def draw_missing(folder: Path, record: RunRecord, settings: FitSettings | LearnSettings) -> None:
    """Write the picture of what a run found from its files, unless it is there; one that fails is warned about."""
    path = folder / run_folder.PICTURE
    if path.exists():
        return
    if line := run_folder.tried(
        path, lambda beside: draw(read_result(folder, record, settings), settings, beside)
    ):
        log.warning("%s: %s", path, line)


def draw_curves(folder: Path) -> None:
    """Write the losses and linear regions of a run against its epochs beside its other files, unless they are there.

    A picture that cannot be drawn is warned about.
    """
    for name, (table, column, scale) in CURVES.items():
        if (folder / name).exists() or not (folder / table).exists():
            continue
        if line := run_folder.tried(folder / name, partial(_draw_curve, folder / table, column, scale)):
            log.warning("%s: %s", folder / name, line)


def _draw_curve(table: Path, column: str, scale: str, path: Path) -> None:
    from matplotlib.figure import Figure

    from triangle_cli.drawing import bands, names, style

    rows = counted_through(read_table(table, ("epoch", "restart", column), ("phase",)))
    with style.ours():
        figure = Figure(figsize=(5.5, 3.4), layout="constrained")
        axes = figure.subplots()
        once = rows.drop_duplicates(["restart", "total"], keep="last")
        band = bands.Band.of(once["total"], once[column], "range")
        (look,) = style.looks(1)
        band.draw(axes, look)
        ends = rows.groupby("phase", sort=False)["total"].max()
        for name, end in ends.iloc[:-1].items():
            if end > 0:
                axes.axvline(end, color="0.5", linewidth=0.8, linestyle=":")
                axes.annotate(
                    f"{name} ", (end, 1), xycoords=("data", "axes fraction"), ha="right", va="top", fontsize=7
                )
        positive = (band.values["line"] > 0).any()
        axes.set(xlabel="epoch", ylabel=names.label(column), yscale=scale if positive else "linear")
        bands.legend(figure, bands.explain([band], "restarts"))
        style.save_drawn_once(figure, path)


def read_result(folder: Path, record: RunRecord, settings: FitSettings | LearnSettings) -> Any:
    """What a finished run found, as far as pictures need it, from its files.

    Raises:
        ValueError: a file is not what a run writes.
        OSError: it cannot be read.
    """
    errors = read_errors(folder)
    history = read_table(folder / run_folder.HISTORY, ("epoch", "restart"), ("phase",))
    if isinstance(settings, LearnSettings):
        from triangle_cli.learn import experiment as learning

        shape, hidden = tuple(record.shape or ()), record.hidden or []
        return learning.Result(
            shape, record.outputs or 0, hidden, record.parameters or 0, errors, history, {}
        )
    from triangle_cli.construction.network import Network
    from triangle_cli.fit import experiment as fitting
    from triangle_cli.store.tensors import read_state

    networks = {
        stage.name: Network.from_state_dict(read_state(folder / stage.file, "the networks of a run"))
        for stage in record.stages or [record.stage()]
    }
    target = fitting.target_of(settings)
    regions = read_table(folder / run_folder.REGIONS, ("epoch", "restart"), ("phase",))
    return fitting.Result(target, networks, record.parameters or 0, errors, regions, history)
