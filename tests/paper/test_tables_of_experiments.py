"""The experiments of the paper, small: their tables say what the runs on disk say, in every format."""

import csv
import json
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, median

import pandas as pd
import pytest

from tests.conftest import Command
from triangle_cli.paper import tables

SMALL = ["restarts=2", "points.grid=101", "schedule.phases.0.epochs=10"]
POINTS = ["points.train=60", "points.test=30"]
EXPERIMENTS = {
    "dense": ["function=x3,sin", "method=kaiming,theorem_3_1", "depth=3", *POINTS],
    "sparse": ["function=x3", "method=kaiming,theorem_3_1", "depth=4"],
    "depth": ["depth=1,2,3", "method=kaiming,theorem_3_1", *POINTS],
    "auto": ["depth=2,3", "function=x3,sin", "method=kaiming,theorem_3_1", *POINTS],
    "beyond": ["function=x3", "depth=2", *POINTS],
    "nonconvex": ["function=cubic", "method=random_dense,blocks,blocks_second_order", "depth=2", *POINTS],
    "radial": [
        "method=random_dense,blocks",
        "depth=2",
        "points.train=64",
        "points.test=36",
        "points.grid=121",
    ],
}
DEEPENED = ["schedule.deepening.kicks=2", "schedule.deepening.last_kicks=2", "points.grid=101", *POINTS]


@dataclass
class Run:
    """A run of an experiment as its files have it, read without the package."""

    choices: dict[str, str]
    errors: list[dict[str, str]]
    record: dict

    def column(self, name: str, stage: str | None = None) -> list[float]:
        """A column of errors.csv after the last phase, or at another stage."""
        stage = stage or self.errors[-1]["stage"]
        return [float(row[name]) for row in self.errors if row["stage"] == stage]


@pytest.fixture(scope="module")
def outputs(shared_triangle: Command) -> Path:
    """All experiments of the paper, run small, and their tables."""
    for name, words in EXPERIMENTS.items():
        done = shared_triangle("run", f"experiment={name}", *SMALL, *words)
        assert done.returncode == 0, done.stderr
        assert "Warning" not in done.stderr
    words = ["function=x3", "method=deepening", "depth=2,3", "seed=0,1,2", *DEEPENED]
    assert shared_triangle("run", "experiment=deepening", *words).returncode == 0
    done = shared_triangle("paper")  # all that have been run
    assert done.returncode == 0, done.stderr
    return shared_triangle.folder / "outputs"


def runs(outputs: Path, name: str) -> list[Run]:
    """The runs of an experiment, in the order of its jobs."""
    found = []
    for job in json.loads((outputs / "sweeps" / name / "jobs.json").read_text()):
        folder = outputs.parent / job["folder"]
        choices = dict(word.split("=", 1) for word in job["overrides"])
        record = json.loads((folder / "run.json").read_text())
        found.append(Run(choices, read(folder / "errors.csv"), record))
    return found


