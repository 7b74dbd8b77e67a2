"""Names, records, folders and files that somebody made to break something."""

import csv
import io
import json
import os
import shutil
import stat
import subprocess
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from store.records import record as a_record

from triangle_cli import console
from triangle_cli.cli.main import main
from triangle_cli.learn.models import load_model
from triangle_cli.settings.require import is_name
from triangle_cli.store import index, memory, run_folder


def one_line(done, *said):
    """A command that was refused, in one line that says so."""
    assert done.returncode in (1, 2), done.stdout
    assert len(done.stderr.splitlines()) == 1, done.stderr
    for word in said:
        assert word in done.stderr
    assert "\x1b" not in done.stderr


NAMES = (
    "../../evil",
    "/tmp/evil",
    "..",
    ".hidden",
    "a/b",
    "[/b]",
    "[red]x",
    "a b",
    "\x1b[31mx",
    "é" * 60,
    "x\ny",
)


KEYS = ("function.name", "init.name", "schedule.name", "network.name", "points.name")


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_one_part_of_a_path(name):
    assert not is_name(name)


def test_a_name_stays_in_its_folder(triangle):
    for key, name in zip(KEYS, NAMES[:4] + NAMES[5:]):
        done = triangle("run", "depth=2", f"{key}='{name}'")
        one_line(done, f"triangle: {key}=", "expected letters, digits and . _ + -")
    assert not list(triangle.folder.iterdir())


def test_sweeps_are_the_name_of_no_function(triangle):
    one_line(
        triangle("run", "depth=2", "function.name=sweeps"), "function.name=sweeps: expected another name"
    )
    (triangle.folder / "own" / "function").mkdir(parents=True)
    path = triangle.folder / "own" / "function" / "mine.yaml"
    path.write_text("name: ../../evil\nformula: x**2\ninterval: [0, 1]\n")
    one_line(triangle("run", "--config-dir", "own", "function=mine"), "function.name=../../evil: expected")
    assert [entry.name for entry in triangle.folder.iterdir()] == ["own"]


def test_formulas_become_names_that_are_seen(triangle):
    tiny = ["depth=2", "restarts=1", "schedule=peaks_only", "schedule.phases.0.epochs=1", "points.grid=11"]
    for formula, name in ((".5*x**2", "5_x2"), ("-x**2", "-x2")):
        done = triangle("run", f"function.formula={formula}", *tiny)
        assert done.returncode == 0, done.stderr
        assert f"-> outputs/{name}/" in done.stdout


def test_the_terminal_takes_no_orders(capsys):
    console.say("a\x1b[31mb\u202ec\udcff\td\n")
    assert capsys.readouterr().out == "a\\x1b[31mb\\u202ec\\udcff\td\n\n"
    console.fail("a\x1b[2J\nb")
    assert capsys.readouterr().err == "triangle: a\\x1b[2J b\n"
    with console.out().capture() as said:
        console.out().print("[red]x[/b] :smile: \x1b[31m")
    assert said.get() == "[red]x[/b] :smile: \\x1b[31m\n"


@pytest.fixture
def listed(triangle):
    """An `outputs` with one good run."""
    folder = triangle.folder / "outputs" / "x2" / "good"
    folder.mkdir(parents=True)
    (folder / "run.json").write_text(json.dumps(a_record(hash="0" * 8).to_json()))
    return triangle


def foreign(triangle, **entries):
    folder = triangle.folder / "outputs" / "x2" / "bad"
    folder.mkdir(exist_ok=True)
    (folder / "run.json").write_text(json.dumps(a_record().to_json() | entries))


