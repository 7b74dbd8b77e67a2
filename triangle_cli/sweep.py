"""A sweep: many runs from one command line, collected in a folder of its own."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import Console
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
        run = runs.perform(chosen, Path(chosen.folder), words, watch=lambda epoch: None)
        record |= {"folder": str(run.folder), "status": "reused" if run.reused else "finished"}
        if run.record["best_restart"] is None:
            record |= {"status": "failed", "reason": "all restarts diverged"}
    except Exception as error:
        record |= {"status": "failed", "reason": " ".join(str(error).split()) or type(error).__name__}
        log.debug("job failed", exc_info=True)
    record["seconds"] = time.perf_counter() - started
    log.info("%s: %s", " ".join(words), record["reason"] or f"{record['status']} in {record['seconds']:.1f} s")
    results.write_text(job_folder / JOB, json.dumps(record, indent=2) + "\n")


class JobRecorder:
    """Hydra's callback around a sweep: clears what an earlier one left, and collects at the end."""

    def on_multirun_start(self, config: Any, **_: Any) -> None:
        """Forget the jobs of an earlier sweep with the same words; their runs stay."""
        for old in Path(config.hydra.sweep.dir).glob(f"*/{JOB}"):
            old.unlink()

    def on_multirun_end(self, config: Any, **_: Any) -> None:
        """Write and print the tables. Exits with 1 if a job failed."""
        if collect(Path(config.hydra.sweep.dir)):
            raise SystemExit(1)  # an exception would only be warned about


def collect(folder: Path) -> list[dict[str, Any]]:
    """Gather the jobs of a sweep: errors.csv, regions.csv and a summary, written and printed.

    Returns:
        The jobs that failed.
    """
    jobs = [json.loads(path.read_text()) for path in sorted(folder.glob(f"*/{JOB}"), key=_number)]
    for name in (results.ERRORS, results.REGIONS):
        tables = [_with_overrides(job, pd.read_csv(Path(job["folder"]) / name)) for job in jobs if job["folder"]]
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
    console = Console(soft_wrap=True)
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in summary:
        table.add_column(column, no_wrap=True, justify="right" if "MSE" in column else "left")
    for row in summary.fillna("-").itertuples(index=False):
        table.add_row(*row)
    console.print(table)
    for note in notes:
        console.print(f"[red]{note}[/]", highlight=False)
    console.print(f"-> {folder}", highlight=False)
