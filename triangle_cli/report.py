"""What the terminal shows: a progress bar per phase, then one table."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pandas as pd
from rich.console import Console
from rich.table import Table

from triangle_cli.settings import Settings

if TYPE_CHECKING:
    from triangle_cli.runs import Run

Watch = Callable[[Any], object]


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
    console = Console(soft_wrap=True)
    seconds = run.record["seconds"]["total"]
    origin = "from disk, already finished (force=true runs it again)" if run.reused else f"{seconds:.1f} s"
    console.print(f"[bold]{run.record['function']}[/], {run.record['restarts']} restarts: {origin}", highlight=False)
    table = Table(box=None, header_style="bold", pad_edge=False)
    for heading in ("stage", "min MSE", "mean MSE", "median MSE", "mean test MSE", "linear regions", "best / floor"):
        table.add_column(heading, justify="left" if heading == "stage" else "right", no_wrap=True)
    for row in stage_summary(run.errors).itertuples():
        table.add_row(
            row.stage + (f" ({row.diverged} diverged)" if row.diverged else ""),
            *(f"{value:.2e}" for value in (row.mse_min, row.mse_mean, row.mse_median, row.test_mse_mean)),
            span(row.regions_min, row.regions_max),
            "-" if pd.isna(row.floor_ratio_min) else f"{row.floor_ratio_min:.3g}",
        )
    console.print(table)
    console.print(f"-> {run.folder}", highlight=False)


def span(low: float, high: float) -> str:
    """`32`, or `9-14`; a dash where nothing was counted."""
    if pd.isna(low):
        return "-"
    return f"{low:.0f}" if low == high else f"{low:.0f}-{high:.0f}"


@contextmanager
def progress(settings: Settings) -> Iterator[Watch]:
    """A bar per phase with the best loss and the time left; silent where stderr is not a terminal."""
    if not sys.stderr.isatty():
        yield lambda epoch: None
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description:>16}"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.fields[loss]}"))
    with Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True), transient=True) as bars:
        bar = bars.add_task("starting", total=None, loss="")

        def watch(epoch: Any) -> None:
            if epoch.number % 10 == 0 or epoch.number == epoch.last:
                loss = epoch.loss[epoch.loss.isfinite()]
                best = f"best loss {loss.min().item():.2e}" if len(loss) else "all diverged"
                bars.update(bar, description=epoch.phase, total=epoch.last, completed=epoch.number, loss=best)

        yield watch
