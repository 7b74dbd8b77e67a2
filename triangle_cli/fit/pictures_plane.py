"""The picture of a run in the plane: fit, error and linear regions."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure

from triangle_cli.construction.network import Network
from triangle_cli.drawing import names
from triangle_cli.fit.experiment import Result
from triangle_cli.fit.functions import Target
from triangle_cli.regions import polygons
from triangle_cli.settings.run import FitSettings

SIDE = 401  # points along each side of the maps
GOLDEN = 0.6180339887  # steps of the golden section keep the colours of neighbours apart


def plane_figure(result: Result, settings: FitSettings) -> Figure:
    """The best fit, its error, and its linear regions, each in a colour of its own."""
    figure = Figure(figsize=(14, 4.6), dpi=150, layout="constrained")
    axes = figure.subplots(1, 3)
    target, network, best = result.target, result.best, result.best_row
    title = (
        f"{names.math(target.formula)}: {names.plain(settings.network.name)} network, depth {settings.depth}, "
        f"{names.plain(settings.init.name)} start"
    )
    if network is None or best is None:
        figure.suptitle(f"{title}: all restarts diverged")
        return figure
    fitted, error = grid_values(target, network)
    _map(axes[0], target, fitted, "viridis", "fit", None)
    size = float(np.abs(error).max())
    _map(axes[1], target, error, "RdBu", "fit - target", size)
    count = draw_regions(axes[2], target, network)
    found = (
        f"MSE {names.power(best['mse_train'], 3)} after {names.plain(best['stage'])}, largest error "
        f"{names.power(size)}, {count} linear regions"
    )
    figure.suptitle(f"{title}: {found}")
    for one in axes:
        one.grid(visible=False)
        one.set(xlabel="x", ylabel="y", aspect="equal", xlim=target.interval, ylim=target.interval)
    return figure


def grid_values(target: Target, network: Network) -> tuple[np.ndarray, np.ndarray]:
    """Fit and error of a batch of one network on a grid, (SIDE, SIDE) each, y along the rows."""
    along = torch.linspace(*target.interval, SIDE, dtype=torch.float64)
    points = torch.cartesian_prod(along, along)
    fitted = network(points.to(network.layers[0]))[0].double().cpu()
    error = fitted - target(points)
    return fitted.reshape(SIDE, SIDE).T.numpy(), error.reshape(SIDE, SIDE).T.numpy()


def draw_regions(axes: Axes, target: Target, network: Network) -> int:
    """Draw the linear regions of a batch of one network; returns how many there are."""
    found = polygons([w[0] for w in network.weights], [b[0] for b in network.biases], list(target.box))
    corners, offsets, label = (
        found.vertices.numpy(),
        found.offsets.numpy(),
        found.linear_region.numpy(),
    )
    shapes = [corners[start:end] for start, end in pairwise(offsets.tolist())]
    colours = (label + 1) * GOLDEN % 1
    axes.add_collection(
        PolyCollection(shapes, array=colours, cmap="viridis", edgecolors="face", linewidths=0.1)
    )
    count = int(label.max()) + 1
    axes.set_title(f"{count} linear regions")
    return count


def _map(
    axes: Axes, target: Target, values: np.ndarray, colours: str, title: str, size: float | None
) -> None:
    lo, hi = target.interval
    low = None if size is None else -size
    image = axes.imshow(values, extent=(lo, hi, lo, hi), origin="lower", cmap=colours, vmin=low, vmax=size)
    axes.figure.colorbar(image, ax=axes)
    axes.set_title(title)
