"""What the page of `triangle report` holds, without a browser."""

import base64
import json
import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.store.records import record
from triangle_cli.store import run_folder
from triangle_cli.studies.page import content, fits, write


def test_fits_that_fit_share_the_room():
    assert fits.shares([3, 5], 100) >= 5  # all as they are
    assert fits.shares([10, 100, 1000], 120) == 10 + 0 or fits.shares([10, 100, 1000], 120) == 55


@given(st.lists(st.integers(1, 1000), min_size=1, max_size=20), st.integers(20, 2000))
def test_what_is_shown_never_exceeds_the_room(sizes, budget):
    most = fits.shares(sizes, budget)
    assert sum(size for size in sizes if size <= most) <= budget
    if sum(sizes) <= budget:
        assert most >= max(sizes)


@given(st.recursive(st.text() | st.floats(allow_nan=False, allow_infinity=False), st.lists))
def test_data_cannot_end_the_script_and_are_read_back(data):
    written = write.in_script(data)
    assert not set("<>&\u2028\u2029") & set(written)
    assert json.loads(written) == data


COMMANDS = {
    (("depth=2", "function=x2"), ("depth=3", "function=x2")): ["triangle run -m depth=2,3 function=x2"],
    (("depth=2", "seed=0"), ("depth=3", "seed=1")): [
        "triangle run depth=2 seed=0",
        "triangle run depth=3 seed=1",
    ],
    (("init.peaks=[0.5,0.5]",), ("depth=3",)): [
        "triangle run 'init.peaks=[0.5,0.5]'",
        "triangle run depth=3",
    ],
    (("function.formula=x * 2",),): ["triangle run 'function.formula=x * 2'"],
    ((),): ["triangle run"],
}


@pytest.mark.parametrize("typed", COMMANDS, ids=str)
def test_commands_that_repeat_it(typed):
    records = [record(overrides=list(words)) for words in typed]
    assert content.commands(records, []) == COMMANDS[typed]


@pytest.fixture(scope="module")
def page(swept, tmp_path_factory):
    pytest.importorskip("plotly")
    out = tmp_path_factory.mktemp("page") / "report.html"
    done = swept("report", "--out", str(out))
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(r"4 runs, \d\.\d MB -> file://.*/report\.html\n", done.stdout)
    return out.read_text()


def test_nothing_is_fetched_from_elsewhere(page):
    ours = page[: page.index("<script>")]
    assert not re.search(r"(src|href)=[\"']?(https?:|//)", ours)
    assert "default-src 'none'" in ours


def test_what_the_page_holds_is_what_the_files_say(page, swept):
    data = json.loads(
        re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)[1]
    )
    assert [row["function"] for row in data["rows"]] == ["x²", "x²", "x³", "x³"]
    for row, curve, fit in zip(data["rows"], data["curves"]["loss"], data["fits"], strict=True):
        folder = swept.folder / row["folder"]
        history = pd.read_csv(folder / "history.csv").groupby("epoch")["loss"]
        np.testing.assert_allclose(numbers(curve["median"], "f4"), history.median(), rtol=1e-6)
        np.testing.assert_allclose(numbers(curve["max"], "f4"), history.max(), rtol=1e-6)
        found = run_folder.whole_run(folder)
        x, y = numbers(fit["x"], "f8"), numbers(fit["y"], "f8")
        assert (len(x), x[0], x[-1]) == (found.best["linear_regions"] + 1, 0, 1)
        power = {"x²": 2, "x³": 3}[row["function"]]
        errors = numbers(fit["error"], "f4")
        np.testing.assert_allclose(errors[:: fit["samples"]], y - x**power, atol=1e-6)
        grid = np.linspace(0, 1, 501)
        mse = np.mean((np.interp(grid, x, y) - grid**power) ** 2)
        assert mse == pytest.approx(found.best["mse_train"], rel=0.02)


def numbers(packed, kind):
    return np.frombuffer(base64.b64decode(packed), f"<{kind}")


def test_refusals_take_one_line_and_leave_nothing(triangle, swept):
    outputs = str(swept.folder / "outputs")
    for words, said in (
        (["--out", "a.pdf"], "--out a.pdf: expected a name that ends in .html"),
        (["nothing"], "nothing: expected a sweep, a run, or a word that runs have"),
    ):
        done = triangle("report", *words, "--outputs", outputs)
        assert done.returncode == 1
        assert done.stderr.startswith(f"triangle report: {said}")
        assert len(done.stderr.splitlines()) == 1
    assert list(triangle.folder.iterdir()) == []


def test_plotly_is_asked_for_before_runs_are_read(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "plotly.offline", None)
    with pytest.raises(ValueError, match=r"report: expected plotly \(pip install '.\[report\]'\)"):
        write.plotly()
