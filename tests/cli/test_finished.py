"""Finished runs are found again: ls, show, compare and run --from, as a user types them."""

import csv
import errno
import io
import json
import os
import shutil
import subprocess
import time
from pathlib import Path

import pandas as pd
import pytest
from store.records import record as a_record

from triangle_cli.cli.main import main
from triangle_cli.store import index
from triangle_cli.store.where import compile_filter


def write_run(folder, **changes):
    """A run folder with a run.json and nothing else, as `ls` needs it."""
    name, depth, init = changes.get("name", "x2"), changes.get("depth", 5), changes.get("init", "triangle")
    summary = {"stage": "weights", "mse_min": 1e-6 / depth, "mse_mean": 1e-5 / depth, "mse_median": 1e-5}
    summary |= {"test_mse_mean": 1e-5, "regions_min": 2**depth, "regions_max": 2**depth + 1, "diverged": 0}
    settings = {"function": {"name": name}, "init": {"name": init, "peak_low": changes.get("low")}}
    settings |= {"schedule": {"name": "paper", "phases": [{"epochs": 10}]}, "depth": depth, "seed": 0}
    written = a_record(
        function=name,
        settings=settings,
        summary=summary,
        seconds={"total": 1.0},
        started="2026-01-02T03:04:05+00:00",
        hash="0" * 8,
    ).to_json()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "run.json").write_text(json.dumps(written | changes.get("record", {})))


@pytest.fixture
def tree(triangle):
    outputs = triangle.folder / "outputs"
    for depth in (4, 6, 8):
        for init, low in (("triangle", 0.3), ("random", None)):
            write_run(outputs / "x2" / f"d{depth}-{init}", depth=depth, init=init, low=low)
    write_run(outputs / "x3" / "d10-triangle", name="x3", depth=10)
    return triangle


def folders(done):
    return [row["folder"].removeprefix("outputs/") for row in csv.DictReader(io.StringIO(done.stdout))]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["x3"], ["x3/d10-triangle"]),
        (["x2", "triangle", "--sort", "-depth"], ["x2/d8-triangle", "x2/d6-triangle", "x2/d4-triangle"]),
        (
            ["--where", "depth>=6 and init=='triangle'", "--sort", "mse_min"],
            ["x3/d10-triangle", "x2/d8-triangle", "x2/d6-triangle"],
        ),
        (["--where", "init.peak_low < 0.4 and not depth in [4, 8]"], ["x2/d6-triangle"]),
        (["--where", "regions - regions_min == 1 and 4 < depth < 8", "random"], ["x2/d6-random"]),
        (["nothing"], []),
    ],
)
def test_ls_filters_and_sorts_by_any_column(tree, words, expected):
    done = tree("ls", *words, "--format", "csv")
    assert done.returncode == 0, done.stderr
    assert folders(done) == expected


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--where", "dpth>3"], "--where dpth: no such column; did you mean depth?"),
        (["--where", "depth=3"], "equality is =="),
        (["--where", "(1).__class__"], "attribute is not accepted"),
        (["--where", "function('a')"], "call is not accepted"),
        (["--where", "[d for d in depth]"], "--where d: no such column"),
        (["--where", "depth < 'a'"], "'<' not supported"),
        (["--where", "depth and ("], "expected an expression such as depth >= 6"),
        (["--sort", "mse"], "--sort mse: no such column; did you mean mse_min?"),
        (["--outputs", "nowhere"], "--outputs=nowhere: expected a folder"),
        (["--format", "parquet"], "--format=parquet: expected --out=FILE"),
        (["--out", "no/such/../../file.csv/x"], "file.csv"),
    ],
)
def test_ls_refuses_in_one_line(tree, words, message):
    (tree.folder / "file.csv").write_text("a file")
    done = tree("ls", *words)
    assert done.returncode == 1
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["ls", "--foo"], "triangle ls: unrecognized arguments: --foo"),
        (["show"], "triangle show: the following arguments are required: run"),
        (["compare", "a"], "triangle compare: the following arguments are required: B"),
        (["paper", "foo"], "triangle paper: no experiment 'foo', expected one of auto, beyond, cifar10,"),
        (["regions", "net.pt", "--lines", "x"], "triangle regions: argument --lines: invalid int value: 'x'"),
    ],
)
def test_options_are_refused_in_one_line(capsys, words, message):
    with pytest.raises(SystemExit) as end:
        main(words)
    assert end.value.code == 2
    said = capsys.readouterr().err
    assert said.startswith(message)
    assert said.count("\n") == 1


def test_a_folder_that_cannot_be_read_is_named(tmp_path, monkeypatch, capsys):
    def refuse(path):
        raise PermissionError(errno.EACCES, "Permission denied", path)

    (tmp_path / "outputs").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(os, "scandir", refuse)
    assert main(["ls"]) == 1
    assert capsys.readouterr().err == "triangle: outputs: Permission denied\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device of Linux")
