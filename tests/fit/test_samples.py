"""Samples in the place of a formula: how they are read, which way they bend, what is measured on them."""

import io
import zipfile
from itertools import combinations, pairwise

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from settings.composed import settings_of
from store.records import record

from triangle_cli.cli.main import main
from triangle_cli.construction.network import Network
from triangle_cli.fit import experiment
from triangle_cli.fit.bends import find_bends, nearest_convex
from triangle_cli.fit.floors import Floors, gathered
from triangle_cli.fit.samples import Samples, read_samples
from triangle_cli.runs.report import samples_lines
from triangle_cli.settings.fit import FunctionSettings
from triangle_cli.training.least_squares import least_squares
from triangle_cli.training.levenberg_marquardt import LevenbergMarquardt
from triangle_cli.training.loop import network_errors, train
from triangle_cli.training.problem import Points, Problem
from triangle_cli.training.spaces import WeightSpace

QUICK = ["depth=2", "restarts=2", "schedule.phases.0.epochs=20", "schedule.phases.1.epochs=20"]


def function(path, **columns):
    return FunctionSettings(name="samples", formula=None, interval=None, path=str(path), **columns)


# ---- reading


def test_every_kind_of_file_holds_the_same_samples(tmp_path):
    x, y = np.array([3.0, 1.0, 2.0, 0.1]), np.array([9.0, 1.0, 4.0, 1 / 3])
    table = pd.DataFrame({"x": x, "y": y})
    table.to_csv(tmp_path / "a.csv", index=False)
    table.to_csv(tmp_path / "bare.csv", index=False, header=False)
    table.to_csv(tmp_path / "semicolon.csv", index=False, sep=";")
    table.to_csv(tmp_path / "a.tsv", index=False, sep="\t")
    np.save(tmp_path / "a.npy", table.to_numpy())
    np.savez(tmp_path / "a.npz", x=x, y=y)
    names = ["a.csv", "bare.csv", "semicolon.csv", "a.tsv", "a.npy", "a.npz"]
    if pytest.importorskip("pyarrow"):
        table.to_parquet(tmp_path / "a.parquet")
        names.append("a.parquet")
    for name in names:
        found = read_samples(function(tmp_path / name))
        assert found.x.tolist() == [0.1, 1, 2, 3]
        assert found.y.tolist() == [1 / 3, 1, 4, 9], name


def test_a_zip_of_other_things_is_no_table(tmp_path):
    path = tmp_path / "a.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("notes.txt", "1 2 3")
    with pytest.raises(
        ValueError, match=f"{path}: not arrays of numbers .a zip with notes.txt, which is no array"
    ):
        read_samples(function(path))


def test_columns_are_chosen_by_name_and_dates_are_seconds(tmp_path):
    (tmp_path / "a.csv").write_text("when,w,v\n1970-01-01T00:01:00,2,5\n1970-01-01 00:00:00Z,1,7\n")
    found = read_samples(function(tmp_path / "a.csv", x="when", y="v", weight="w"))
    assert found.x.tolist() == [0, 60]
    assert found.y.tolist() == [7, 5]
    assert found.weight.tolist() == [1, 2]


