"""`dry_run=true` counts and estimates, and leaves nothing behind."""

import pytest

from tests.conftest import SWEEP
from triangle_cli.sweeps import estimate


def everything(folder):
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*")}


def test_a_dry_run_counts_what_is_done_and_writes_nothing(swept):
    before = everything(swept.folder)
    words = [word.replace("depth=2,3", "depth=2,3,4") for word in SWEEP]
    done = swept(*words, "points.train=1,500", "dry_run=true")
    assert done.returncode == 0, done.stderr
    counts, time, *failing = done.stdout.splitlines()
    assert counts == "12 jobs: 4 done, 2 to run, 6 would fail"
    assert failing[0].startswith("would fail: function=x2 depth=2")
    assert failing[0].endswith("points.train=1: expected 2 or more")
    assert time.startswith("about ")
    assert time.endswith("1 at a time, judged by 4 finished runs")
    assert everything(swept.folder) == before


def test_where_all_jobs_would_fail_the_exit_code_says_so(triangle):
    for words in (["depth=0"], ["-m", "depth=2,3", "points.train=1"]):
        done = triangle("run", *words, "dry_run=true")
        assert done.returncode == 1
        assert "0 done, 0 to run" in done.stdout
        assert not list(triangle.folder.iterdir())


@pytest.mark.parametrize("more", [[], ["dry_run=true"]])
def test_a_sweep_without_a_job_says_so_dry_or_not(triangle, more):
    done = triangle("run", "-m", "depth=2", "seed=glob([])", *more)
    assert done.returncode == 1
    assert done.stderr == "triangle: no jobs: expected at least one value in every list\n"
    assert not list(triangle.folder.iterdir())


def test_a_refused_sweep_leaves_nothing_behind(triangle):
    done = triangle("run", "-m", "depth=2,3", "points.train=1")
    assert done.returncode == 1
    assert done.stderr == "triangle: points.train=1: expected 2 or more (all 2 jobs)\n"
    assert not list(triangle.folder.iterdir())


def test_what_is_refused_before_training_is_told(triangle):
    done = triangle("run", "-m", "function=x2,cubic", "network=single,difference", "dry_run=true")
    counts, _, failing = done.stdout.splitlines()
    assert counts == "4 jobs: 0 done, 3 to run, 1 would fail"
    assert failing.startswith(
        "would fail: function=cubic network=single: function=cubic: x**3 - x on [-1, 1]"
    )


def test_a_folder_that_cannot_be_made_is_told_and_none_is_made(triangle):
    (triangle.folder / "file").touch()
    for words, named in (
        (["outputs=/dev/full"], "/dev/full"),
        (["-m", "seed=0,1", "outputs=file/in"], "file"),
    ):
        done = triangle("run", "depth=2", *words, "dry_run=true")
        assert done.returncode == 1
        assert f"{named}: Not a directory" in done.stdout
        assert " 0 to run" in done.stdout
    assert triangle("run", "depth=2", "outputs=new/folder", "dry_run=true").returncode == 0
    assert [path.name for path in triangle.folder.iterdir()] == ["file"]


@pytest.mark.parametrize("word", ["depth=-1", "threads=0"])
def test_a_word_that_is_refused_is_told_once(triangle, word):
    counts, failing = triangle("run", word, "dry_run=true").stdout.splitlines()
    assert counts == "1 job: 0 done, 0 to run, 1 would fail"
    assert failing.startswith(f"would fail: {word}: expected 1 ")


@pytest.mark.parametrize(
    "word", ["function.interval=[1]", "function.formula=", "init.scale=-1", "points.train=1"]
)
def test_a_value_that_is_shown_otherwise_than_typed_is_told_once_too(triangle, word):
    *_, failing = triangle("run", word, "dry_run=true").stdout.splitlines()
    assert failing.startswith("would fail: ")
    assert failing.count(word.partition("=")[0]) == 1


def test_a_sweep_over_data_takes_settings_that_all_of_them_have(triangle):
    words = ["data=wine,digits", "model.hidden=[4,5]", "data.batch=8,16", "data.drop=[]", "dry_run=true"]
    done = triangle("run", "-m", *words)
    assert done.stdout.splitlines()[0] == "4 jobs: 0 done, 4 to run"


def test_a_list_of_ways_to_run_is_refused(triangle):
    for words in (["outputs=a,b"], ["launcher=serial,joblib"], ["tracker=none,mlflow"]):
        done = triangle("run", "-m", "depth=2", *words)
        assert done.returncode == 1
        key = words[0].split("=")[0]
        assert done.stderr.startswith(f"triangle: {key}=")
        assert done.stderr.endswith(": expected one value for all jobs of a sweep\n")
        assert not list(triangle.folder.glob("**/errors.csv"))


def test_a_single_dry_run_needs_no_folder(triangle):
    done = triangle("run", "dry_run=true")
    assert done.stdout == "1 job: 0 done, 1 to run\nno finished run to estimate the time from\n"
    assert not list(triangle.folder.iterdir())


def test_the_estimate_is_a_line_or_a_proportion():
    assert estimate._line([1, 2], [11, 12], 10) == pytest.approx(20)  # 10 s and 1 s per size
    assert estimate._line([5, 5], [10, 30], 10) == pytest.approx(40)
    assert estimate._line([1, 2], [3, 2], 3) == pytest.approx(6)


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.2, "1 s"), (89, "89 s"), (91, "2 min"), (12000, "3 h 20 min")]
)
def test_times_are_rounded_up(seconds, words):
    assert estimate.in_words(seconds) == words
