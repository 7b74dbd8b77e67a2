"""Where the jobs of a sweep run: here one by one, on all cores, or under submitit (SLURM, or its local rehearsal).

A worker that dies fails its own job and no other.
"""

from __future__ import annotations

import contextlib
import gc
import io
import logging
import os
import subprocess
import threading
import time
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import chain, islice
from multiprocessing import resource_tracker
from typing import Any

from triangle_cli import interrupts
from triangle_cli.settings.require import require
from triangle_cli.sweeps.job import Job, JobRecord, run_job

Options = dict[str, Any]
Call = tuple[Callable[..., Any], tuple[Any, ...]]
log = logging.getLogger(__name__)

DIED = "its process died (killed, or out of memory)"


class Serial:
    """One job after the other, in this process; and what all other workers can be asked as well.

    Args:
        options: those of the launcher, conf/hydra/launcher/.
    """

    def __init__(self, options: Options) -> None:
        self.options = options

    def at_once(self, jobs: int) -> int:
        """How many of these jobs run at the same time, as far as is known here."""
        return 1

    def run(self, jobs: Iterator[Job]) -> Iterator[tuple[Job, JobRecord]]:
        """Do jobs, each taken when it can start.

        Yields:
            Each job with its record, in the order they end.
        """
        for job in jobs:
            yield job, run_job(job)


class Cores(Serial):
    """On several cores, by joblib, one thread each.

    When a worker dies joblib gives up all that are at work; these jobs are then done one at a time, so that the
    one that kills its worker is known.

    Args:
        options: of joblib.Parallel, such as `n_jobs`.

    Raises:
        ValueError: `n_jobs` is no number of processes.
    """

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        count = options["n_jobs"]
        require(
            _is_whole(count) and count != 0,
            "hydra.launcher.n_jobs",
            count,
            "a whole number, -1 for all cores",
        )

    def at_once(self, jobs: int) -> int:
        """As joblib counts cores."""
        try:
            from joblib import effective_n_jobs
        except ImportError:
            raise ValueError("launcher=joblib: expected joblib (pip install '.[joblib]')") from None
        return effective_n_jobs(self.options["n_jobs"])

    def run(self, jobs: Iterator[Job]) -> Iterator[tuple[Job, JobRecord]]:
        """See `Serial`."""
        count = self.at_once(0)
        if count == 1:  # joblib stays in this process as well
            yield from super().run(jobs)
            return
        from joblib.externals.loky.process_executor import TerminatedWorkerError

        warnings.filterwarnings("ignore", ".* have been cancelled")  # joblib's, at Ctrl-C
        for first in jobs:
            with contextlib.suppress(TerminatedWorkerError):
                self._start(count)
            at_work: dict[int, Job] = {}
            try:
                for record in self._parallel(_take(chain([first], jobs), at_work)):
                    yield at_work.pop(record.number), record
            except TerminatedWorkerError:
                log.warning("a worker died: %d jobs are done again, one at a time", len(at_work))
                for job in list(at_work.values()):
                    yield job, self._alone(job)

    def _start(self, count: int) -> None:
        """Start the processes, which import what runs need."""
        deque(self._parallel((_import, ()) for _ in range(count)), maxlen=0)

    def _alone(self, job: Job) -> JobRecord:
        """A job in a process with no other at work."""
        from joblib.externals.loky.process_executor import TerminatedWorkerError

        try:
            (record,) = self._parallel([(run_job, (job,))])
        except TerminatedWorkerError:
            return JobRecord(job.number, job.words, "failed", DIED)
        return record

    def _parallel(self, calls: Iterable[Call]) -> Iterator[Any]:
        """What these calls return, in the order they end; each is taken when a worker is free."""
        from joblib import Parallel, delayed, parallel_config

        resource_tracker.ensure_running()  # not below: it would let Ctrl-C through to what is started after it
        first = {"initializer": _end_with, "initargs": (os.getpid(),)}
        how = {"return_as": "generator_unordered", "pre_dispatch": "n_jobs", "batch_size": 1}
        with parallel_config(backend="loky", inner_max_num_threads=1, **first), interrupts.postponed():
            return Parallel(**self.options, **how)(delayed(function)(*given) for function, given in calls)


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: Any) -> bool:
    return _is_whole(value) or isinstance(value, float)


