"""Every snippet of docs/python.md runs, one after the other, as its reader would run them; and its C compiles."""

import shutil
import subprocess
import warnings

import pytest
from docs.pages import FENCED, ROOT

PAGE = (ROOT / "docs" / "python.md").read_text()


def test_the_python_of_the_page_runs(tmp_path, monkeypatch):
    pytest.importorskip("sklearn")
    monkeypatch.chdir(tmp_path)
    scope = {}
    snippets = [block["text"] for block in FENCED.finditer(PAGE) if block["language"] == "python"]
    assert len(snippets) > 3
    for snippet in snippets:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            exec(snippet, scope)
    assert {"sensor.h", "sensor.png", "best.h", "outputs"} <= {path.name for path in tmp_path.iterdir()}
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("no C compiler")
    (source,) = (block["text"] for block in FENCED.finditer(PAGE) if block["language"] == "c")
    (tmp_path / "sensor.c").write_text(source)
    words = [compiler, "-std=c99", "-Wall", "-Wextra", "-Werror", "-c", "sensor.c"]
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