DIGESTS = dict.fromkeys(run_folder.NEEDED, "0" * 64)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("settings", []),
        ("settings", {"init": []}),
        ("settings", {"schedule": {"phases": 3}}),
        ("settings", {"schedule": {"phases": ["x"]}}),
        ("settings", {"depth": 10**400}),
        ("seconds", None),
        ("seconds", {}),
        ("seconds", {"total": 10**400}),
        ("restarts", None),
        ("restarts", ["a"]),
        ("summary", {"mse_min": "x"}),
        ("started", 3),
        ("hash", "' or 1=1"),
        ("function", "../../evil"),
        ("function", "\x1b[2J"),
        ("files", ["../../etc/passwd"]),
        ("sha256", {"../../dev/zero": "0" * 64}),
        ("sha256", {"errors.csv": 3}),
        ("best_restart", True),
        ("interval", [1, 0]),
    ],
)
def test_a_foreign_record_is_named_and_skipped(listed, key, value):
    foreign(listed, **{key: value})
    done = listed("ls")
    assert done.returncode == 0
    assert done.stdout.splitlines()[-1] == "1 run"
    assert done.stderr == (
        f"triangle: outputs/x2/bad/run.json: not written by a finished run ({key}); left out\n"
    )


def test_a_record_nested_without_end_is_named_and_skipped(listed):
    foreign(listed)
    (listed.folder / "outputs" / "x2" / "bad" / "run.json").write_text("[" * 10**6)
    done = listed("ls")
    assert done.stderr == "triangle: outputs/x2/bad/run.json: not JSON, or cut off; left out\n"
    for content in ("[" * 10**6, '{"version": 4, "columns": [["a"]], "runs": {"x": [[1, 2], 0, [1]]}}', "[]"):
        (listed.folder / "outputs" / index.INDEX).write_text(content)
        assert listed("ls").stdout.splitlines()[-1] == "1 run"


def test_what_is_listed_gives_no_orders(listed):
    settings = {"init": {"name": "\x1b[31m\nevil"}, "formula": "=cmd|' /C calc'!A0"}
    foreign(listed, settings=settings)
    assert "\\x1b[31m evil" in listed("ls").stdout
    rows = list(csv.DictReader(io.StringIO(listed("ls", "--format", "csv").stdout)))
    assert {row["formula"] for row in rows} == {"", "'=cmd|' /C calc'!A0"}


def test_outputs_are_written_through_what_is_no_file(listed):
    assert listed("ls", "--out", "/dev/null").returncode == 0
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)
    assert "1 run" in listed("ls", "--out", "/dev/stdout").stdout


@pytest.fixture
def run(triangle, swept):
    """The folder of a finished run, to be damaged."""
    source = next((swept.folder / "outputs" / "x2").glob("d2-*"))
    return shutil.copytree(source, triangle.folder / "run")


def rewrite(run, name, content):
    """Put other content in a file of a run, with the right digest."""
    (run / name).write_bytes(content)
    record = json.loads((run / "run.json").read_text())
    record["sha256"][name] = run_folder._digest(run / name)
    (run / "run.json").write_text(json.dumps(record))


LOOKS = (["show", "run"], ["compare", "run", "run"], ["run", "--from", "run"], ["regions", "run"])


def test_an_index_that_is_a_pipe_is_neither_read_nor_written(triangle, run):
    os.mkfifo(run / ".index.json")  # where a folder of one run keeps its index
    for words in (["show", "run"], ["ls", "--outputs", "run"]):
        done = triangle(*words)
        assert done.returncode == 0, done.stderr
        assert "run" in done.stdout


def test_no_file_of_a_run_waits_or_never_ends(triangle, run):
    (run / "errors.csv").unlink()
    os.mkfifo(run / "errors.csv")
    for words in LOOKS:
        one_line(triangle(*words), "errors.csv: is a pipe, expected a file")
    (run / "errors.csv").unlink()
    (run / "errors.csv").symlink_to("/dev/zero")
    for words in LOOKS:
        one_line(triangle(*words), "errors.csv: is a device, expected a file")
    (run / "run.json").unlink()
    os.mkfifo(run / "run.json")
    for words in LOOKS:
        one_line(triangle(*words), "run.json: is a pipe, expected a file")


@pytest.mark.parametrize("content", [b"", b"a,b\n1,2\n", b"restart,stage\n", b"\xff\xfe", b'"' * 1000])
def test_errors_that_are_no_table_are_one_line(triangle, run, content):
    rewrite(run, "errors.csv", content)
    one_line(triangle("show", "run"), "errors.csv: not")


