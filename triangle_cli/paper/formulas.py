"""Layers of all kinds on formulas of several inputs: the table of `experiment=formulas`."""

from __future__ import annotations

import numpy as np
import pandas as pd

from triangle_cli.paper import registry
from triangle_cli.paper.boosting import errors_of_trees
from triangle_cli.paper.collection import Collected
from triangle_cli.paper.tables import Table

TREES = "gradient-boosted trees"


@registry.table("formulas")
def compare_on_formulas(name: str, runs: list[Collected]) -> Table:
    """The error of each method on each formula, in units of the values' standard deviation."""
    rows = []
    for run in runs:
        found = run.final_errors
        what = {"formula": run.record.function, "noise": run.config["data"].get("noise", 0.0)}
        more = {
            "parameters": run.record.parameters,
            "learning_rate": found["learning_rate"].iloc[0] if "learning_rate" in found else np.nan,
            "cpu": run.record.seconds.get("cpu"),
        }
        rows.append(what | {"method": run.method.title} | _figures(np.sqrt(1 - found["r2_test"])) | more)
    first = {(row["formula"], row["noise"]): run for row, run in reversed(list(zip(rows, runs)))}
    for (formula, noise), run in reversed(first.items()):
        errors, rate = errors_of_trees(run.config, run.folder.parent / "alternatives")
        what = {"formula": formula, "noise": noise, "method": TREES, "learning_rate": rate}
        rows.append(what | _figures(pd.Series(errors)))
    table = pd.DataFrame(rows)
    table["parameters"] = table["parameters"].astype("Int64")
    parts = {_title(noise): _side_by_side(group) for noise, group in table.groupby("noise")}
    parts["What was fitted"] = _fitted(table)
    return Table(name, _caption(runs), table, parts)


def _title(noise: float) -> str:
    what = f"with noise of {noise:g} standard deviations" if noise else "without noise"
    return f"Error on points that were not seen, thousandths of the values' standard deviation, {what}"


def _figures(errors: pd.Series) -> dict[str, float]:
    return {"median": errors.median(), "least": errors.min(), "most": errors.max(), "restarts": len(errors)}


def _side_by_side(group: pd.DataFrame) -> pd.DataFrame:
    """A row for each formula, a column for each method; a star where no restart sets a method apart from the best."""
    shown = []
    for formula, rows in group.groupby("formula", sort=False):
        best = rows.sort_values("median", kind="stable").iloc[0]
        cells = {
            row["method"]: f"{1e3 * row['median']:.3g}" + ("*" if row["least"] <= best["most"] else "")
            for _, row in rows.iterrows()
        }
        shown.append({"formula": formula} | cells)
    return pd.DataFrame(shown).fillna("")


def _fitted(table: pd.DataFrame) -> pd.DataFrame:
    def span(values: pd.Series, form: str) -> str:
        known = values.dropna()
        if known.empty:
            return ""
        least, most = (format(value, form) for value in (known.min(), known.max()))
        return least if least == most else f"{least} to {most}"

    groups = table.groupby("method", sort=False)
    return pd.DataFrame(
        [
            {
                "method": method,
                "parameters": span(rows["parameters"], "d"),
                "learning rates chosen": span(rows["learning_rate"], "g"),
                "seconds of one core, all restarts and the search": span(rows["cpu"], ".1f"),
            }
            for method, rows in groups
        ]
    )


def _caption(runs: list[Collected]) -> str:
    config = runs[0].config
    data, schedule = config["data"], config["schedule"]
    rates = ", ".join(f"{rate:g}" for rate in schedule.get("learning_rates") or ())
    budget = schedule.get("budget")
    epochs = (
        f"as many epochs of Adam as {budget:g} s of one quiet core are (calibrated, not timed)"
        if budget
        else "Adam"
    )
    return (
        f"Medians of {config['restarts']} restarts, each with points of its own; a star: its least error is within "
        f"the range of the best method's. {data['points']} points, all in one batch, {epochs}; learning rate of "
        f"{rates or 'the schedule'}, chosen on a fifth held out; widths for about as many parameters. Trees: "
        "scikit-learn's GradientBoostingRegressor, learning rate of 0.03, 0.1, 0.3, chosen alike. Triangle "
        f"networks of depth {config['depth']}, seed {config['seed']}, {config['dtype']}."
    )
