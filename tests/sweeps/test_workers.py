"""Workers that die, are refused, or end with their sweep."""

import os
import re
import signal
import subprocess
import sys

import pytest
from sweeps.processes import group_of, words_of

from tests.conftest import SWEEP
from triangle_cli.sweeps import work, workers


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
    records = work.run_all(iter(jobs), 4, workers.Cores({"n_jobs": 2}).run, stop_at_failure=False)
    assert [record.reason for record in records] == ["no folder", workers.DIED, "no folder", "no folder"]


def test_one_core_is_this_process(tmp_path):
    jobs = [work.Job(number, ["depth=2"], Deadly(False), tmp_path / str(number)) for number in range(2)]
    records = work.run_all(iter(jobs), 2, workers.Cores({"n_jobs": 1}).run, stop_at_failure=False)
    assert [record.reason for record in records] == ["no folder", "no folder"]


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
    code = "from triangle_cli.sweeps.workers import Cores; Cores({'n_jobs': 2})._start(2); "
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
    sweeping.communicate(timeout=200)  # until nobody holds the other end of its output any more


def test_ctrl_c_while_workers_start_is_one_line(triangle):
    process = triangle.start(*SWEEP, "launcher=joblib")
    while not any("popen_loky" in words_of(pid) for pid in group_of(process)):
        assert process.poll() is None, process.communicate()
    os.killpg(process.pid, signal.SIGINT)
    _, stderr = process.communicate(timeout=200)
    assert process.returncode == 130
    assert re.fullmatch("triangle: interrupted.*\n", stderr)


@pytest.mark.parametrize(
    ("stop", "statuses"), [(True, ["failed", "not started"]), (False, ["failed", "failed"])]
)
def test_no_job_starts_after_one_that_failed(tmp_path, stop, statuses):
    jobs = [work.Job(number, ["depth=2"], Deadly(False), tmp_path / str(number)) for number in range(2)]
    records = work.run_all(iter(jobs), 2, workers.Serial({}).run, stop)
    assert [record.status for record in records] == statuses
    assert "ValueError: no folder" in (tmp_path / "0" / "triangle.log").read_text()


def test_an_interrupted_sweep_says_how_to_go_on(tmp_path):
    def interrupted(jobs):
        job = next(jobs)
        yield job, work.JobRecord(job.number, job.words, "finished")
        raise KeyboardInterrupt

    jobs = [work.Job(number, [], Deadly(False), tmp_path) for number in range(3)]
    with pytest.raises(KeyboardInterrupt, match="1 of 3 jobs done; the same command goes on from there"):
        work.run_all(iter(jobs), 3, interrupted, stop_at_failure=False)


def planned_one_by_one(tmp_path, said, count=50):
    for number in range(count):
        said.append(number)
        yield work.Job(number, [], Deadly(False), tmp_path / str(number))


def test_jobs_start_while_others_are_planned(tmp_path):
    said, behind = [], []

    def watched(jobs):
        for job, record in workers.Serial({}).run(jobs):
            behind.append(len(said))
            yield job, record

    jobs = planned_one_by_one(tmp_path, said)
    assert len(work.run_all(jobs, 50, watched, stop_at_failure=False)) == 50
    assert behind == list(range(1, 51))


def test_a_few_jobs_are_planned_ahead_and_no_more(tmp_path):
    said = []
    jobs = work.ahead(planned_one_by_one(tmp_path, said, 100))
    assert next(jobs).number == 0
    assert len(said) <= work.AHEAD + 1
    jobs.close()
    assert len(said) <= work.AHEAD + 1
    assert [job.number for job in work.ahead(planned_one_by_one(tmp_path, [], 100))] == list(range(100))
