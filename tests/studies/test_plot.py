"""`triangle plot`: what is drawn is what the files say."""

import re
from types import SimpleNamespace

import matplotlib
import numpy as np
import pandas as pd
import pytest

from triangle_cli.drawing import style
from triangle_cli.studies import choose, columns, floors, plots, titles

MAGIC = {"png": b"\x89PNG", "pdf": b"%PDF", "svg": b"<?xml"}


@pytest.fixture
def outputs(swept, monkeypatch):
    monkeypatch.chdir(swept.folder)
    return swept.folder / "outputs"


def drawn(outputs, *words, floor=False, **options):
    """The figure of these runs, and their frame."""
    plot = plots.Plot(**({"x": "depth", "y": "mse_min", "floor": floor} | options))
    rows, _ = choose.choose(list(words), outputs)
    asked = {name: getattr(plot, name) for name in ("x", "y", "hue", "panels")}
    frame = columns.frame(rows, asked)
    if floor:
        frame.table[columns.FLOOR] = [floors.floor(row) for row in rows]
    with style.ours():
        figure = plots.draw(frame, plot, titles.caption(rows, set(asked.values())))
        figure.canvas.draw()
    return SimpleNamespace(figure=figure, frame=frame, rows=rows)


def legend(figure):
    return [text.get_text() for legend in figure.legends for text in legend.get_texts()]


def test_a_line_goes_through_the_figures_of_the_runs(outputs):
    seen = drawn(outputs, hue="function", log=True, floor=True)
    lines = {line.get_color(): line for line in seen.figure.axes[0].lines[:2]}
    for function, line in zip(("x2", "x3"), lines.values()):
        wanted = sorted((row["depth"], row["mse_min"]) for row in seen.rows if row["function"] == function)
        np.testing.assert_array_equal(line.get_xydata(), wanted)
    assert legend(seen.figure) == ["$x^{2}$", "$x^{3}$", plots.FLOOR_LABEL]
    floor = seen.figure.axes[0].lines[2].get_ydata()
    width = 1 / 2**2  # known: x^2 on pieces of width h has the mean square h^4 / 180
    assert floor[0] == pytest.approx(width**4 / 180, rel=0.05)


def test_the_band_over_epochs_is_the_range_of_the_restarts(outputs):
    seen = drawn(outputs, "x3", x="epoch", y="loss", panels="depth", log=True)
    folder = next(row["folder"] for row in seen.rows if row["depth"] == 2)
    history = pd.read_csv(f"{folder}/history.csv")
    line, low, high = seen.figure.axes[0].lines[:3]
    for drawn_line, statistic in ((line, "median"), (low, "min"), (high, "max")):
        wanted = history.groupby("epoch")["loss"].agg(statistic)
        np.testing.assert_allclose(drawn_line.get_ydata(), wanted)
    assert legend(seen.figure) == ["line: median of 2 restarts", "band: least to greatest"]
    assert [axes.get_title() for axes in seen.figure.axes] == ["depth 2", "depth 3"]
    assert seen.figure._suptitle.get_text() == "$x^{3}$, triangle start, peaks only schedule, 2 restarts"


def test_regions_of_restarts_at_every_stage(outputs):
    seen = drawn(outputs, "x2", x="stage", y="linear_regions", hue="depth")
    assert seen.frame.row == "restart"
    heights = np.concatenate([line.get_ydata() for line in seen.figure.axes[0].lines])
    assert set(heights) == {4, 8}  # 2^depth, before and after


def test_a_heat_map_holds_the_figures_and_says_them(outputs):
    seen = drawn(outputs, y="regions", hue="function", kind="heat")
    assert seen.figure.axes[0].images[0].get_array().tolist() == [[4, 8], [4, 8]]
    assert sorted(text.get_text() for text in seen.figure.axes[0].texts) == ["4", "4", "8", "8"]


def test_boxes_say_what_they_are(outputs):
    seen = drawn(outputs, y="mse_train", hue="function", kind="box", log=True)
    assert legend(seen.figure)[2] == "box: middle half of 2 restarts, median\nwhiskers: least, greatest"


def test_many_values_of_a_hue_are_refused(outputs):
    table = pd.DataFrame({"depth": range(30), "mse_min": 1.0, "seed": range(30)})
    with pytest.raises(ValueError, match="--hue seed: expected 24 values at most, there are 30"):
        plots.draw(columns.Frame(table, "run"), plots.Plot("depth", "mse_min", hue="seed"), "")


