"""What the terminal shows: a progress bar per phase, then one table."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pandas as pd
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from pathlib import Path

    from triangle_cli.runs.perform import Run

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
    figures = next(figures for column, figures in FIGURES.items() if column in errors)
    order = errors["stage"].drop_duplicates()
    groups = errors[~errors["diverged"]].groupby("stage", sort=False)
    table = groups.agg(**figures).reindex(order)
    table["diverged"] = errors.groupby("stage", sort=False)["diverged"].sum()
    return table.rename_axis("stage").reset_index()


TRAIN_MSE = {f"mse_{name}": ("mse_train", name) for name in ("min", "mean", "median")}
TEST_MSE = {"test_mse_mean": ("mse_test", "mean")}
# a column that only one kind of errors.csv has -> what is said of it
FIGURES: dict[str, dict[str, tuple[str, str]]] = {
    "linear_regions": {
        **TRAIN_MSE,
        **TEST_MSE,
        "regions_min": ("linear_regions", "min"),
        "regions_max": ("linear_regions", "max"),
        "floor_ratio_min": ("floor_ratio", "min"),
    },
    "accuracy_test": {
        "train_accuracy_mean": ("accuracy_train", "mean"),
        "test_accuracy_mean": ("accuracy_test", "mean"),
        "test_accuracy_sd": ("accuracy_test", "std"),
        "test_accuracy_min": ("accuracy_test", "min"),
        "test_loss_mean": ("loss_test", "mean"),
    },
    "r2_test": {
        **TRAIN_MSE,
        **TEST_MSE,
        "test_mse_sd": ("mse_test", "std"),
        "test_r2_mean": ("r2_test", "mean"),
        "test_r2_sd": ("r2_test", "std"),
    },
}


def stage_cells(row: pd.Series) -> dict[str, str]:
    """A row of `stage_summary` as it is shown: heading -> text."""
    if "test_accuracy_mean" in row:
        return {
            "mean train accuracy": _percent(row["train_accuracy_mean"]),
            "mean test accuracy": _percent(row["test_accuracy_mean"]),
            "standard deviation": _percent(row["test_accuracy_sd"]),
            "least test accuracy": _percent(row["test_accuracy_min"]),
            "mean test loss": _number(row["test_loss_mean"], ".3g"),
        }
    cells = {
        "min MSE": _number(row["mse_min"], ".2e"),
        "mean MSE": _number(row["mse_mean"], ".2e"),
        "median MSE": _number(row["mse_median"], ".2e"),
        "mean test MSE": _number(row["test_mse_mean"], ".2e"),
    }
    if "test_r2_mean" in row:
        return cells | {
            "standard deviation": _number(row["test_mse_sd"], ".2e"),
            "mean test R²": _number(row["test_r2_mean"], ".3f"),
        }
    return cells | {
        "linear regions": span(row["regions_min"], row["regions_max"]),
        "best / floor": _number(row["floor_ratio_min"], ".3g"),
    }


def _number(value: float, form: str) -> str:
    return "-" if pd.isna(value) else format(value, form)


def _percent(share: float) -> str:
    return "-" if pd.isna(share) else f"{100 * share:.2f} %"


def print_run(run: Run) -> None:
    """The table of a run on the terminal, a row per stage, and its folder."""
    seconds = run.record["seconds"]["total"]
    origin = "from disk, already finished (force=true runs it again)" if run.reused else f"{seconds:.1f} s"
    kept, starts = len(run.record["restarts"]), run.record["starts"]
    count = (
        f"{kept} restart{'s' if kept != 1 else ''}"
        if kept == starts
        else f"the best {kept} of {starts} restarts"
    )
    OUT.print(f"[bold]{run.record['function']}[/], {count}: {origin}")
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("\nstage", no_wrap=True)
    for number, (_, row) in enumerate(stage_summary(run.errors).iterrows()):
        cells = stage_cells(row)
        for heading in cells if number == 0 else ():
            table.add_column("\n".join(heading.rsplit(" ", 1)), justify="right", no_wrap=True)
        table.add_row(
            row["stage"] + (f" ({row['diverged']} diverged)" if row["diverged"] else ""), *cells.values()
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
    shown = summary.drop(columns="folder")
    figures = (
        set(summary.columns[list(summary.columns).index("stage") + 1 :])
        - {"status", "linear regions", "best / floor"}
        if "stage" in summary
        else set()
    )
    for column in shown:
        table.add_column("\n".join(column.rsplit(" ", 1)), justify="right" if column in figures else "left")
    for row in shown.itertuples(index=False):
        table.add_row(*row)
    OUT.print(table)
    for note in notes:
        OUT.print(note, style="red", markup=False)
    OUT.print(count)
    OUT.print(f"-> {folder}")


def planning(jobs: Sequence[Any]) -> Iterable[Any]:
    """The jobs of a sweep, one after the other, with a bar on a terminal: Hydra takes its time for each."""
    from rich.progress import track

    return track(jobs, "planning", console=ERR, transient=True, disable=not ERR.is_terminal)


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
            said = {
                "failed": f"failed: {record['reason']}",
                "finished": "" if live else f"finished in {record['seconds']:.1f} s",
            }.get(record["status"])
            if said:
                ERR.print(f"[{done}/{jobs}] {' '.join(record['overrides'])}: {said}", markup=False)

        yield show
