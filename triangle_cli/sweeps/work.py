"""A sweep: many runs from one command line, collected in a folder of its own."""

from __future__ import annotations

import json
import logging
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from triangle_cli import interrupts
from triangle_cli.runs import perform
from triangle_cli.settings.require import require
from triangle_cli.settings.settings import HOW, Settings
from triangle_cli.store import run_folder
from triangle_cli.store.locks import Busy
from triangle_cli.store.stages import stage_cells, stage_summary
from triangle_cli.sweeps import report

JOBS = "jobs.json"
SUMMARY = "summary.md"
LOG = "triangle.log"
STATUS = ("status", "folder")  # the last columns of a summary
HOW_WORDS = (*HOW, "launcher", "hparams_search")

log = logging.getLogger("triangle_cli")

Record = dict[str, Any]


@dataclass(frozen=True)
class Job:
    """One run of a sweep, as it is sent to a worker."""

    number: int
    words: list[str]
    settings: Settings
    log_folder: Path
    wait: bool = False  # for another process that is computing the same run


Workers = Callable[["deque[Job]"], Iterator[tuple[Job, Record]]]


def new_record(number: int, words: list[str], status: str, reason: str | None = None, **more: Any) -> Record:
    """What is known of a job. Its status: finished, reused, failed, busy or not started."""
    return {
        "number": number,
        "overrides": words,
        "status": status,
        "reason": reason,
        "folder": None,
        "seconds": 0.0,
        "mse_min": None,
    } | more


def plan(number: int, words: list[str], settings: Callable[[], Settings], log_folder: Path) -> Job | Record:
    """A job to do; or the record of one that is done already, or that cannot be done."""
    try:
        job = Job(number, words, settings(), log_folder)
        folder = Path(job.settings.folder)
        if job.settings.force or not (record := perform.finished(job.settings, folder)):
            return job
        return _ended(new_record(number, words, "reused", folder=str(folder)), record)
    except Exception as error:
        interrupts.check()
        with _log_file(log_folder):
            return _failed(number, words, error)


def require_one_possible(planned: list[Job | Record]) -> None:
    """Raise ValueError, with the reason, where several jobs can none of them be done, all for the same reason."""
    reasons = {item["reason"] if isinstance(item, dict) else None for item in planned}
    if len(reasons) == 1 and len(planned) > 1 and None not in reasons:
        raise ValueError(f"{reasons.pop()} (all {len(planned)} jobs)")


def run_job(job: Job) -> Record:
    """One job, in whatever process: a run in its usual folder, and what became of it. Never raises an Exception.

    A job that fails is logged with its traceback in the sweep's folder.
    """
    started = time.perf_counter()
    with _log_file(job.log_folder):
        try:
            folder = Path(job.settings.folder)
            run = perform.perform(job.settings, folder, job.words, lambda epoch: None, job.wait)
        except Busy as busy:
            return new_record(job.number, job.words, "busy", str(busy))
        except Exception as error:
            interrupts.check()
            return _failed(job.number, job.words, error)
        seconds = time.perf_counter() - started
        log.info("%s: %s in %.1f s", " ".join(job.words), folder, seconds)
    status = "reused" if run.reused else "finished"
    return _ended(new_record(job.number, job.words, status, folder=str(folder), seconds=seconds), run.record)


def _ended(record: Record, run: dict[str, Any]) -> Record:
    if run["best_restart"] is None:
        return record | {"status": "failed", "reason": "all restarts diverged"}
    return record | {"mse_min": run["summary"].get("mse_min")}


def _failed(number: int, words: list[str], error: Exception) -> Record:
    text = run_folder.named(error) if isinstance(error, OSError) else str(error)
    reason = " ".join(text.split()) or type(error).__name__
    log.error("%s: failed: %s", " ".join(words), reason, exc_info=error)
    return new_record(number, words, "failed", reason)


@contextmanager
def _log_file(folder: Path) -> Iterator[None]:
    """Messages of this package go to a file in this folder, made when there is something to say."""
    handler = _QuietFileHandler(folder / LOG, delay=True)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    before = log.propagate, log.level
    log.addHandler(handler)
    log.propagate = False
    log.setLevel(logging.INFO)
    try:
        yield
    finally:
        log.removeHandler(handler)
        log.propagate, log.level = before
        handler.close()