def read(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV file."""
    with path.open() as file:
        return list(csv.DictReader(file))


def table(outputs: Path, name: str) -> list[dict[str, str]]:
    """The CSV file of an experiment's table."""
    return read(outputs / "tables" / f"{name}.csv")


def markdown(outputs: Path, name: str) -> dict[str, list[list[str]]]:
    """The cells of a table in Markdown, by part, headings first."""
    parts, rows = {}, []
    for line in (outputs / "tables" / f"{name}.md").read_text().splitlines():
        if title := re.fullmatch(r"\*\*(.*)\*\*", line):
            rows = parts.setdefault(as_read(title[1]), [])
        elif line.startswith("|") and not line.startswith("|:"):
            rows.append([as_read(cell.strip()) for cell in line.strip("|").split("|")])
    return parts


def as_read(markdown: str) -> str:
    """Markdown without what keeps signs from meaning something."""
    return re.sub(r"\\([^\w\s])", r"\1", markdown)


def caption(outputs: Path, name: str) -> str:
    """The last line of a table in Markdown."""
    return (outputs / "tables" / f"{name}.md").read_text().splitlines()[-1]


def plain(text: str) -> str:
    """LaTeX as it is read."""
    text = (
        text.replace(r"\textasciicircum{}", "^")
        .replace(r"\textasciicircum ", "^")
        .replace(r"($\times$", "(x")
    )
    text = re.sub(r"\$(\d+)\^\{\\mathrm\{(\w+)\}\}\$", r"\1^\2", text)
    text = re.sub(r"\\num\{([^}]*)\}", r"\1", text)
    text = re.sub(r"(?<=\d)--(?=\d)", "-", text)
    return re.sub(r"\\([_%&#])", r"\1", text)


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_latex_says_what_markdown_says(outputs, name):
    text = (outputs / "tables" / f"{name}.tex").read_text()
    floats = re.findall(r"\\begin\{table\}.*?\\end\{table\}", text, re.DOTALL)
    parts = markdown(outputs, name)
    assert len(floats) == len(parts)
    for found, (title, rows) in zip(floats, parts.items()):
        lines = [line.removesuffix(r" \\") for line in found.splitlines() if line.endswith(r" \\")]
        cells = [[plain(cell).strip() for cell in re.split(r"(?<!\\)&", line)] for line in lines]
        assert cells[-len(rows) + 1 :] == rows[1:]  # without the headings, which are in mathematics here
        assert all(len(line) == len(rows[0]) for line in cells[-len(rows) + 1 :])
        assert f"\\caption{{{title}. {caption(outputs, name)}}}" in plain(found)


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed")
@pytest.mark.parametrize("name", ["dense", "depth", "nonconvex"])
def test_latex_can_be_set(outputs, name, tmp_path):
    page = rf"""\documentclass{{article}}\usepackage{{booktabs,siunitx}}
        \begin{{document}}\input{{{outputs}/tables/{name}.tex}}\end{{document}}"""
    (tmp_path / "page.tex").write_text(page)
    words = ["pdflatex", "-halt-on-error", "-interaction=nonstopmode", "page.tex"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True)
    if "siunitx.sty' not found" in done.stdout:
        pytest.skip("siunitx is not installed")
    assert done.returncode == 0, done.stdout[-2000:]


def test_columns_of_numbers_meet_at_the_point():
    part = pd.DataFrame(
        {"fit": ["a_b", "c"], "x3": ["1.2e-07", "3e-12"], "regions": ["6-21", "32"], "n": ["7", "120"]}
    )
    text = tables.latex(tables.Table("t", "of 2^depth, 1.5e-3 in all", part, {"T": part}, {"x3": "x**3"}))
    assert r"\begin{tabular}{lS[table-format=1.1e-2]rS[table-format=3]}" in text
    assert r"{fit} & {$x^{3}$} & {regions} & {n} \\" in text
    assert r"a\_b & 1.2e-07 & 6--21 & 7 \\" in text
    assert r"\caption{T. of $2^{\mathrm{depth}}$, \num{1.5e-3} in all}" in text
    assert "tabcolsep" not in text


def test_a_table_of_many_columns_is_set_narrower():
    part = pd.DataFrame([{f"c{i}": "1" for i in range(13)}])
    text = tables.latex(tables.Table("t", "wide", part, {"T": part}))
    assert "\\centering\n\\small\\setlength{\\tabcolsep}{4pt}\n" in text


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_no_cell_lacks_its_number(outputs, name):
    for rows in markdown(outputs, name).values():
        assert not any("nan" in cell or "None" in cell for row in rows for cell in row)


@pytest.mark.parametrize(
    ("name", "said"),
    {
        "dense": "10 epochs of adam at learning rate 0.001 or 1010 epochs of adam at learning rate 0.001; "
        "2 restarts, depth 3, 60 training points, seed 0, float64.",
        "sparse": "2 restarts, depth 4, 10 training points, seed 0, float64.",
        "depth": "2 restarts, depth 1 or 2 or 3, 60 training points",
        "beyond": "135 epochs of levenberg marquardt from 100 starts or 285 epochs of levenberg marquardt "
        "from 400 starts; 2 restarts, depth 2, 60 training points",
        "nonconvex": "or 135 epochs of levenberg marquardt from 100 starts; 2 restarts, depth 2",
        "radial": "2 restarts, depth 2, 64 training points",
    }.items(),
)
def test_captions_say_how_the_runs_were_made(outputs, name, said):
    assert said in caption(outputs, name)


@pytest.mark.parametrize(("name", "column"), [("dense", "mse_train"), ("sparse", "mse_test")])
def test_methods_are_compared_by_their_errors_and_with_the_paper(outputs, name, column):
    paper = {
        ("dense", "kaiming", "x3", "min"): 2.11e-5,
        ("dense", "kaiming", "x3", "mean"): 7.20e-2,
        ("dense", "theorem_3_1", "x3", "min"): 7.86e-8,
        ("dense", "theorem_3_1", "x3", "mean"): 5.27e-7,
        ("sparse", "kaiming", "x3", "min"): 2.41e-4,
        ("sparse", "theorem_3_1", "x3", "min"): 5.65e-6,
    }
    rows = {(row["method"], row["function"], row["statistic"]): row for row in table(outputs, name)}
    parts = markdown(outputs, name)
    for run in runs(outputs, name):
        method, function = run.choices["method"], run.choices["function"]
        for statistic, of in {"min": min, "mean": mean}.items():
            row, ours = rows.pop((method, function, statistic)), of(run.column(column))
            assert float(row["ours"]) == pytest.approx(ours, rel=1e-12)
            cells = {"ours": f"{ours:.2e}", "paper": "", "ratio": ""}
            if theirs := paper.get((name, method, function, statistic)):
                assert float(row["paper"]) == theirs
                assert float(row["ratio"]) == pytest.approx(ours / theirs, rel=1e-12)
                cells |= {"paper": f"{theirs:.2e}", "ratio": f"{ours / theirs:.2g}"}
            else:
                assert row["paper"] == row["ratio"] == ""
            (part,) = (
                rows
                for title, rows in parts.items()
                if title.lower().startswith(("least", "mean")[statistic == "mean"])
            )
            shown = {line[0]: line for line in part}
            title = {"kaiming": "Kaiming", "theorem_3_1": "pretraining + Theorem 3.1"}[method]
            of_function = {"x3": "x³", "sin": "sin x"}[function]
            if any(key[0] == name and key[2:] == (function, statistic) for key in paper):
                found = {key: shown[title][shown["method"].index(f"{of_function}: {key}")] for key in cells}
            else:
                found = cells | {"ours": shown[title][shown["method"].index(of_function)]}
            assert found == cells
    assert not rows


def test_the_floor_is_below_a_network_of_2_to_the_depth_regions_and_left_out_where_it_is_0(outputs):
    floors = {row["function"]: float(row["floor"]) for row in table(outputs, "dense")}
    for run in runs(outputs, "dense"):
        if run.choices["method"] == "theorem_3_1":
            start = [row for row in run.errors if row["stage"] == "init"]
            assert {row["linear_regions"] for row in start} == {"8"}
            assert floors[run.choices["function"]] == pytest.approx(float(start[0]["floor_mse"]), rel=1e-9)
            assert floors[run.choices["function"]] < min(float(row["mse_train"]) for row in start)
    for part in markdown(outputs, "dense").values():
        assert part[0] == ["method", "x³: ours", "x³: paper", "x³: ratio", "sin x"]
        shown = [f"{floors['x3']:.2e}", "", "", f"{floors['sin']:.2e}"]
        assert part[-1] == ["least of any 2^depth pieces", *shown]
    assert {float(row["floor"]) for row in table(outputs, "sparse")} == {0.0}
    assert "least of any" not in (outputs / "tables" / "sparse.md").read_text()


def test_regions_and_errors_against_depth(outputs):
    rows = {(row["method"], int(row["depth"])): row for row in table(outputs, "depth")}
    assert list(rows) == [(method, depth) for method in ("kaiming", "theorem_3_1") for depth in (1, 2, 3)]
    for run in runs(outputs, "depth"):
        depth = int(run.choices["depth"])
        row = rows[run.choices["method"], depth]
        assert (int(row["neurons"]), int(row["two_to_the_depth"])) == (4 * depth, 2**depth)
        before, after = run.column("linear_regions", "init"), run.column("linear_regions")
        assert [float(row[f"regions_init_{of}"]) for of in ("min", "max")] == [min(before), max(before)]
        if run.choices["method"] == "theorem_3_1":
            assert set(before) == {2**depth}
        found = [float(row[f"regions_{of}"]) for of in ("min", "median", "max")]
        assert found == [min(after), median(after), max(after)]
        for of in (min, mean, median):
            found = float(row[f"mse_{of.__name__}"])
            assert found == pytest.approx(of(run.column("mse_train")), rel=1e-12)
        # 60 points of a smooth function: near the integral
        assert float(row["integral_min"]) == pytest.approx(min(run.column("mse_train")), rel=0.3)
        assert float(row["floor"]) == pytest.approx((6**0.4 / 1.4) ** 5 / 720 / 16**depth, rel=0.01)


def test_deepening_stands_beside_the_floor_and_other_fits(outputs):
    rows, found = table(outputs, "deepening"), runs(outputs, "deepening")
    medians = {
        depth: median(min(run.column("mse_integral")) for run in found if run.choices["depth"] == depth)
        for depth in ("2", "3")
    }
    part = markdown(outputs, "deepening")["MSE, x3"]
    floor, method = (part[0].index(title) for title in ("floor of 2^depth pieces", "deepening"))
    assert [line[method] for line in part[1:]] == [f"{mse:.1e}" for mse in medians.values()]
    assert [float(line[floor]) for line in part[1:]] == pytest.approx([3.6e-5, 2.3e-6], rel=0.05)
    others = {(row["fit"], row["depth"]): float(row["mse"]) for row in rows if not row["seed"]}
    assert others["free-knot cubic spline", "3"] < 1e-25  # x^3 is one
    assert others["tanh network, Levenberg-Marquardt", "3"] < 1e-9
    assert {row["numbers"] for row in rows if row["depth"] == "3"} == {"53"}


def test_two_methods_are_compared_over_the_interval_and_on_the_points(outputs):
    least = {
        (run.choices["method"], run.choices["function"], run.choices["depth"]): min(run.column("mse_train"))
        for run in runs(outputs, "auto")
    }
    part = markdown(outputs, "auto")["MSE on the training points"]
    cells = {(line[0], title): cell for line in part[1:] for title, cell in zip(part[0][1:], line[1:])}
    for function in ("x3", "sin"):
        random, triangle = (least[method, function, "3"] for method in ("kaiming", "theorem_3_1"))
        assert cells[function, "Kaiming, depth 3"] == f"{random:.1e}"
        shown = f"{triangle:.1e} (x{random / triangle:.2g})"
        assert cells[function, "pretraining + Theorem 3.1, depth 3"] == shown


def test_second_order_schedules_stand_beside_the_paper_the_floor_and_other_fits(outputs):
    rows = {row["fit"]: row for row in table(outputs, "beyond")}
    assert [float(rows["the paper's best"][key]) for key in ("min", "mean")] == [7.86e-8, 5.27e-7]
    names = {
        "theorem_3_1": "pretraining + Theorem 3.1",
        "second_order_quick": "second order, 100 starts",
        "second_order": "second order, 400 starts",
    }
    for run in runs(outputs, "beyond"):
        row, errors = rows[names[run.choices["method"]]], run.column("mse_train")
        assert float(row["min"]) == pytest.approx(min(errors), rel=1e-12)
        assert float(row["mean"]) == pytest.approx(mean(errors), rel=1e-12)
        assert float(row["seconds"]) == run.record["seconds"]["total"]
        regions = run.column("linear_regions")
        assert float(row["regions_of_best"]) == regions[errors.index(min(errors))]
    kept = json.loads((outputs / "alternatives" / "x3.json").read_text())
    others = [
        fit for fit in rows if fit not in {"the paper's best", *names.values(), "least of any 2^depth pieces"}
    ]
    assert others == [
        "free-knot linear spline",
        "free-knot cubic spline",
        "tanh network, Levenberg-Marquardt",
    ]
    assert float(rows["free-knot cubic spline"]["min"]) < 1e-25  # x^3 is one
    assert {fit: float(rows[fit]["min"]) for fit in others} == kept["mse"]
    assert f"Every fit has at most {run.record['parameters']} numbers" in caption(outputs, "beyond")


@pytest.mark.parametrize("name", ["nonconvex", "radial"])
def test_networks_of_several_triangles_stand_beside_random_ones(outputs, name):
    rows = {row["method"]: row for row in table(outputs, name)}
    ((title, part),) = markdown(outputs, name).items()
    assert title == {"nonconvex": "x^3 - x on [-1, 1]", "radial": "(x^2 + y^2)^1.5 on [-1, 1]^2"}[name]
    random = {}  # the least and the least mean of the random networks, by optimizer
    for run, line in zip(runs(outputs, name), part[1:], strict=True):
        row, errors, regions = (
            rows.pop(run.choices["method"]),
            run.column("mse_train"),
            run.column("linear_regions"),
        )
        assert int(row["parameters"]) == run.record["parameters"]
        for of in (min, mean, median):
            assert float(row[f"mse_{of.__name__}"]) == pytest.approx(of(errors), rel=1e-12)
        assert [float(row["regions_min"]), float(row["regions_max"])] == [min(regions), max(regions)]
        if run.choices["method"].startswith("random"):
            random[row["optimizer"]] = min(errors), mean(errors)
        for cell, error, best in zip(
            line[2:4], (min(errors), mean(errors)), random.get(row["optimizer"], ())
        ):
            assert cell == f"{error:.2e} (x{float(f'{best / error:.2g}'):g})"
        if row["optimizer"] not in random:  # nothing to compare with
            assert line[2:4] == [f"{min(errors):.2e}", f"{mean(errors):.2e}"]
    assert random
    assert not rows


def test_each_figure_is_drawn_as_png_and_pdf(outputs):
    drawn = {path.name for path in (outputs / "figures").iterdir()}
    names = ["dense-fit-x3", "dense-fit-sin", "dense-losses", "dense-regions", "depth-regions"]
    names += ["depth-errors"]
    names += ["beyond-fit-x3", "beyond-pareto"]
    assert drawn == {f"{name}.{kind}" for name in names for kind in ("png", "pdf")}
    for path in (outputs / "figures").iterdir():
        assert path.read_bytes().startswith(b"%PDF" if path.suffix == ".pdf" else b"\x89PNG")


def test_an_experiment_that_was_not_run_is_refused_and_leaves_nothing(triangle):
    done = triangle("paper", "dense")
    assert done.returncode == 1
    said = "triangle paper: outputs/sweeps/dense: expected the jobs of this experiment; "
    assert done.stderr == f"{said}`triangle run experiment=dense` makes them\n"
    assert not (triangle.folder / "outputs").exists()
