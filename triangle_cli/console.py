"""The terminal: what is said, what is said of errors, and log messages above a live bar."""

from __future__ import annotations

import logging
import sys

from rich.console import Console

WIDE = 200  # columns, where the output goes to a file or a pipe


OUT = Console(soft_wrap=True, highlight=False, width=None if sys.stdout.isatty() else WIDE)


ERR = Console(stderr=True, soft_wrap=True, highlight=False)


class ConsoleHandler(logging.Handler):
    """Log messages above a live progress bar, one line each; tracebacks are for the log file."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print the message."""
        ERR.print(record.getMessage(), markup=False)
