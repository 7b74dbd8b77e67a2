"""Networks out: the same bits in C and numpy, within a bound where sums are reordered, 2^d regions in float32."""

import ctypes
import json
import shutil
import subprocess
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import Linear, ReLU, Sequential

from triangle_cli.cli.main import main
from triangle_cli.construction.triangle import Triangle, bound_steps
from triangle_cli.export.c import lookup_header, network_header
from triangle_cli.export.files import FORMATS
from triangle_cli.export.forward import Layers, rounding_bound
from triangle_cli.export.narrow import narrowed
from triangle_cli.export.pieces import piece_numbers, pieces_table
from triangle_cli.export.predict import predictions
from triangle_cli.formats import network_files
from triangle_cli.regions import count_regions

COMPILER = shutil.which("cc") or shutil.which("gcc")
needs_compiler = pytest.mark.skipif(COMPILER is None, reason="no C compiler")
STRICT = ["-std=c99", "-Wall", "-Wextra", "-Werror", "-O3", "-march=native", "-ffp-contract=fast"]


def triangle_layers(peaks, interval=(0.0, 1.0), sign=-1.0, slope=0.3, offset=-0.2):
    row = torch.tensor([peaks], dtype=torch.float64)
    one = torch.ones(1, dtype=torch.float64)
    made = Triangle(row, bound_steps(row, 0.7 * one), offset * one, slope * one, sign, interval).network()
    arrays = ([tensor[0].numpy() for tensor in kind] for kind in (made.weights, made.biases))
    return Layers(*arrays, [interval])


def random_layers(*sizes):
    stream = np.random.default_rng(sum(sizes))
    weights = [stream.normal(size=(out, inputs)) for inputs, out in pairwise(sizes)]
    return Layers(weights, [stream.normal(size=len(w)) for w in weights], [(-1.0, 2.0)] * sizes[0])


def points(layers, count=2001):
    lows, highs = np.array(layers.box).T
    return np.random.default_rng(0).uniform(lows, highs, (count, layers.inputs))


def compiled(header, folder):
    """The header in a shared library, by the system's compiler, with all that could contract products and sums."""
    (folder / "f.h").write_text(header)
    (folder / "f.c").write_text('#include "f.h"\n' + WRAPPER[header.count("void f(")])
    library = folder / "f.so"
    words = [COMPILER, *STRICT, "-shared", "-fPIC", "-o", library, folder / "f.c"]
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return ctypes.CDLL(str(library))


WRAPPER = {
    0: "#ifndef T\n#define T double\n#endif\n#ifndef A\n#define A *x\n#endif\n"
    "void run(const T *x, T *y, int n, int inputs);\n"
    "void run(const T *x, T *y, int n, int inputs) "
    "{ int i; for (i = 0; i < n; i++, x += inputs) y[i] = f(A); }\n",
    1: "void run(const double *x, double *y, int n, int inputs);\n"
    "void run(const double *x, double *y, int n, int inputs) "
    "{ int i; for (i = 0; i < n; i++, x += inputs, y += 3) f(x, y); }\n",
}


def in_c(header, folder, x, outputs=1):
    single = x.dtype == np.float32
    head = f"#define T {'float' if single else 'double'}\n#define A {'*x' if x.shape[1] == 1 else 'x'}\n"
    library = compiled(head + header, folder)
    y = np.empty((len(x), outputs), x.dtype)
    arrays = [a.ctypes.data_as(ctypes.c_void_p) for a in (np.ascontiguousarray(x), y)]
    library.run(*arrays, len(x), x.shape[1])
    return y


@needs_compiler
@pytest.mark.parametrize("sizes", [(1, 4, 4, 1), (1, 1), (2, 24, 24, 1), (3, 5, 3)], ids=str)
def test_c_gives_the_same_bits_whatever_the_compiler_may_fuse(sizes, tmp_path):
    layers = random_layers(*sizes)
    x = points(layers)
    y = in_c(network_header(layers, "f", "a network"), tmp_path, x, layers.outputs)
    assert np.array_equal(y.reshape(layers(x).shape), layers(x))


@needs_compiler
def test_c_in_float32_gives_the_same_bits_and_keeps_all_regions(tmp_path):
    layers = triangle_layers([0.4, 0.6, 0.35, 0.5, 0.62, 0.44, 0.5, 0.38, 0.5])
    single, said = narrowed(layers)
    assert said.startswith("all 2^8 linear regions kept")
    weights, biases = ([torch.from_numpy(a) for a in kind] for kind in (single.weights, single.biases))
    assert count_regions(weights, biases, (0.0, 1.0)).linear_regions.item() == 2**8
    x = points(single).astype(np.float32)
    y = in_c(network_header(single, "f", "a network"), tmp_path, x)
    assert y.dtype == np.float32
    assert np.array_equal(y[:, 0], single(x))
    assert np.abs(y[:, 0] - layers(x.astype(float))).max() < 1e-5


