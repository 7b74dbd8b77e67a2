"""Where the jobs of a sweep run: here one by one, on all cores, or under submitit (SLURM, or its local rehearsal).

Each function takes jobs from the left of a queue, which the caller may empty to start no more, and yields each
with its record in the order they end. A worker that dies fails its own job and no other.
"""

from __future__ import annotations

import contextlib
import io
import os
import signal
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from triangle_cli.sweep import Job, Record, new_record, run_job

Options = dict[str, Any]
DIED = "its process died (killed, or out of memory)"


def serial(queue: deque[Job], options: Options) -> Iterator[tuple[Job, Record]]:
    """One job after the other, in this process."""
    while queue:
        job = queue.popleft()
        yield job, run_job(job)


def on_cores(queue: deque[Job], options: Options) -> Iterator[tuple[Job, Record]]:
    """On several cores, by joblib, one thread each.

    When a worker dies joblib gives up all that are at work; these jobs are then done one at a time, so that the
    one that kills its worker is known.

    Args:
        queue: the jobs.
        options: of joblib.Parallel, such as `n_jobs`.
    """
    try:
        from joblib.externals.loky.process_executor import TerminatedWorkerError
    except ImportError:
        raise ValueError("launcher=joblib: expected joblib (pip install '.[joblib]')") from None
    while queue:
        at_work: dict[int, Job] = {}
        try:
            for record in _parallel(queue, at_work, options):
                yield at_work.pop(record["number"]), record
        except TerminatedWorkerError:
            for job in list(at_work.values()):
                yield job, _alone(job, options)


def _parallel(queue: deque[Job], at_work: dict[int, Job], options: Options) -> Iterator[Record]:
    from joblib import Parallel, delayed, parallel_config

    def tasks() -> Iterator[Any]:
        while queue:
            job = queue.popleft()
            at_work[job.number] = job
            yield delayed(_in_worker)(job, os.getpid())

    with parallel_config(backend="loky", inner_max_num_threads=1):
        parallel = Parallel(**options, return_as="generator_unordered", pre_dispatch="n_jobs", batch_size=1)
        yield from parallel(tasks())


def _alone(job: Job, options: Options) -> Record:
    """A job in a process with no other at work."""
    from joblib.externals.loky.process_executor import TerminatedWorkerError

    try:
        (record,) = _parallel(
            deque([job]), {}, options | {"n_jobs": 2}
        )  # n_jobs=1 would run it in this process
    except TerminatedWorkerError:
        return new_record(job.number, job.words, "failed", DIED)
    return record


def _in_worker(job: Job, parent: int) -> Record:
    _watch(parent, lambda: os.getppid() != parent)
    return run_job(job)


def _watch(parent: int, gone: Callable[[], bool]) -> None:
    """End this process when the one that runs the sweep has been killed: nobody waits for its record."""

    def watch() -> None:
        while not gone():
            time.sleep(1)
        os._exit(1)

    name = f"triangle-watch-{parent}"
    if not any(thread.name == name for thread in threading.enumerate()):  # workers do many jobs
        threading.Thread(target=watch, name=name, daemon=True).start()


def under_submitit(queue: deque[Job], options: Options) -> Iterator[tuple[Job, Record]]:
    """As jobs of a cluster, by submitit.

    Args:
        queue: the jobs.
        options: `cluster`, slurm or local; `folder`, where submitit keeps its files; `at_once`, how many jobs may
            be submitted and not ended; `poll_seconds`; and what `AutoExecutor.update_parameters` takes, such as
            `slurm_partition`.

    Raises:
        ValueError: submitit is not installed, or the cluster refuses the jobs.
    """
    try:
        import submitit
    except ImportError:
        raise ValueError("launcher=slurm: expected submitit (pip install '.[slurm]')") from None
    options = dict(options)
    poll, most, cluster = (options.pop(name) for name in ("poll_seconds", "at_once", "cluster"))
    with _refusals_in_one_line():
        executor = submitit.AutoExecutor(folder=options.pop("folder"), cluster=cluster)
        executor.update_parameters(**{name: value for name, value in options.items() if value is not None})
    local = cluster == "local"
    task = partial(_in_child, parent=os.getpid()) if local else run_job
    at_work: dict[int, tuple[Job, Any]] = {}
    try:
        while queue or at_work:
            started = [queue.popleft() for _ in range(min(len(queue), most - len(at_work)))]
            if started:
                with _ctrl_c_is_ours(), _refusals_in_one_line():
                    sent = executor.map_array(task, started)
                at_work |= {job.number: (job, submitted) for job, submitted in zip(started, sent)}
            for job, submitted in [pair for pair in at_work.values() if pair[1].done()]:
                del at_work[job.number]
                yield job, _result(job, submitted)
            time.sleep(poll if at_work else 0)
    finally:
        if at_work and not local:  # local ones end with this process
            subprocess.run(["scancel", *(submitted.job_id for _, submitted in at_work.values())], check=False)


@contextlib.contextmanager
def _refusals_in_one_line() -> Iterator[None]:
    """What SLURM says of jobs that it does not take, which submitit prints as well."""
    try:
        with contextlib.redirect_stderr(io.StringIO()):
            yield
    except RuntimeError as error:
        raise ValueError(f"launcher=slurm: {' '.join(str(error).split())}") from None


@contextlib.contextmanager
def _ctrl_c_is_ours() -> Iterator[None]:
    """Processes started meanwhile, though in the same terminal, leave Ctrl-C to this one."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _in_child(job: Job, parent: int) -> Record:
    _watch(parent, lambda: not _alive(parent))
    return run_job(job)


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def _result(job: Job, sent: Any) -> Record:
    try:
        return sent.result()
    except Exception as error:  # of submitit: run_job raises none
        state = getattr(sent, "state", "")
        reason = f"{DIED}; {state or type(error).__name__}, see {sent.paths.stderr}"
        return new_record(job.number, job.words, "failed", " ".join(reason.split()))


def at_once(backend: str, options: Options, jobs: int) -> int:
    """How many jobs run at the same time, as far as is known here."""
    if backend == "joblib":
        from joblib import effective_n_jobs

        return effective_n_jobs(options["n_jobs"])
    if backend == "submitit":
        return min(options["at_once"], options.get("slurm_array_parallelism", jobs))
    return 1


BACKENDS: dict[str, Callable[[deque[Job], Options], Iterator[tuple[Job, Record]]]] = {
    "serial": serial,
    "joblib": on_cores,
    "submitit": under_submitit,
}
