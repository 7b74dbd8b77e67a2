"""The paper's tables with our figures beside the paper's, from the runs on disk."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from triangle_cli.paper import registry
from triangle_cli.paper.collection import Collected, describe, paper_figures, titles
from triangle_cli.paper.tables import Table
from triangle_cli.store.stages import span

STATISTICS = ("min", "mean")


@registry.table("methods")
def compare_methods(name: str, runs: list[Collected], column: str = "mse_train") -> Table:
    """Methods by functions, min and mean over the restarts of `column` of errors.csv; the paper's figures beside."""
    paper = paper_figures(name)
    rows = []
    for run in runs:
        errors = run.final_errors
        for statistic in STATISTICS:
            key = (run.choices["method"], run.choices["function"], statistic)
            ours, theirs = errors[column].agg(statistic), paper.get(key, np.nan)
            rows.append((*key, ours, theirs, ours / theirs, run.floor, len(errors)))
    columns = ["method", "function", "statistic", "ours", "paper", "ratio", "floor", "restarts"]
    table = pd.DataFrame(rows, columns=columns)
    what = {"mse_train": "MSE on the training points", "mse_test": "MSE on the test points"}[column]
    parts = {
        f"{title} {what}": _methods_by_functions(table[table["statistic"] == statistic], titles(runs))
        for statistic, title in {"min": "Least", "mean": "Mean"}.items()
    }
    beside = " Paper: the paper's figure; ratio: ours over it." if len(paper) else ""
    return Table(name, f"{describe(runs)}.{beside}", table, parts, formulas_of(runs))


def formulas_of(runs: list[Collected]) -> dict[str, str]:
    """The formula of each function, by its name; samples have none."""
    formulas = {
        run.record.function: run.config["function"].get("formula") for run in runs if "function" in run.config
    }
    return {name: formula for name, formula in formulas.items() if formula}


def _methods_by_functions(rows: pd.DataFrame, titles: dict[str, str]) -> pd.DataFrame:
    """A row per method; of each function ours and, where the paper has them, the paper's figures and the ratio."""
    methods = list(dict.fromkeys(rows["method"]))
    floors = rows.drop_duplicates("function").set_index("function")["floor"]
    with_floor = (floors > 0).all()  # with ten points, 32 pieces pass through all of them
    columns: dict[tuple[str, str], list[str]] = {
        ("method", ""): [titles[method] for method in methods]
        + (["least of any 2^depth pieces"] if with_floor else [])
    }
    for function, group in rows.groupby("function", sort=False):
        figures = group.set_index("method").loc[methods]
        shown = {"ours": ("ours", "{:.2e}"), "paper": ("paper", "{:.2e}"), "ratio": ("ratio", "{:.2g}")}
        known = figures["paper"].notna().any()
        for head, (column, form) in shown.items() if known else [("", shown["ours"])]:
            cells = ["" if np.isnan(figure) else form.format(figure) for figure in figures[column]]
            floor = f"{floors[function]:.2e}" if column == "ours" else ""
            columns[str(function), head] = cells + ([floor] if with_floor else [])
    return pd.DataFrame(columns)


