"""Do the jobs of a sweep that are left."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import chain
from threading import Lock

from triangle_cli import interrupts
from triangle_cli.sweeps import report
from triangle_cli.sweeps.job import Job, JobRecord

Planned = Job | JobRecord
Workers = Callable[[Iterator[Job]], Iterator[tuple[Job, JobRecord]]]

AHEAD = 32  # jobs that are planned while others are done


def ahead(planned: Iterator[Planned]) -> Iterator[Planned]:
    """The same, a few of them at a time planned by a thread of its own."""
    end, pool = object(), ThreadPoolExecutor(1, "triangle-planning")
    try:
        waiting = deque(pool.submit(next, planned, end) for _ in range(AHEAD))
        while (item := waiting.popleft().result()) is not end:
            waiting.append(pool.submit(next, planned, end))
            yield item  # type: ignore[misc]  # not the end
    finally:
        pool.shutdown(cancel_futures=True)


def require_one_possible(planned: Iterator[Planned]) -> Iterator[Planned]:
    """The same, once one of them can be done, or is.

    Raises:
        ValueError: there are several, and none can be done, all for the same reason; says which.
    """
    failing: list[JobRecord] = []
    for item in planned:
        if not isinstance(item, JobRecord) or item.reason is None:
            return chain(failing, [item], planned)
        failing.append(item)
    if len(failing) > 1 and len({item.reason for item in failing}) == 1:
        raise ValueError(f"{failing[0].reason} (all {len(failing)} jobs)")
    return iter(failing)


def run_all(
    planned: Iterable[Planned],
    count: int,
    workers: Workers,
    stop_at_failure: bool,
    tell: Callable[[list[JobRecord]], object] = lambda records: None,
) -> list[JobRecord]:
    """Do what is left of a sweep, with one progress bar; jobs start while others are being planned.

    Runs that another process is computing are put off until all others are done, so that two sweeps over the
    same runs share the work.

    Args:
        planned: from `plan`, in order.
        count: how many there are.
        workers: takes jobs from an iterator and yields each with its record, in any order.
        stop_at_failure: start no job where one has failed; all are planned first.
        tell: called with what became of jobs, as soon as it is known.

    Returns:
        The records of all jobs, in the order of their numbers.
    """
    with report.sweep_progress(count) as show:
        sweep = _Sweep(stop_at_failure, show, tell)
        if stop_at_failure:
            planned = sorted(planned, key=lambda item: isinstance(item, Job))
        try:
            sweep.work(workers, sweep.take(planned))
            busy = [replace(job, wait=True) for job in sweep.left()]
            sweep.work(workers, sweep.take(busy))
        except KeyboardInterrupt:
            raise Interrupted(
                f"{len(sweep.records)} of {count} jobs done; the same command goes on from there"
            ) from None
    not_started = [JobRecord(job.number, job.words, "not started", "on_failure=stop") for job in sweep.left()]
    tell(not_started)
    sweep.records |= {record.number: record for record in not_started}
    return [sweep.records[number] for number in sorted(sweep.records)]


class _Sweep:
    """What has become of the jobs so far."""

    def __init__(
        self,
        stop_at_failure: bool,
        show: Callable[[JobRecord], None],
        tell: Callable[[list[JobRecord]], object],
    ) -> None:
        self.records: dict[int, JobRecord] = {}
        self.jobs: dict[int, Job] = {}
        self.stop_at_failure, self.show, self.tell = stop_at_failure, show, tell
        self.stopped = False
        self.noting = Lock()  # workers may take jobs in a thread of theirs

    def take(self, planned: Iterable[Planned]) -> Iterator[Job]:
        """The jobs to do, until one has failed where that stops the sweep; notes the records."""
        for item in planned:
            if isinstance(item, JobRecord):
                self.note(item)
                continue
            self.jobs[item.number] = item
            if not self.stopped:
                yield item

    def note(self, record: JobRecord) -> None:
        """What became of a job."""
        with self.noting:
            self.records[record.number] = record
            self.tell([record])
            self.show(record)
            self.stopped |= self.stop_at_failure and record.status == "failed"

    def left(self) -> list[Job]:
        """Those without a record."""
        return [job for number, job in self.jobs.items() if number not in self.records]

    def work(self, workers: Workers, jobs: Iterator[Job]) -> None:
        """Do these; no record is made of those that others are at."""
        for _, record in workers(jobs):
            interrupts.check()
            if record.status != "busy":
                self.note(record)


class Interrupted(KeyboardInterrupt):
    """Ctrl-C during a sweep; says how to go on."""