def _take(jobs: Iterator[Job], at_work: dict[int, Job]) -> Iterator[Call]:
    for job in jobs:
        at_work[job.number] = job
        yield run_job, (job,)


def _import() -> None:
    """What a run needs and takes long."""
    gc.disable()
    from triangle_cli.fit import experiment, pictures  # noqa: F401

    gc.freeze()  # all this stays: the collector need not look at it, now or at the end
    gc.enable()


def _end_with(parent: int) -> None:
    _end_when(lambda: os.getppid() != parent)


class Submitit(Serial):
    """As jobs of a cluster, by submitit.

    Args:
        options: `cluster`, slurm or local; `folder`, where submitit keeps its files; `at_once`, how many jobs may
            be submitted and not ended; `poll_seconds`; and what `AutoExecutor.update_parameters` takes, such as
            `slurm_partition`.

    Raises:
        ValueError: an option is out of its range.
    """

    def __init__(self, options: Options) -> None:
        super().__init__(options)
        for key in ("at_once", "timeout_min"):
            value = options[key]
            require(
                _is_whole(value) and value >= 1, f"hydra.launcher.{key}", value, "a whole number, 1 or more"
            )
        seconds = options["poll_seconds"]
        require(
            _is_number(seconds) and seconds > 0, "hydra.launcher.poll_seconds", seconds, "a number above 0"
        )

    def at_once(self, jobs: int) -> int:
        """Unless the cluster gives less."""
        return min(self.options["at_once"], self.options.get("slurm_array_parallelism", jobs))

    def run(self, jobs: Iterator[Job]) -> Iterator[tuple[Job, JobRecord]]:
        """See `Serial`.

        Raises:
            ValueError: submitit is not installed, or the cluster refuses the jobs.
        """
        executor, local = self._executor(), self.options["cluster"] == "local"
        task = partial(_in_child, parent=os.getpid()) if local else run_job
        at_work: dict[int, tuple[Job, Any]] = {}
        try:
            while True:
                started = list(islice(jobs, self.options["at_once"] - len(at_work)))
                if not started and not at_work:
                    return
                if started:
                    with interrupts.postponed(), _refusals_in_one_line():
                        sent = executor.map_array(task, started)
                    at_work |= {job.number: (job, submitted) for job, submitted in zip(started, sent)}
                for job, submitted in [pair for pair in at_work.values() if pair[1].done()]:
                    del at_work[job.number]
                    yield job, _result(job, submitted)
                time.sleep(self.options["poll_seconds"] if at_work else 0)
        finally:
            if at_work and not local:  # local ones end with this process
                numbers = [submitted.job_id for _, submitted in at_work.values()]
                subprocess.run(["scancel", *numbers], check=False)

    def _executor(self) -> Any:
        try:
            import submitit
        except ImportError:
            raise ValueError("launcher=slurm: expected submitit (pip install '.[slurm]')") from None
        ours = ("cluster", "folder", "at_once", "poll_seconds")
        parameters = {
            name: value for name, value in self.options.items() if value is not None and name not in ours
        }
        with _refusals_in_one_line():
            executor = submitit.AutoExecutor(folder=self.options["folder"], cluster=self.options["cluster"])
            executor.update_parameters(**parameters)
        return executor


@contextlib.contextmanager
def _refusals_in_one_line() -> Iterator[None]:
    """What SLURM says of jobs that it does not take, which submitit prints as well."""
    try:
        with contextlib.redirect_stderr(io.StringIO()):
            yield
    except RuntimeError as error:
        raise ValueError(f"launcher=slurm: {' '.join(str(error).split())}") from None


def _end_when(gone: Callable[[], bool]) -> None:
    """End this process when the one that runs the sweep has been killed: nobody waits for its records."""

    def watch() -> None:
        while not gone():
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _in_child(job: Job, parent: int) -> JobRecord:
    _end_when(lambda: not _alive(parent))
    return run_job(job)


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def _result(job: Job, sent: Any) -> JobRecord:
    try:
        return sent.result()
    except Exception as error:  # of submitit: run_job raises none
        state = getattr(sent, "state", "")
        reason = f"{DIED}; {state or type(error).__name__}, see {sent.paths.stderr}"
        return JobRecord(job.number, job.words, "failed", " ".join(reason.split()))


BACKENDS: dict[str, type[Serial]] = {"serial": Serial, "joblib": Cores, "submitit": Submitit}
