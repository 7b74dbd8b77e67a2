"""Print the small table of README.md, from the CSV files of docs/tables: a row per kind of fit, least MSE first."""

from pathlib import Path

import pandas as pd

TABLES = Path(__file__).parent / "tables"
FUNCTIONS = ["x3", "x11", "sin", "tanh3x"]
DENSE = {"kaiming": "random start", "theorem_3_1": "peaks, then weights"}
BEYOND = {
    "second order, 400 starts": "second order, 400 starts",
    "free-knot linear spline": "free-knot linear spline",
    "free-knot cubic spline": "free-knot cubic spline",
    "tanh network, Levenberg-Marquardt": "tanh network",
}


def rows() -> pd.DataFrame:
    """The rows of the table, a column per function."""
    dense = pd.read_csv(TABLES / "dense.csv").set_index(["method", "statistic", "function"])["ours"]
    beyond = pd.read_csv(TABLES / "beyond.csv").set_index(["fit", "function"])["min"]
    found = {}
    for method, title in DENSE.items():
        found[f"{title}, mean of 30"] = dense[method]["mean"]
        found[f"{title}, best of 30"] = dense[method]["min"]
    for fit, title in BEYOND.items():
        found[title] = beyond[fit]
    return pd.DataFrame(found).T[FUNCTIONS]


if __name__ == "__main__":
    table = rows().map("{:.1e}".format).rename_axis("MSE on the training points").reset_index()
    print(table.to_markdown(index=False, disable_numparse=True))
