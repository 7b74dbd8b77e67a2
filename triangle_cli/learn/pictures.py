"""Pictures of runs on data."""

from __future__ import annotations

from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from triangle_cli.colours import BLUE, GREY, VERMILLION
from triangle_cli.drawing import names
from triangle_cli.drawing.bands import Band
from triangle_cli.learn.experiment import Result
from triangle_cli.settings.learn import Task
from triangle_cli.settings.run import LearnSettings
from triangle_cli.store.stages import counted_through

FEW = 4  # points, which a line alone would not show
SCORE = {
    Task.classification: ("accuracy_test", "accuracy on the test examples", "linear"),
    Task.regression: ("mse_test", "MSE on the test examples", "log"),
}


def draw_band(axes: Axes, history: pd.DataFrame, column: str, scale: str, **look: Any) -> None:
    """The mean over the restarts against the epochs, and one standard deviation around it, within what there is."""
    band = Band.of(history["total"], history[column], "deviation")
    few = {"marker": "."} if len(band.values) < FEW else {}
    band.draw(axes, {"linestyle": "-"} | look | few)
    if (band.values["line"] > 0).any():  # not where all restarts diverged at once
        axes.set_yscale(scale)


def learning_figure(result: Result, settings: LearnSettings) -> Figure:
    """What restarts say of test examples, and the loss while learning, against the epochs."""
    figure = Figure(figsize=(9, 3.8), dpi=150, layout="constrained")
    left, right = figure.subplots(1, 2)
    history = counted_through(result.history)
    column, label, scale = SCORE[settings.data.task]
    draw_band(left, history, column, scale, color=BLUE)
    draw_band(right, history, "loss", "log", color=VERMILLION)
    left.set(xlabel="epoch", ylabel=label)
    right.set(xlabel="epoch", ylabel="loss, mean over the batches of an epoch", xlim=left.get_xlim())
    ends = history[history["phase"] != "init"].groupby("phase", sort=False)["total"].max()
    for end in ends.iloc[:-1]:
        for axes in (left, right):
            axes.axvline(end, color=GREY, linewidth=0.8, linestyle=":")
    model = f"{settings.model.name} of {result.parameters} parameters, {settings.init.name} start"
    shown = names.plain(f"{settings.data.name}: {model}, {settings.restarts} restarts")
    figure.suptitle(
        f"{shown}, mean and standard deviation",
        fontsize="medium",
    )
    return figure
