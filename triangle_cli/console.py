"""The terminal: what is said, what is said of errors, and log messages above a live bar."""

from __future__ import annotations

import errno
import io
import logging
import os
import re
import sys
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # help does not wait for rich
    from rich.console import Console

NO_MEMORY = "needs more memory than there is"
WIDE = 200  # columns, where the output goes to a file or a pipe


# control characters but tab and newline, marks that turn the direction of writing, and bytes that are no text
_INVISIBLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def visible(text: str) -> str:
    """The text with control characters as escapes such as \\x1b: nothing that a name holds moves the terminal."""
    return _INVISIBLE.sub(lambda found: found[0].encode("unicode_escape").decode(), text)


def say(text: str = "", end: str = "\n") -> None:
    """Print to stdout, control characters as escapes."""
    print(visible(text), end=end)


talkative = False  # whether this process is a command, which says what takes long


def prepare() -> None:
    """Let neither the terminal's encoding nor a notebook's variables decide whether a command can end."""
    global talkative
    talkative = True
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    files_only()


def files_only() -> None:
    """Pictures go to files, whatever notebook this process was started from; before matplotlib is imported."""
    os.environ["MPLBACKEND"] = "agg"


@cache
def out() -> Console:
    """The terminal, for what was asked for."""
    return _console(soft_wrap=True, width=None if sys.stdout.isatty() else WIDE)


@cache
def err() -> Console:
    """The terminal, for bars and what is said beside."""
    return _console(stderr=True, soft_wrap=True)


def _console(**options: Any) -> Console:
    """A console that takes no text for markup, emoji or control sequences: it may be a user's; styles are `Text`'s."""
    from rich.console import Console
    from rich.text import Text

    class Plain(Console):
        def render_str(self, text: str, **styles: Any) -> Text:
            return super().render_str(visible(text), **styles)

    return Plain(highlight=False, markup=False, emoji=False, **options)


class ConsoleHandler(logging.Handler):
    """Log messages above a live progress bar, one line each; tracebacks are for the log file."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print the message."""
        err().print(record.getMessage())


def fail(message: str, command: str = "triangle") -> None:
    """Say in one line on stderr what was wrong."""
    print(visible(" ".join(f"{command}: {message}".splitlines())), file=sys.stderr)


def note(text: str) -> None:
    """Say something in one line on stderr, above a live bar; control characters as escapes."""
    if sys.stderr is not None:
        err().print(" ".join(text.splitlines()))


def of_memory(error: BaseException) -> bool:
    """Whether an error says that memory has ended, which torch says in words only."""
    words = (
        "can't allocate memory",
        "out of memory",
        "Cannot allocate memory",
        "bad_alloc",
        "bad allocation",
    )
    in_words = isinstance(error, RuntimeError) and any(said in str(error) for said in words)
    return isinstance(error, MemoryError) or in_words


def reason(error: BaseException) -> str:
    """What an error says. For one of the system `file: reason`: a full file comes with its name, and what is
    without one is the terminal's.
    """
    if of_memory(error):
        return NO_MEMORY
    if isinstance(error, RecursionError):
        return "nested too deep, expected fewer brackets inside each other"
    if not isinstance(error, OSError):
        return str(error)
    full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
    name = error.filename or ("stdout" if full else "")
    said = error.strerror or str(error)
    return f"{name}: {said}" if name else said
