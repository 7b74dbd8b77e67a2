"""What depth buys: linear regions and errors against depth, and what else one might fit with as many numbers.

Errors here are mean squares over the whole interval, by exact integrals: networks of thousands of pieces can meet all
training points and miss the function between them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from triangle_cli.colours import BLACK
from triangle_cli.drawing import names
from triangle_cli.drawing.bands import ALPHA, legend
from triangle_cli.paper import registry
from triangle_cli.paper.collection import Collected, describe, titles
from triangle_cli.paper.tables import Table
from triangle_cli.store import run_folder
from triangle_cli.store.stages import span

FIT_POINTS, JUDGED = 1000, 10_000  # of what else one might fit: to learn from, and to be judged by
FLOOR = "floor of 2^depth pieces"
MOST_SECONDS = 4.0  # of the tanh network: it is ahead before


@registry.table("depth")
def against_depth(name: str, runs: list[Collected]) -> Table:
    """Linear regions and errors of each method against depth, beside 2^depth and its floor."""
    rows = []
    for run in runs:
        errors, depth = run.integral_errors, run.config["depth"]
        before = run.table(run_folder.ERRORS).query("stage == 'init'")
        rows.append(
            {
                "function": run.record.function,
                "method": run.choices["method"],
                "depth": depth,
                "neurons": depth * run.config["init"]["width"],
                "two_to_the_depth": 2**depth,
                "regions_init_min": before["linear_regions"].min(),
                "regions_init_max": before["linear_regions"].max(),
                "regions_min": errors["linear_regions"].min(),
                "regions_median": errors["linear_regions"].median(),
                "regions_max": errors["linear_regions"].max(),
                "mse_min": errors["mse_train"].min(),
                "mse_mean": errors["mse_train"].mean(),
                "mse_median": errors["mse_train"].median(),
                "integral_min": errors["mse_integral"].min(),
                "integral_median": errors["mse_integral"].median(),
                "floor": run.integral_floor,
                "seconds": run.record.seconds["cpu"],
                "restarts": len(errors),
            }
        )
    table = pd.DataFrame(rows)
    table["method"] = pd.Categorical(table["method"], list(titles(runs)))  # in the experiment's order
    table = table.sort_values(["function", "method", "depth"], ascending=True).astype({"method": str})
    parts = {
        f"Linear regions and errors against depth, {function}": _shown(group, titles(runs))
        for function, group in table.groupby("function")
    }
    caption = (
        f"{describe(runs)}. MSE: the mean square over the whole interval, by exact integrals. Floor: what the least "
        "that any 2^depth pieces leave tends to for many of them; more pieces than 2^depth may come below it."
    )
    return Table(name, caption, table, parts)


def _shown(rows: pd.DataFrame, titles: dict[str, str]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "method": rows["method"].map(titles),
            "depth": rows["depth"],
            "2^depth": rows["two_to_the_depth"],
            "regions before": list(map(span, rows["regions_init_min"], rows["regions_init_max"])),
            "regions after": list(map(span, rows["regions_min"], rows["regions_max"])),
            "least MSE": rows["integral_min"].map("{:.1e}".format),
            "median MSE": rows["integral_median"].map("{:.1e}".format),
            "floor": rows["floor"].map("{:.1e}".format),
            "CPU seconds": rows["seconds"].map("{:.1f}".format),
        }
    ).astype(str)


@registry.table("deepening")
def beside_other_fits(name: str, runs: list[Collected]) -> Table:
    """Errors by function and depth: each method's, the floor, and what else one might fit with as many numbers."""
    from triangle_cli.paper.splines import least_errors  # scipy, an optional extra

    rows, others = pd.DataFrame([_best(run) for run in runs]), []
    for (function, depth), group in rows.groupby(["function", "depth"], sort=False):
        run, numbers = runs[group.index[-1]], int(group["numbers"].max())
        common = {"function": function, "depth": depth, "numbers": numbers}
        others.append(common | {"fit": FLOOR, "mse": run.integral_floor})
        seconds = min(group["seconds"].max(), MOST_SECONDS)
        errors = least_errors(run.alternatives, run.target, FIT_POINTS, numbers, seconds, judged=JUDGED)
        others += [common | {"fit": fit, "mse": error} for fit, error in errors.items()]
    table = pd.concat([rows, pd.DataFrame(others)], ignore_index=True).convert_dtypes()
    fits = [FLOOR, *dict.fromkeys(fit for fit in table["fit"] if fit != FLOOR)]
    parts = {
        f"MSE, {function}": _errors_by_depth(group, fits)
        for function, group in table.groupby("function", sort=False)
    }
    medians = "; medians over the seeds" if rows["seed"].nunique() > 1 else ""
    parts["Linear regions and CPU seconds"] = _regions_and_seconds(rows)
    caption = (
        f"{describe(runs)}. MSE: the mean square over the whole interval, by exact integrals, of the best network "
        f"of a run{medians}. {FLOOR.capitalize()}: its asymptote. Splines and tanh networks have "
        f"at most as many numbers, learn from {FIT_POINTS} points and are judged by {JUDGED} others; the tanh "
        f"network is trained as long as a deepening, at most {MOST_SECONDS:.0f} seconds."
    )
    return Table(name, caption, table, parts)