@pytest.mark.parametrize("kind", MAGIC)
def test_every_format_is_written(triangle, swept, kind):
    done = triangle("plot", "--outputs", str(swept.folder / "outputs"), "--out", f"a.{kind}")
    assert (done.returncode, done.stdout) == (0, f"4 runs -> a.{kind}\n"), done.stderr
    assert (triangle.folder / f"a.{kind}").read_bytes().startswith(MAGIC[kind])


def test_the_same_picture_is_the_same_file(triangle, swept):
    words = ["plot", "--outputs", str(swept.folder / "outputs"), "--kind", "strip"]
    for kind in ("pdf", "svg", "png"):
        for name in ("a", "b"):
            assert triangle(*words, "--out", f"{name}.{kind}").returncode == 0
        assert (triangle.folder / f"a.{kind}").read_bytes() == (triangle.folder / f"b.{kind}").read_bytes()


def test_the_fit_of_a_run_without_title(triangle, swept):
    run = str(next((swept.folder / "outputs" / "x2").glob("d3-*")))
    done = triangle("plot", run, "--kind", "fit", "--no-title", "--out", "fit.svg")
    assert done.returncode == 0, done.stderr
    titled = triangle("plot", run, "--kind", "fit", "--out", "titled.svg")
    assert titled.returncode == 0
    comments = [
        re.findall(r"<!-- (.*?) -->", (triangle.folder / f).read_text()) for f in ("fit.svg", "titled.svg")
    ]
    assert any("linear regions" in line for line in comments[1])
    assert not any("linear regions" in line for line in comments[0])


REFUSED = {
    ("--y", "mse_mim"): "--y mse_mim: no such column; did you mean mse_min?",
    ("--y", "init"): "--y init: expected a column of numbers, these runs have none in it",
    ("--x", "loss"): "loss: known by epochs, expected --x epoch with it",
    ("--x", "function", "--kind", "line"): "--x function: expected a column of numbers for --kind line",
    ("--kind", "heat"): "--kind heat: expected --hue with it, the column of its rows",
    ("--out", "a.jpg"): "--out a.jpg: expected a name that ends in one of .png, .pdf, .svg, .pgf",
    ("--y", "regions", "--floor"): "--floor: expected --y with an MSE, such as mse_min, not regions",
    ("--kind", "fit"): "--kind fit: expected one run, 4 are meant",
    ("--where", "depth > 9"): "--where 'depth > 9': expected a finished run or more, none is left",
    ("nothing",): "nothing: expected a sweep, a run, or a word that runs have",
    ("--size", "huge"): "--size huge: expected column, page, or inches",
}


@pytest.mark.parametrize("words", REFUSED, ids=" ".join)
def test_what_cannot_be_drawn_is_refused_in_one_line(triangle, swept, words):
    done = triangle("plot", *words, "--outputs", str(swept.folder / "outputs"))
    assert done.returncode == 1
    assert done.stderr.startswith(f"triangle plot: {REFUSED[words]}")
    assert len(done.stderr.splitlines()) == 1
    assert list(triangle.folder.iterdir()) == []


def test_a_sweep_a_run_and_a_word_choose_runs(outputs):
    (sweep,) = (outputs / "sweeps").iterdir()
    assert len(choose.choose([sweep.name], outputs)[0]) == 4
    assert len(choose.choose([str(sweep), "x2"], outputs)[0]) == 2
    rows, _ = choose.choose(["x2"], outputs, "depth == 3")
    assert [row["depth"] for row in rows] == [3]
    assert choose.choose([rows[0]["hash"]], outputs)[0] == rows
    assert choose.choose([rows[0]["folder"]], outputs)[0][0]["folder"] == rows[0]["folder"]


def test_a_single_run_has_its_curves_beside_the_fit(triangle):
    words = ["run", "restarts=2", "depth=2", "schedule.phases.0.epochs=20", "points.grid=101"]
    assert triangle(*words).returncode == 0
    (folder,) = (triangle.folder / "outputs" / "x2").iterdir()
    for name in ("fit.png", "loss.png", "regions.png"):
        assert matplotlib.image.imread(folder / name).shape[2] == 4
    (folder / "loss.png").unlink()
    assert triangle(*words).returncode == 0  # from disk: what is missing is drawn
    assert (folder / "loss.png").exists()