def test_networks_that_are_none_are_one_line(triangle, run):
    rewrite(run, "network.pt", b"PK\x03\x04 and nothing")
    one_line(triangle("regions", "run"), "network.pt: not a network")
    torch.save({"0.weight": torch.zeros(1).expand(10**6, 10**6)}, triangle.folder / "wide.pt")
    rewrite(run, "network.pt", (triangle.folder / "wide.pt").read_bytes())
    one_line(triangle("regions", "run"), "repeats 4 bytes")


def test_settings_of_another_program_are_not_repeated(triangle, run):
    record = json.loads((run / "run.json").read_text())
    for changes in (
        {"depth": "x"},
        {"function": {"name": "x", "formula": "__import__('os')", "interval": [0, 1]}},
    ):
        (run / "run.json").write_text(json.dumps(record | {"settings": record["settings"] | changes}))
        one_line(triangle("run", "--from", "run"), "triangle: ")


def test_load_model_refuses_what_is_no_model(tmp_path, run):
    assert isinstance(load_model(run), torch.nn.Sequential)  # of a run that fits a function
    model = {"name": "mlp", "architecture": "mlp", "hidden": [10**9], "channels": None, "dropout": 0.0}
    model |= {"replace": ["*"], "interval": [-1, 1], "matched": False, "weights": None, "frozen": False}
    record = json.loads((run / "run.json").read_text())
    settings = {"data": {}, "model": model, "init": {"mode": "random"}, "dtype": "float64", "depth": 2}
    record |= {"settings": settings, "shape": [10**9], "outputs": 1, "hidden": [10**9]}
    record |= {"stages": [], "best": {}}
    for changes in ({}, {"shape": None}, {"hidden": [3], "settings": {"data": {}}}):
        (run / "run.json").write_text(json.dumps(record | changes))
        with pytest.raises(ValueError, match=r"network\.pt: not the model that run\.json describes"):
            load_model(run)


def files_that_are_no_networks(folder):
    """Names of files that `triangle regions` refuses, each with a word of the line."""
    torch.save({"0.weight": torch.zeros(1).expand(10**6, 10**6)}, folder / "expanded.pt")
    yield "expanded.pt", "repeats 4 bytes"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        quantized = torch.quantize_per_tensor(torch.ones(2, 1), 0.1, 0, torch.qint8)
    torch.save({"0.weight": quantized}, folder / "quantized.pt")
    yield "quantized.pt", "quantized"
    torch.save({"0.weight": torch.ones(2, 1).to_sparse()}, folder / "sparse.pt")
    yield "sparse.pt", "expected"
    (folder / "deep.json").write_text("[" * 10**6)
    yield "deep.json", "not JSON"
    os.mkfifo(folder / "pipe.pt")
    yield "pipe.pt", "is a pipe"
    (folder / "zero.json").symlink_to("/dev/zero")
    yield "zero.json", "is a device"
    os.mkfifo(folder / "pipe.onnx")
    yield "pipe.onnx", "is a pipe"


def test_what_is_no_network_is_one_line(triangle):
    for name, said in files_that_are_no_networks(triangle.folder):
        one_line(triangle("regions", name, "--box", "0", "1"), name, said)
    (triangle.folder / os.fsdecode(b"n\xff.json")).write_text("{}")
    one_line(triangle("regions", os.fsdecode(b"n\xff.json")), "n\\udcff.json")
    os.mkfifo(triangle.folder / "point")
    (triangle.folder / "net.json").write_text('{"layers": [{"weight": [[1, 1, 1]], "bias": [0]}]}')
    one_line(triangle("regions", "net.json", "--line", "@point", "0,0,0"), "point: is a pipe")


def test_memory_is_counted_before_it_is_taken(triangle, monkeypatch, capsys):
    wide = triangle.folder / "wide.pt"
    torch.save({"0.weight": torch.ones(500, 1), "2.weight": torch.ones(1, 500)}, wide)
    monkeypatch.setattr(memory, "free_memory", lambda: 20_000)
    assert main(["regions", str(wide), "--box", "0", "1"]) == 1
    said = "needs about 4.8e-05 GB of memory, 2e-05 GB are free"  # 4 copies of 1501 numbers of 8 bytes
    assert capsys.readouterr().err == f"triangle regions: {wide}: {said}\n"


