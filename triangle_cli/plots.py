"""Pictures of a run."""

from __future__ import annotations

import torch
from matplotlib.figure import Figure

from triangle_cli.experiment import Result
from triangle_cli.regions import pieces
from triangle_cli.settings import Settings

# Okabe and Ito's palette: told apart by the colour-blind, and in grey
BLACK, ORANGE, BLUE, GREY = "#000000", "#D55E00", "#0072B2", "#999999"
MANY_BREAKPOINTS = 300  # beyond this, dots hide the line


def fit_figure(result: Result, settings: Settings) -> Figure:
    """The target, the best fit with its breakpoints, and below them the error, against x."""
    figure = Figure(figsize=(7, 5.5), dpi=150, layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=[3, 2])
    target, best = result.target, result.best_restart
    x = torch.linspace(*target.interval, 4001, dtype=torch.float64)
    above.plot(x, target(x), color=GREY, linewidth=5, alpha=0.5, label=f"target: {target.formula}")
    title = f"{target.name}, depth {settings.depth}, {settings.init.name} start, schedule {settings.schedule.name}"
    if best is None:
        above.set_title(f"{title}: all restarts diverged")
    else:
        network = result.network[best : best + 1]
        found = pieces([w[0] for w in network.weights], [b[0] for b in network.biases], target.interval)
        kinks = found.left[1:]
        dtype, device = network.layers[0].dtype, network.layers[0].device

        def fit(points: torch.Tensor) -> torch.Tensor:
            return network(points.to(device, dtype))[0].double().cpu()

        above.plot(x, fit(x), color=BLUE, linewidth=1.2, label=f"best of {settings.restarts}: restart {best}")
        size = 14 if len(kinks) < MANY_BREAKPOINTS else 3
        above.scatter(kinks, fit(kinks), s=size, color=ORANGE, zorder=3, label=f"{len(kinks)} breakpoints")
        error = fit(x) - target(x)
        below.plot(x, error, color=BLUE, linewidth=0.8)
        below.scatter(kinks, fit(kinks) - target(kinks), s=size / 2, color=ORANGE, zorder=3)
        mse = result.final.set_index("restart")["mse_train"][best]
        largest = error.abs().max().item()
        above.set_title(
            f"{title}\nMSE {mse:.2e}, {len(kinks) + 1} linear regions, largest error {largest:.1e}"
        )
    below.axhline(0, color=BLACK, linewidth=0.5)
    above.set_ylabel("y")
    below.set_ylabel("fit - target")
    below.set_xlabel("x")
    above.legend(frameon=False)
    return figure
