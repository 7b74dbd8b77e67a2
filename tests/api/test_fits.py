"""From Python: the same numbers as the command's, files only when asked for."""

import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest
import torch

import triangle_cli as tri
from triangle_cli import formats

QUICK = ["schedule.phases.0.epochs=20", "schedule.phases.1.epochs=20"]
X = np.linspace(1, 3, 50)[::-1]
Y = 1e3 * np.exp(X)


@pytest.fixture(scope="module")
def curve():
    return tri.fit(X, Y, depth=3, restarts=2, settings=QUICK, progress=False)


def test_importing_takes_no_time():
    code = "import time; t = time.perf_counter(); import triangle_cli; print(time.perf_counter() - t); import sys; "
    code += "print('torch' in sys.modules, 'numpy' in sys.modules, 'hydra' in sys.modules)"
    runs = [subprocess.run([sys.executable, "-c", code], capture_output=True, text=True) for _ in range(3)]
    assert min(float(run.stdout.split()[0]) for run in runs) < 0.2
    assert runs[0].stdout.split()[1:] == ["False"] * 3


def test_fit_is_the_function_whatever_was_imported_before():
    from triangle_cli.fit.functions import Target  # puts a folder of that name beside it

    assert Target.__module__ == "triangle_cli.fit.functions"
    assert callable(tri.fit)
    assert tri.count_regions is formats.count_regions
    assert {name for name in dir(tri) if not name.startswith("__")} == set(tri.__all__)


def test_the_rooms_for_users_come_with_the_package():
    code = "import triangle_cli as tri; print(tri.regions.__name__, tri.nn.__name__, hasattr(tri, 'cli'))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.split() == ["triangle_cli.regions", "triangle_cli.nn", "False"], done.stderr
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        tri.nothing  # noqa: B018


def test_the_numbers_are_the_commands(triangle, curve, monkeypatch):
    monkeypatch.chdir(triangle.folder)  # where the path that was typed leads
    pd.DataFrame({"x": X, "y": Y}).to_csv(triangle.folder / "curve.csv", index=False)
    words = ["function=samples", "function.path=curve.csv", "depth=3", "restarts=2", *QUICK]
    assert triangle("run", *words).returncode == 0
    (folder,) = (triangle.folder / "outputs" / "curve").iterdir()
    assert curve.errors.to_csv(index=False) == (folder / "errors.csv").read_text()
    loaded = tri.load(folder)
    assert np.array_equal(loaded.predict(X), curve.predict(X))
    assert (loaded.stage, loaded.restart, loaded.regions) == (curve.stage, curve.restart, curve.regions)
    triangle("run", "function=x2", "depth=3", "restarts=2", *QUICK)
    formula = tri.fit("x**2", interval=(0, 1), depth=3, restarts=2, settings=QUICK, progress=False)
    (folder,) = (triangle.folder / "outputs" / "x2").iterdir()
    assert formula.errors.to_csv(index=False) == (folder / "errors.csv").read_text()


def test_what_a_fit_says_of_itself(curve):
    assert curve.curvature == "convex"
    row = curve.errors.query("stage == @curve.stage and restart == @curve.restart").iloc[0]
    assert (curve.mse, curve.test_mse) == (row["mse_train"], row["mse_test"])
    assert curve.regions == len(curve.breakpoints) + 1 == len(curve.pieces)
    assert (np.diff(curve.breakpoints) > 0).all()
    middle = curve.pieces[["left", "right"]].mean(axis=1)
    assert curve.predict(middle) == pytest.approx(curve.pieces[["y_left", "y_right"]].mean(axis=1), rel=1e-9)
    assert curve.predict(2.0).shape == (1,)
    assert str(curve).startswith("samples, depth 3, single network, restart ")
    with pytest.raises(ValueError, match=r"x of shape \(1, 2\): expected \(n,\)"):
        curve.predict([[1, 2]])


def test_its_regions_are_counted_as_of_any_network(curve):
    assert tri.count_regions(curve).linear_regions == curve.regions
    behind_the_first = (curve.breakpoints[:2].mean(), curve.layers.box[0][1])
    assert tri.count_regions(curve, behind_the_first).linear_regions == curve.regions - 1
    with pytest.raises(ValueError, match="a dict, expected a trained fit, an nn"):
        tri.count_regions({})


def test_no_files_unless_asked(curve, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    threads = torch.get_num_threads()
    tri.fit(X, Y, depth=2, restarts=1, settings=QUICK, progress=False)
    assert not list(tmp_path.iterdir())
    assert torch.get_num_threads() == threads
    assert curve.export("curve.h").read_text().count("double f(double x)") == 1
    curve.export("pieces.csv", to="pieces")
    curve.plot("curve.png")
    assert {path.name for path in tmp_path.iterdir()} == {"curve.h", "pieces.csv", "curve.png"}
    with pytest.raises(ValueError, match=r"curve\.doc: expected a name in one of \.onnx"):
        curve.export("curve.doc")


def test_a_saved_fit_is_a_run(curve, triangle, monkeypatch):
    monkeypatch.chdir(triangle.folder)
    folder = curve.save()
    assert str(folder).startswith("outputs/samples/d3-triangle-paper-")
    again = tri.load(folder)
    assert np.array_equal(again.predict(X), curve.predict(X))
    assert "1 run" in triangle("ls").stdout
    assert "every number the same" in triangle("run", "--from", str(folder)).stdout
    (folder / "samples.npz").write_bytes(b"")
    with pytest.raises(ValueError, match="no longer what the run read"):
        tri.load(folder)


def test_depth_auto_takes_the_least_held_out_error():
    best = tri.fit(X, Y, depth="auto", restarts=1, settings=QUICK, progress=False)
    others = [
        tri.fit(X, Y, depth=d, restarts=1, settings=QUICK, progress=False).test_mse for d in (2, best.depth)
    ]
    assert best.test_mse == others[1] <= others[0]


@pytest.mark.parametrize(
    ("arguments", "options", "line"),
    [
        ((X,), {}, r"fit\(x, y\): expected y with samples x"),
        (("x**2",), {}, r"expected interval=\(lo, hi\), and no y"),
        ((X, Y[1:]), {}, "x 50, y 49 rows: expected as many of each"),
        ((X, ["a"] * 50), {}, "y: .*, expected numbers"),
        ((X, [*Y[1:], np.nan]), {}, "y, row 50: nan, expected numbers within"),
        ((X[:1], Y[:1]), {}, "samples: 1 rows, all at x=3, expected two or more values of x"),
        ((X, Y), {"depth": 0}, "depth=0: expected 1 to 64"),
        ((X, Y), {"weight": -X}, "samples: row 1: weight -3, expected 0 or more"),
        ((X, Y), {"curvature": "round"}, "curvature=round"),
        ((X, Y), {"settings": ["nothing=1"]}, "nothing"),
    ],
)
def test_what_does_not_fit_is_refused(arguments, options, line):
    with pytest.raises(ValueError, match=line):
        tri.fit(*arguments, progress=False, **options)


def test_samples_take_linear_time():
    """Ten times the rows, about ten times the time: reading, bends, floors and training."""
    seconds = []
    for count in (20_000, 200_000):
        x = np.linspace(0, 1, count)
        began = time.process_time()
        tri.fit(x, x**2, depth=2, restarts=1, settings=[*QUICK, "regions.every=1000"], progress=False)
        seconds.append(time.process_time() - began)
    assert seconds[1] < 30 * seconds[0]