class _QuietFileHandler(logging.FileHandler):
    """A log that cannot be written, on a full disk say, must not hide why the job failed."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            Path(self.baseFilename).parent.mkdir(parents=True, exist_ok=True)
            super().emit(record)
        except OSError:
            pass

    def handleError(self, record: logging.LogRecord) -> None:
        """Say nothing."""


def run_all(planned: Iterable[Job | Record], workers: Workers, stop_at_failure: bool) -> list[Record]:
    """Do what is left of a sweep, with one progress bar.

    Runs that another process is computing are put off until all others are done, so that two sweeps over the
    same runs share the work.

    Args:
        planned: from `plan`, in order.
        workers: takes jobs from the left of a queue and yields each with its record, in any order.
        stop_at_failure: start no job after one that failed.

    Returns:
        The records of all jobs, in the order of their numbers.
    """
    planned = list(planned)
    records = {item["number"]: item for item in planned if isinstance(item, dict)}
    jobs = {item.number: item for item in planned if isinstance(item, Job)}
    with report.sweep_progress(len(planned)) as show:
        for record in records.values():
            show(record)
        try:
            for wait in (False, True):
                _work(jobs, records, workers, wait, stop_at_failure, show)
        except KeyboardInterrupt:
            raise Interrupted(
                f"{len(records)} of {len(planned)} jobs done; the same command goes on from there"
            ) from None
    for number, job in jobs.items():
        records.setdefault(number, new_record(number, job.words, "not started", "on_failure=stop"))
    return [records[number] for number in sorted(records)]


class Interrupted(KeyboardInterrupt):
    """Ctrl-C during a sweep; says how to go on."""


def _work(
    jobs: dict[int, Job],
    records: dict[int, Record],
    workers: Workers,
    wait: bool,
    stop_at_failure: bool,
    show: Callable[[Record], None],
) -> None:
    """Do the jobs that have no record yet, and add theirs; those that others are at, only if `wait`."""
    queue = deque(replace(job, wait=wait) for number, job in jobs.items() if number not in records)
    if stop_at_failure and any(record["status"] == "failed" for record in records.values()):
        queue.clear()
    for job, record in workers(queue):
        interrupts.check()
        if record["status"] == "busy":
            continue
        records[job.number] = record
        show(record)
        if stop_at_failure and record["status"] == "failed":
            queue.clear()


def collect(folder: Path, jobs: list[Record]) -> bool:
    """Gather the jobs of a sweep: errors.csv, regions.csv, jobs.json and a summary, written and printed.

    Nothing in the tables depends on which jobs were computed and which were answered from disk.

    Returns:
        Whether all jobs have finished.
    """
    for name in (run_folder.ERRORS, run_folder.REGIONS):
        folders = [(job, Path(job["folder"]) / name) for job in jobs if job["folder"]]
        tables = [_with_choices(job, pd.read_csv(path)) for job, path in folders if path.exists()]
        if tables:
            run_folder.write_table(folder / name, pd.concat(tables, ignore_index=True))
    summary = _summary(jobs)
    notes = [
        f"failed: {' '.join(job['overrides'])}: {job['reason']}" for job in jobs if job["status"] == "failed"
    ]
    text = summary.to_markdown(index=False, disable_numparse=True)
    run_folder.write_text(folder / SUMMARY, "\n\n".join([text, *notes]) + "\n")
    run_folder.write_text(folder / JOBS, json.dumps(jobs, indent=1) + "\n")
    constant = [key for key in choices(jobs[0]) if len(jobs) > 1 and summary[key].nunique() == 1]
    report.print_sweep(summary.drop(columns=constant), notes, count(jobs), folder)
    return all(job["status"] in ("finished", "reused") for job in jobs)


def read_jobs(folder: Path) -> list[Record]:
    """The jobs of the last sweep in this folder that came to its end; none where there is no such sweep."""
    try:
        return json.loads((folder / JOBS).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return []


def count(jobs: list[Record]) -> str:
    """`24 jobs: 20 computed, 3 from disk, 1 failed`."""
    words = {"finished": "computed", "reused": "from disk", "failed": "failed", "not started": "not started"}
    numbers = {word: sum(job["status"] == status for job in jobs) for status, word in words.items()}
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


def choices(job: Record) -> dict[str, str]:
    """What the words of a job chose: {"function": "x2", "depth": "4"}."""
    return dict(word.lstrip("+~").split("=", 1) for word in choosing(job["overrides"]) if "=" in word)


def _with_choices(job: Record, table: pd.DataFrame) -> pd.DataFrame:
    for column, (key, value) in enumerate(choices(job).items()):
        table.insert(column, key, value)
    return table


def _summary(jobs: list[Record]) -> pd.DataFrame:
    """A row per job: what its words chose, the figures of its last stage, its status and folder."""
    rows, chosen = [_summary_row(job) for job in jobs], [key for job in jobs for key in choices(job)]
    figures = [key for row in rows for key in row if key not in (*chosen, *STATUS)]
    return pd.DataFrame(rows, columns=list(dict.fromkeys([*chosen, *figures, *STATUS]))).fillna("-")


def _summary_row(job: Record) -> dict[str, str]:
    row = choices(job)
    if job["folder"]:
        last = stage_summary(pd.read_csv(Path(job["folder"]) / run_folder.ERRORS)).iloc[-1]
        row |= {"stage": last["stage"], **stage_cells(last)}
    status = "finished" if job["status"] == "reused" else job["status"]
    return row | {"status": status, "folder": job["folder"] or "-"}
