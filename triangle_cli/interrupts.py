"""Ctrl-C, SIGTERM and a closed terminal, which end a command with a KeyboardInterrupt.

Libraries that are interrupted in their midst may end with an error of their own instead, or with none. So the
signal is noted as well, and `check`, called wherever any error is caught, raises the KeyboardInterrupt again.
"""

from __future__ import annotations

import atexit
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
PATIENCE = 2.0  # seconds in which further presses are not heard: what was begun is being ended

_first: float | None = None  # when the first of them came


def check() -> None:
    """Raise KeyboardInterrupt if this process has been told to end."""
    if _first is not None:
        threading.excepthook = lambda _: None  # what threads say that are given up, such as joblib's
        raise KeyboardInterrupt


@contextmanager
def interruptible() -> Iterator[None]:
    """Meanwhile these signals raise KeyboardInterrupt, at once or at the next `check`."""
    global _first
    _first = None

    def interrupt(*_: Any) -> None:
        if _heard():
            check()

    with _handled_by(interrupt):
        yield


@contextmanager
def postponed() -> Iterator[None]:
    """Put these signals off to the end of the block; processes started in it never notice Ctrl-C.

    They inherit that this thread blocks it. Other threads of this process may still be given it.
    """
    with _handled_by(lambda *_: _heard()):
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            yield
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)  # one that waits is handled now
    check()


def leave() -> None:
    """From now to the end of this process nothing but a signal that insists disturbs its last steps."""
    for number in SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, lambda *_: _heard() and os._exit(130))


@atexit.register  # early, to be called late
def _ignore() -> None:
    """Python itself lets these signals kill it at the very end, unless they are ignored."""
    if _first is not None:
        for number in SIGNALS:
            signal.signal(number, signal.SIG_IGN)


def _heard() -> bool:
    """Note a signal; whether it is the first, or one that insists."""
    global _first
    if _first is None:
        _first = time.monotonic()
        return True
    return time.monotonic() - _first > PATIENCE


@contextmanager
def _handled_by(handler: Any) -> Iterator[None]:
    """But a signal that is ignored stays so: a shell does that for what runs in the background."""
    before = {number: signal.getsignal(number) for number in SIGNALS}
    listened = [number for number, its in before.items() if its is not signal.SIG_IGN]
    for number in listened:
        signal.signal(number, handler)
    try:
        yield
    finally:
        for number in listened:
            if signal.getsignal(number) is handler:  # not once `leave` was called
                signal.signal(number, before[number])