def onnx_files(folder):
    """ONNX files that `triangle regions` refuses, each with a word of the line."""
    onnx = pytest.importorskip("onnx")
    from onnx import TensorProto, helper, numpy_helper

    def save(name, nodes, constants, kind=TensorProto.FLOAT):
        ends = [helper.make_tensor_value_info(end, kind, [None, 1]) for end in ("x", "y")]
        tensors = [numpy_helper.from_array(array, key) for key, array in constants.items()]
        graph = helper.make_graph(nodes, "g", ends[:1], ends[1:], tensors)
        onnx.save(helper.make_model(graph), str(folder / name))
        return name

    weight = np.ones((1, 1), np.float32)
    gemm = helper.make_node("Gemm", ["x", "w"], ["y"])
    yield save("one_input.onnx", [helper.make_node("Gemm", ["x"], ["y"])], {"w": weight}), "Gemm"
    yield save("no_output.onnx", [helper.make_node("Gemm", ["x", "w"], [])], {"w": weight}), "Gemm"
    yield save("complex.onnx", [gemm], {"w": weight.astype(np.complex64) * 1j}), "complex64"
    yield save("whole.onnx", [gemm], {"w": np.full((1, 1), 2**53 + 1)}), "int64"


def test_onnx_that_is_no_chain_of_floats_is_one_line(triangle):
    for name, said in onnx_files(triangle.folder):
        one_line(triangle("regions", name, "--box", "0", "1"), name, said)


def test_a_closed_stdout_is_one_line(triangle):
    words = ["sh", "-c", f'"{triangle.program}" --version >&-']
    done = subprocess.run(words, capture_output=True, text=True, cwd=triangle.folder)
    one_line(done, "stdout: closed")


def test_help_is_still_words(capsys):
    assert main(["--help"]) == 0
    assert "triangle COMMAND" in capsys.readouterr().out


REFUSED = (
    (["dry_run=2", "depth=2"], "1 job: 0 done, 1 to run"),
    (["depth=2", "schedule=second_order_quick", "schedule.phases.1.group=100000"], "expected 1 to 500"),
    (
        ["depth=2", "function.formula='cosh(710*x)'"],
        "are too large: expected a range whose squared errors float64 can hold",
    ),
    (["depth=2", "function.formula='1/0'"], "1/0 is not a finite number"),
    (["depth=2", "hydra.run.dir=made/here", "function.formula='9**9**9**9'"], "is not a finite number"),
)


def test_a_refused_or_dry_run_leaves_nothing_behind(triangle):
    for words, said in REFUSED:
        done = triangle("run", *words)
        assert said in done.stdout + done.stderr
        assert len((done.stdout + done.stderr).splitlines()) <= 2
        assert not list(triangle.folder.iterdir())


def test_yaml_that_unfolds_without_end_is_one_line(triangle):
    folder = triangle.folder / "own" / "function"
    folder.mkdir(parents=True)
    lines = [
        "a0: &a0 [x,x,x,x,x,x,x,x,x,x]",
        *(f"a{i}: &a{i} [{','.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 12)),
    ]
    (folder / "bomb.yaml").write_text("\n".join(lines))
    (folder / "ring.yaml").write_text("name: x\nformula: &f [*f]\n")
    for name, said in (("bomb", "stands for 1.23e+12 values"), ("ring", "holds itself")):
        one_line(triangle("run", "--config-dir", "own", f"function={name}"), f"{name}.yaml: ", said)
    assert [path.name for path in triangle.folder.iterdir()] == ["own"]


def test_counting_has_a_budget(triangle):
    epochs = [f"schedule.phases.{phase}.epochs=1" for phase in (0, 1)]
    done = triangle("run", "depth=30", "restarts=1", "regions.limit=1000", "points.grid=11", *epochs)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[4].split()[-2:] == [str(2**30), "-"]  # proven: 2^30 regions at the start
    done = triangle("run", "depth=64", "restarts=1", "regions.limit=1000", "points.grid=11", *epochs)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[4].split()[-2:] == ["-", "-"]
    assert done.stderr == "networks that cost more than regions.limit=1000 to count are left out\n"
