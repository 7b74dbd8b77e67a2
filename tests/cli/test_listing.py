"""`triangle ls`: as JSON, the first few, sweeps."""

import json

import pytest


def test_runs_as_json(triangle, swept):
    done = triangle(
        "ls", "x2", "--outputs", str(swept.folder / "outputs"), "--format", "json", "--sort", "-depth"
    )
    rows = json.loads(done.stdout)
    assert [row["depth"] for row in rows] == [3, 2]
    assert rows[0]["init.peak_low"] == 0.3


@pytest.mark.parametrize("made", [False, True])
def test_before_the_first_run_the_way_to_one_is_said(triangle, made):
    if made:
        (triangle.folder / "outputs").mkdir()
    done = triangle("ls")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "no runs yet in outputs: `triangle run function=x2 depth=8` makes the first\n"
    assert triangle("ls", "--sweeps").stdout.startswith("no sweeps yet in outputs: `triangle run -m ")
    assert triangle("ls", "--format", "json").stdout == "[]\n"
    if not made:
        refused = triangle("report")
        assert (refused.returncode, refused.stderr) == (1, f"triangle report: {done.stdout}")
    assert triangle("ls", "--outputs", "mine").stderr == "triangle: --outputs=mine: expected a folder\n"


def test_the_first_few(triangle, swept):
    words = ["ls", "--outputs", str(swept.folder / "outputs"), "--sort", "depth", "--limit", "3"]
    lines = triangle(*words).stdout.splitlines()
    assert lines[-1] == "3 of 4 runs"
    assert len(lines) == 5
    assert triangle(*words[:-1], "0").stderr == "triangle: --limit 0: expected 1 or more\n"


def test_sweeps(triangle, swept):
    outputs = swept.folder / "outputs"
    (sweep,) = (outputs / "sweeps").iterdir()
    (row,) = json.loads(triangle("ls", "--sweeps", "--outputs", str(outputs), "--format", "json").stdout)
    assert (row["sweep"], row["jobs"], row["done"], row["failed"]) == (sweep.name, 4, 4, 0)
    assert row["words"].startswith("function=x2,x3 depth=2,3 restarts=2")
    shown = triangle("ls", "--sweeps", "x3", "--outputs", str(outputs)).stdout
    assert shown.splitlines()[0].split() == ["sweep", "jobs", "done", "failed", "mse_min", "when", "words"]
    assert shown.endswith("1 sweep\n")
    assert triangle("ls", "--sweeps", "nothing", "--outputs", str(outputs)).stdout.endswith("0 sweeps\n")


def test_a_damaged_sweep_is_named_and_left_out(triangle):
    folder = triangle.folder / "outputs" / "sweeps" / "mine"
    folder.mkdir(parents=True)
    (folder / "jobs.json").write_text('[{"status": "finished"}]')
    done = triangle("ls", "--sweeps")
    assert done.returncode == 0
    assert "outputs/sweeps/mine/jobs.json: not written by a sweep, or cut off; left out" in done.stderr