def test_a_terminal_that_takes_no_more_is_named(tree):
    for words in (["ls"], ["--help"], ["ls", "--help"]):
        with Path("/dev/full").open("w") as full:
            done = subprocess.run(
                [tree.program, *words], cwd=tree.folder, stdout=full, stderr=subprocess.PIPE, text=True
            )
        assert (done.returncode, done.stderr) == (1, "triangle: stdout: No space left on device\n")


def test_ls_tells_apart_runs_that_look_alike(tree):
    outputs = tree.folder / "outputs" / "sin"
    points = {"dense": {"name": "dense", "train": 500}, "sparse": {"name": "sparse", "train": 10}}
    phases = {epochs: {"name": "paper", "phases": [{"epochs": epochs}, {"epochs": 7}]} for epochs in (10, 20)}
    for number, (key, epochs) in enumerate([("dense", 10), ("dense", 20), ("sparse", 10)]):
        own = {"points": points[key], "schedule": phases[epochs], "depth": 5, "init": {"name": "triangle"}}
        write_run(outputs / str(number), name="sin", record={"settings": own})
    lines = tree("ls").stdout.splitlines()
    place = lines[0].index("settings")
    told = {line.split("outputs/")[1]: line[place:].split("  ")[0] for line in lines if "outputs/" in line}
    assert told["sin/0"] == "points=dense schedule.phases.0.epochs=10"
    assert told["sin/1"] == "points=dense schedule.phases.0.epochs=20"
    assert told["sin/2"] == "points=sparse schedule.phases.0.epochs=10"
    assert told["x2/d4-triangle"] == ""


def test_ls_writes_text_csv_and_parquet_that_agree(tree):
    text = tree("ls").stdout
    assert text.splitlines()[0].split() == [
        *("function", "depth", "init", "schedule", "mse_min", "mse_mean", "regions", "when", "folder")
    ]
    assert "2.50e-07" in text
    assert "16-17" in text
    assert text.splitlines()[-1] == "7 runs"
    assert tree("ls", "--out", "runs.csv", "--format", "csv").stdout == ""
    table = pd.read_csv(tree.folder / "runs.csv")
    assert (table["depth"] * table["mse_min"]).tolist() == pytest.approx([1e-6] * 7)
    pytest.importorskip("pyarrow")
    assert tree("ls", "--out", "runs.parquet", "--format", "parquet").returncode == 0
    parquet = pd.read_parquet(tree.folder / "runs.parquet")
    assert list(parquet) == list(table)
    shown = ["function", "depth", "init", "mse_min", "regions", "when", "folder"]
    pd.testing.assert_frame_equal(parquet[shown], table[shown])


def test_the_index_follows_what_is_on_disk(tree):
    outputs = tree.folder / "outputs"

    def depths():
        done = tree("ls", "x2", "--format", "csv", "--where", "init == 'triangle'")
        return [int(row["depth"]) for row in csv.DictReader(io.StringIO(done.stdout))], done.stderr

    assert depths() == ([4, 6, 8], "")
    assert (outputs / index.INDEX).exists()
    write_run(outputs / "x2" / "d4-triangle", depth=20)
    shutil.rmtree(outputs / "x2" / "d6-triangle")
    (outputs / "x2" / "foreign").mkdir()
    (outputs / "x2" / "foreign" / "run.json").write_text('{"not": "ours"}')
    found, said = depths()
    assert found == [20, 8]
    assert "outputs/x2/foreign/run.json: not written by a finished run" in said
    (outputs / index.INDEX).write_text('{"version": 1, "runs": {"x2/d4-triangle": 3}}')
    assert depths()[0] == [20, 8]


def test_an_index_is_used_where_it_is_true(tmp_path):
    write_run(tmp_path / "x2" / "run", depth=3)
    assert [row["depth"] for row in index.find_runs(tmp_path)[0]] == [3]
    path = tmp_path / "x2" / "run" / "run.json"
    before = path.stat()
    path.write_text(path.read_text().replace('"depth": 3', '"depth": 4'))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert [row["depth"] for row in index.find_runs(tmp_path)[0]] == [3]  # not read again
    content = (tmp_path / index.INDEX).read_text()
    (tmp_path / index.INDEX).write_text(content.replace('"x2",3', '"x2",5'))
    assert [row["depth"] for row in index.find_runs(tmp_path)[0]] == [4]  # rebuilt: not as it was written


def test_where_passes_no_row_without_a_value():
    passes = compile_filter("mse < 1 and not mse < 0", ["mse"])
    assert [passes({"mse": value}) for value in (0.5, None, 2, -1)] == [True, False, False, False]
    assert not compile_filter("1 / depth > 0", ["depth"])({"depth": 0})


