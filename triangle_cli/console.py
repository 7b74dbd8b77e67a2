"""The terminal: what is said, what is said of errors, and log messages above a live bar."""

from __future__ import annotations

import errno
import logging
import sys
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # help does not wait for rich
    from rich.console import Console

WIDE = 200  # columns, where the output goes to a file or a pipe


@cache
def out() -> Console:
    """The terminal, for what was asked for."""
    from rich.console import Console

    return Console(soft_wrap=True, highlight=False, width=None if sys.stdout.isatty() else WIDE)


@cache
def err() -> Console:
    """The terminal, for bars and what is said beside."""
    from rich.console import Console

    return Console(stderr=True, soft_wrap=True, highlight=False)


class ConsoleHandler(logging.Handler):
    """Log messages above a live progress bar, one line each; tracebacks are for the log file."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print the message."""
        err().print(record.getMessage(), markup=False)


def fail(message: str, command: str = "triangle") -> None:
    """Say in one line on stderr what was wrong."""
    print(f"{command}: {message}", file=sys.stderr)


def reason(error: BaseException) -> str:
    """What an error says. For one of the system `file: reason`: a full file comes with its name, and what is
    without one is the terminal's.
    """
    if not isinstance(error, OSError):
        return str(error)
    full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
    name = error.filename or ("stdout" if full else "")
    said = error.strerror or str(error)
    return f"{name}: {said}" if name else said
