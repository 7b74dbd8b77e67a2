"""Pictures of a run."""

from __future__ import annotations

import pandas as pd
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from triangle_cli.colours import BLACK, BLUE, GREY, VERMILLION
from triangle_cli.construction.network import Network
from triangle_cli.drawing import names
from triangle_cli.fit.experiment import Result
from triangle_cli.fit.functions import Target
from triangle_cli.regions import pieces
from triangle_cli.settings.run import FitSettings

MANY_BREAKPOINTS = 300  # beyond this, dots hide the line
MOST_BREAKPOINTS = 20_000  # beyond this, they are a solid line that takes long to draw
MOST_PIECES = 2**22  # beyond this, they are not even gone through
CROWDED = 150  # breakpoints, beyond which single pieces cannot be seen in the whole interval
STRETCH = 30  # of these are shown of such
SMOOTH = 4001  # points that a curve is drawn with


def evaluate(network: Network, x: Tensor) -> Tensor:
    """The values of a batch of one network at x, float64 on the CPU: (n,)."""
    return network(x.to(network.layers[0]))[0].double().cpu()


def draw_fit(axes: Axes, target: Target, network: Network, label: str, all_pieces: bool = True) -> Tensor:
    """Draw target, fit and breakpoints of a batch of one network; returns the breakpoints, (n,).

    all_pieces: false where there are too many to go through; no breakpoint is drawn then.
    """
    kinks = torch.empty(0, dtype=torch.float64)
    if all_pieces:
        weights, biases = [w[0] for w in network.weights], [b[0] for b in network.biases]
        kinks = pieces(weights, biases, target.interval).left[1:]
    x = torch.linspace(*target.interval, SMOOTH, dtype=torch.float64)
    axes.plot(x, target(x), color=GREY, linewidth=5, alpha=0.5, label=f"target: {names.math(target.formula)}")
    axes.plot(x, evaluate(network, x), color=BLUE, linewidth=1.2, label=label)
    size = 14 if len(kinks) < MANY_BREAKPOINTS else 3
    shown = kinks[:: 1 + len(kinks) // MOST_BREAKPOINTS]
    axes.scatter(shown, evaluate(network, shown), s=size, color=VERMILLION, zorder=3, label="breakpoints")
    return kinks


def draw_error(
    axes: Axes,
    target: Target,
    network: Network,
    kinks: Tensor,
    size_only: bool = False,
    stretch: tuple[float, float] | None = None,
) -> tuple[float, float]:
    """Draw fit - target against x, or its size, with the breakpoints; returns the largest error drawn, and where it is.

    stretch: from where to where; None: the whole interval.
    """
    lo, hi = stretch or target.interval
    kinks = kinks[(kinks >= lo) & (kinks <= hi)]
    kinks = kinks[:: 1 + len(kinks) // MOST_BREAKPOINTS]
    x = torch.cat([torch.linspace(lo, hi, SMOOTH, dtype=torch.float64), kinks]).sort().values
    error, at_kinks = evaluate(network, x) - target(x), evaluate(network, kinks) - target(kinks)
    if size_only:
        error, at_kinks = error.abs(), at_kinks.abs()
    axes.plot(x, error, color=BLUE, linewidth=0.8)
    size = 7 if len(kinks) < MANY_BREAKPOINTS else 1.5
    axes.scatter(kinks, at_kinks, s=size, color=VERMILLION, zorder=3)
    axes.axhline(0, color=BLACK, linewidth=0.5)
    worst = int(error.abs().argmax())
    return error.abs()[worst].item(), x[worst].item()


def stretch_around(kinks: Tensor, where: float, target: Target) -> tuple[float, float]:
    """A stretch of the interval with `STRETCH` of the breakpoints, (n,), about `where`."""
    lo, hi = target.interval
    first = int((kinks < where).sum()) - STRETCH // 2
    first = min(max(first, -1), len(kinks) - STRETCH)  # -1 is the interval's end
    last = first + STRETCH
    return kinks[first].item() if first >= 0 else lo, kinks[last].item() if last < len(kinks) else hi


def fit_figure(result: Result, settings: FitSettings) -> Figure:
    """The target, the best fit with its breakpoints, and below them the error, against x.

    Where there are too many breakpoints to tell apart, also a stretch of the error from near, about its worst place.
    """
    target, network, best = result.target, result.best, result.best_row
    how = f"{settings.init.name} start, {settings.schedule.name} schedule".replace("_", " ")
    title = f"{names.math(target.formula)}, depth {settings.depth}, {names.plain(how)}"
    if network is None or best is None:
        figure = Figure(figsize=(7, 5.5), dpi=150, layout="constrained")
        figure.subplots().set_title(f"{title}: all restarts diverged")
        return figure
    counted = None if pd.isna(best["linear_regions"]) else int(best["linear_regions"])
    gone_through = counted is not None and counted <= MOST_PIECES
    crowded = counted is not None and CROWDED < counted <= MOST_PIECES
    figure = Figure(figsize=(7, 7 if crowded else 5.5), dpi=150, layout="constrained")
    above, below, *closer = figure.subplots(
        2 + crowded, 1, sharex=not crowded, height_ratios=[3, 2, 2][: 2 + crowded]
    )
    label = f"best of {settings.restarts}: restart {best['restart']}, stage {best['stage']}"
    regions = "regions not counted" if counted is None else f"{counted} linear regions"
    kinks = draw_fit(above, target, network, label, gone_through)
    largest, where = draw_error(below, target, network, kinks)
    for axes in closer:
        draw_error(axes, target, network, kinks, stretch=stretch_around(kinks, where, target))
        axes.set_ylabel(f"{STRETCH} of the pieces")
    integral = "mse_integral" in best
    mse = names.power(best["mse_integral" if integral else "mse_train"], 3)
    measured = f"MSE{' (integral)' if integral else ''} {mse}"
    above.set_title(f"{title}\n{measured}, {regions}, largest error {names.power(largest)}")
    above.set_ylabel("y")
    below.set_ylabel("fit - target")
    figure.axes[-1].set_xlabel("x")
    above.legend(frameon=False)
    return figure
