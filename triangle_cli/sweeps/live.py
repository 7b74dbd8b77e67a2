"""A sweep while it runs: what it leaves in its folder on the way, so that it can be followed from anywhere."""

from __future__ import annotations

import contextlib
import json
import os
import socket
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import mean

from triangle_cli.store import files, run_folder, sweeps
from triangle_cli.sweeps.job import JobRecord

ANNOUNCED = ".sweep-{process}.json"  # there as long as a process works at the sweep
RECORDS = ".jobs-{process}.jsonl"  # a line for each job that has ended; two sweeps with the same words may run at once
BROKEN = (OSError, ValueError, TypeError, KeyError)  # of files that come and go, or are being written


@dataclass(frozen=True)
class Announced:
    """A process that works at a sweep."""

    process: int
    host: str
    jobs: int
    at_once: int

    @property
    def gone(self) -> bool:
        """Whether it was killed; of another machine that cannot be known."""
        if self.host != socket.gethostname():
            return False
        try:
            os.kill(self.process, 0)
        except ProcessLookupError:
            return True
        except PermissionError:
            return False
        return False


@dataclass(frozen=True)
class State:
    """How far a sweep is."""

    records: list[JobRecord]  # of jobs that have ended, in the order of their end
    jobs: int
    at_once: int
    host: str
    whole: bool  # came to its end

    @property
    def best(self) -> JobRecord | None:
        """The job with the least error so far."""
        known = [record for record in self.records if record.mse_min is not None]
        return min(known, key=lambda record: record.mse_min or 0.0) if known else None

    @property
    def failed(self) -> list[JobRecord]:
        """The jobs that failed."""
        return [record for record in self.records if record.status == "failed"]

    @property
    def seconds_left(self) -> float | None:
        """By the mean of the jobs that were computed; None before the first."""
        taken = [record.seconds for record in self.records if record.status == "finished"]
        left = max(self.jobs - len(self.records), 0)
        return left * mean(taken) / min(self.at_once, max(left, 1)) if taken else None


def announce(folder: Path, jobs: int, at_once: int) -> None:
    """Say that this process begins to work at the jobs of a sweep."""
    said = Announced(os.getpid(), socket.gethostname(), jobs, at_once)
    files.require_own(_announced(folder))
    run_folder.write_text(_announced(folder), json.dumps(asdict(said)))


def withdraw(folder: Path) -> None:
    """This process no longer works at the sweep; also take away what killed processes left."""
    _announced(folder).unlink(missing_ok=True)
    for path, said in _all_announced(folder):
        if said.gone:
            for name in (path, records_path(folder, said.process)):
                with contextlib.suppress(OSError):
                    name.unlink(missing_ok=True)


def read(folder: Path) -> State | None:
    """How far the sweep in a folder is: that of the process that began last, or one that came to its end.

    None where none of either is there.
    """
    running = [(path, said) for path, said in _all_announced(folder) if not said.gone]
    if running:
        _, said = max(running, key=lambda pair: _changed(pair[0]))
        records = read_records(records_path(folder, said.process))
        return State(records, said.jobs, said.at_once, said.host, whole=False)
    if (folder / sweeps.JOBS).is_file():
        jobs = [JobRecord(**job) for job in sweeps.read(folder).jobs]
        return State(jobs, len(jobs), 1, "", whole=True)
    return None


def latest(outputs: Path) -> Path | None:
    """The folder of the sweep at which a process began to work last; None where none does."""
    pairs = [
        (_changed(path), folder)
        for folder in (outputs / sweeps.FOLDER).glob("*")
        for path, said in _all_announced(folder)
        if not said.gone
    ]
    return max(pairs)[1] if pairs else None


def records_path(folder: Path, process: int) -> Path:
    """Where a process leaves what became of its jobs."""
    return folder / RECORDS.format(process=process)


def read_records(path: Path) -> list[JobRecord]:
    """What a process has left so far; a line that is not whole yet is left out."""
    found = []
    try:
        lines = files.read_text(path).splitlines()
    except BROKEN:
        return []
    for line in lines:
        with contextlib.suppress(*BROKEN):
            found.append(JobRecord(**json.loads(line)))
    return found


def _announced(folder: Path) -> Path:
    return folder / ANNOUNCED.format(process=os.getpid())


def _all_announced(folder: Path) -> list[tuple[Path, Announced]]:
    found = []
    for path in folder.glob(ANNOUNCED.format(process="*")):
        with contextlib.suppress(*BROKEN):
            found.append((path, Announced(**json.loads(files.read_text(path)))))
    return found


def _changed(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0
