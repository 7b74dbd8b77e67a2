"""Ctrl-C that comes while a library is at work."""

import os
import signal
import subprocess
import sys
import threading

import pytest

from triangle_cli import interrupts
from triangle_cli.sweeps import job


def told_to_end(number=signal.SIGINT):
    os.kill(os.getpid(), number)


def hidden():
    """As omegaconf does when it is interrupted while it composes."""
    try:
        told_to_end()
    finally:
        raise ValueError("an error of the library's own")


@pytest.fixture(autouse=True)
def _as_before(monkeypatch):
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)
    handlers = {number: signal.getsignal(number) for number in interrupts.SIGNALS}
    yield
    for number, handler in handlers.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", interrupts.SIGNALS)
def test_both_signals_are_interrupts(number):
    before = signal.getsignal(number)
    with pytest.raises(KeyboardInterrupt), interrupts.interruptible():
        told_to_end(number)
    assert signal.getsignal(number) is before


def test_one_hidden_by_an_error_is_raised_again_by_a_sweep(tmp_path):
    with pytest.raises(KeyboardInterrupt), interrupts.interruptible():
        job.plan(0, [], hidden, tmp_path)
    assert not list(tmp_path.iterdir())


def test_of_several_presses_at_once_the_first_is_heard_and_later_one_that_insists(monkeypatch):
    heard = []
    with interrupts.interruptible():
        for patience in (60, 60, 60, 0):
            monkeypatch.setattr(interrupts, "PATIENCE", patience)
            try:
                told_to_end()
                heard.append(False)
            except KeyboardInterrupt:
                heard.append(True)
    assert heard == [True, False, False, True]


def test_the_last_steps_of_a_process_are_not_disturbed():
    with interrupts.interruptible():
        with pytest.raises(KeyboardInterrupt):
            told_to_end()
        interrupts.leave()
    told_to_end()


def test_an_error_alone_is_no_interrupt(tmp_path):
    def failing():
        raise ValueError("an error")

    with interrupts.interruptible():
        assert job.plan(0, [], failing, tmp_path).reason == "an error"


def test_held_until_the_end_of_the_block_and_from_what_starts_in_it():
    code = "import signal; print(signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, []))"
    steps = []

    def work():
        with interrupts.postponed():
            told_to_end()
            steps.append(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout)

    with pytest.raises(KeyboardInterrupt), interrupts.interruptible():
        work()
    assert steps == ["True\n"]


def test_what_a_shell_runs_in_the_background_ignores_ctrl_c_as_before():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with interrupts.interruptible(), interrupts.postponed():
            told_to_end()
        interrupts.check()
    finally:
        signal.signal(signal.SIGINT, before)