@needs_compiler
def test_pieces_are_looked_up_in_c(tmp_path):
    layers = triangle_layers([0.4, 0.6, 0.5, 0.5])
    table = pieces_table(layers)
    columns = (table[key].to_numpy() for key in ("left", "y_left", "slope"))
    x = np.concatenate([points(layers), [[0.0], [1.0]], table[["left"]].to_numpy()])
    y = in_c(lookup_header(*columns, "f", "pieces"), tmp_path, x)
    assert np.abs(y[:, 0] - layers(x)).max() < 1e-15


def test_rounding_each_weight_to_float32_would_lose_or_add_regions():
    """What the rounding inward is for: the plain one counts otherwise for some of these."""
    stream, counts = np.random.default_rng(1), []
    for _ in range(10):
        layers = triangle_layers(stream.uniform(0.3, 0.7, 9).tolist())
        kinds = (layers.weights, layers.biases)
        plain = ([torch.from_numpy(a.astype(np.float32)) for a in kind] for kind in kinds)
        counts.append(count_regions(*plain, (0.0, 1.0)).linear_regions.item())
    assert set(counts) != {2**8}


@settings(max_examples=25)
@given(
    st.lists(st.floats(0.25, 0.75), min_size=3, max_size=9),
    st.sampled_from([(0.0, 1.0), (-3.0, 5.0), (100.0, 101.5)]),
    st.sampled_from([-1.0, 1.0]),
)
def test_float32_keeps_the_regions_of_any_triangle_network(peaks, interval, sign):
    layers = triangle_layers(peaks, interval, sign)
    single, said = narrowed(layers)
    assert said.startswith(f"all 2^{len(peaks) - 1} linear regions kept")
    x = points(layers, 101).astype(np.float32)
    assert np.abs(single(x) - layers(x.astype(float))).max() < 1e-3


def test_float32_says_what_it_loses():
    deep = triangle_layers([0.5] * 30)
    _, said = narrowed(deep)
    assert said.startswith("2^29 linear regions, of which float32 can tell ")
    _, said = narrowed(random_layers(1, 4, 4, 1))
    assert said.startswith("weights rounded to float32: ")


def written(kind, layers, tmp_path, suffix=None, name="f"):
    suffix = suffix or FORMATS[kind].suffixes[0]
    path = tmp_path / f"net{suffix}"
    FORMATS[kind].writer(layers, name, "a network", suffix)(path)
    return path


@pytest.mark.parametrize("sizes", [(1, 4, 4, 1), (2, 6, 1), (3, 5, 3)], ids=str)
def test_numpy_and_json_give_the_same_bits(sizes, tmp_path):
    layers = random_layers(*sizes)
    x = points(layers, 101)
    scope = {}
    exec(written("numpy", layers, tmp_path).read_text(), scope)
    assert np.array_equal(scope["f"](x), layers(x))
    again = Layers.of(network_files.load(written("json", layers, tmp_path)))
    assert again.box == layers.box
    assert np.array_equal(again(x), layers(x))


@pytest.mark.parametrize(
    "sizes", [(1, 4, 4, 1), (1, 4, 4, 4, 4, 4, 4, 1), (2, 24, 24, 1), (3, 5, 3)], ids=str
)
def test_torch_and_onnx_are_within_the_bound(sizes, tmp_path):
    layers = random_layers(*sizes)
    x, bound = points(layers), rounding_bound(layers, layers.box)
    assert 0 < bound < 1e-9
    modules = [Linear(*size) for size in pairwise(sizes)]
    network = Sequential(*[m for linear in modules for m in (linear, ReLU())][:-1]).double()
    network.load_state_dict(torch.load(written("torch", layers, tmp_path), weights_only=True))
    with torch.no_grad():
        y = network(torch.from_numpy(x)).numpy()
    assert np.abs(y.reshape(layers(x).shape) - layers(x)).max() <= bound
    path = written("onnx", layers, tmp_path)
    again = Layers.of(network_files.load(path))
    assert all(np.array_equal(a, b) for a, b in zip(again.weights, layers.weights))
    onnxruntime = pytest.importorskip("onnxruntime")
    (y,) = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"]).run(None, {"x": x})
    assert y.dtype == np.float64
    assert np.abs(y.reshape(layers(x).shape) - layers(x)).max() <= bound


def test_the_bound_holds_for_sums_in_any_order():
    layers = random_layers(2, 24, 24, 1)
    x, bound = points(layers, 300), rounding_bound(layers, layers.box)
    values = x.T.astype(np.longdouble)  # nearly exact
    for place, (weight, bias) in enumerate(zip(layers.weights, layers.biases)):
        values = weight.astype(np.longdouble) @ values + bias[:, None]
        values = values if place == 2 else np.maximum(values, 0)
    assert np.abs(values[0] - layers(x)).max() <= bound / 2