def _best(run: Collected) -> dict[str, Any]:
    """The network of a run with the least error over the interval."""
    errors = run.integral_errors
    best = errors.iloc[errors["mse_integral"].argmin()]
    return {
        "function": run.record.function,
        "depth": run.config["depth"],
        "fit": run.method.title,
        "seed": run.config["seed"],
        "numbers": run.record.parameters,
        "mse": best["mse_integral"],
        "mse_points": errors["mse_train"].min(),
        "regions": best["linear_regions"],
        "seconds": run.record.seconds["cpu"],
    }


def _errors_by_depth(rows: pd.DataFrame, fits: list[str]) -> pd.DataFrame:
    """A row per depth, a column per fit, medians."""
    medians = rows.pivot_table(index="depth", columns="fit", values="mse", aggfunc="median")
    cells = medians[fits].map("{:.1e}".format)
    cells.insert(0, "numbers", rows.groupby("depth")["numbers"].max().astype(int))
    return cells.rename_axis(columns=None).reset_index().astype(str)


def _regions_and_seconds(rows: pd.DataFrame) -> pd.DataFrame:
    """A row per function and method, two columns per depth."""
    medians = rows.pivot_table(
        index=["function", "fit"],
        columns="depth",
        values=["regions", "seconds"],
        aggfunc="median",
        sort=False,
    )
    shown = {
        f"{what}, depth {depth}": medians[what, depth].map(form.format)
        for what, form in {"regions": "{:.0f}", "seconds": "{:.0f}"}.items()
        for depth in sorted(rows["depth"].unique())
    }
    return pd.DataFrame(shown).reset_index()


@registry.table("auto")
def two_methods(name: str, runs: list[Collected]) -> Table:
    """The errors of two methods by function and depth, over the interval and on the points."""
    rows, (first, second) = pd.DataFrame([_best(run) for run in runs]), titles(runs).values()
    parts = {}
    for column, where in {"mse": "over the interval", "mse_points": "on the training points"}.items():
        medians = rows.pivot_table(
            index="function", columns=["depth", "fit"], values=column, aggfunc="median", sort=False
        )
        shown: dict[str, list[str]] = {}
        for depth in dict.fromkeys(rows["depth"]):
            pair = medians[depth]
            shown[f"{first}, depth {depth}"] = [f"{error:.1e}" for error in pair[first]]
            shown[f"{second}, depth {depth}"] = [
                f"{error:.1e} (x{other / error:.2g})" for other, error in zip(pair[first], pair[second])
            ]
        parts[f"MSE {where}"] = pd.DataFrame(shown, index=medians.index).reset_index()
    brackets = f"In brackets how many times less than that of {first}"
    return Table(
        name, f"{describe(runs)}. Of each run the network with the least error. {brackets}.", rows, parts
    )


@registry.figure("depths")
def depths(runs: list[Collected]) -> Iterator[tuple[str, Figure]]:
    """Linear regions, and errors, of each method against depth; a figure each for every function."""
    functions = dict.fromkeys(run.record.function for run in runs)
    for function in functions:
        group = [run for run in runs if run.record.function == function]
        end = f"-{function}" if len(functions) > 1 else ""
        for stem, draw in (("regions", _draw_regions), ("errors", _draw_errors)):
            figure = Figure(figsize=(5.4, 3.8), layout="constrained")
            axes = figure.subplots()
            draw(axes, group)
            axes.set(xlabel="depth (hidden layers)", yscale="log")
            axes.set_title(names.math(group[0].target.formula))
            axes.set_xticks(sorted({run.config["depth"] for run in group}))
            legend(figure, axes.get_legend_handles_labels()[0])
            yield stem + end, figure


def _draw_regions(axes: Axes, runs: list[Collected]) -> None:
    depth = sorted({run.config["depth"] for run in runs})
    axes.plot(depth, [2**d for d in depth], color=BLACK, linewidth=0.8, label="$2^d$")
    axes.plot(depth, [4 * d for d in depth], color=BLACK, linewidth=0.8, linestyle=":", label="neurons")
    _draw_methods(axes, runs, "linear_regions", "median", ("min", "max"))
    axes.set_ylabel("linear regions: median, least to greatest")


def _draw_errors(axes: Axes, runs: list[Collected]) -> None:
    floors = dict(sorted({run.config["depth"]: run.integral_floor for run in runs}.items()))
    label = "floor of $2^d$ pieces (asymptote)"
    axes.plot(list(floors), list(floors.values()), color=BLACK, linewidth=0.8, label=label)
    _draw_methods(axes, runs, "mse_integral", "min", ("min", "median"))
    axes.set_ylabel("MSE over the interval: best, up to median")


def _draw_methods(axes: Axes, runs: list[Collected], column: str, line: str, band: tuple[str, str]) -> None:
    """A line per method against depth, and a band, of a column over the restarts."""
    for method in dict.fromkeys(run.method for run in runs):
        group = sorted((run for run in runs if run.method == method), key=lambda run: run.config["depth"])
        at = [run.config["depth"] for run in group]
        found = pd.DataFrame([run.integral_errors[column].agg(["min", "median", "max"]) for run in group])
        look = {"color": method.colour, "linestyle": method.dash, "marker": method.marker}
        axes.plot(at, found[line], label=method.title, **look)
        axes.fill_between(at, found[band[0]], found[band[1]], color=method.colour, alpha=ALPHA, linewidth=0)
