"""`dry_run=true`: how many jobs there are, how many are done, and about how long the others take. Writes nothing."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path
from statistics import linear_regression, median
from typing import Any

from triangle_cli import console
from triangle_cli.runs.perform import experiment_of
from triangle_cli.settings.run import FitSettings, LearnSettings
from triangle_cli.store import index, run_folder
from triangle_cli.sweeps.job import Job, JobRecord


def lines(planned: Sequence[Job | JobRecord], at_once: int) -> tuple[list[str], int]:
    """What would happen: a line of counts, one of time, one for each job that would fail; and the exit code.

    Args:
        planned: from `sweep.plan`.
        at_once: how many jobs run at the same time.
    """
    planned = [_checked(item) for item in planned]
    todo = [item.settings for item in planned if isinstance(item, Job)]
    records = [item for item in planned if isinstance(item, JobRecord)]
    failing = [record for record in records if not record.folder]
    done = len(records) - len(failing)
    said = f"{len(planned)} job{'s' if len(planned) != 1 else ''}: {done} done, {len(todo)} to run"
    said += f", {len(failing)} would fail" if failing else ""
    said_all = [said, *([_time(todo, at_once)] if todo else [])]
    alone = len(planned) == 1  # whose words were typed just now
    said_all += [f"would fail: {record.reason if alone else record.failure}" for record in failing]
    return said_all, 1 if len(failing) == len(planned) else 0


def _checked(item: Job | JobRecord) -> Job | JobRecord:
    """The job, or the record of its failure where that is known before training."""
    if isinstance(item, JobRecord):
        return item
    try:
        run_folder.require_writable(Path(item.settings.folder))
        experiment_of(item.settings).check(item.settings)
    except (ValueError, OSError) as error:
        return JobRecord(item.number, item.words, "failed", " ".join(console.reason(error).split()))
    return item


def _time(todo: list[FitSettings | LearnSettings], at_once: int) -> str:
    outputs = Path(todo[0].outputs)
    rows = index.find_runs(outputs, write=False)[0] if outputs.is_dir() else []
    found = [seconds for settings in todo if (seconds := _seconds(settings, rows)) is not None]
    if len(found) < len(todo):
        return "no finished run to estimate the time from"
    total = max(sum(found) / at_once, max(found))
    judged = f"{len(rows)} finished run{'s' if len(rows) != 1 else ''}"
    return f"about {in_words(total)}, {at_once} at a time, judged by {judged}"


def _seconds(settings: FitSettings | LearnSettings, rows: list[index.Row]) -> float | None:
    """From the finished runs that are most like this one: a line through their seconds against their sizes."""
    wanted = index.flat(settings.describe())
    what = ("data.name", "model.name")  # None for a function
    for keys in ((*what, "restarts", "points.train", "dtype", "device"), (*what, "restarts"), what):
        alike = [row for row in rows if all(row.get(key) == wanted.get(key) for key in keys)]
        alike = [row for row in alike if _optimizers(row) == _optimizers(wanted)]
        if alike:
            return _line([_size(row) for row in alike], [row["seconds"] for row in alike], _size(wanted))
    return None


def _line(sizes: list[float], seconds: list[float], size: float) -> float:
    """Seconds for a size: what every run takes, and a share that grows with it; in proportion where none does."""
    if len(set(sizes)) > 1:
        slope, start = linear_regression(sizes, seconds)
        if slope > 0 and start >= 0:
            return start + slope * size
    return size * median(taken / each for taken, each in zip(seconds, sizes))  # the first run of all compiles


def _phases(row: index.Row) -> list[dict[str, Any]]:
    return json.loads(row["schedule.phases"])


def _optimizers(row: index.Row) -> set[str]:
    return {phase["optimizer"] for phase in _phases(row)}  # none: it is a deepening


def _size(row: index.Row) -> float:
    kicks = row.get("schedule.deepening.kicks")
    if kicks is not None:
        return row["restarts"] * (row["depth"] + 1) ** 3 * (1 + kicks + row["schedule.deepening.last_kicks"])
    return (row["depth"] + 1) * sum(phase["epochs"] for phase in _phases(row))


def in_words(seconds: float) -> str:
    """`40 s`, `12 min`, `3 h 20 min`."""
    if seconds < 90:
        return f"{math.ceil(seconds)} s"
    minutes = math.ceil(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"
