"""Files appear whole or not at all."""

import errno
import json
import resource
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest
from store.records import record as a_record

from triangle_cli import console
from triangle_cli.paper.collection import diverged
from triangle_cli.store import run_folder


def writers(text):
    """What writes the least that a run has."""
    return {name: lambda path: path.write_text(text) for name in run_folder.NEEDED}


def test_a_file_is_replaced_whole(tmp_path):
    path = tmp_path / "deep" / "table.csv"
    run_folder.write_table(path, pd.DataFrame({"a": [1 / 3]}))
    run_folder.write_table(path, pd.DataFrame({"a": [2 / 3]}))
    assert pd.read_csv(path)["a"].tolist() == [2 / 3]
    assert [entry.name for entry in path.parent.iterdir()] == ["table.csv"]


def test_a_write_that_fails_leaves_what_was_there_and_nothing_else(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("before")

    def break_off(beside):
        beside.write_text("half")
        raise OSError("no space left")

    with pytest.raises(OSError, match="no space left"):
        run_folder.write_whole(path, break_off)
    assert path.read_text() == "before"
    assert [entry.name for entry in tmp_path.iterdir()] == ["table.csv"]


def test_what_cannot_be_written_is_named_as_it_was_asked_for(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    for name in (".", "folder"):
        with pytest.raises(OSError) as refused:  # noqa: PT011  # the reason is the system's
            run_folder.write_text(Path(name), "text")
        assert refused.value.filename == name
    assert [entry.name for entry in tmp_path.iterdir()] == ["folder"]


def test_the_terminal_is_named_where_it_takes_no_more():
    assert console.reason(OSError(errno.ENOSPC, "No space left")) == "stdout: No space left"
    assert console.reason(OSError(errno.ENOSPC, "No space left", "a.csv")) == "a.csv: No space left"
    assert console.reason(OSError(errno.ENOMEM, "Cannot allocate memory")) == "Cannot allocate memory"


@pytest.mark.parametrize("content", [None, "", "{", "[]", "{}", "3", '"text"', b"\xff\xfe"])
def test_what_is_not_a_finished_run_is_none(tmp_path, content):
    if content is not None:
        data = content if isinstance(content, bytes) else content.encode()
        (tmp_path / run_folder.RUN).write_bytes(data)
    assert run_folder.read_run(tmp_path) is None


def test_a_run_with_a_missing_file_is_not_finished(tmp_path):
    run_folder.publish(tmp_path, writers("a"), a_record())
    assert run_folder.read_run(tmp_path).hash == "0"
    (tmp_path / "errors.csv").unlink()
    assert run_folder.read_run(tmp_path) is None


def test_a_table_says_how_many_restarts_it_leaves_out():
    run = SimpleNamespace(
        config={"restarts": 3}, choices={"function": "x2"}, final_errors=pd.DataFrame({"restart": [0, 2]})
    )
    assert diverged(run) == "Of function=x2 1 of 3 restarts diverged and are left out."
    run.config["restarts"] = 2
    assert diverged(run) == ""


RECORD = a_record()
DIGESTS = dict.fromkeys(run_folder.NEEDED, "0" * 64)


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
