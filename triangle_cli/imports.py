"""Imports that take long, without the garbage collector, which costs them a fifth of their time."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from triangle_cli import console


@contextmanager
def uncollected() -> Iterator[None]:
    """Let a command import here. Nothing is collected meanwhile, and what is there then never is: all of it stays.

    Torch alone makes half a million objects, which the collector would go through again and again, finding nothing.
    In a process that is no command, which may have garbage of its own, nothing is changed.
    """
    if not (console.talkative and gc.isenabled()):
        yield
        return
    known = len(sys.modules)
    gc.disable()
    try:
        yield
    finally:
        if len(sys.modules) > known:
            gc.freeze()
        gc.enable()
