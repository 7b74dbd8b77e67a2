"""Files appear whole or not at all."""

import errno
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest
from store.records import record as a_record

from triangle_cli import console
from triangle_cli.paper.collection import diverged
from triangle_cli.store import run_folder


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
    writers = {name: lambda path: path.write_text("a") for name in run_folder.NEEDED}
    run_folder.publish(tmp_path, writers, a_record())
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
