"""A sweep: many runs from one command line, collected in a folder of its own."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
from rich.table import Table

from triangle_cli import report, results, runs
from triangle_cli.settings import Settings

JOB = "job.json"
SUMMARY = "summary.md"

log = logging.getLogger(__name__)


def run_job(settings: Callable[[], Settings], job_folder: Path, words: list[str]) -> None:
    """One job of a sweep: a run in its usual folder, and a record of how it ended in the sweep's.

    A job that fails is recorded and logged with its traceback; the sweep goes on.
    """
    started = time.perf_counter()
    record: dict[str, Any] = {"overrides": words, "status": "finished", "reason": None, "folder": None}
    try:
        chosen = settings()
        with report.progress() as watch:
            run = runs.perform(chosen, Path(chosen.folder), words, watch)
        record |= {"folder": str(run.folder), "status": "reused" if run.reused else "finished"}
        if run.record["best_restart"] is None:
            record |= {"status": "failed", "reason": "all restarts diverged"}
    except Exception as error:
        record |= {"status": "failed", "reason": " ".join(str(error).split()) or type(error).__name__}
        log.error("failed: %s", record["reason"], exc_info=True)
    record["seconds"] = time.perf_counter() - started
    log.info("%s in %.1f s", record["status"], record["seconds"])
    results.write_text(job_folder / JOB, json.dumps(record, indent=2) + "\n")


def forget_jobs(folder: Path) -> None:
    """Remove the job records of an earlier sweep in this folder."""
    for record in folder.glob(f"*/{JOB}"):
        record.unlink()


def collect(folder: Path) -> list[dict[str, Any]]:
    """Gather the jobs of a sweep: errors.csv, regions.csv and a summary, written and printed.

    Returns:
        The jobs that failed.
    """
    jobs = [json.loads(path.read_text()) for path in sorted(folder.glob(f"*/{JOB}"), key=_number)]
    for name in (results.ERRORS, results.REGIONS):
        tables = [
            _with_overrides(job, pd.read_csv(Path(job["folder"]) / name)) for job in jobs if job["folder"]
        ]
        if tables:
            results.write_table(folder / name, pd.concat(tables, ignore_index=True))
    summary = pd.DataFrame([_summary_row(job) for job in jobs])
    failed = [job for job in jobs if job["status"] == "failed"]
    text = summary.to_markdown(index=False, disable_numparse=True)
    notes = [f"failed: {' '.join(job['overrides'])}: {job['reason']}" for job in failed]
    results.write_text(folder / SUMMARY, "\n\n".join([text, *notes]) + "\n")
    _print_summary(summary, notes, folder)
    return failed


def _number(path: Path) -> tuple[int, str]:
    name = path.parent.name
    return (int(name), "") if name.isdigit() else (-1, name)


def _choices(job: dict[str, Any]) -> dict[str, str]:
    return dict(word.lstrip("+~").split("=", 1) for word in job["overrides"] if "=" in word)


def _with_overrides(job: dict[str, Any], table: pd.DataFrame) -> pd.DataFrame:
    for column, (key, value) in enumerate(_choices(job).items()):
        table.insert(column, key, value)
    return table


def _summary_row(job: dict[str, Any]) -> dict[str, str]:
    row = _choices(job)
    if job["folder"]:
        last = report.stage_summary(pd.read_csv(Path(job["folder"]) / results.ERRORS)).iloc[-1]
        row |= {
            "stage": last.stage,
            "min MSE": f"{last.mse_min:.2e}",
            "mean MSE": f"{last.mse_mean:.2e}",
            "median MSE": f"{last.mse_median:.2e}",
            "linear regions": report.span(last.regions_min, last.regions_max),
            "best / floor": "-" if pd.isna(last.floor_ratio_min) else f"{last.floor_ratio_min:.3g}",
        }
    return row | {"status": job["status"], "folder": job["folder"] or "-"}


def _print_summary(summary: pd.DataFrame, notes: list[str], folder: Path) -> None:
    table = Table(box=None, header_style="bold", pad_edge=False)
    shown = summary.drop(columns="folder").fillna("-")
    for column in shown:
        table.add_column("\n".join(column.rsplit(" ", 1)), justify="right" if "MSE" in column else "left")
    for row in shown.itertuples(index=False):
        table.add_row(*row)
    report.OUT.print(table)
    for note in notes:
        report.OUT.print(note, style="red", markup=False)
    report.OUT.print(f"-> {folder}")
