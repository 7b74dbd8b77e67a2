"""What the terminal shows of a sweep: one bar, then one table."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
from rich.table import Table

from triangle_cli.console import err, out
from triangle_cli.sweeps.job import JobRecord


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
    out().print(table)
    for note in notes:
        out().print(note, style="red")
    out().print(count)
    out().print(f"-> {folder}")


def planning(jobs: Iterable[Any], count: int) -> Iterable[Any]:
    """The jobs of a sweep, one after the other, with a bar on a terminal."""
    from rich.progress import track

    return track(jobs, "planning", count, console=err(), transient=True, disable=not err().is_terminal)


@contextmanager
def sweep_progress(jobs: int) -> Iterator[Callable[[JobRecord], None]]:
    """One bar for a whole sweep: jobs done, failed and left, and the time left. Without a terminal, a line per job."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.completed:.0f} done"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[failed]} failed, {task.fields[left]} left,"),
        TimeRemainingColumn(),
    )
    live = err().is_terminal
    failed = done = 0
    # an average over the last hours: jobs of a sweep differ in length
    with Progress(
        *columns, console=err(), transient=True, disable=not live, speed_estimate_period=7200
    ) as bars:
        bar = bars.add_task("", total=jobs, failed=0, left=jobs)

        def show(record: JobRecord) -> None:
            nonlocal failed, done
            done += 1
            failed += record.status == "failed"
            bars.update(bar, completed=done, failed=failed, left=jobs - done)
            said = {
                "failed": f"failed: {record.reason}",
                "finished": "" if live else f"finished in {record.seconds:.1f} s",
            }.get(record.status)
            if said:
                err().print(f"[{done}/{jobs}] {' '.join(record.overrides)}: {said}")

        yield show
