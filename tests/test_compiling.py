"""Where compiled loops are kept, and what becomes of them where they cannot be."""

import errno
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import triangle_cli
from triangle_cli import compiling

CODE = """
from triangle_cli import console
from triangle_cli.compiling import njit

console.talkative = True

@njit(cache=True)
def twice(x):
    return 2 * x

if __name__ == "__main__":
    print(twice(21), sum(twice.stats.cache_hits.values()), twice.stats.cache_path)
"""


@pytest.fixture
def module(tmp_path):
    """A module with one loop, in a folder of its own, and how it is run."""
    (tmp_path / "package").mkdir()
    path = tmp_path / "package" / "loops.py"
    path.write_text(CODE)

    def run(**environment):
        home = {
            "HOME": str(tmp_path / "home"),
            "XDG_CACHE_HOME": str(tmp_path / "home" / "cache"),
            "TMPDIR": str(tmp_path),
        } | environment
        source = str(Path(triangle_cli.__file__).parent.parent)
        done = subprocess.run(
            [sys.executable, path],
            env=os.environ | {"PYTHONPATH": source} | home,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        value, hits, kept = done.stdout.split()
        assert value == "42"
        return int(hits), Path(kept), done.stderr

    return run


def test_the_packages_folder_comes_first_then_the_users_then_a_temporary_one(module, tmp_path):
    hits, kept, said = module()
    assert (hits, kept, said) == (0, tmp_path / "package" / "__pycache__", "")
    assert module()[0] == 1
    for file in kept.iterdir():
        file.unlink()
    kept.rmdir()
    kept.write_text("not a folder: nobody can write into it, not even root")
    hits, kept, said = module()
    assert (hits, said) == (0, "")
    assert kept.is_relative_to(tmp_path / "home")
    nowhere = {"HOME": "/dev/null", "XDG_CACHE_HOME": "/dev/null/cache"}
    hits, kept, said = module(**nowhere)
    assert hits == 0
    assert kept.parent.parent == tmp_path
    assert re.fullmatch(r"compiled loops are kept in \S+: no lasting folder can be written\n", said)
    assert kept.parent.stat().st_mode & 0o077 == 0  # what is read from there is run
    assert module(**nowhere)[0] == 1


@pytest.mark.parametrize("ending", [".nbi", ".nbc"])
def test_what_is_damaged_is_compiled_again(module, ending):
    _, kept, _ = module()
    (file,) = kept.glob(f"*{ending}")
    file.write_bytes(file.read_bytes()[:20])
    assert module()[0] == 0
    assert module()[0] == 1


def test_loops_are_compiled_whatever_numba_disable_jit_says(module):
    assert module(NUMBA_DISABLE_JIT="1")[0] == 0
    assert module(NUMBA_DISABLE_JIT="1")[0] == 1


def test_what_is_kept_goes_with_the_sources_of_all_that_is_compiled_in_not_with_dates(tmp_path):
    package = tmp_path / "loops"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "numbers.py").write_text("TWO = 2\n")
    (package / "inner.py").write_text(
        "from triangle_cli.compiling import njit\nfrom loops import numbers\nTWO = numbers.TWO\n"
        "@njit(cache=True)\ndef inner(x):\n    return TWO * x\n"
    )
    (package / "outer.py").write_text(
        "from triangle_cli.compiling import njit\nfrom loops.inner import (\n    inner,\n)\n"
        "@njit(cache=True)\ndef outer(x):\n    return inner(x)\n"
    )
    code = "from loops.outer import outer; print(outer(21), sum(outer.stats.cache_hits.values()))"
    environment = os.environ | {"PYTHONPATH": f"{tmp_path}:{Path(triangle_cli.__file__).parent.parent}"}

    def run():
        done = subprocess.run([sys.executable, "-Bc", code], env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout.split()

    assert run() == ["42", "0"]
    for path in package.glob("*.py"):
        os.utime(path, (1, 1))
    assert run() == ["42", "1"]
    (package / "numbers.py").write_text("TWO = 3\n")
    assert run() == ["63", "0"]


def test_every_loop_is_compiled_by_this_policy():
    source = Path(triangle_cli.__file__).parent
    own = source / "compiling.py"
    for path in source.rglob("*.py"):
        assert path == own or not re.search(r"from numba import.*\bnjit\b|numba\.njit", path.read_text()), (
            path
        )


def test_long_compiling_is_said_once(monkeypatch):
    from triangle_cli import compiling, console

    said = []
    monkeypatch.setattr(console, "note", said.append)
    monkeypatch.setattr(console, "talkative", True)
    monkeypatch.setattr(compiling, "SILENCE", 0.0)
    listener = compiling._Listener()
    event = type("Event", (), {"data": {"dispatcher": None}})()
    for _ in range(2):
        listener.on_start(event)
        listener.timer.join(5)
        listener.on_end(event)
    assert said == ["compiling loops: once after installation for each kind of network, about 20 s"]


def test_a_count_after_compiling_says_so(monkeypatch):
    from triangle_cli.inspection import terminal

    record = {"seconds": 0.5, "loading_seconds": 18.0}
    for taken, what in (
        (0.0, "loading compiled code"),
        (17.0, "compiling, once after installation for each kind of"),
    ):
        monkeypatch.setattr(compiling._listen(), "taken", taken)
        assert terminal._seconds(record).startswith(f"counted in 0.5 s, after 18.0 s for {what}")


def test_a_full_disk_is_said_once_and_costs_no_loop(capsys, monkeypatch):
    compiling._say_once.cache_clear()

    class Full:
        cache_path = "somewhere"

        def _load_overload(self, *key):
            return None

        def save_overload(self, *entry):
            raise OSError(errno.ENOSPC, "No space left on device")

    loop = compiling.njit(lambda x: x + 1)
    monkeypatch.setattr(loop, "_cache", compiling._Forgiving(Full()))
    assert (loop(1), loop(1.5)) == (2, 2.5)  # two signatures, neither of them kept
    said = [line for line in capsys.readouterr().err.splitlines() if "cannot be kept" in line]
    assert said == ["compiled loops cannot be kept in somewhere: No space left on device"]


APART = """
import numba, numpy as np
from triangle_cli.compiling import apart, njit

INTEGER, FLOATS = numba.int64, numba.float64[::1]

@apart(FLOATS, INTEGER)
def first(values, count):
    if count > len(values):
        raise ValueError("too many")
    return values[:count].copy(), count

@njit(cache=True)
def total(values, count):
    found, number = first(values, count)
    with numba.objmode(asked="float64"):
        asked = float(found.sum())
    return asked + number

values = np.arange(5.0)
shown = [total(values, 3)]
try:
    total(values, 6)
except ValueError as error:
    shown.append(str(error))
print(*shown, sum(total.stats.cache_hits.values()), sum(first.dispatcher.stats.cache_hits.values()))
"""


def test_what_is_called_by_its_address_returns_raises_and_is_kept(tmp_path):
    (tmp_path / "loops.py").write_text(APART)
    source = str(Path(triangle_cli.__file__).parent.parent)
    environment = os.environ | {"PYTHONPATH": source}
    for hits in (0, 1):  # compiled, then loaded
        words = [sys.executable, tmp_path / "loops.py"]
        done = subprocess.run(words, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        assert done.stdout == f"6.0 too many {hits} {hits}\n"
