"""What the terminal shows: a progress bar per phase, then one table."""

from __future__ import annotations

import datetime
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
    for line in filter(None, (*samples_lines(run.record), best_line(run.record))):
        out().print(line)
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


FAR = 2.0  # times the training error: what of the held-out error is no longer chance, with many points


def samples_lines(record: RunRecord) -> list[str]:
    """Of a fit to samples: how many there were and which way they bend, and whether the network fits their noise."""
    some = record.samples
    if not some:
        return []
    places = f" at {some['places']:,} places" if some["places"] != some["rows"] else ""
    held = some["held_out"]
    lines = [f"{some['rows']:,} samples{places}, {held:,} held out", some.get("bends", "")]
    train, test = record.best.get("mse_train"), record.best.get("mse_test")
    if held and train is not None and test is not None and test > train * FAR * (1 + 3 * (2 / held) ** 0.5):
        times = (
            ""
            if train == 0
            else f", {test / train:.2g} times {train:.2e}, that on the samples it learned from"
        )
        lines.append(
            f"fits noise: the best network's held-out MSE is {test:.2e}{times}; depth=auto, or a smaller depth, may do "
            "better"
        )
    return lines


@contextmanager
def progress() -> Iterator[Watch]:
    """A bar per phase with the best loss and the time left; silent where stderr is not a terminal."""
    if not (err().is_terminal or err().is_jupyter):
        yield lambda epoch: None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, Task, TextColumn, TimeRemainingColumn

    class TimeLeft(TimeRemainingColumn):
        """Of all stages, where a run says how much of its work is done; else of this phase."""

        def render(self, task: Task) -> Text:
            left = task.fields.get("left")
            if left is None:
                return super().render(task)
            return Text(f"{datetime.timedelta(seconds=round(left))} left in all", style="progress.remaining")

    columns = (
        TextColumn("{task.description:>16}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[loss]}", markup=False),
    )
    with Progress(*columns, TimeLeft(), console=err(), transient=True) as bars:
        bar, shown = bars.add_task("starting", total=None, loss=""), 0.0
        pace = WorkLeft()

        def watch(epoch: Any) -> None:
            nonlocal shown
            if time.monotonic() - shown < BLINK and epoch.number != epoch.last:
                return
            shown = time.monotonic()
            loss = epoch.loss[epoch.loss.isfinite()]
            best = f"best loss {loss.min().item():.2e}" if len(loss) else "all diverged"
            left = pace.seconds(epoch.done) if hasattr(epoch, "done") else None
            bars.update(
                bar, description=epoch.phase, total=epoch.last, completed=epoch.number, loss=best, left=left
            )

        yield watch


class WorkLeft:
    """How long the rest of a run will take, from the share of it that was done since this began."""

    def __init__(self) -> None:
        self.begun: tuple[float, float] | None = None

    def seconds(self, done: float) -> float | None:
        """Seconds left when `done`, 0 to 1, is behind; None until there is something to go by."""
        now = time.monotonic()
        if self.begun is None:
            self.begun = now, done
        began, before = self.begun
        return (now - began) * (1 - done) / (done - before) if done > before else None


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