def test_pieces_and_predictions_of_a_network_told_by_hand():
    """y = relu(x) - 2 relu(x - 1/2) on [-1, 1]: slopes 0, 1, -1."""
    layers = Layers(
        [np.array([[1.0], [1.0]]), np.array([[1.0, -2.0]])],
        [np.array([0.0, -0.5]), np.array([0.0])],
        [(-1.0, 1.0)],
    )
    table = pieces_table(layers)
    assert table["left"].tolist() == [-1.0, 0.0, 0.5]
    assert table["slope"].tolist() == [0.0, 1.0, -1.0]
    assert piece_numbers(table, np.array([-1, -0.5, 0, 0.5, 1, 1.5, -2])).tolist() == [1, 1, 2, 3, 3, 0, 0]
    found = predictions(layers, np.array([[-0.5], [0.25], [0.75], [2.0]]), ["x"])
    assert found["y"].tolist() == [0.0, 0.25, 0.25, -1.0]
    assert found["slope"].tolist() == [0.0, 1.0, -1.0, -1.0]
    assert found["piece"].isna().tolist() == [False, False, False, True]
    both = predictions(random_layers(2, 6, 1), np.array([[0.1, 0.2]]), ["a", "b"])
    assert list(both) == ["a", "b", "y", "slope_a", "slope_b"]


def test_gradients_are_those_of_differences():
    layers = random_layers(2, 24, 24, 1)
    x, step = points(layers, 50), 1e-7
    for i in range(2):
        moved = x + step * np.eye(2)[i]
        rise = (layers(moved) - layers(x)) / step
        assert np.median(np.abs(layers.gradients(x)[:, 0, i] - rise)) < 1e-6


@pytest.fixture(scope="module")
def run(shared_triangle):
    done = shared_triangle("run", "function=x2", "depth=3", "restarts=2", "schedule.phases.0.epochs=20")
    assert done.returncode == 0, done.stderr
    (folder,) = (shared_triangle.folder / "outputs" / "x2").iterdir()
    return folder


def test_the_command_exports_and_predicts(run, shared_triangle):
    done = shared_triangle(
        "export", str(run), "--to", "c", "--stage", "peaks", "--float32", "--name", "curve"
    )
    assert done.returncode == 0, done.stderr
    assert "all 2^3 linear regions kept" in done.stdout
    assert "static inline float curve(float x)" in (shared_triangle.folder / "x2.h").read_text()
    done = shared_triangle("export", "x2/d3", "--to", "pieces", "--out", "p.csv", "--stage", "peaks")
    assert len(pd.read_csv(shared_triangle.folder / "p.csv")) == 8
    assert shared_triangle("export", "x2/d3", "--to", "json", "--out", "n.json").returncode == 0
    assert len(json.loads((shared_triangle.folder / "n.json").read_text())["layers"]) == 4
    (shared_triangle.folder / "in.csv").write_text("time,other\n0.02,1\n0.98,2\n")
    done = shared_triangle("predict", "x2/d3", "--csv", "in.csv", "--stage", "peaks")
    typed = shared_triangle("predict", "n.json", "--x", "0.25")
    head, *rows = done.stdout.splitlines()
    assert head == "time,y,slope,piece"
    assert [row.split(",")[-1] for row in rows] == ["1", "8"]
    assert typed.stdout.startswith("x,y,slope,piece\n0.25,")
    assert abs(float(rows[1].split(",")[1]) - 0.98**2) < 0.05


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["export", "RUN", "--to", "c", "--name", "for"], "--name=for: expected a name for a C function"),
        (
            ["export", "RUN", "--to", "numpy", "--float32"],
            "--float32: expected --to one of onnx, c, torch, pieces",
        ),
        (
            ["export", "RUN", "--to", "c", "--out", "f.txt"],
            "f.txt: expected a name in .h or .c for c",
        ),
        (["export", "RUN", "--to", "c", "--restart", "9"], "--restart 9: expected one of 0, 1"),
        (["export", "RUN", "--to", "c", "--stage", "x"], "--stage x: expected one of init, peaks, weights"),
        (["export", "nothing", "--to", "c"], "nothing: expected the folder or the hash of a finished run"),
        (["predict", "RUN", "--x", "0.1,a"], "--x 0.1,a: expected numbers"),
        (["predict", "RUN", "--csv", "none.csv"], "--csv=none.csv: No such file or directory"),
        (["predict", "RUN", "--x", "1", "--columns", "a"], "--columns a: expected --csv FILE with it"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_cannot_be_is_refused_in_one_line(run, words, line, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main([str(run) if word == "RUN" else word for word in words]) == 1
    said = capsys.readouterr().err
    assert said.startswith(f"triangle {words[0]}: ")
    assert line in said
    assert said.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_a_bad_row_is_named(run, capsys, tmp_path):
    (tmp_path / "in.csv").write_text("x\n0.1\n0.2\nhigh\n")
    assert main(["predict", str(run), "--csv", str(tmp_path / "in.csv")]) == 1
    assert "row 3, column x: 'high', expected a number" in capsys.readouterr().err
