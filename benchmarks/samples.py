"""`make table-samples`: five real curves that packages ship, by triangle networks and by what else one might use.

Held-out error over five folds, each method with at most as many numbers as the triangle network of depth 2. Nothing is
tuned for a curve. Writes outputs/tables/samples.md and .csv; fits that were made are read back from the CSV file.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

import triangle_cli as tri
from triangle_cli.paper.tables import Table, write

OUTPUTS, FOLDS, SEED = Path("outputs"), 5, 0
PARAMETERS = 33  # of a network of width 4 and depth 2
CURVES = {
    "nile": "Nile's yearly flow (statsmodels)",
    "engel": "food against income (statsmodels)",
    "co2": "CO2 on Mauna Loa, monthly (statsmodels)",
    "fault": "a profile across a fault (matplotlib)",
    "diabetes": "disease against BMI (scikit-learn)",
}


def read_curve(name: str) -> tuple[np.ndarray, np.ndarray]:
    """x and y of a curve, as its package ships it."""
    if name == "fault":
        from matplotlib import cbook

        height = cbook.get_sample_data("jacksboro_fault_dem.npz")["elevation"][172]
        return np.arange(len(height), dtype=float), height.astype(float)
    if name == "diabetes":
        from sklearn.datasets import load_diabetes

        table = load_diabetes(as_frame=True, scaled=False).frame
        return table["bmi"].to_numpy(), table["target"].to_numpy()
    from statsmodels import datasets

    table = getattr(datasets, name).load_pandas().data
    if name == "co2":
        monthly = table["co2"].resample("MS").mean().dropna()
        return monthly.index.to_numpy().astype("datetime64[s]").astype(float), monthly.to_numpy()
    return table.iloc[:, 0].to_numpy(float), table.iloc[:, 1].to_numpy(float)


Predict = Callable[[np.ndarray], np.ndarray]
Fitted = tuple[Predict, int | None]  # and how many numbers it has; None: it chooses that itself


def _triangle(x: np.ndarray, y: np.ndarray, *settings: str, **options: object) -> Fitted:
    fit = tri.fit(x, y, test=0.0, settings=settings, progress=False, seed=SEED, **options)
    return fit.predict, sum(layer.size for layer in (*fit.layers.weights, *fit.layers.biases))


def triangle_paper(x: np.ndarray, y: np.ndarray) -> Fitted:
    """Peaks, then weights: convex or concave at the start, whichever is nearer, free at the end."""
    return _triangle(x, y, depth=2, network="single", curvature=_nearer(x, y))


def _nearer(x: np.ndarray, y: np.ndarray) -> str:
    from triangle_cli.fit.bends import find_bends
    from triangle_cli.fit.samples import Samples

    some = Samples.of(x, y)
    found = find_bends(some.x, some.y, some.weight, some.within, some.rows)
    return "convex" if found.convex <= found.concave else "concave"


def triangle_second_order(x: np.ndarray, y: np.ndarray) -> Fitted:
    """Zigzags by Levenberg-Marquardt, the best of 100 starts on what was learned from."""
    return _triangle(x, y, "method=second_order_quick", depth=2)


def pieces(x: np.ndarray, y: np.ndarray) -> Fitted:
    """pwlf: joined lines, their breakpoints sought by L-BFGS-B from several starts."""
    import pwlf

    segments = PARAMETERS // 2
    model = pwlf.PiecewiseLinFit(x, y, seed=SEED)
    model.fitfast(segments, pop=2)
    return model.predict, 2 * segments


def spline(x: np.ndarray, y: np.ndarray) -> Fitted:
    """A cubic smoothing spline whose smoothness is set by generalised cross-validation."""
    from scipy.interpolate import make_smoothing_spline

    places, inverse = np.unique(x, return_inverse=True)
    count = np.bincount(inverse)
    low, width = places[0], places[-1] - places[0]
    found = make_smoothing_spline((places - low) / width, np.bincount(inverse, y) / count, w=count)
    return lambda at: found((at - low) / width), None


def perceptron(x: np.ndarray, y: np.ndarray) -> Fitted:
    """scikit-learn's MLPRegressor: a hidden layer of ReLUs, L-BFGS, the best of 10 starts on what was learned from."""
    from sklearn.neural_network import MLPRegressor

    width = (PARAMETERS - 1) // 3
    u, v = (x - x.mean()) / x.std(), (y - y.mean()) / y.std()
    models = [
        MLPRegressor(
            hidden_layer_sizes=(width,), solver="lbfgs", max_iter=2000, random_state=seed, alpha=0
        ).fit(u[:, None], v)
        for seed in range(10)
    ]
    best = min(models, key=lambda model: model.loss_)
    return lambda at: best.predict(((at - x.mean()) / x.std())[:, None]) * y.std() + y.mean(), 3 * width + 1


