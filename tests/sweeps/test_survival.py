"""Sweeps that are killed, run twice at once or find damaged files lose nothing and compute nothing twice."""

import json
import os
import random
import re
import resource
import shutil
import signal
import subprocess
import sys
import time

import pytest
from store.records import record as a_record

from tests.conftest import SWEEP
from triangle_cli.store import locks, run_folder
from triangle_cli.sweeps import work, workers


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


RECORD = a_record()
DIGESTS = dict.fromkeys(run_folder.NEEDED, "0" * 64)


def writers(text):
    return {name: lambda path: path.write_text(text) for name in run_folder.NEEDED}


def test_a_disk_that_fills_up_leaves_the_earlier_run_whole(tmp_path):
    folder = tmp_path / "run"
    run_folder.publish(folder, writers("first"), RECORD)
    before = run_folder.read_run(folder)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, limits[1]))  # files end here, as on a full disk
    try:
        with pytest.raises(OSError, match="File too large") as error:
            run_folder.publish(folder, writers("x" * 2000), RECORD)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert error.value.filename == str(folder / "errors.csv")
    assert run_folder.read_run(folder) == before
    assert (folder / "errors.csv").read_text() == "first"
    assert [path.name for path in folder.iterdir() if path.name.startswith(".")] == []


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b"[1, 2]", "not written by a finished run"),
        (b'{"hash": "abc"}', "not written by a finished run"),
        (json.dumps(RECORD.to_json() | {"sha256": DIGESTS}).encode(), "No such file"),
        (json.dumps(RECORD.to_json() | {"sha256": 3}).encode(), "not written by a finished run"),
    ],
)
def test_a_foreign_run_json_is_no_run(tmp_path, content, reason):
    (tmp_path / "run.json").write_bytes(content)
    record, damage = run_folder.check_run(tmp_path)
    assert record is None
    assert reason in damage
    assert str(tmp_path) in damage


def test_a_folder_named_run_json_is_no_run(tmp_path):
    (tmp_path / "run.json").mkdir()
    assert "Is a directory" in run_folder.check_run(tmp_path)[1]


def test_a_lock_is_held_by_one_and_left_by_the_dead(tmp_path):
    code = "import sys, time; from pathlib import Path; from triangle_cli.store import locks\n"
    code += "with locks.hold(Path(sys.argv[1]), wait=True): print('held', flush=True); time.sleep(60)"
    holder = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    assert holder.stdout.readline() == "held\n"
    with pytest.raises(locks.Busy, match="another process"), locks.hold(tmp_path, wait=False):
        pass
    holder.kill()
    holder.communicate()
    assert (tmp_path / locks.LOCK).exists()
    with locks.hold(tmp_path, wait=False):
        pass


class Deadly:
    """Settings whose job kills its worker, or else ends without a folder."""

    def __init__(self, deadly):
        self.deadly = deadly

    @property
    def folder(self):
        if self.deadly:
            os.kill(os.getpid(), signal.SIGKILL)
        raise ValueError("no folder")


def test_a_worker_that_dies_is_one_failed_row(tmp_path):
    jobs = [work.Job(number, ["depth=2"], Deadly(number == 1), tmp_path / str(number)) for number in range(4)]
    records = work.run_all(jobs, workers.Cores({"n_jobs": 2}).run, stop_at_failure=False)
    assert [record["reason"] for record in records] == ["no folder", workers.DIED, "no folder", "no folder"]


def test_one_core_is_this_process(tmp_path):
    jobs = [work.Job(number, ["depth=2"], Deadly(False), tmp_path / str(number)) for number in range(2)]
    records = work.run_all(jobs, workers.Cores({"n_jobs": 1}).run, stop_at_failure=False)
    assert [record["reason"] for record in records] == ["no folder", "no folder"]


