"""Pictures of a network's regions: its graph with the breakpoints, or the partition of the plane."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import matplotlib
import numpy as np
from matplotlib.collections import PolyCollection
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure

from triangle_cli.regions import Pieces, Polygons
from triangle_cli.regions.arrays import Layers

# Okabe and Ito's palette: told apart by the colour-blind
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#000000")
BREAKPOINTS = "#D55E00"
DASHES = ("-", "--", ":")  # when the colours are used up
PASTELS = ("#a6cee3", "#fdbf6f", "#b2df8a", "#cab2d6", "#fb9a99", "#ffff99", "#d9d9d9", "#8dd3c7", "#fccde5")
MANY = 300  # beyond, dots hide the line
MANY_POLYGONS = 3000  # beyond, borders hide the colours
WIDE_RANGE = 100  # gradients that differ by more are drawn on a logarithmic scale


def line_figure(found: Pieces, network: Layers, label: str, title: str) -> Figure:
    """Every output against x (or the place on a line) with the breakpoints, and below it the slopes."""
    figure = Figure(figsize=(7, 5.5), dpi=150, layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=[3, 2])
    ends = np.concatenate([found.left, found.right[-1:]])
    several = len(network.biases[-1]) > 1
    size = 14 if len(ends) < MANY else 2 if len(ends) < 10 * MANY else 0
    with matplotlib.rc_context({"agg.path.chunksize": 10_000}):
        for i, heights in enumerate(network.values_at(ends[:, None]).T):
            style = {"color": COLOURS[i % len(COLOURS)], "linestyle": DASHES[i // len(COLOURS) % len(DASHES)]}
            above.plot(ends, heights, **style, linewidth=1.2, label=f"output {i}")
            dots = style["color"] if several else BREAKPOINTS
            above.scatter(ends[1:-1], heights[1:-1], s=size, color=dots, zorder=3)
            below.stairs(found.slope[:, i], ends, baseline=None, **style, linewidth=0.9)
    if several:
        figure.legend(*above.get_legend_handles_labels(), loc="outside right upper", frameon=False)
    above.set_title(title)
    above.set_ylabel("y")
    below.set_ylabel("slope")
    below.set_xlabel(label)
    return figure


def plane_figure(found: Polygons, labels: tuple[str, str], title: str) -> Figure:
    """Left, the linear regions, neighbours in different colours; right, how steep the function is on each."""
    figure = Figure(figsize=(11, 5.2), dpi=150, layout="constrained")
    left, right = figure.subplots(1, 2, sharex=True, sharey=True)
    offsets = found.offsets.tolist()
    shapes = [np.asarray(found.vertices[a:b]) for a, b in pairwise(offsets)]
    colour = region_colours(found)[np.asarray(found.linear_region)]
    palette = np.array(PASTELS)
    if colour.max() >= len(PASTELS):  # rare: greedy colouring of a planar map needs few
        palette = np.array(
            [matplotlib.colors.to_hex(c) for c in matplotlib.colormaps["hsv"](np.linspace(0, 1, 64))]
        )
    borders: dict[str, Any] = (
        {"edgecolors": "#555555", "linewidths": 0.25}
        if len(shapes) < MANY_POLYGONS
        else {"edgecolors": "face", "linewidths": 0.1}
    )
    left.add_collection(PolyCollection(shapes, facecolors=palette[colour % len(palette)], **borders))
    steepness = np.linalg.norm(np.asarray(found.gradient), axis=(1, 2))
    shades = PolyCollection(
        shapes, array=steepness, cmap="viridis", norm=_norm(steepness), edgecolors="face", linewidths=0.3
    )
    right.add_collection(shades)
    figure.colorbar(shades, ax=right, label=f"size of the gradient in ({labels[0][0]}, {labels[1][0]})")
    left.set_title(f"linear regions; thin lines: {len(shapes):,} activation regions", fontsize=9)
    right.set_title(f"gradient at most {steepness.max():.3g}", fontsize=9)
    for axes in (left, right):
        axes.set_aspect("equal")
        axes.set_xlabel(labels[0])
        axes.autoscale_view()
        axes.margins(0)
    left.set_ylabel(labels[1])
    figure.suptitle(title)
    return figure


def _norm(steepness: np.ndarray) -> Normalize:
    positive = steepness[steepness > 0]
    if len(positive) and positive.max() > WIDE_RANGE * positive.min():
        return LogNorm(max(positive.min(), positive.max() * 1e-6), positive.max(), clip=True)
    return Normalize(0, steepness.max() or 1)


def region_colours(found: Polygons) -> np.ndarray:
    """A number for each linear region, as small as greedy colouring makes them, different for neighbours."""
    return coloured(neighbours(found), int(found.linear_region.max()) + 1)


def coloured(pairs: np.ndarray, regions: int) -> np.ndarray:
    """A number for each of so many regions, as small as greedy colouring makes them, different for `pairs` (n, 2)."""
    others: list[list[int]] = [[] for _ in range(regions)]
    for a, b in pairs.tolist():
        others[a].append(b)
        others[b].append(a)
    colour = np.full(len(others), -1)
    for region in sorted(range(len(others)), key=lambda i: -len(others[i])):
        taken = {colour[i] for i in others[region]}
        colour[region] = next(c for c in range(len(others) + 1) if c not in taken)
    return colour


def neighbours(found: Polygons) -> np.ndarray:
    """Pairs of linear regions with a common border, (n, 2), each once, the smaller first."""
    vertices, offsets = np.asarray(found.vertices), np.asarray(found.offsets)
    _, name = np.unique(vertices, axis=0, return_inverse=True)
    name = name.ravel()
    following = np.arange(1, len(vertices) + 1)
    following[offsets[1:] - 1] = offsets[:-1]
    sides = np.sort(np.stack([name, name[following]], axis=1), axis=1)
    owner = np.repeat(np.asarray(found.linear_region), np.diff(offsets))
    order = np.lexsort(sides.T)
    is_shared = (sides[order[1:]] == sides[order[:-1]]).all(axis=1)
    pairs = np.stack([owner[order[:-1]], owner[order[1:]]], axis=1)[is_shared]
    return np.unique(np.sort(pairs[pairs[:, 0] != pairs[:, 1]], axis=1), axis=0)