def trees(x: np.ndarray, y: np.ndarray) -> Fitted:
    """scikit-learn's gradient-boosted trees: stumps of a threshold and two values each."""
    from sklearn.ensemble import GradientBoostingRegressor

    stumps = PARAMETERS // 3
    model = GradientBoostingRegressor(n_estimators=stumps, max_depth=1, learning_rate=0.5, random_state=SEED)
    model.fit(x[:, None], y)
    return lambda at: model.predict(at[:, None]), 3 * stumps


METHODS: dict[str, Callable[[np.ndarray, np.ndarray], Fitted]] = {
    "triangle, peaks then weights": triangle_paper,
    "triangle, second order, 100 starts": triangle_second_order,
    "pwlf": pieces,
    "smoothing spline": spline,
    "MLPRegressor": perceptron,
    "gradient-boosted stumps": trees,
}


def held_out(name: str, method: str) -> dict[str, object]:
    """The mean squared error on what each fold holds out, over the variance; the ends are always learned from."""
    x, y = read_curve(name)
    order = np.argsort(x, kind="stable")
    x, y = x[order], y[order]
    fold = np.random.default_rng(SEED).permutation(np.arange(len(x)) % FOLDS)
    fold[(x == x[0]) | (x == x[-1])] = -1
    squares, learned, numbers, began = [], [], None, time.process_time()
    for k in range(FOLDS):
        out = fold == k
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of optimizers that stop at their limit
            predict, numbers = METHODS[method](x[~out], y[~out])
        squares.append((predict(x[out]) - y[out]) ** 2)
        learned.append(((predict(x[~out]) - y[~out]) ** 2).mean())
    return {
        "curve": name,
        "method": method,
        "parameters": numbers,
        "samples": len(x),
        "test_mse": float(np.concatenate(squares).mean() / y.var()),
        "train_mse": float(np.mean(learned) / y.var()),
        "seconds": time.process_time() - began,
    }


def main() -> None:
    """Fit what has not been fitted, and write the table."""
    path = OUTPUTS / "tables" / "samples.csv"
    rows = pd.read_csv(path).to_dict("records") if path.exists() else []
    for name in CURVES:
        for method in METHODS:
            if any(row["curve"] == name and row["method"] == method for row in rows):
                continue
            rows.append(held_out(name, method))
            print({key: rows[-1][key] for key in ("curve", "method", "test_mse", "seconds")}, flush=True)
            list(write(table(pd.DataFrame(rows)), OUTPUTS))


def table(rows: pd.DataFrame) -> Table:
    """A row for each method, a column for each curve; the least held-out error of each is marked."""
    cells = rows.assign(
        test=rows["test_mse"].map("{:.3g}".format), train=rows["train_mse"].map("{:.3g}".format)
    )
    best = rows.groupby("curve")["test_mse"].transform("min") == rows["test_mse"]
    cells.loc[best, "test"] += " *"

    def part(column: str) -> pd.DataFrame:
        wide = cells.pivot(index="method", columns="curve", values=column)
        methods = [name for name in METHODS if name in wide.index]
        numbers = rows.drop_duplicates("method").set_index("method")["parameters"].reindex(methods)
        wide = wide.loc[methods, [name for name in CURVES if name in wide]].fillna("")
        wide.insert(0, "numbers", ["own" if pd.isna(n) else f"{n:.0f}" for n in numbers])
        return wide.rename_axis(columns=None).reset_index()

    seconds = rows.assign(seconds=rows["seconds"].map("{:.1f}".format))
    cells["seconds"] = seconds["seconds"]
    said = "; ".join(f"{name}: {text}" for name, text in CURVES.items())
    counts = ", ".join(f"{row.samples} of {row.curve}" for row in rows.drop_duplicates("curve").itertuples())
    caption = (
        f"Mean squared error over the variance of y, {FOLDS} folds; * the least of a column. {said}. {counts}. Every "
        f"method has at most {PARAMETERS} numbers but the spline, whose smoothness is chosen by cross-validation. "
        "Nothing is tuned for a curve. Seconds of CPU for all folds."
    )
    parts = {
        "Held-out error": part("test"),
        "Error on what was learned from": part("train"),
        "Seconds": part("seconds"),
    }
    return Table("samples", caption, rows, parts)


if __name__ == "__main__":
    main()
