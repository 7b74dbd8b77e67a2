"""The jobs of a sweep gathered in its folder: their words, their tables, a summary."""

from __future__ import annotations

import contextlib
import io
import itertools
import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from triangle_cli.settings.require import require
from triangle_cli.settings.run import HOW
from triangle_cli.store import files, run_folder, sweeps
from triangle_cli.store.stages import stage_cells, stage_summary
from triangle_cli.store.sweeps import JOBS
from triangle_cli.store.texts import markdown_cell
from triangle_cli.sweeps import live, report
from triangle_cli.sweeps.job import JobRecord

JOB = "job.json"  # of one job, under a launcher that is not ours
SUMMARY = "summary.md"
NO_JOBS = "no jobs: expected at least one value in every list"
STATUS = ("status", "folder")  # the last columns of a summary
HOW_WORDS = (*HOW, "launcher", "hparams_search")


def collect(folder: Path, jobs: list[JobRecord]) -> bool:
    """Gather the jobs of a sweep: errors.csv, regions.csv, jobs.json and a summary, written and printed.

    Nothing in the tables depends on which jobs were computed and which were answered from disk.

    Returns:
        Whether all jobs have finished.
    """
    for name in (run_folder.ERRORS, run_folder.REGIONS, SUMMARY, JOBS):
        files.require_own(folder / name)
    summary, notes = _summary(jobs), _notes(jobs)
    for name in (run_folder.ERRORS, run_folder.REGIONS):
        folders = [(job, Path(job.folder) / name) for job in jobs if job.folder]
        texts = [(choices(job), files.read_text(path)) for job, path in folders if path.exists()]
        if texts:
            run_folder.write_table(folder / name, _gathered(texts))
    text = summary.map(markdown_cell).to_markdown(index=False, disable_numparse=True)
    run_folder.write_text(folder / SUMMARY, "\n\n".join([text, *map(markdown_cell, notes)]) + "\n")
    run_folder.write_text(folder / JOBS, json.dumps([job.to_json() for job in jobs], indent=1) + "\n")
    _records(folder).unlink(missing_ok=True)
    live.withdraw(folder)
    _print(folder, jobs, summary)
    return all(job.done for job in jobs)


def print_summary(folder: Path, jobs: list[JobRecord]) -> None:
    """The table of a sweep on the terminal, and what failed."""
    _print(folder, jobs, _summary(jobs))


def _print(folder: Path, jobs: list[JobRecord], summary: pd.DataFrame) -> None:
    constant = [key for key in choices(jobs[0]) if len(jobs) > 1 and summary[key].nunique() == 1]
    report.print_sweep(summary.drop(columns=constant), _notes(jobs), count(jobs), folder)


def _notes(jobs: list[JobRecord]) -> list[str]:
    return [f"failed: {job.failure}" for job in jobs if job.status == "failed"]