@registry.table("beyond")
def past_the_paper(name: str, runs: list[Collected]) -> Table:
    """The paper's best, ours by Adam and by second-order schedules, the floor, and what else one might fit."""
    from triangle_cli.paper.splines import least_errors  # scipy, an optional extra

    paper, rows = paper_figures("dense"), []
    for function in dict.fromkeys(run.choices["function"] for run in runs):
        known = {statistic: paper.get(("theorem_3_1", function, statistic)) for statistic in STATISTICS}
        rows.append({"fit": "the paper's best", "function": function, **known})
    for run in runs:
        errors, function, method = (
            run.final_errors,
            run.choices["function"],
            run.method.title,
        )
        best = errors.iloc[errors["mse_train"].argmin()]
        details: dict[str, Any] = {"seconds": run.record.seconds["total"], "starts": run.record.starts}
        details |= {
            "regions_of_best": int(best["linear_regions"]),
            "regions": span(*_range(errors["linear_regions"])),
        }
        statistics = {"min": best["mse_train"], "mean": errors["mse_train"].mean()}
        rows.append({"fit": method, "function": function, **statistics, **details})
    for run in {
        run.choices["function"]: run for run in runs if run.choices["method"] == "second_order"
    }.values():
        function, seconds = run.choices["function"], run.record.seconds["total"]
        rows.append({"fit": "least of any 2^depth pieces", "function": function, "min": run.floor})
        points, numbers = run.config["points"]["train"], run.record.parameters
        assert numbers is not None, "every run of a function says how many it has"
        others = least_errors(run.alternatives, run.target, points, numbers, seconds)
        rows += [{"fit": name, "function": function, "min": error} for name, error in others.items()]
    table = pd.DataFrame(rows)
    shown = {"Least MSE": ("min", "{:.2e}"), "Mean MSE": ("mean", "{:.2e}")}
    shown |= {"Seconds": ("seconds", "{:.1f}"), "Linear regions of the kept networks": ("regions", "{}")}
    parts = {title: _fits_by_functions(table, column, form) for title, (column, form) in shown.items()}
    caption = (
        f"{describe(runs)}. Every fit has at most {runs[0].record.parameters} numbers; the tanh network is "
    )
    caption += (
        "trained as long as the second-order schedule with 400 starts. The splines' knots lie between even "
    )
    caption += (
        "and crowded where the target bends. More than 2^depth linear regions are what puts an error below "
    )
    caption += "the least of 2^depth pieces."
    return Table(name, caption, table, parts, formulas_of(runs))


@registry.table("networks")
def compare_networks(name: str, runs: list[Collected]) -> Table:
    """Several triangle networks beside random networks with as many parameters, by function."""
    rows = []
    for run in runs:
        errors = run.final_errors
        rows.append(
            {
                "function": run.config["function"]["name"],
                "method": run.choices["method"],
                "optimizer": run.config["schedule"]["phases"][0]["optimizer"],
                "parameters": run.record.parameters,
                "mse_min": errors["mse_train"].min(),
                "mse_mean": errors["mse_train"].mean(),
                "mse_median": errors["mse_train"].median(),
                "regions_min": errors["linear_regions"].min(),
                "regions_max": errors["linear_regions"].max(),
            }
        )
    table = pd.DataFrame(rows)
    parts = {
        f"{run.target.formula.replace('**', '^')} on [{run.target.interval[0]:g}, {run.target.interval[1]:g}]"
        f"{'^2' if run.target.inputs == 2 else ''}": _networks(
            table[table["function"] == run.target.name], titles(runs)
        )
        for run in runs
    }
    brackets = "In brackets how many times less than the best random network's by the same optimizer"
    return Table(name, f"{describe(runs)}. {brackets}.", table, parts)


def _networks(rows: pd.DataFrame, titles: dict[str, str]) -> pd.DataFrame:
    """A row per method; in brackets how many times less than the best random network's by the same optimizer."""
    random = rows[rows["method"].str.startswith("random")]

    def ahead(column: str) -> list[str]:
        best = rows["optimizer"].map(random.groupby("optimizer")[column].min())
        return [
            f"{error:.2e}" + ("" if np.isnan(ratio) else f" (x{float(f'{ratio:.2g}'):g})")
            for error, ratio in zip(rows[column], best / rows[column])
        ]

    return pd.DataFrame(
        {
            "network": rows["method"].map(titles),
            "parameters": rows["parameters"].astype(str),
            "least MSE": ahead("mse_min"),
            "mean MSE": ahead("mse_mean"),
            "linear regions": list(map(span, rows["regions_min"], rows["regions_max"])),
        }
    )


def _range(column: pd.Series) -> tuple[float, float]:
    return column.min(), column.max()


def _fits_by_functions(table: pd.DataFrame, column: str, form: str) -> pd.DataFrame:
    known = table[table[column].notna()]
    cells = known.assign(cell=known[column].map(form.format)).pivot(
        index="fit", columns="function", values="cell"
    )
    cells = cells.loc[list(dict.fromkeys(known["fit"])), list(dict.fromkeys(table["function"]))]
    return cells.fillna("").rename_axis(columns=None).reset_index()
