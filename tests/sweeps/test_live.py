"""A sweep is followed by its files alone."""

import json
import os
import socket

import pytest

from triangle_cli.cli import watch
from triangle_cli.sweeps import live
from triangle_cli.sweeps.job import JobRecord


def finished(number, mse=1e-6, status="finished", seconds=2.0):
    return JobRecord(number, [f"depth={number}"], status, seconds=seconds, mse_min=mse, folder="f")


def leave(folder, *records, process=None, jobs=10, host=None, at_once=2):
    """What a process leaves on the way."""
    process = process or os.getpid()
    said = {"process": process, "host": host or socket.gethostname(), "jobs": jobs, "at_once": at_once}
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f".sweep-{process}.json").write_text(json.dumps(said))
    lines = "".join(json.dumps(record.to_json()) + "\n" for record in records)
    (folder / f".jobs-{process}.jsonl").write_text(lines)


def test_jobs_the_best_and_the_time_left(tmp_path):
    leave(tmp_path, finished(0, 3e-6), finished(1, 1e-7, seconds=4.0), finished(2, 5e-5, "reused", 0.0))
    state = live.read(tmp_path)
    assert (len(state.records), state.jobs, state.whole) == (3, 10, False)
    assert state.best.number == 1
    assert state.seconds_left == 7 * 3.0 / 2  # seven jobs of three seconds, two at once


def test_a_line_that_is_being_written_is_left_out(tmp_path):
    leave(tmp_path, finished(0))
    path = tmp_path / f".jobs-{os.getpid()}.jsonl"
    path.write_text(path.read_text() + '{"number": 1, "over')
    assert [record.number for record in live.read(tmp_path).records] == [0]


def test_what_a_killed_process_left_is_not_a_running_sweep(tmp_path):
    leave(tmp_path, finished(0), process=2**22 + 1)  # above the largest that Linux gives
    assert live.read(tmp_path) is None
    leave(tmp_path, finished(0), process=2**22 + 2, host="elsewhere")
    assert live.read(tmp_path).host == "elsewhere"  # which cannot be known from here
    live.withdraw(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        f".jobs-{2**22 + 2}.jsonl",
        f".sweep-{2**22 + 2}.json",
    ]


def test_watching_from_another_process(triangle):
    folder = triangle.folder / "outputs" / "sweeps" / "mine"
    leave(
        folder, finished(0, 3e-6), JobRecord(1, ["depth=9"], "failed", "too deep"), jobs=4, host="elsewhere"
    )
    done = triangle("watch", "--once")
    assert done.returncode == 1  # a job failed
    assert "2 of 4 jobs: 1 computed, 1 failed, about 2 s left on elsewhere" in done.stdout
    assert "failed: depth=9: too deep" in done.stdout
    assert "3.00e-06" in done.stdout


def test_a_sweep_that_has_ended_is_told(triangle, swept):
    (sweep,) = (swept.folder / "outputs" / "sweeps").iterdir()
    done = triangle("watch", str(sweep))
    assert (done.returncode, done.stderr) == (0, "")
    assert "4 of 4 jobs: 4 computed" in done.stdout
    assert not list(sweep.glob(".*"))  # what was there on the way is gone


def test_what_cannot_be_watched_is_refused(triangle):
    (triangle.folder / "outputs").mkdir()
    for words, said in (
        ([], "outputs: expected a sweep that runs, there is none"),
        (["nowhere"], "nowhere: expected a sweep: its folder, or its name in outputs/sweeps"),
        (["--every", "0"], "--every 0: expected 0.05 to 3600 seconds"),
    ):
        done = triangle("watch", *words)
        assert (done.returncode, done.stderr.startswith(f"triangle watch: {said}")) == (1, True), done.stderr


def test_a_sweep_is_followed_to_its_end(tmp_path, capsys):
    """As into a pipe: a line for each job that ends, then the whole."""
    folder = tmp_path / "sweeps" / "mine"
    leave(folder, finished(0), jobs=2)

    def sleep(seconds):  # meanwhile
        if not (folder / "jobs.json").exists():
            (folder / "jobs.json").write_text(json.dumps([finished(k).to_json() for k in range(2)]))
            live.withdraw(folder)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("time.sleep", sleep)
        assert watch.main(["mine", "--outputs", str(tmp_path)]) == 0
    said = capsys.readouterr().out
    assert "[1/2] depth=0: finished, least MSE 1.00e-06" in said
    assert "2 of 2 jobs: 2 computed" in said
