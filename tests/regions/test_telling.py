"""How far a long count is: told while it runs, and Ctrl-C is noticed meanwhile."""

import threading
import time
from itertools import pairwise

import numpy as np
import pytest

from triangle_cli.regions.counting import count_rows
from triangle_cli.regions.telling import telling


def test_without_a_listener_it_is_a_plain_call():
    assert telling(lambda: 7, lambda: 0, None) == 7


def test_it_is_told_how_far_the_call_is():
    steps, heard = iter(range(100)), []

    def call():
        time.sleep(0.6)
        return "done"

    assert telling(call, lambda: next(steps), heard.append) == "done"
    assert heard == list(range(len(heard)))
    assert len(heard) >= 2


def test_an_error_of_the_call_is_raised():
    def call():
        raise ValueError("no such network")

    with pytest.raises(ValueError, match="no such network"):
        telling(call, lambda: 0, lambda _: None)


def test_ctrl_c_does_not_wait_for_the_call():
    def interrupt(_):
        raise KeyboardInterrupt

    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        telling(lambda: time.sleep(30), lambda: 0, interrupt)
    assert time.monotonic() - began < 15


@pytest.mark.parametrize("widths", [(1, 8, 8, 1), (1, 60, 60, 1), (2, 8, 8, 1), (3, 4, 4, 1)])
def test_a_listener_changes_no_count(widths):
    rng, heard = np.random.default_rng(1), []
    weights = [rng.standard_normal((b, a)) for a, b in pairwise(widths)]
    biases = [rng.standard_normal(b) for b in widths[1:]]
    box = [[-1.0, 1.0]] * widths[0]
    _, counts = count_rows(weights, biases, box)
    _, told = count_rows(weights, biases, box, tell=heard.append)
    assert (counts == told).all()
    assert heard
    assert heard == sorted(heard)
    assert heard[-1] == counts[0, 1]


def test_ctrl_c_ends_all_threads_of_a_count():
    def interrupt(cells):
        if cells:
            raise KeyboardInterrupt

    rng, widths = np.random.default_rng(1), (3, 600, 600, 1)  # minutes to the end
    weights = [rng.standard_normal((b, a)) for a, b in pairwise(widths)]
    biases = [rng.standard_normal(b) for b in widths[1:]]
    before, began = set(threading.enumerate()), time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        count_rows(weights, biases, [[-1.0, 1.0]] * 3, wide=False, threads=2, tell=interrupt)
    assert time.monotonic() - began < 20
    left = set(threading.enumerate()) - before
    for thread in left:
        thread.join(5)
    assert not any(thread.is_alive() for thread in left)