def test_rows_at_one_place_become_their_mean():
    found = Samples.of(np.array([1.0, 0, 1, 2]), np.array([5.0, 1, 8, 3]), np.array([2.0, 1, 1, 4]))
    assert found.x.tolist() == [0, 1, 2]
    assert found.y.tolist() == [1, 6, 3]
    assert found.weight.tolist() == [1, 3, 4]
    assert found.within.tolist() == [0, 2 * 1 + 1 * 4, 0]
    assert found.points().pure == 6 / 8
    assert found.points().weight.tolist() == pytest.approx([3 / 8, 9 / 8, 12 / 8])


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("x,y\n1,2\n2,\n3,4\n", "row 2, column y: no value, expected a number"),
        ("x,y\n1,2\n2,high\n3,4\n", "row 2, column y: 'high', expected a number"),
        ("x,y\n1,2\n2,inf\n", "row 2, column y: inf, expected numbers within +-1e+100"),
        ("x,y\n1,2\n", "1 row, expected 2 or more"),
        ("x,y\n1,2\n1,3\n", "2 rows, all at x=1, expected two or more values of x"),
        (
            "x,y,z\n1,2,3\n2,3,4\n",
            "3 columns (x, y, z), expected two, or function.x=COLUMN function.y=COLUMN",
        ),
        ("x\n1\n2\n", "1 column (x), expected two"),
        ("", "empty, expected lines of numbers"),
        ("x,y\n1,2\n1,2,3\n", "expected as many values in every line"),
    ],
)
def test_what_is_wrong_with_a_file_is_said_in_one_line(tmp_path, text, line, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.csv").write_text(text)
    assert main(["run", "function=samples", "function.path=a.csv"]) == 1
    said = capsys.readouterr().err
    assert said.startswith(f"triangle: function.path=a.csv: {line}")
    assert said.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["a.csv"]


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["function=curve.csv"], "function=curve.csv: expected function=samples function.path=curve.csv"),
        (
            ["points.path=c.csv"],
            "points.path=c.csv: no such setting, expected function=samples function.path=c.csv",
        ),
        (
            ["function=samples", "function.path=none.csv"],
            "function.path=none.csv: expected a file of samples",
        ),
        (
            ["function=samples", "function.path=a.csv", "function.x=t"],
            "function.x=t: no such column, expected one of x, y",
        ),
        (
            ["function=samples", "function.path=a.csv", "points=dense"],
            "points.train=500: expected null with samples",
        ),
        (["function=samples", "function.path=a.csv", "points.test=1.5"], "points.test=1.5: expected a share"),
        (
            ["function.curvature=convex"],
            "function.curvature=Curvature.convex: expected nothing with a formula",
        ),
        (["points.test=0.5"], "points.test=0.5: expected 1 or more points"),
        (
            [
                "function=samples",
                "function.path=a.csv",
                "schedule=deepening",
                "schedule.deepening.loss=integral",
            ],
            "schedule.deepening.loss=integral: expected points with samples",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_words_that_do_not_fit_samples_are_refused(tmp_path, words, line, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.csv").write_text("x,y\n0,0\n1,1\n2,4\n3,9\n")
    assert main(["run", *words]) == 1
    assert capsys.readouterr().err.startswith(f"triangle: {line}")


def test_the_content_of_the_file_is_hashed_not_its_name(tmp_path):
    for name, last in (("a", 9), ("b", 9), ("c", 10)):
        (tmp_path / f"{name}.csv").write_text(f"x,y\n0,0\n1,1\n2,4\n3,{last}\n")
    a, b, c = (settings_of("function=samples", f"function.path={tmp_path}/{n}.csv") for n in "abc")
    assert a.hash == b.hash != c.hash
    assert (a.name, b.name) == ("a", "b")


# ---- which way they bend


def bends(x, y, weight=None, rows=None):
    weight = np.ones(len(x)) if weight is None else weight
    return find_bends(x, y, weight, np.zeros(len(x)), rows or len(x))


@pytest.mark.parametrize(
    ("formula", "word"),
    [
        (lambda x: x**2, "convex"),
        (lambda x: 1e6 - np.exp(x), "concave"),
        (lambda x: 3 * x + 1, "a straight line"),
        (lambda x: np.sin(7 * x), "neither convex nor concave"),
        (lambda x: (x - 0.5) ** 3, "neither convex nor concave"),
    ],
)
@pytest.mark.parametrize("count", [20, 500])
def test_which_way_samples_bend(formula, word, count):
    x = np.linspace(0, 1, count)
    assert bends(x, formula(x)).word == word


@pytest.mark.parametrize("seed", range(5))
def test_noise_does_not_decide_it(seed):
    stream = np.random.default_rng(seed)
    x = np.sort(stream.uniform(-1, 1, 400))
    noisy = bends(x, x**2 + 0.1 * stream.normal(size=400))
    assert noisy.word == "convex"
    assert noisy.noise == pytest.approx(0.01, rel=0.3)
    assert bends(x, np.sin(4 * x) + 0.1 * stream.normal(size=400)).word == "neither convex nor concave"


def test_the_nearest_convex_function_of_three_points_is_told_by_hand():
    """The middle one is too high: its line is the least-squares line."""
    t, y = np.array([0.0, 0.5, 1.0]), np.array([0.0, 3.0, 0.0])
    assert nearest_convex(t, y, np.ones(3)) == pytest.approx([1, 1, 1])
    assert nearest_convex(t, -y, np.ones(3)) == pytest.approx([0, -3, 0])
    assert nearest_convex(t, y, np.array([1.0, 2, 1])) == pytest.approx([1.5, 1.5, 1.5])


@settings(max_examples=30)
@given(st.lists(st.floats(-1, 1), min_size=4, max_size=25), st.integers(0, 5))
def test_the_nearest_convex_function_is_convex_and_nearest(y, seed):
    """Its residual makes an obtuse angle with every convex function, and a right one with itself (Moreau)."""
    y, stream = np.array(y), np.random.default_rng(seed)
    t = np.cumsum(stream.uniform(0.1, 1, len(y)))
    t = (t - t[0]) / (t[-1] - t[0])
    weight = stream.uniform(0.5, 2, len(y))
    f = nearest_convex(t, y, weight)
    size = np.abs(y).max() + 1e-9
    assert (np.diff(np.diff(f) / np.diff(t)) >= -1e-7 * size / np.diff(t).min()).all()
    left = weight * (y - f)
    assert abs(left @ f) <= 1e-7 * size**2 * len(y)
    for knot in t:
        assert left @ np.maximum(t - knot, 0) <= 1e-7 * size * len(y)
    assert abs(left.sum()) <= 1e-7 * size * len(y)


# ---- held out, weighed, measured


@given(st.integers(2, 60), st.floats(0, 0.9), st.integers(0, 3))
def test_what_is_held_out_is_a_share_and_never_the_ends(count, share, seed):
    x = np.arange(count, dtype=float)
    train, test = Samples.of(x, x**2).split(share, seed)
    assert len(test.y) == min(int(share * count + 1e-9), count - 2)
    assert sorted([*train.x, *test.x]) == x.tolist()
    assert {0.0, count - 1.0} <= set(train.x.tolist())


def weighted_problem(inputs=1):
    stream = np.random.default_rng(0)
    sizes = [inputs, 3, 3, 1]
    layers = tuple(torch.from_numpy(stream.normal(size=(2, o, i + 1))) for i, o in pairwise(sizes))
    x = torch.from_numpy(stream.uniform(size=(40, inputs)))
    y, count = torch.from_numpy(stream.normal(size=40)), torch.from_numpy(stream.integers(1, 4, 40))
    x = x[:, 0] if inputs == 1 else x
    return Network(layers), x, y, count


@pytest.mark.parametrize("inputs", [1, 2, 3])
def test_a_weight_counts_as_so_many_rows(inputs):
    network, x, y, count = weighted_problem(inputs)
    weight = count.double() / count.double().mean()
    many = Points(x.repeat_interleave(count, 0), y.repeat_interleave(count))
    assert network_errors(network, Points(x, y, weight))[0].tolist() == pytest.approx(
        network_errors(network, many)[0].tolist(), rel=1e-13
    )
    space = WeightSpace(network)
    for optimizer, chosen in (("adam", {"learning_rate": 0.01}), ("levenberg_marquardt", {})):
        ends = []
        for points in (Points(x, y, weight), many):
            problem = Problem(space, points.x, points.y, points.weight)
            *_, (_, theta, _) = train(problem, space.encode(network), optimizer, 5, **chosen)
            ends.append(theta)
        assert torch.allclose(*ends, rtol=1e-8, atol=1e-10), optimizer


def test_torch_and_the_compiled_code_weigh_alike():
    network, x, y, count = weighted_problem()
    space = WeightSpace(network)
    problem = Problem(space, x, y, count.double() / count.double().mean())
    ends = []
    for compiled in (True, False):
        method = LevenbergMarquardt(problem, space.encode(network))
        method.model = method.model if compiled else None
        method.advance(4)
        ends.append(method.theta)
    assert torch.allclose(*ends, rtol=1e-8, atol=1e-10)


def test_least_squares_weighs():
    columns = torch.tensor([[[1.0, 1, 1]]], dtype=torch.float64)
    y, weight = torch.tensor([[0.0, 3, 6]]).double(), torch.tensor([1.0, 1, 2]).double()
    assert least_squares(columns, y, 0.0, weight).item() == pytest.approx(3.75)


def test_floors_weigh_as_repeated_points_would():
    stream = np.random.default_rng(0)
    x, y = np.arange(12.0), stream.normal(size=12)
    count = stream.integers(1, 4, 12)
    weight = count / count.mean()
    for pieces in (1, 2, 3):
        best = min(cost(x, y, count, cuts) for cuts in all_cuts(12, pieces))
        assert Floors(x, y, weight)(pieces) == pytest.approx(best / count.sum(), abs=1e-14)


def all_cuts(n, pieces):
    return [(0, *inner, n) for inner in combinations(range(1, n), pieces - 1)]


def cost(x, y, count, cuts):
    total = 0.0
    for low, high in pairwise(cuts):
        part = slice(low, high)
        xs, ys = np.repeat(x[part], count[part]), np.repeat(y[part], count[part])
        columns = np.stack([np.ones_like(xs), xs], 1)
        total += ((ys - columns @ np.linalg.lstsq(columns, ys, rcond=None)[0]) ** 2).sum()
    return total


def test_many_samples_are_gathered_for_the_floor():
    stream = np.random.default_rng(0)
    x = np.sort(stream.uniform(size=30_000))
    y = np.maximum(x - 0.4, 0) + 0.01 * stream.normal(size=len(x))
    floors = Floors(x, y, measured=True)
    assert floors.kind == "grouped"
    assert floors(2) == pytest.approx(1e-4, rel=0.03)
    assert floors(1) > 10 * floors(2)
    groups = gathered(x, y, np.ones(len(x)))
    assert groups[2][:, 0].sum() == len(x)


def test_errors_are_those_of_the_rows(tmp_path):
    stream = np.random.default_rng(1)
    x = stream.integers(0, 12, 80) * 1e3 + 1.7e9
    y = ((x - 1.7e9) / 1e4) ** 2 + 0.01 * stream.normal(size=80)
    pd.DataFrame({"t": x, "v": y}).to_csv(tmp_path / "a.csv", index=False)
    settings = settings_of("function=samples", f"function.path={tmp_path}/a.csv", "points.test=0", *QUICK)
    result = experiment.run(settings)
    assert result.target.curvature == "convex"
    row = result.best_row
    fitted = result.best(torch.from_numpy(x))[0].numpy()
    assert row["mse_train"] == pytest.approx(np.mean((fitted - y) ** 2), rel=1e-9)
    assert np.isnan(row["mse_test"])
    assert row["mse_train"] >= row["floor_mse"] > 0


# ---- the command


@pytest.fixture(scope="module")
def folder(shared_triangle):
    stream = np.random.default_rng(0)
    x = np.linspace(0, 1, 60)
    for name, y in (("up", x**2), ("wave", np.sin(9 * x))):
        noisy = pd.DataFrame({"x": x, "y": y + 0.01 * stream.normal(size=60)})
        noisy.to_csv(shared_triangle.folder / f"{name}.csv", index=False)
    many = pd.DataFrame(stream.uniform(size=(80, 3)) * [1, 100, 1], columns=["a", "b", "c"])
    many.assign(y=many["a"] ** 2 + many["b"] / 50 - many["c"]).to_csv(
        shared_triangle.folder / "many.csv", index=False
    )
    return shared_triangle


def test_a_sweep_over_files_with_a_network_for_each(folder):
    words = ["run", "-m", "function=samples", "function.path=up.csv,wave.csv", "network=auto", *QUICK]
    done = folder(*words)
    assert done.returncode == 0, done.stderr
    listed = folder("ls", "--format", "csv")
    rows = pd.read_csv(io.StringIO(listed.stdout)).set_index("function")
    assert rows["network.name"].to_dict() == {"up": "single", "wave": "difference"}
    again = folder("run", "function=samples", "function.path=up.csv", "network=single", *QUICK)
    assert "from disk" in again.stdout
    assert "60 samples, 12 held out\nconvex: the nearest convex function leaves MSE" in again.stdout
    shown = folder("show", "outputs/wave")
    assert "neither convex nor concave: " in shown.stdout
    (run,) = (folder.folder / "outputs" / "up").iterdir()
    assert (run / "fit.png").read_bytes().startswith(b"\x89PNG")
    assert folder("regions", str(run)).returncode == 0
    repeated = folder("run", "--from", str(run))
    assert "every number the same" in repeated.stdout


def test_what_bends_both_ways_is_refused_with_the_command(folder):
    done = folder("run", "function=samples", "function.path=wave.csv", *QUICK)
    assert done.returncode == 1
    assert "expected network=difference for such (network=auto chooses it)" in done.stderr


def test_several_inputs_make_ridges(folder):
    words = ["function=samples", "function.path=many.csv", "function.x=[a,b,c]", "function.y=y", *QUICK]
    refused = folder("run", *words)
    assert "is of 3 inputs, expected network=ridge" in refused.stderr
    done = folder("run", *words, "network=auto")
    assert done.returncode == 0, done.stderr
    (run,) = (folder.folder / "outputs" / "many").iterdir()
    said = folder("predict", str(run), "--csv", "many.csv", "--columns", "a,b,c")
    predicted = pd.read_csv(io.StringIO(said.stdout))
    truth = pd.read_csv(folder.folder / "many.csv")["y"]
    assert np.corrcoef(predicted["y"], truth)[0, 1] > 0.9


def test_depth_auto_is_a_sweep_and_names_the_least(folder):
    done = folder("run", "function=samples", "function.path=up.csv", "depth=auto", *QUICK[1:], "restarts=1")
    assert done.returncode == 0, done.stderr
    assert "7 jobs:" in done.stdout
    *_, line, where = done.stdout.strip().splitlines()
    best = int(line.split("depth=")[1].split()[0])
    runs = pd.read_csv(io.StringIO(folder("ls", "up", "--where", "restarts == 1", "--format", "csv").stdout))
    assert f"/d{best}-" in where
    assert len(runs) == 7


def test_noise_that_is_fitted_is_told():

    some = {"rows": 100, "places": 100, "held_out": 20, "bends": "convex: .."}
    told = samples_lines(record(samples=some, best={"mse_train": 1.0, "mse_test": 9.0}))
    assert told[-1].startswith("fits noise: the best network's held-out MSE is 9.00e+00, 9 times")
    assert len(samples_lines(record(samples=some, best={"mse_train": 1.0, "mse_test": 1.5}))) == 2