@pytest.mark.parametrize(
    ("kind", "options", "said"),
    [
        (workers.Cores, {"n_jobs": "abc"}, "n_jobs=abc: expected a whole number, -1 for all cores"),
        (workers.Cores, {"n_jobs": 0}, "n_jobs=0: expected a whole number, -1 for all cores"),
        (workers.Submitit, {"at_once": 0}, "at_once=0: expected a whole number, 1 or more"),
        (workers.Submitit, {"timeout_min": 1.5}, "timeout_min=1.5: expected a whole number, 1 or more"),
        (workers.Submitit, {"poll_seconds": 0}, "poll_seconds=0: expected a number above 0"),
    ],
)
def test_what_workers_cannot_be_is_refused(kind, options, said):
    usual = {"at_once": 2, "timeout_min": 60, "poll_seconds": 0.2} if kind is workers.Submitit else {}
    with pytest.raises(ValueError, match=f"hydra.launcher.{said}"):
        kind(usual | options)


def test_workers_end_with_a_sweep_that_is_killed_before_they_have_a_job(triangle):
    code = "from triangle_cli.sweeps.workers import Cores; Cores({'n_jobs': 2}).start(); "
    code += "print('up', flush=True); input()"
    sweeping = subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert sweeping.stdout.readline() == "up\n"
    assert len(group_of(sweeping)) >= 2
    sweeping.kill()
    sweeping.communicate(timeout=30)  # until nobody holds the other end of its output any more


def test_ctrl_c_while_workers_start_is_one_line(triangle):
    process = triangle.start(*SWEEP, "launcher=joblib")
    while not any("popen_loky" in words_of(pid) for pid in group_of(process)):
        assert process.poll() is None, process.communicate()
    os.killpg(process.pid, signal.SIGINT)
    _, stderr = process.communicate(timeout=30)
    assert process.returncode == 130
    assert re.fullmatch("triangle: interrupted.*\n", stderr)


@pytest.mark.parametrize(
    ("stop", "statuses"), [(True, ["failed", "not started"]), (False, ["failed", "failed"])]
)
def test_no_job_starts_after_one_that_failed(tmp_path, stop, statuses):
    jobs = [work.Job(number, ["depth=2"], Deadly(False), tmp_path / str(number)) for number in range(2)]
    records = work.run_all(jobs, workers.Serial({}).run, stop)
    assert [record["status"] for record in records] == statuses
    assert "ValueError: no folder" in (tmp_path / "0" / "triangle.log").read_text()


def test_an_interrupted_sweep_says_how_to_go_on(tmp_path):
    def interrupted(queue):
        job = queue.popleft()
        yield job, work.new_record(job.number, job.words, "finished")
        raise KeyboardInterrupt

    jobs = [work.Job(number, [], Deadly(False), tmp_path) for number in range(3)]
    with pytest.raises(KeyboardInterrupt, match="1 of 3 jobs done; the same command goes on from there"):
        work.run_all(jobs, interrupted, stop_at_failure=False)


@pytest.mark.slow
@pytest.mark.parametrize("launcher", ["serial", "joblib", "submitit_local"])
def test_ctrl_c_ends_cleanly_and_the_same_command_goes_on(reference, triangle, launcher):
    process = triangle.start(*SWEEP, f"launcher={launcher}")
    while not triangle.finished():
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGINT)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 130
    assert re.search(
        r"triangle: interrupted: \d of 4 jobs done; the same command goes on from there\n$", stderr
    )
    assert "Traceback" not in stderr
    time.sleep(2.5)  # workers look for their parent once a second
    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, 0)
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


def group_of(process: subprocess.Popen) -> list[int]:
    """The processes of a sweep: it and its workers."""
    listed = subprocess.run(
        ["ps", "-A", "-o", "pid=,pgid="], capture_output=True, text=True, check=True
    ).stdout
    pairs = [tuple(map(int, line.split())) for line in listed.splitlines()]
    return [pid for pid, group in pairs if group == process.pid and pid != process.pid]


def words_of(pid: int) -> str:
    return subprocess.run(["ps", "-ww", "-o", "args=", "-p", str(pid)], capture_output=True, text=True).stdout


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
