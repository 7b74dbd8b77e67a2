"""Tables become numbers, and what cannot is refused by file, column and row."""

import re

import pytest
from learn.data_files import (
    CSV,
)
from settings.composed import settings_of

from triangle_cli.learn import tables

WRONG_CSV = {
    "": "empty, expected a line of column names and lines of values",
    "a,b\n": "no lines of values",
    CSV.replace("1987", ""): "column built has no value in row 2, expected all (data.drop=[built]",
    re.sub(
        r",(19|20)\d\d,", ",7,", CSV
    ): "column built is 7 throughout, expected it to vary (data.drop=[built]",
    CSV.replace("390", "many"): "column price has values such as many (row 4), expected numbers",
    re.sub(r"\d+\n", "5\n", CSV): "column price is 5 throughout",
    CSV.replace("71.5", "inf"): "column area has values such as inf (row 1), expected numbers within",
    "price\n" + "\n".join(map(str, range(12))): "expected columns beside the target",
    CSV.replace("4,88.0", "4,1,2,88.0"): "expected a CSV file",
    "\n".join(CSV.splitlines()[:9]): "8 rows, expected 10 or more for data.folds=5",
    CSV.replace(
        ",", ";"
    ): "one column named 'rooms;area;kind;built;price', expected columns separated by commas",
    CSV.replace("area", "rooms"): "two columns named rooms, expected a name of its own for each",
    "," + CSV.replace("\n", "\n1,").removesuffix("1,"): "a column without a name, expected a name for each",
    CSV.replace("390", "1e200"): "column price has values such as 1e+200 (row 4), expected numbers within",
    CSV.replace("390", str(10**30)): "column price has values such as 210 (row 1), expected numbers within",
    re.sub(r"(\d+)\n", r"\1e-200\n", CSV): "column price spreads over",
    "version https://git-lfs.github.com/spec/v1\noid sha256:aaaa\nsize 55889\n": "a Git LFS pointer",
    CSV.replace("\n", ",7\n").replace("price,7", "price"): "more values in a line than the 5 names",
    CSV.replace(",210\n", ",210,7\n"): "more values in a line than the 5 names",
}


@pytest.mark.parametrize("content", WRONG_CSV)
def test_a_csv_file_that_cannot_be_learned_from_is_refused_in_one_line(tmp_path, content):
    path = tmp_path / "houses.csv"
    path.write_text(content)
    with pytest.raises(ValueError, match=re.escape(WRONG_CSV[content])) as refused:
        tables.read_table(settings_of("data=csv", f"data.path={path}", "data.target=price").data)
    assert str(path) in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (
            ["data.target=prize"],
            "data.target=prize: no such column, expected one of rooms, area, kind, built, price",
        ),
        (["data.drop=[garden]"], "data.drop=garden: no such column"),
        (["data.task=classification"], "column price has 10 classes in 10 rows, expected fewer"),
        (["data.path=nothing.csv"], "data.path=nothing.csv: expected a CSV file (there is no such file)"),
    ],
)
def test_words_that_do_not_fit_a_csv_file_are_refused(tmp_path, words, complaint):
    path = tmp_path / "houses.csv"
    path.write_text(CSV)
    with pytest.raises(ValueError, match=re.escape(complaint)):
        tables.read_table(settings_of("data=csv", f"data.path={path}", "data.target=price", *words).data)


def test_a_target_with_one_class_is_refused(tmp_path):
    path = tmp_path / "houses.csv"
    path.write_text(CSV.replace("house", "flat"))
    words = ["data=csv", f"data.path={path}", "data.target=kind", "data.task=classification"]
    with pytest.raises(ValueError, match="column kind is flat throughout, expected it to vary"):
        tables.read_table(settings_of(*words).data)


def test_words_become_columns(tmp_path):
    path = tmp_path / "houses.csv"
    path.write_text(CSV)
    table = tables.read_table(settings_of("data=csv", f"data.path={path}", "data.target=price").data)
    assert table.x.shape == (10, 5)
    assert table.x[:3, 3:].tolist() == [[1, 0], [0, 1], [1, 0]]
    assert table.y[:2].tolist() == [210, 305]


def test_a_word_far_down_a_long_column_makes_words_of_all(tmp_path):
    path = tmp_path / "long.csv"
    rows = (f"{k},{'word' if k == 599_999 else k % 3}" for k in range(600_000))
    path.write_text("\n".join(["value,kind", *rows]))
    words = ["data=csv", f"data.path={path}", "data.target=kind", "data.task=classification"]
    table = tables.read_table(settings_of(*words).data)
    assert table.classes == ["0", "1", "2", "word"]


def test_a_csv_file_that_has_changed_makes_another_run(tmp_path):
    path = tmp_path / "houses.csv"
    hashes = []
    for content in (CSV, CSV, CSV.replace("71.5", "72.5")):
        path.write_text(content)
        hashes.append(settings_of("data=csv", f"data.path={path}", "data.target=price").hash)
    assert hashes[0] == hashes[1] != hashes[2]


@pytest.mark.parametrize("name", ["houses.npz", "houses.parquet", "houses.xlsx"])
def test_a_table_of_another_kind_is_refused_by_its_name(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(b"anything")
    with pytest.raises(
        ValueError, match=f"data.path={path}: expected a CSV file, a line of column names and"
    ):
        tables.read_table(settings_of("data=csv", f"data.path={path}", "data.target=price").data)
