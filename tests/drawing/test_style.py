"""One style of ours; what a user set comes before it."""

import subprocess
import sys

import matplotlib
import numpy as np
import pandas as pd
import pytest

from triangle_cli.drawing import bands, style


def luminance(colour):
    red, green, blue = matplotlib.colors.to_rgb(colour)
    return 0.299 * red + 0.587 * green + 0.114 * blue


def test_lines_are_told_apart_in_grey():
    """By their dash, or by how dark they are."""
    with style.ours():
        looks = style.looks(8)
    for number, look in enumerate(looks):
        for other in looks[:number]:
            dark = abs(luminance(look["color"]) - luminance(other["color"]))
            assert (look["linestyle"], look["marker"]) != (other["linestyle"], other["marker"]) or dark > 0.15
    assert len({look["marker"] for look in looks}) == 8


def test_there_are_as_many_looks_as_asked_for():
    with style.ours():
        assert len({str(look["color"]) for look in style.looks(20)}) == 20


def test_the_style_ends_where_the_picture_does():
    before = matplotlib.rcParams["font.size"]
    with style.ours():
        assert matplotlib.rcParams["font.size"] == 9
    assert matplotlib.rcParams["font.size"] == before


def test_a_users_matplotlibrc_comes_first(tmp_path):
    (tmp_path / "matplotlibrc").write_text("font.size: 17\n")
    code = "import matplotlib; from triangle_cli.drawing import style\nwith style.ours(): "
    code += "print(matplotlib.rcParams['font.size'], matplotlib.rcParams['legend.fontsize'])"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["17.0", "8.0"]


def test_a_style_that_is_asked_for_comes_before_both(tmp_path):
    (tmp_path / "mine.mplstyle").write_text("font.size: 13\n")
    with style.ours(str(tmp_path / "mine.mplstyle")):
        assert matplotlib.rcParams["font.size"] == 13
    with (
        pytest.raises(ValueError, match="--style nowhere: expected a style file, or one of"),
        style.ours("nowhere"),
    ):
        pass


@pytest.mark.parametrize(("size", "expected"), [("column", (3.4, 2.6)), ("5x3.5", (5, 3.5))])
def test_sizes(size, expected):
    assert style.inches(size) == expected


@pytest.mark.parametrize("size", ["wide", "3", "0x3", "1e9x1", "3x4x5", "nanx2"])
def test_sizes_that_are_none(size):
    with pytest.raises(ValueError, match="expected column, page, or inches"):
        style.inches(size)


def test_a_band_is_what_it_says():
    x = pd.Series([1, 1, 1, 2, 2])
    y = pd.Series([1.0, 2.0, 9.0, 4.0, np.inf])
    values = bands.Band.of(x, y, "range").values
    assert values.to_dict("list") == {"line": [2, 4], "low": [1, 4], "high": [9, 4], "count": [3, 1]}
    values = bands.Band.of(x, y, "deviation").values
    assert values["line"].tolist() == [4, 4]
    assert values.loc[1, "high"] == pytest.approx(4 + np.std([1, 2, 9], ddof=1))
    assert values.loc[1, "low"] == 1  # not below what there is
    said = [entry.get_label() for entry in bands.explain([bands.Band.of(x, y, "range")], "restarts")]
    assert said == ["line: median of 1 to 3 restarts", "band: least to greatest"]
