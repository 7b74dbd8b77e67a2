"""Sweeps that are killed, run twice at once or find damaged files lose nothing and compute nothing twice."""

import contextlib
import os
import random
import re
import shutil
import signal
import subprocess
import time

import pytest
from sweeps.processes import group_of, words_of

from tests.conftest import SWEEP
from triangle_cli.store import run_folder
from triangle_cli.sweeps import workers


def computed(stdout: str) -> int:
    """How many runs a sweep says that it computed."""
    number = re.search(r"jobs: .*?(\d+) computed", stdout)
    return int(number[1]) if number else 0


@pytest.fixture(scope="module")
def reference(swept):
    """The tables of a sweep that nobody interrupted."""
    return swept.tables()


def test_a_killed_sweep_goes_on_in_two_at_once_and_nothing_is_computed_twice(
    reference, shared_triangle, tmp_path
):
    victim = shared_triangle.start(*SWEEP)
    while not shared_triangle.finished():
        assert victim.poll() is None, victim.communicate()
        time.sleep(0.01)
    time.sleep(random.uniform(0, 0.3))
    os.killpg(victim.pid, signal.SIGKILL)
    victim.communicate()
    before = {path: path.read_bytes() for path in shared_triangle.finished()}
    assert 1 <= len(before) < 4

    both = [shared_triangle.start(*SWEEP) for _ in range(2)]
    said = [process.communicate(timeout=200) for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert sum(computed(stdout) for stdout, _ in said) == 4 - len(before)
    assert {path: path.read_bytes() for path in before} == before
    assert shared_triangle.tables() == reference
    assert not list(shared_triangle.folder.rglob(f"{run_folder.STAGING}*"))


def test_damaged_and_foreign_files_are_named_and_computed_again(reference, shared_triangle):
    if len(shared_triangle.finished()) < 4:  # this test alone
        shared_triangle(*SWEEP)
    cut, changed, *_ = [path.parent for path in shared_triangle.finished()]
    (cut / "run.json").write_text((cut / "run.json").read_text()[:300])
    (changed / "errors.csv").write_text((changed / "errors.csv").read_text().replace("1", "2"))
    (changed.parent / "notes.txt").write_text("not ours")
    done = shared_triangle(*SWEEP, "launcher=joblib")
    assert done.returncode == 0, done.stderr
    assert (
        f"{cut.relative_to(shared_triangle.folder)}/run.json: not JSON, or cut off; computed again"
        in done.stderr
    )
    assert (
        f"{changed.relative_to(shared_triangle.folder)}/errors.csv: not what the run wrote; computed again"
        in done.stderr
    )
    assert "Traceback" not in done.stderr
    assert "4 jobs: 2 computed, 2 from disk" in done.stdout
    assert shared_triangle.tables() == reference


def test_a_sweep_may_stop_at_the_first_failure(triangle):
    words = ["depth=2", "points.train=1,50", "schedule=peaks_only", "schedule.phases.0.epochs=10"]
    done = triangle("run", "-m", *words, "on_failure=stop")
    assert done.returncode == 1
    assert "2 jobs: 1 failed, 1 not started" in done.stdout
    assert "points.train=1: expected 2 or more" in done.stdout
    assert not triangle.finished()
    assert "Traceback" in next(triangle.folder.glob("outputs/sweeps/*/0/triangle.log")).read_text()


@pytest.mark.parametrize("words", [("run",), ("run", "-m", "depth=2,3")])
def test_an_unwritable_folder_is_one_line(triangle, words):
    (triangle.folder / "file").write_text("in the way")
    done = triangle(*words, "outputs=file/outputs")
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert "Not a directory" in done.stderr
    assert (triangle.folder / "file").read_text() == "in the way"


def wait_for_the_end_of(group):
    """Workers look for their parent once a second."""
    deadline = time.monotonic() + 60
    with contextlib.suppress(ProcessLookupError):
        while time.monotonic() < deadline:
            os.killpg(group, 0)
            time.sleep(0.1)
        pytest.fail("a worker outlived its sweep")


@pytest.mark.slow
@pytest.mark.parametrize("launcher", ["serial", "joblib", "submitit_local"])
def test_ctrl_c_ends_cleanly_and_the_same_command_goes_on(reference, triangle, launcher):
    process = triangle.start(*SWEEP, f"launcher={launcher}")
    while not triangle.finished():
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGINT)
    _, stderr = process.communicate(timeout=200)
    assert process.returncode == 130
    assert re.search(
        r"triangle: interrupted: \d of 4 jobs done; the same command goes on from there\n$", stderr
    )
    assert "Traceback" not in stderr
    wait_for_the_end_of(process.pid)
    assert triangle(*SWEEP, f"launcher={launcher}").returncode == 0
    assert triangle.tables() == reference


@pytest.mark.slow
def test_processes_of_a_local_cluster_may_be_killed(reference, triangle):
    process = triangle.start(*SWEEP, "launcher=submitit_local")
    victim = None
    while not victim:
        assert process.poll() is None, process.communicate()
        victim = next((pid for pid in group_of(process) if "submitit.core._submit" in words_of(pid)), None)
    os.kill(victim, signal.SIGKILL)
    stdout, _ = process.communicate(timeout=200)
    assert process.returncode == 1
    assert "4 jobs: 3 computed, 1 failed" in stdout
    assert workers.DIED in stdout
    assert triangle(*SWEEP).returncode == 0
    assert triangle.tables() == reference


@pytest.mark.kill
@pytest.mark.parametrize("launcher", ["serial", "joblib"])
def test_a_sweep_killed_25_times_ends_with_the_same_tables(triangle, launcher):
    words = [*SWEEP, "seed=0,1,2", f"launcher={launcher}"]
    began = time.monotonic()
    assert triangle(*words).returncode == 0
    duration = time.monotonic() - began
    reference = triangle.tables()
    seed = random.randrange(10**6)
    chance = random.Random(seed)
    print(f"\n{launcher}: seed {seed}, {duration:.1f} s without a kill")
    shutil.rmtree(triangle.folder / "outputs")
    kills, of_workers, ends = 0, 0, []
    process, beheaded = triangle.start(*words), 0  # workers killed in this start of the sweep
    while True:
        try:
            _, stderr = process.communicate(timeout=chance.uniform(0, duration) if kills < 25 else None)
        except subprocess.TimeoutExpired:
            kills += 1
            members = [pid for pid in group_of(process) if "popen_loky" in words_of(pid)]
            if members and chance.random() < 0.5:  # the sweep goes on without this worker
                os.kill(chance.choice(members), signal.SIGKILL)
                of_workers, beheaded = of_workers + 1, beheaded + 1
                continue
            os.kill(process.pid, signal.SIGKILL)
            process.communicate()
        else:
            if process.returncode == 0:
                assert triangle.tables() == reference
                ends.append(kills)
                if kills >= 25:
                    break
                shutil.rmtree(triangle.folder / "outputs")
            else:  # a job that is at work in two workers that are killed, one after the other, is given up
                assert beheaded >= 2, stderr
                assert workers.DIED in stderr
        process, beheaded = triangle.start(*words), 0
    assert launcher == "serial" or of_workers > 0
    print(f"{kills} kills, {of_workers} of a worker; it came to its end after {ends} of them")
