"""Models with triangle networks beside models with ReLUs: tables and figures from the runs on disk."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from triangle_cli.drawing import names
from triangle_cli.drawing.bands import legend
from triangle_cli.learn.pictures import SCORE, draw_band
from triangle_cli.paper import registry
from triangle_cli.paper.collection import Collected
from triangle_cli.paper.tables import Table
from triangle_cli.paper.trees import scores
from triangle_cli.settings.learn import Task
from triangle_cli.store import run_folder
from triangle_cli.store.stages import counted_through

EARLY = (1, 2, 5, 10)  # epochs after which accuracies are told beside the last


def task_of(run: Collected) -> Task:
    """What the run's data ask for."""
    return Task(run.config["data"]["task"])


def column_of(run: Collected) -> str:
    """The column of errors.csv and history.csv that a run is judged by."""
    return SCORE[task_of(run)][0]


@registry.table("models")
def compare_models(name: str, runs: list[Collected]) -> Table:
    """Accuracy on test examples, early and at the end, by model and method."""
    rows, shown = [], []
    for run in runs:
        history, final = counted_through(run.table(run_folder.HISTORY)), run.final_errors
        kept = history[history["restart"].isin(final["restart"])]
        accuracy = kept.groupby("total")["accuracy_test"].agg(["mean", "std"])
        end = final["accuracy_test"]
        method = run.method.title
        what = {
            "model": run.config["model"]["name"],
            "method": method,
            "parameters": run.record.parameters,
        }
        rows += [{**what, "epoch": epoch, **row} for epoch, row in accuracy.iterrows()]
        early = {
            f"epoch {epoch}": f"{100 * accuracy['mean'][epoch]:.1f} %" if epoch in accuracy.index[:-1] else ""
            for epoch in EARLY
        }
        last = {
            "at the end": _with_spread(end),
            "least": f"{100 * end.min():.2f} %",
        }
        shown.append({**what, **early, **last})
    parts = {f"Accuracy on the test examples, {runs[0].record.function}": pd.DataFrame(shown).astype(str)}
    return Table(name, f"{describe_learning(runs)} ±: standard deviation.", pd.DataFrame(rows), parts)


def _with_spread(shares: pd.Series) -> str:
    """Mean and standard deviation; one value alone has none."""
    return f"{100 * shares.mean():.2f}" + (f" ± {100 * shares.std():.2f} %" if len(shares) > 1 else " %")


@registry.table("tabular")
def compare_on_tables(name: str, runs: list[Collected]) -> Table:
    """Cross-validated errors by data set and method, beside a linear model and gradient-boosted trees."""
    rows = []
    for data, group in by_data(runs).items():
        for run in group:
            found = run.final_errors[column_of(run)]
            more = {"parameters": run.record.parameters, "seconds": run.record.seconds["total"]}
            rows.append(_row(data, run.method.title, task_of(run), found) | more)
        run = group[0]
        for other, errors in scores(
            run.config, run.config["restarts"], run.folder.parent / "alternatives"
        ).items():
            rows.append(_row(data, other, task_of(run), pd.Series(errors)))
    table = pd.DataFrame(rows)
    table["parameters"] = table["parameters"].astype("Int64")
    parts = {}
    for data, group in table.groupby("data", sort=False):
        best = group["mean"].min() if group["score"].iloc[0].startswith("MSE") else group["mean"].max()
        parts[f"{data}: {group['score'].iloc[0]}"] = pd.DataFrame(
            {
                "method": group["method"],
                "parameters": group["parameters"].map("{:.0f}".format, na_action="ignore").fillna(""),
                "mean": group["mean"].map("{:.4g}".format),
                "standard deviation": group["sd"].map("{:.2g}".format),
                "mean / best": (group["mean"] / best).map("{:.3f}".format),
            }
        )
    caption = (
        f"{describe_learning(runs)} All on the same {runs[0].config['data']['folds']}-fold splits, "
        "dealt anew after each round; the standard deviation is over the folds. The linear model is RidgeCV "
        "with 13 penalties from 0.001 to 1000 (LogisticRegression for classes), the trees are GradientBoosting, "
        "all else with scikit-learn's own settings."
    )
    return Table(name, caption, table, parts)


def _row(data: str, method: str, task: Task, found: pd.Series) -> dict[str, object]:
    score = "MSE on the test examples" if task is Task.regression else "accuracy on the test examples"
    return {"data": data, "score": score, "method": method, "mean": found.mean(), "sd": found.std()}


def by_data(runs: list[Collected]) -> dict[str, list[Collected]]:
    """The runs on each data set, in order."""
    groups: dict[str, list[Collected]] = {}
    for run in runs:
        groups.setdefault(run.record.function, []).append(run)
    return groups


def describe_learning(runs: list[Collected]) -> str:
    """What all runs of a table share, as a caption."""
    config = runs[0].config
    phases = [run.config["schedule"]["phases"] for run in runs]
    epochs = sorted({sum(phase["epochs"] for phase in of_run) for of_run in phases})
    rates = sorted({phase["learning_rate"] for of_run in phases for phase in of_run})
    return (
        f"{' or '.join(map(str, epochs))} epochs of adam at learning rate {' or '.join(f'{r:g}' for r in rates)}, "
        f"batches of {config['data']['batch']}; {config['restarts']} restarts, triangle networks of depth "
        f"{config['depth']}, seed {config['seed']}, {config['dtype']}."
    )


@registry.figure("learning")
def learning_curves(runs: list[Collected]) -> Iterator[tuple[str, Figure]]:
    """The score on test examples against the epochs, by data set and method: mean and standard deviation."""
    groups = by_data(runs)
    figure = Figure(figsize=(max(6.5, 4.2 * len(groups)), 4), layout="constrained")
    for axes, (name, group) in zip(figure.subplots(1, len(groups), squeeze=False)[0], groups.items()):
        column, label, scale = SCORE[task_of(group[0])]
        for run in group:
            color, dash = run.method.colour, run.method.dash
            history = counted_through(run.table(run_folder.HISTORY))
            kept = history[history["restart"].isin(run.final_errors["restart"])]
            text = run.method.title
            draw_band(axes, kept[kept["total"] > 0], column, scale, color=color, linestyle=dash, label=text)
        axes.set(title=names.plain(name), xlabel="epoch", ylabel=label)
    said = Patch(color="0.3", alpha=0.3, linewidth=0, label="line: mean, band: standard deviation")
    legend(figure, [*figure.axes[0].get_legend_handles_labels()[0], said])
    yield "learning", figure
