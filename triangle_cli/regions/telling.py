"""How far a long compiled call is, told while it runs."""

from __future__ import annotations

from collections.abc import Callable
from threading import Thread
from typing import TypeVar

Result = TypeVar("Result")
Tell = Callable[[int], None]

EVERY = 0.25  # seconds


def telling(call: Callable[[], Result], so_far: Callable[[], int], tell: Tell | None) -> Result:
    """What `call` returns; meanwhile, and at the end, `tell(so_far())`, four times a second.

    The call, which must release Python's lock, has a thread of its own, so that Ctrl-C is noticed here. Without
    `tell` it is a plain call.
    """
    if tell is None:
        return call()
    results: list[Result] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(call())
        except BaseException as error:
            errors.append(error)

    worker = Thread(target=run, name="triangle-count", daemon=True)
    worker.start()
    at_work = True
    while at_work:
        worker.join(EVERY)
        at_work = worker.is_alive()
        tell(so_far())
    if errors:
        raise errors[0]
    return results[0]