def test_show_prints_settings_tables_and_picture(swept):
    run = next((swept.folder / "outputs" / "x2").glob("d3-*"))
    shown = swept("show", run.name[-8:])
    assert shown.returncode == 0, shown.stderr
    assert "formula: x**2" in shown.stdout
    assert f"picture: outputs/x2/{run.name}/fit.png" in shown.stdout
    errors = pd.read_csv(run / "errors.csv")
    least = errors[errors["stage"] == "peaks"]["mse_train"].min()
    assert f"peaks  {least:.2e}" in shown.stdout
    assert swept("show", "x2").stderr.startswith("triangle: x2: expected one run, 2 match: outputs/x2/d2-")
    assert "expected the folder or the hash" in swept("show", "nowhere").stderr


def test_a_run_whose_record_is_cut_off_is_called_damaged(tree):
    record = tree.folder / "outputs" / "x3" / "d10-triangle" / "run.json"
    record.write_text(record.read_text()[:100])
    for run in ("d10", "outputs/x3/d10-triangle"):
        done = tree("show", run)
        assert (done.returncode, done.stderr) == (
            1,
            "triangle: outputs/x3/d10-triangle/run.json: not JSON, or cut off\n",
        )


def test_compare_names_the_settings_that_differ_then_the_figures(swept):
    a, b = (next((swept.folder / "outputs" / name).glob("d3-*")) for name in ("x2", "x3"))
    done = swept("compare", str(a), b.name)
    lines = [line.split() for line in done.stdout.splitlines()]
    assert ["function.name", "x2", "x3"] in lines
    assert ["function.formula", "x**2", "x**3"] in lines
    assert sum(line[:1] == ["setting"] or line[:1] == ["depth"] for line in lines) == 1
    least = [json.loads((run / "run.json").read_text())["summary"]["mse_min"] for run in (a, b)]
    expected = ["mse_min", f"{least[0]:.3e}", f"{least[1]:.3e}", f"{least[1] / least[0]:.3g}"]
    assert expected in lines
    assert "the same settings" in swept("compare", str(a), str(a)).stdout


def test_a_copied_run_lists_shows_and_repeats_anywhere(swept, triangle):
    source = next((swept.folder / "outputs" / "x2").glob("d2-*"))
    copy = triangle.folder / "elsewhere" / "re named"
    shutil.copytree(source, copy)
    assert folders(triangle("ls", "--outputs", "elsewhere", "--format", "csv")) == ["elsewhere/re named"]
    shown = triangle("show", "elsewhere/re named").stdout
    assert "formula: x**2" in shown
    assert shown.endswith("again:   triangle run --from 'elsewhere/re named'\n")
    before = {path: path.read_bytes() for path in copy.iterdir()}
    again = triangle("run", "--from=elsewhere/re named")
    assert again.returncode == 0, again.stderr
    assert "every number the same (errors.csv, regions.csv, history.csv)" in again.stdout
    assert {path: path.read_bytes() for path in copy.iterdir()} == before
    assert not (triangle.folder / "outputs").exists()


def test_repeating_says_what_differs(swept, tmp_path):
    from triangle_cli.runs.repeat import compare

    source = next((swept.folder / "outputs" / "x2").glob("d2-*"))
    table = pd.read_csv(source / "errors.csv")
    table.loc[1, "mse_train"] *= 1 + 1e-9
    assert (
        compare("errors.csv", source, table)
        == "errors.csv: largest relative difference 1.0e-09, in mse_train"
    )
    assert "rows" in compare("errors.csv", source, table[:1])


def test_a_damaged_run_is_neither_shown_nor_repeated(swept, triangle):
    copy = triangle.folder / "copy"
    shutil.copytree(next((swept.folder / "outputs" / "x2").glob("d2-*")), copy)
    (copy / "regions.csv").write_text("restart\n")
    for words in (["show", "copy"], ["compare", "copy", "copy"], ["run", "--from", "copy"]):
        done = triangle(*words)
        assert done.returncode == 1
        assert done.stderr == "triangle: copy/regions.csv: not what the run wrote\n"


@pytest.mark.slow
def test_ten_thousand_runs_list_in_under_two_seconds(triangle):
    for number in range(10_000):
        write_run(triangle.folder / "outputs" / f"x{number % 8}" / f"d5-{number}", depth=number % 20 + 1)
    seconds = []
    for _ in range(4):
        began = time.perf_counter()
        assert triangle("ls", "--sort", "mse_min").stdout.endswith("10000 runs\n")
        seconds.append(time.perf_counter() - began)
    print(f"\n10,000 runs: {seconds[0]:.2f} s without an index, then {min(seconds[1:]):.2f} s")
    assert min(seconds[1:]) < 2
