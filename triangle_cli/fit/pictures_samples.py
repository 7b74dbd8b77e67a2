"""The picture of a fit to samples: the samples and the network, and below them what is left over."""

from __future__ import annotations

import numpy as np
import pandas as pd
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from triangle_cli.colours import BLACK, BLUE, GREY, VERMILLION
from triangle_cli.construction.network import Network
from triangle_cli.fit.experiment import Result
from triangle_cli.fit.pictures import MANY_BREAKPOINTS, MOST_BREAKPOINTS, MOST_PIECES, SMOOTH, evaluate
from triangle_cli.fit.samples import SampledTarget, Samples
from triangle_cli.regions import pieces
from triangle_cli.settings.run import FitSettings

MOST_DRAWN = 20_000  # samples: more are a solid cloud that takes long to draw


def samples_figure(result: Result, settings: FitSettings) -> Figure:
    """Samples, fit and breakpoints against x, and below them sample - fit; for several inputs, fit against sample."""
    target, network, best = result.target, result.best, result.best_row
    assert isinstance(target, SampledTarget)
    figure = Figure(figsize=(7, 5.5), dpi=150, layout="constrained")
    title = f"{target.name}, depth {settings.depth}, {settings.network.name} network, schedule {settings.schedule.name}"
    if network is None or best is None:
        figure.suptitle(f"{title}: all restarts diverged")
        return figure
    regions = best["linear_regions"]
    counted = "regions not counted" if pd.isna(regions) else f"{int(regions)} linear regions"
    test = "" if pd.isna(best["mse_test"]) else f", held out {best['mse_test']:.2e}"
    figure.suptitle(f"{title}\nMSE {best['mse_train']:.2e}{test}, {counted}")
    train, test_samples = target.samples.split(float(settings.points.test), settings.seed)
    if target.inputs > 1:
        _against_each_other(figure.subplots(), target, network, train, test_samples)
        return figure
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=[3, 2])
    x = torch.linspace(*target.interval, SMOOTH, dtype=torch.float64)
    label = f"restart {best['restart']}, stage {best['stage']}"
    above.plot(x, evaluate(network, x), color=BLUE, linewidth=1.2, label=label, zorder=2)
    if not pd.isna(regions) and regions <= MOST_PIECES:
        weights, biases = [w[0] for w in network.weights], [b[0] for b in network.biases]
        kinks = pieces(weights, biases, target.interval).left[1:]
        kinks = kinks[:: 1 + len(kinks) // MOST_BREAKPOINTS]
        size = 14 if len(kinks) < MANY_BREAKPOINTS else 3
        above.scatter(
            kinks, evaluate(network, kinks), s=size, color=VERMILLION, zorder=3, label="breakpoints"
        )
    for some, style in _drawn(train, test_samples):
        at = torch.from_numpy(some.x)
        above.scatter(some.x, some.y, zorder=1, **style)
        below.scatter(some.x, some.y - evaluate(network, at).numpy(), **style)
    below.axhline(0, color=BLACK, linewidth=0.5)
    above.set_ylabel(target.samples.names[-1])
    below.set_ylabel("sample - fit")
    below.set_xlabel(target.samples.names[0])
    above.legend(frameon=False)
    return figure


def _drawn(train: Samples, test: Samples) -> list[tuple[Samples, dict]]:
    """What is drawn of the samples, and how: dots to learn from, circles that were held out."""
    found = []
    for some, label, face in ((train, "samples", GREY), (test, "held out", "none")):
        if len(some.y):
            some = some[np.arange(0, len(some.y), 1 + len(some.y) // MOST_DRAWN)]
            style = {
                "s": 12 if len(some.y) < 1000 else 2,
                "facecolors": face,
                "edgecolors": GREY,
                "linewidths": 0.7,
            }
            found.append((some, style | {"label": label}))
    return found


def _against_each_other(
    axes: Axes, target: SampledTarget, network: Network, train: Samples, test: Samples
) -> None:
    low, high = target.range
    axes.plot([low, high], [low, high], color=BLACK, linewidth=0.5)
    for some, style in _drawn(train, test):
        style = style if style["facecolors"] == "none" else style | {"facecolors": BLUE, "edgecolors": BLUE}
        axes.scatter(some.y, evaluate(network, torch.from_numpy(some.x)), **style)
    axes.set_xlabel(target.samples.names[-1])
    axes.set_ylabel("fit")
    axes.legend(frameon=False)
