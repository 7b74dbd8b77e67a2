"""A lock per run: of all processes that want the same run at once, one computes it."""

from __future__ import annotations

import errno
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from triangle_cli.store import run_folder

LOCK = ".lock"

log = logging.getLogger(__name__)


class Busy(Exception):
    """Another process is computing this run."""


@contextmanager
def hold(folder: Path, wait: bool) -> Iterator[None]:
    """Hold the lock of a run's folder. The kernel lets go of it when the process ends, however it ends.

    On file systems that have no locks the run goes on without: its files still appear whole.

    Args:
        folder: the run's; made where it is missing.
        wait: for the process that holds it.

    Raises:
        Busy: another process holds it, and `wait` is false.
        OSError: the folder cannot be written.
    """
    made = run_folder.missing_folders(folder)
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / LOCK)
    try:
        try:
            lock.acquire(timeout=0)
        except Timeout:
            if not wait:
                raise Busy(f"{folder}: another process is computing this run") from None
            log.info("%s: waiting for the process that is computing this run", folder)
            lock.acquire(poll_interval=0.2)
    except OSError as error:
        if error.errno not in (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP):
            raise
    try:
        yield
    finally:
        if [path.name for path in folder.iterdir()] == [LOCK]:  # no run came to be
            (folder / LOCK).unlink(missing_ok=True)
            run_folder.remove_empty(made)
        lock.release()
