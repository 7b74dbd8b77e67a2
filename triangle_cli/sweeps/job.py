"""One job of a sweep: what is to be done, and what became of it."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from triangle_cli import console, interrupts
from triangle_cli.runs import perform
from triangle_cli.settings.run import FitSettings, LearnSettings
from triangle_cli.store.locks import Busy
from triangle_cli.store.record import RunRecord

LOG = "triangle.log"

log = logging.getLogger("triangle_cli")


@dataclass(frozen=True)
class Job:
    """One run of a sweep, as it is sent to a worker."""

    number: int
    words: list[str]
    settings: FitSettings | LearnSettings
    log_folder: Path
    wait: bool = False  # for another process that is computing the same run
    picture: bool = True  # whether what it found is drawn


@dataclass(frozen=True)
class JobRecord:
    """What became of a job, or why there was none to do."""

    number: int
    overrides: list[str]
    status: str  # finished, reused, failed, busy or not started
    reason: str | None = None
    folder: str | None = None
    seconds: float = 0.0
    mse_min: float | None = None

    @property
    def done(self) -> bool:
        """Whether its run is on disk."""
        return self.status in ("finished", "reused")

    @property
    def failure(self) -> str:
        """Which job failed and why: its words, but for a single one whose setting the reason itself names."""
        words, reason = " ".join(self.overrides), self.reason or ""
        key = self.overrides[0].lstrip("+").partition("=")[0] if len(self.overrides) == 1 else None
        named = not words or (key and reason.startswith((f"{key}=", f"{key}:")))
        return reason if named else f"{words}: {reason}"

    def to_json(self) -> dict[str, Any]:
        """An entry of jobs.json."""
        return asdict(self)


def plan(
    number: int,
    words: list[str],
    settings: Callable[[], FitSettings | LearnSettings],
    log_folder: Path,
    picture: bool = True,
) -> Job | JobRecord:
    """A job to do; or the record of one that is done already, or that cannot be done."""
    try:
        job = Job(number, words, settings(), log_folder, picture=picture)
        folder = Path(job.settings.folder)
        if job.settings.force or not (record := perform.finished(job.settings, folder)):
            return job
        return _ended(JobRecord(number, words, "reused", folder=str(folder)), record)
    except Exception as error:
        interrupts.check()
        return fail(number, words, error, log_folder)


def fail(number: int, words: list[str], error: Exception, log_folder: Path) -> JobRecord:
    """The record of a job that cannot be done; the error is logged."""
    with _log_file(log_folder):
        return _failed(number, words, error)


def run_job(job: Job) -> JobRecord:
    """One job, in whatever process: a run in its usual folder, and what became of it. Never raises an Exception.

    A job that fails is logged with its traceback in the sweep's folder.
    """
    started = time.perf_counter()
    console.files_only()  # a cluster's node may hand on a notebook's variables
    with _log_file(job.log_folder):
        try:
            folder = Path(job.settings.folder)
            run = perform.perform(job.settings, folder, job.words, lambda epoch: None, job.wait, job.picture)
        except Busy as busy:
            return JobRecord(job.number, job.words, "busy", str(busy))
        except Exception as error:
            interrupts.check()
            return _failed(job.number, job.words, error)
        seconds = time.perf_counter() - started
        log.info("%s: %s in %.1f s", " ".join(job.words), folder, seconds)
    status = "reused" if run.reused else "finished"
    done = JobRecord(job.number, job.words, status, folder=str(folder), seconds=seconds)
    return _ended(done, run.record)


def _ended(job: JobRecord, run: RunRecord) -> JobRecord:
    if run.best_restart is None:
        return replace(job, status="failed", reason="all restarts diverged")
    return replace(job, mse_min=run.summary.get("mse_min"))


def _failed(number: int, words: list[str], error: Exception) -> JobRecord:
    reason = " ".join(console.reason(error).split()) or type(error).__name__
    log.error("%s: failed: %s", " ".join(words), reason, exc_info=error)
    return JobRecord(number, words, "failed", reason)


@contextmanager
def _log_file(folder: Path) -> Iterator[None]:
    """Messages of this package go to a file in this folder, made when there is something to say."""
    handler, thread = _QuietFileHandler(folder / LOG, delay=True), threading.get_ident()
    handler.addFilter(lambda record: record.thread == thread)  # while other jobs are planned beside this one
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
