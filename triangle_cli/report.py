"""What the terminal shows: a progress bar per phase, then one table."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pandas as pd
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from pathlib import Path

    from triangle_cli.runs import Run

Watch = Callable[[Any], object]

WIDE = 200  # columns, where the output goes to a file or a pipe
OUT = Console(soft_wrap=True, highlight=False, width=None if sys.stdout.isatty() else WIDE)
ERR = Console(stderr=True, soft_wrap=True, highlight=False)


class ConsoleHandler(logging.Handler):
    """Log messages above a live progress bar, one line each; tracebacks are for the log file."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print the message."""
        ERR.print(record.getMessage(), markup=False)


def stage_summary(errors: pd.DataFrame) -> pd.DataFrame:
    """errors.csv -> a row per stage, in order: statistics over the restarts that did not diverge."""
    order = errors["stage"].drop_duplicates()
    groups = errors[~errors["diverged"]].groupby("stage", sort=False)
    table = groups.agg(
        mse_min=("mse_train", "min"),
        mse_mean=("mse_train", "mean"),
        mse_median=("mse_train", "median"),
        test_mse_mean=("mse_test", "mean"),
        regions_min=("linear_regions", "min"),
        regions_max=("linear_regions", "max"),
        floor_ratio_min=("floor_ratio", "min"),
    ).reindex(order)
    table["diverged"] = errors.groupby("stage", sort=False)["diverged"].sum()
    return table.rename_axis("stage").reset_index()


def print_run(run: Run) -> None:
    """The table of a run on the terminal: min, mean and median MSE, regions, ratio to the floor, the folder."""
    seconds = run.record["seconds"]["total"]
    origin = "from disk, already finished (force=true runs it again)" if run.reused else f"{seconds:.1f} s"
    kept, starts = len(run.record["restarts"]), run.record["starts"]
    count = f"{kept} restarts" if kept == starts else f"the best {kept} of {starts} restarts"
    OUT.print(f"[bold]{run.record['function']}[/], {count}: {origin}")
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("\nstage", no_wrap=True)
    for heading in (
        "min\nMSE",
        "mean\nMSE",
        "median\nMSE",
        "mean\ntest MSE",
        "linear\nregions",
        "best /\nfloor",
    ):
        table.add_column(heading, justify="right", no_wrap=True)
    for row in stage_summary(run.errors).itertuples():
        table.add_row(
            row.stage + (f" ({row.diverged} diverged)" if row.diverged else ""),
            *(f"{value:.2e}" for value in (row.mse_min, row.mse_mean, row.mse_median, row.test_mse_mean)),
            span(row.regions_min, row.regions_max),
            "-" if pd.isna(row.floor_ratio_min) else f"{row.floor_ratio_min:.3g}",
        )
    OUT.print(table)
    OUT.print(f"-> {run.folder}")


def span(low: float, high: float) -> str:
    """`32`, or `9-14`; a dash where nothing was counted."""
    if pd.isna(low):
        return "-"
    return f"{low:.0f}" if low == high else f"{low:.0f}-{high:.0f}"


@contextmanager
def progress() -> Iterator[Watch]:
    """A bar per phase with the best loss and the time left; silent where stderr is not a terminal."""
    if not ERR.is_terminal:
        yield lambda epoch: None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description:>16}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[loss]}"),
    )
    with Progress(*columns, TimeRemainingColumn(), console=ERR, transient=True) as bars:
        bar = bars.add_task("starting", total=None, loss="")

        def watch(epoch: Any) -> None:
            if epoch.number % 10 == 0 or epoch.number == epoch.last:
                loss = epoch.loss[epoch.loss.isfinite()]
                best = f"best loss {loss.min().item():.2e}" if len(loss) else "all diverged"
                bars.update(bar, description=epoch.phase, total=epoch.last, completed=epoch.number, loss=best)

        yield watch


def print_sweep(summary: pd.DataFrame, notes: list[str], count: str, folder: Path) -> None:
    """The table of a sweep on the terminal, what failed, how many jobs there were, the folder."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    shown = summary.drop(columns="folder").fillna("-")
    for column in shown:
        table.add_column("\n".join(column.rsplit(" ", 1)), justify="right" if "MSE" in column else "left")
    for row in shown.itertuples(index=False):
        table.add_row(*row)
    OUT.print(table)
    for note in notes:
        OUT.print(note, style="red", markup=False)
    OUT.print(count)
    OUT.print(f"-> {folder}")


@contextmanager
def sweep_progress(jobs: int) -> Iterator[Callable[[dict[str, Any]], None]]:
    """One bar for a whole sweep: jobs done, failed and left, and the time left. Without a terminal, a line per job."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.completed:.0f} done"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[failed]} failed, {task.fields[left]} left,"),
        TimeRemainingColumn(),
    )
    live = ERR.is_terminal
    failed = done = 0
    # an average over the last hours: jobs of a sweep differ in length
    with Progress(
        *columns, console=ERR, transient=True, disable=not live, speed_estimate_period=7200
    ) as bars:
        bar = bars.add_task("", total=jobs, failed=0, left=jobs)

        def show(record: dict[str, Any]) -> None:
            nonlocal failed, done
            done += 1
            failed += record["status"] == "failed"
            bars.update(bar, completed=done, failed=failed, left=jobs - done)
            if record["status"] == "failed" or (not live and record["status"] == "finished"):
                state = f"failed: {record['reason']}" if record["status"] == "failed" else "finished"
                words = " ".join(record["overrides"])
                ERR.print(f"[{done}/{jobs}] {words}: {state} in {record['seconds']:.1f} s", markup=False)

        yield show
