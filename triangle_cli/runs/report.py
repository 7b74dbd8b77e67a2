"""What the terminal shows: a progress bar per phase, then one table."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.table import Table
from rich.text import Text

from triangle_cli.console import err, out
from triangle_cli.runs import pictures, trackers
from triangle_cli.runs.perform import Run, perform
from triangle_cli.settings.run import FitSettings, LearnSettings
from triangle_cli.store.record import RunRecord
from triangle_cli.store.stages import stage_cells, stage_summary

Watch = Callable[[Any], object]

BLINK = 0.05  # seconds between two changes of a bar


def print_run(run: Run) -> None:
    """The table of a run on the terminal, a row per stage, and its folder."""
    seconds = run.record.seconds["total"]
    origin = "from disk, already finished (force=true runs it again)" if run.reused else f"{seconds:.1f} s"
    kept, starts = len(run.record.restarts), run.record.starts
    count = (
        f"{kept} restart{'s' if kept != 1 else ''}"
        if kept == starts
        else f"the best {kept} of {starts} restarts"
    )
    out().print(Text(run.record.function, style="bold") + Text(f", {count}: {origin}", style="not bold"))
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("\nstage", no_wrap=True)
    for number, (_, row) in enumerate(stage_summary(run.errors).iterrows()):
        cells = stage_cells(row)
        for heading in cells if number == 0 else ():
            table.add_column("\n".join(heading.rsplit(" ", 1)), justify="right", no_wrap=True)
        table.add_row(
            row["stage"] + (f" ({row['diverged']} diverged)" if row["diverged"] else ""), *cells.values()
        )
    out().print(table)
    if best := best_line(run.record):
        out().print(best)
    out().print(f"-> {run.folder}")


def best_line(record: RunRecord) -> str:
    """Which network is the best of all restarts and stages; nothing where the last stage's table says it."""
    best = record.best
    if not best or best["stage"] == record.summary["stage"]:
        return ""
    said = f"best of all: restart {best['restart']} after {best['stage']}"
    said = said.replace("after init", "at the start")
    figures = {"mse_train": "MSE {:.2e}", "loss_train": "loss {:.3g}", "linear_regions": "{} linear regions"}
    shown = [form.format(best[key]) for key, form in figures.items() if key in best]
    return ", ".join([said, *shown, record.stage(best["stage"]).file])


@contextmanager
def progress() -> Iterator[Watch]:
    """A bar per phase with the best loss and the time left; silent where stderr is not a terminal."""
    if not err().is_terminal:
        yield lambda epoch: None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description:>16}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[loss]}", markup=False),
    )
    with Progress(*columns, TimeRemainingColumn(), console=err(), transient=True) as bars:
        bar, shown = bars.add_task("starting", total=None, loss=""), 0.0

        def watch(epoch: Any) -> None:
            nonlocal shown
            if time.monotonic() - shown < BLINK and epoch.number != epoch.last:
                return
            shown = time.monotonic()
            loss = epoch.loss[epoch.loss.isfinite()]
            best = f"best loss {loss.min().item():.2e}" if len(loss) else "all diverged"
            if done := getattr(epoch, "done", None):
                best += f", {100 * done:.0f} % of all"
            bars.update(bar, description=epoch.phase, total=epoch.last, completed=epoch.number, loss=best)

        yield watch


def perform_and_report(settings: FitSettings | LearnSettings, folder: Path, words: list[str]) -> None:
    """`triangle run`: the run with a progress bar, then its table. Raises ValueError if every restart diverged."""
    trackers.require(settings.tracker)
    with progress() as watch:
        run = perform(settings, folder, words, watch)
    print_run(run)  # before what may fail
    if run.reused:
        pictures.draw_missing(run.folder, run.record, settings)
    pictures.draw_curves(run.folder)
    trackers.track(settings.tracker, Path(settings.outputs), run.folder)
    if run.record.best_restart is None:
        which = f"all {settings.restarts} restarts" if settings.restarts > 1 else "the only restart"
        raise ValueError(f"{which} diverged: expected a smaller learning_rate")
