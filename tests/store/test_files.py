"""Only regular files are read, and what is none is written to, not replaced."""

import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from triangle_cli.store import files, run_folder, texts


def test_a_device_stays_a_device_and_takes_what_is_written(tmp_path):
    link = tmp_path / "null"
    link.symlink_to(os.devnull)
    run_folder.write_text(link, "nothing")
    assert link.is_symlink()
    assert stat.S_ISCHR(Path(os.devnull).stat().st_mode)
    with pytest.raises(OSError, match="No space left") as full:
        run_folder.write_text(Path("/dev/full"), "x")
    assert full.value.filename == "/dev/full"


def test_folders_on_the_way_to_a_file_are_made(tmp_path):
    run_folder.write_text(tmp_path / "new" / "folder" / "a.csv", "a\n")
    assert (tmp_path / "new" / "folder" / "a.csv").read_text() == "a\n"


def test_a_pipe_stays_a_pipe_and_takes_what_is_written(tmp_path):
    pipe = tmp_path / "pipe.csv"
    os.mkfifo(pipe)
    read = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_text()))
    reader.start()
    run_folder.write_text(pipe, "a,b\n")
    reader.join(10)
    assert read == ["a,b\n"]
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_a_link_stays_a_link_and_its_file_is_replaced(tmp_path):
    (tmp_path / "there").mkdir()
    link = tmp_path / "link.csv"
    for name in ("file.csv", "new.csv"):
        link.unlink(missing_ok=True)
        link.symlink_to(tmp_path / "there" / name)
        run_folder.write_text(link, name)
        assert link.is_symlink()
        assert (tmp_path / "there" / name).read_text() == name
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link.csv", "there"]


def test_a_link_to_itself_is_refused(tmp_path):
    link = tmp_path / "link.csv"
    link.symlink_to(link)
    with pytest.raises(OSError, match="Too many levels of symbolic links"):
        run_folder.write_text(link, "x")


def test_stdout_goes_on_where_a_file_was_written_to_it(tmp_path):
    code = "from pathlib import Path\nfrom triangle_cli.store.run_folder import write_text\n"
    code += "print('before', flush=True)\nwrite_text(Path('/dev/stdout'), 'between\\n')\nprint('after')"
    with (tmp_path / "out").open("w") as out:
        subprocess.run([sys.executable, "-c", code], stdout=out, check=True)
    assert (tmp_path / "out").read_text() == "before\nbetween\nafter\n"


def test_what_waits_or_never_ends_is_not_read(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path, kind in ((tmp_path / "pipe", "a pipe"), (Path("/dev/zero"), "a device")):
        with pytest.raises(OSError, match=f"is {kind}, expected a file"):
            files.read_bytes(path)


@pytest.mark.parametrize(
    ("text", "guarded"),
    {
        "=1+1": "'=1+1",
        "@x": "'@x",
        "-x2": "'-x2",
        "+1;cmd": "'+1;cmd",
        "\t=1": "'\t=1",
        "-1.5e-3": "-1.5e-3",
        "-": "-",
        "x2": "x2",
    }.items(),
)
def test_a_spreadsheet_takes_no_text_for_a_formula(text, guarded):
    assert texts.csv_cell(text) == guarded
    assert texts.csv_cell(-3) == -3


def test_tables_are_not_ended_by_their_text():
    assert texts.markdown_cell("a|b\n**c** <b> _d_ e_f") == r"a\|b \*\*c\*\* \<b> \_d\_ e_f"
    assert texts.latex(r"50 % of \x_{2}~") == (r"50 \% of \textbackslash{}x\_\{2\}\textasciitilde{}")
