"""Figures of a paper, PNG and PDF, from the runs on disk; nothing is trained again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from matplotlib.artist import Artist
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from triangle_cli.colours import BLACK
from triangle_cli.drawing import names, style
from triangle_cli.drawing.bands import Band, explain, legend
from triangle_cli.fit.pictures import draw_error, draw_fit
from triangle_cli.paper import registry
from triangle_cli.paper.collection import Collected
from triangle_cli.store import run_folder
from triangle_cli.store.stages import counted_through


def by_function(runs: list[Collected]) -> dict[str, list[Collected]]:
    """The runs of each function, in order."""
    groups: dict[str, list[Collected]] = {}
    for run in runs:
        groups.setdefault(run.record.function, []).append(run)
    return groups


@registry.figure("fits")
def fits(runs: list[Collected]) -> Iterator[tuple[str, Figure]]:
    """For each function, the best fit of each method with its breakpoints, and its error below."""
    for function, group in by_function(runs).items():
        figure = Figure(figsize=(2.5 * len(group), 4.4), layout="constrained")
        axes = figure.subplots(2, len(group), sharex=True, sharey="row", squeeze=False, height_ratios=[3, 2])
        for run, (above, below) in zip(group, axes.T, strict=True):
            target, network = run.target, run.best_network
            kinks = draw_fit(above, target, network, label="fit")
            draw_error(below, target, network, kinks, size_only=True)
            error = run.final_errors["mse_train"].min()
            above.set_title(
                f"{names.plain(run.method.title)}\nMSE {names.power(error)}, {len(kinks) + 1} regions"
            )
            below.set_xlabel("x")
            below.set(yscale="log", ylim=(1e-7, 1e-1))
        axes[0, 0].set_ylabel(title_of(group[0]))
        axes[1, 0].set_ylabel("|fit - target|")
        axes[0, 0].legend()
        yield f"fit-{function}", figure


@registry.figure("losses")
def losses(runs: list[Collected]) -> Iterator[tuple[str, Figure]]:
    """The training loss of each method against the epochs: median over the restarts, and their range."""
    yield "losses", _over_epochs(runs, run_folder.HISTORY, "loss", "training MSE", "log")


@registry.figure("regions")
def regions(runs: list[Collected]) -> Iterator[tuple[str, Figure]]:
    """The linear regions of each method over both phases: median over the restarts, and their range."""
    yield "regions", _over_epochs(runs, run_folder.REGIONS, "linear_regions", "linear regions", "linear")


def _over_epochs(runs: list[Collected], file: str, column: str, label: str, scale: str) -> Figure:
    groups = by_function(runs)
    figure = Figure(figsize=(max(4.2, 2.4 * len(groups)), 2.9), layout="constrained")
    entries: dict[str, Artist] = {}
    drawn = []
    for axes, group in zip(figure.subplots(1, len(groups), sharey=True, squeeze=False)[0], groups.values()):
        for run in group:
            table = counted_through(run.table(file)).drop_duplicates(["restart", "total"], keep="last")
            drawn.append(Band.of(table["total"], table[column], "quartiles"))
            look = {"color": run.method.colour, "linestyle": run.method.dash}
            drawn[-1].draw(axes, look)
            entries.setdefault(run.method.title, Line2D([], [], **look, label=names.plain(run.method.title)))
        axes.set(title=title_of(group[0]), xlabel="epoch", yscale=scale)
    figure.axes[0].set_ylabel(label)
    legend(figure, [*entries.values(), *explain(drawn, "restarts")])
    return figure


def title_of(run: Collected) -> str:
    """The function of a run as in print; samples and data by their name."""
    formula = run.config.get("function", {}).get("formula")
    return names.math(formula) if formula else names.plain(run.record.function)


@registry.figure("time")
def time_against_error(runs: list[Collected]) -> Iterator[tuple[str, Figure]]:
    """Seconds against the errors of each schedule, over the floor of 2^depth pieces: the Pareto front."""
    groups = by_function(runs)
    figure = Figure(figsize=(2.4 * len(groups), 2.9), layout="constrained")
    for axes, group in zip(figure.subplots(1, len(groups), sharey=True, squeeze=False)[0], groups.values()):
        for run in group:
            color, marker = run.method.colour, run.method.marker
            ratios = run.final_errors["mse_train"] / run.floor
            seconds = run.record.seconds["total"]
            axes.plot([seconds] * 2, [ratios.min(), ratios.max()], color=color, linewidth=0.8)
            axes.plot(seconds, ratios.min(), color=color, marker=marker, label=run.method.title)
            axes.plot(seconds, ratios.mean(), color=color, marker=marker, markerfacecolor="none")
        axes.axhline(1, color=BLACK, linewidth=0.5)
        axes.set(title=title_of(group[0]), xlabel="seconds", yscale="log", xlim=(0, None))
    figure.axes[0].set_ylabel("MSE / floor: best, mean (hollow), worst")
    legend(figure, list(figure.axes[0].get_legend_handles_labels()[0]))
    yield "pareto", figure


def write(name: str, drawn: Iterator[tuple[str, Figure]], outputs: Path) -> list[Path]:
    """Write the figures of an experiment to `outputs/figures`; returns the files, PNG and PDF."""
    folder, written = outputs / "figures", []
    with style.ours():
        for stem, figure in drawn:
            for kind in ("png", "pdf"):
                written.append(folder / f"{name}-{stem}.{kind}")
                style.save(figure, written[-1])
    return written
