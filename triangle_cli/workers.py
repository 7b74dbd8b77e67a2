"""Where the jobs of a sweep run: here one by one, on all cores, or under submitit (SLURM, or its local rehearsal).

Each function takes jobs from the left of a queue, which the caller may empty to start no more, and yields each
with its record in the order they end.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

from triangle_cli.sweep import Job, Record, run_job

Options = dict[str, Any]


def serial(queue: deque[Job], options: Options) -> Iterator[tuple[Job, Record]]:
    """One job after the other, in this process."""
    while queue:
        job = queue.popleft()
        yield job, run_job(job)


BACKENDS: dict[str, Callable[[deque[Job], Options], Iterator[tuple[Job, Record]]]] = {"serial": serial}
