"""Print what pages say of docs/tables: the small table of README.md; with a word, a sentence.

python docs/summary.py [depth | auto]
"""

import sys
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
        found[f"{title}, best of 30"] = dense[method]["min"]
    for fit, title in BEYOND.items():
        found[title] = beyond[fit]
    return pd.DataFrame(found).T[FUNCTIONS]


def depth() -> str:
    """What depth buys on x3: the least errors at two depths and at the deepest."""
    least = pd.read_csv(TABLES / "depth.csv").set_index(["method", "depth"])["integral_min"]
    found = least["deepening"]
    depths = [depth for depth in (4, 8, found.index.max()) if depth in found]
    steps = ", ".join(f"{found[depth]:.1e} at depth {depth}" for depth in depths)
    peaks = f"{least['theorem_3_1'].min():.1e}"
    return f"On x³ the mean square error of width 4 is {steps}; with peaks it stops at {peaks}."


def auto() -> str:
    """How often deepening has the lesser error over the interval, by depth, and where not."""
    errors = pd.read_csv(TABLES / "auto.csv").pivot_table(
        index=["depth", "function"], columns="fit", values="mse"
    )
    less = errors["deepening"] < errors["second order, 400 starts"]
    sentences = []
    for depth, wins in less.groupby(level="depth"):
        others = ", ".join(f"`{function}`" for function in wins[~wins].index.get_level_values("function"))
        sentences.append(
            f"at depth {depth} on {wins.sum()} of {len(wins)}" + (f" (not {others})" if others else "")
        )
    return f"Deepening has the lesser error over the interval {'; '.join(sentences)}."


if __name__ == "__main__":
    if sys.argv[1:]:
        print({"depth": depth, "auto": auto}[sys.argv[1]]())
        sys.exit()
    table = rows().map("{:.1e}".format).rename_axis("MSE on the training points").reset_index()
    print(table.to_markdown(index=False, disable_numparse=True))
