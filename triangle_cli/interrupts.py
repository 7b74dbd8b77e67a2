"""Ctrl-C and SIGTERM, which end a command with a KeyboardInterrupt.

Libraries that are interrupted in their midst may end with an error of their own instead, or with none. So the
signal is noted as well, and `check`, called wherever any error is caught, raises the KeyboardInterrupt again.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

SIGNALS = (signal.SIGINT, signal.SIGTERM)

_came = threading.Event()


def check() -> None:
    """Raise KeyboardInterrupt if this process has been told to end."""
    if _came.is_set():
        threading.excepthook = lambda _: None  # what threads say that are given up, such as joblib's
        raise KeyboardInterrupt


@contextmanager
def noted() -> Iterator[None]:
    """Meanwhile both signals raise KeyboardInterrupt, from now on or again at the next `check`."""
    _came.clear()

    def interrupt(*_: Any) -> None:
        _came.set()
        check()

    with _handled_by(interrupt):
        yield


@contextmanager
def held() -> Iterator[None]:
    """Put both signals off to the end of the block; processes started in it never notice Ctrl-C.

    They inherit that this thread blocks it. Other threads of this process may still be given it.
    """
    with _handled_by(lambda *_: _came.set()):
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            yield
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)  # one that waits is handled now
    check()


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
            signal.signal(number, before[number])