def add_records(folder: Path, records: Iterable[JobRecord]) -> None:
    """Leave what became of jobs in the sweep's folder, for its end and for those who watch: a sweeper may launch many
    times.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with _records(folder).open("a", encoding="utf-8") as file:
        file.writelines(json.dumps(record.to_json()) + "\n" for record in records)


def read_records(folder: Path) -> list[JobRecord]:
    """What became of the jobs of this sweep, in their order; launchers that are not ours leave a file for each."""
    path = _records(folder)
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    texts = lines or [path.read_text(encoding="utf-8") for path in folder.glob(f"*/{JOB}")]
    return sorted((JobRecord(**json.loads(text)) for text in texts), key=lambda record: record.number)


def clear_records(folder: Path) -> None:
    """Remove what an earlier sweep with the same words left; its runs stay, and are answered from disk."""
    with contextlib.suppress(OSError):
        live.withdraw(folder)
    for path in (_records(folder), *folder.glob(f"*/{JOB}")):
        with contextlib.suppress(OSError):  # a folder that cannot be written is named where it is
            path.unlink()


def _records(folder: Path) -> Path:
    return live.records_path(folder, os.getpid())


def read_jobs(folder: Path) -> list[JobRecord]:
    """The jobs of the last sweep in this folder that came to its end; none where there is no such sweep.

    Raises:
        ValueError: its jobs.json is damaged.
    """
    if not (folder / JOBS).exists():
        return []
    return [JobRecord(**job) for job in sweeps.read(folder).jobs]


def count(jobs: list[JobRecord]) -> str:
    """`24 jobs: 20 computed, 3 from disk, 1 failed`."""
    words = {"finished": "computed", "reused": "from disk", "failed": "failed", "not started": "not started"}
    numbers = {word: sum(job.status == status for job in jobs) for status, word in words.items()}
    parts = ", ".join(f"{number} {word}" for word, number in numbers.items() if number)
    return f"{len(jobs)} job{'s' if len(jobs) != 1 else ''}: {parts}"


def require_one_way(jobs: Iterable[Iterable[str]]) -> None:
    """Raise ValueError where the jobs of a sweep differ in how or where they run, which no table could tell apart."""
    ways: dict[str, set[str]] = {}
    for word in (word for words in jobs for word in words):
        key, _, value = word.lstrip("+").partition("=")
        if key in HOW_WORDS:
            ways.setdefault(key, set()).add(value)
    for key, values in ways.items():
        require(len(values) == 1, key, ",".join(sorted(values)), "one value for all jobs of a sweep")


def choosing(words: Iterable[str]) -> list[str]:
    """The words that choose what is computed, without those that say how and where."""
    return [word for word in words if word.lstrip("+~").split("=")[0] not in HOW_WORDS]


def choices(job: JobRecord) -> dict[str, str]:
    """What the words of a job chose: {"function": "x2", "depth": "4"}."""
    return dict(word.lstrip("+~").split("=", 1) for word in choosing(job.overrides) if "=" in word)


def _gathered(texts: list[tuple[dict[str, str], str]]) -> pd.DataFrame:
    """The rows of the jobs' tables, before each what the job's words chose. A table: these choices, and its text.

    Those with the same columns are read as one: one by one they take a job of a large sweep ten times as long.
    """
    alike = itertools.groupby(texts, lambda table: (list(table[0]), table[1].partition("\n")[0]))
    return pd.concat(
        [_read_as_one(heading, list(tables)) for (_, heading), tables in alike], ignore_index=True
    )


def _read_as_one(heading: str, tables: list[tuple[dict[str, str], str]]) -> pd.DataFrame:
    bodies = [text.partition("\n")[2] for _, text in tables]
    table = pd.read_csv(io.StringIO("\n".join([heading, "".join(bodies)])), low_memory=False)
    rows = [body.count("\n") for body in bodies]  # no name in a run's tables holds one
    for column, key in enumerate(tables[0][0]):
        values = np.array([chosen[key] for chosen, _ in tables], object)
        table.insert(column, key, np.repeat(values, rows))
    return table


def _summary(jobs: list[JobRecord]) -> pd.DataFrame:
    """A row per job: what its words chose, the figures of its last stage, its status and folder."""
    rows, chosen = [_summary_row(job) for job in jobs], [key for job in jobs for key in choices(job)]
    figures = [key for row in rows for key in row if key not in (*chosen, *STATUS)]
    return pd.DataFrame(rows, columns=list(dict.fromkeys([*chosen, *figures, *STATUS]))).fillna("-")


def _summary_row(job: JobRecord) -> dict[str, str]:
    row = choices(job)
    if job.folder:
        row |= _figures(Path(job.folder))
    status = "finished" if job.status == "reused" else job.status
    return row | {"status": status, "folder": job.folder or "-"}


def _figures(folder: Path) -> dict[str, str]:
    """The last stage of a run and its figures, from run.json; from errors.csv where an older version left some out."""
    record, errors = run_folder.read_record(folder), folder / run_folder.ERRORS
    with files.opened(errors) as file:
        heading, first = (file.readline().decode().strip().split(",") for _ in range(2))
    last: Any = {
        "floor_kind": dict(zip(heading, first)).get("floor_kind"),
        **(record.summary if record else {}),
    }
    try:
        return {"stage": last["stage"], **stage_cells(last)}
    except KeyError:
        last = stage_summary(pd.read_csv(errors)).iloc[-1]
    return {"stage": last["stage"], **stage_cells(last)}
