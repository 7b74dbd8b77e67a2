"""Do the jobs of a sweep that are left."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from triangle_cli import interrupts
from triangle_cli.sweeps import report
from triangle_cli.sweeps.job import Job, JobRecord

Workers = Callable[["deque[Job]"], Iterator[tuple[Job, JobRecord]]]


def require_one_possible(planned: list[Job | JobRecord]) -> None:
    """Raise ValueError, with the reason, where several jobs can none of them be done, all for the same reason."""
    reasons = {item.reason if isinstance(item, JobRecord) else None for item in planned}
    if len(reasons) == 1 and len(planned) > 1 and None not in reasons:
        raise ValueError(f"{reasons.pop()} (all {len(planned)} jobs)")


def run_all(
    planned: Iterable[Job | JobRecord],
    workers: Workers,
    stop_at_failure: bool,
    tell: Callable[[list[JobRecord]], object] = lambda records: None,
) -> list[JobRecord]:
    """Do what is left of a sweep, with one progress bar.

    Runs that another process is computing are put off until all others are done, so that two sweeps over the
    same runs share the work.

    Args:
        planned: from `plan`, in order.
        workers: takes jobs from the left of a queue and yields each with its record, in any order.
        stop_at_failure: start no job after one that failed.
        tell: called with what became of jobs, as soon as it is known.

    Returns:
        The records of all jobs, in the order of their numbers.
    """
    planned = list(planned)
    records = {item.number: item for item in planned if isinstance(item, JobRecord)}
    jobs = {item.number: item for item in planned if isinstance(item, Job)}
    with report.sweep_progress(len(planned)) as show:
        tell(list(records.values()))
        for record in records.values():
            show(record)

        def ended(record: JobRecord) -> None:
            tell([record])
            show(record)

        try:
            for wait in (False, True):
                _work(jobs, records, workers, wait, stop_at_failure, ended)
        except KeyboardInterrupt:
            raise Interrupted(
                f"{len(records)} of {len(planned)} jobs done; the same command goes on from there"
            ) from None
    left = [job for number, job in jobs.items() if number not in records]
    not_started = [JobRecord(job.number, job.words, "not started", "on_failure=stop") for job in left]
    tell(not_started)
    records |= {record.number: record for record in not_started}
    return [records[number] for number in sorted(records)]


class Interrupted(KeyboardInterrupt):
    """Ctrl-C during a sweep; says how to go on."""


def _work(
    jobs: dict[int, Job],
    records: dict[int, JobRecord],
    workers: Workers,
    wait: bool,
    stop_at_failure: bool,
    show: Callable[[JobRecord], None],
) -> None:
    """Do the jobs that have no record yet, and add theirs; those that others are at, only if `wait`."""
    queue = deque(replace(job, wait=wait) for number, job in jobs.items() if number not in records)
    if stop_at_failure and any(record.status == "failed" for record in records.values()):
        queue.clear()
    for job, record in workers(queue):
        interrupts.check()
        if record.status == "busy":
            continue
        records[job.number] = record
        show(record)
        if stop_at_failure and record.status == "failed":
            queue.clear()
