"""`triangle plot`: any column against any other: lines with bands, strips, boxes, heat maps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm, Normalize
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from triangle_cli.drawing import bands, names, style
from triangle_cli.studies.columns import FLOOR, Frame
from triangle_cli.studies.titles import name_of, names_of, title_of

KINDS = ("line", "strip", "box", "heat")
MOST_PANELS = 12
MOST_HUES = 24
MOST_CELLS = 150  # of a heat map, with their figures in them
FLOOR_LOOK: dict[str, Any] = {"color": "0.25", "linestyle": (0, (1, 1)), "linewidth": 1.1}
FLOOR_LABEL = "least MSE of any $2^{depth}$ pieces"


@dataclass(frozen=True)
class Plot:
    """What to draw: columns by their names, and how."""

    x: str
    y: str
    hue: str | None = None
    panels: str | None = None
    kind: str | None = None  # None: a line where x is a number, else a strip
    log: bool = False
    log_x: bool = False
    floor: bool = False  # the frame has a column FLOOR
    band: str = "range"
    size: str = "page"
    title: bool = True


def draw(frame: Frame, plot: Plot, caption: str) -> Figure:
    """The figure.

    Args:
        frame: with the columns that `plot` names.
        plot: what to draw.
        caption: what all rows have in common, for the title.

    Raises:
        ValueError: a column cannot be drawn so: it has no numbers, or too many values.
    """
    table = _require_drawable(frame.table, plot)
    kind = plot.kind or ("line" if pd.api.types.is_numeric_dtype(table[plot.x]) else "strip")
    groups = _groups(table, plot.panels, MOST_PANELS, "panels") if plot.panels else {None: table}
    hues = list(_groups(table, plot.hue, MOST_HUES, "hue")) if plot.hue else [None]
    width, height = style.inches(plot.size)
    across = min(len(groups), 4 if width > 5 else 2)
    figure = Figure(figsize=(width, height * (0.4 + 0.6 * -(-len(groups) // across))), layout="constrained")
    grid = figure.subplots(
        -(-len(groups) // across), across, sharex=True, sharey=kind != "heat", squeeze=False
    )
    entries: list[Artist] = []
    for axes, (value, part) in zip(grid.flat, groups.items()):
        entries = DRAWERS[kind](axes, part, plot, hues, frame.row)
        if plot.panels:
            axes.set_title(title_of(plot.panels, value, part))
    for axes in grid.flat[len(groups) :]:
        axes.set_axis_off()
    for axes in grid[:, 0]:
        axes.set_ylabel(names.label(plot.hue if kind == "heat" and plot.hue else plot.y))
    for column in range(across):
        last = max(row for row in range(len(grid)) if row * across + column < len(groups))
        grid[last, column].set_xlabel(names.label(plot.x))
        grid[last, column].tick_params(labelbottom=True)
    bands.legend(figure, entries)
    if plot.title and caption:
        figure.suptitle(caption)
    return figure


def _require_drawable(table: pd.DataFrame, plot: Plot) -> pd.DataFrame:
    """The rows that have numbers to draw."""
    if not pd.api.types.is_numeric_dtype(table[plot.y]) or table[plot.y].isna().all():
        raise ValueError(f"--y {plot.y}: expected a column of numbers, these runs have none in it")
    table = table[np.isfinite(table[plot.y].astype(float)) & table[plot.x].notna()]
    if table.empty:
        raise ValueError(f"--x {plot.x} --y {plot.y}: expected rows that have both, none has")
    if plot.log and not (table[plot.y] > 0).any():
        raise ValueError(f"--log: expected values of {plot.y} above 0, there are none")
    if plot.log_x and not (pd.api.types.is_numeric_dtype(table[plot.x]) and (table[plot.x] > 0).any()):
        raise ValueError(f"--log-x: expected numbers above 0 in {plot.x}, there are none")
    if plot.kind == "line" and not pd.api.types.is_numeric_dtype(table[plot.x]):
        raise ValueError(
            f"--x {plot.x}: expected a column of numbers for --kind line; strip and box take words"
        )
    return table


def _groups(table: pd.DataFrame, column: str, most: int, option: str) -> dict[Any, pd.DataFrame]:
    """The rows by the values of a column: numbers ascending, words as they come; missing ones as a dash."""
    values = table[column].astype(object).where(table[column].notna(), "-")
    distinct = _order(values)
    if len(distinct) > most:
        raise ValueError(f"--{option} {column}: expected {most} values at most, there are {len(distinct)}")
    return {value: table[values == value] for value in distinct}


def _order(values: pd.Series) -> list[Any]:
    distinct = list(dict.fromkeys(values))
    numbers = all(isinstance(value, int | float) for value in distinct)
    return sorted(distinct) if numbers else distinct


def _by_hue(
    part: pd.DataFrame, plot: Plot, hues: list[Any]
) -> list[tuple[str, dict[str, Any], pd.DataFrame]]:
    """Of each hue that all panels have: its name, its look and its rows in this panel."""
    if not plot.hue:
        return [("", style.looks(1)[0], part)]
    values = part[plot.hue].astype(object).where(part[plot.hue].notna(), "-")
    called = names_of(plot.hue, hues, part)
    return [
        (name, look | own, part[values == hue])
        for hue, look, (name, own) in zip(hues, style.looks(len(hues)), called, strict=True)
    ]


def _lines(axes: Axes, part: pd.DataFrame, plot: Plot, hues: list[Any], row: str) -> list[Artist]:
    drawn, entries = [], []
    for name, look, rows in _by_hue(part, plot, hues):
        if len(rows):
            drawn.append(bands.Band.of(rows[plot.x], rows[plot.y], plot.band))
            drawn[-1].draw(axes, look)
        if name:
            mark = look["marker"] if not drawn or len(drawn[-1].values) <= bands.FEW else None
            entries.append(Line2D([], [], **(look | {"marker": mark}), label=name))
    _scales(axes, plot)
    if plot.log_x:
        axes.set_xscale("log")
    elif pd.api.types.is_integer_dtype(part[plot.x]):
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=7))
    return [
        *entries,
        *bands.explain(drawn, "runs" if row == "run" else "restarts"),
        *_floors(axes, part, plot),
    ]


def _scales(axes: Axes, plot: Plot) -> None:
    if plot.log:
        axes.set_yscale("log")


def _floors(axes: Axes, part: pd.DataFrame, plot: Plot, places: dict[Any, int] | None = None) -> list[Artist]:
    """The least error of 2^depth pieces at each x, a line for each function; none where it is 0."""
    if not plot.floor:
        return []
    known = part[part[FLOOR] > 0]
    for _, rows in known.groupby("function", sort=False):
        floors = rows.groupby(plot.x, sort=False)[FLOOR].unique().explode().astype(float)
        if places is not None:
            for value, floor in floors.items():
                axes.plot([places[value] - 0.45, places[value] + 0.45], [floor, floor], **FLOOR_LOOK)
        elif plot.x != "depth" and floors.nunique() <= 6:
            for floor in floors.unique():
                axes.axhline(floor, **FLOOR_LOOK)
        else:
            axes.plot(floors.sort_index(kind="stable").index, floors.sort_index(kind="stable"), **FLOOR_LOOK)
    return [Line2D([], [], **FLOOR_LOOK, label=FLOOR_LABEL)] if len(known) else []


def _categories(axes: Axes, part: pd.DataFrame, plot: Plot) -> dict[Any, int]:
    """Places on the x axis for its values, numbers ascending."""
    places = {value: place for place, value in enumerate(_order(part[plot.x]))}
    if len(places) > MOST_HUES:
        raise ValueError(f"--x {plot.x}: expected {MOST_HUES} values at most, there are {len(places)}")
    called = [str(value) if _is_number(value) else name_of(plot.x, value, part) for value in places]
    width = axes.get_position().width * style.inches(plot.size)[0]
    steep = sum(map(len, called)) > 9 * width  # more letters than fit beside each other
    axes.set_xticks(
        range(len(places)), called, rotation=30 if steep else 0, ha="right" if steep else "center"
    )
    axes.grid(visible=False, axis="x")
    return places


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _side_by_side(
    axes: Axes, part: pd.DataFrame, plot: Plot, hues: list[Any]
) -> tuple[dict[Any, int], list[tuple[str, dict[str, Any], int, float, float, np.ndarray]]]:
    """For strips and boxes: name, look, number of the hue, place, width and values of each cell."""
    places, cells = _categories(axes, part, plot), []
    ways = _by_hue(part, plot, hues)
    width = 0.8 / len(ways)
    for number, (name, look, rows) in enumerate(ways):
        for value, place in places.items():
            values = rows.loc[rows[plot.x] == value, plot.y].to_numpy(float)
            values = values[values > 0] if plot.log else values
            if len(values):
                at = place + (number - (len(ways) - 1) / 2) * width
                cells.append((name, look, number, at, width, values))
    _scales(axes, plot)
    return places, cells


def _strips(axes: Axes, part: pd.DataFrame, plot: Plot, hues: list[Any], row: str) -> list[Artist]:
    places, cells = _side_by_side(axes, part, plot, hues)
    shaken = np.random.default_rng(0)
    for _, look, _, at, width, values in cells:
        x = at + shaken.uniform(-0.3, 0.3, len(values)) * width * (len(values) > 1)
        axes.plot(x, values, look["marker"], color=look["color"], markersize=3, alpha=0.65, markeredgewidth=0)
        if len(values) > 2:
            middle = np.median(values)
            axes.plot([at - 0.42 * width, at + 0.42 * width], [middle, middle], color="black", linewidth=1.4)
    entries: list[Artist] = [
        Line2D([], [], color=look["color"], marker=look["marker"], linestyle="", label=name)
        for name, look, _ in _by_hue(part, plot, hues)
        if name
    ]
    entries.append(Line2D([], [], marker=".", color="0.3", linestyle="", label=f"a {_one(row)} each"))
    if any(len(values) > 2 for *_, values in cells):
        entries.append(Line2D([], [], color="black", linewidth=1.4, label="median"))
    return [*entries, *_floors(axes, part, plot, places)]


def _one(row: str) -> str:
    return "run" if row == "run" else "restart"


def _boxes(axes: Axes, part: pd.DataFrame, plot: Plot, hues: list[Any], row: str) -> list[Artist]:
    places, cells = _side_by_side(axes, part, plot, hues)
    for _, look, number, at, width, values in cells:
        axes.boxplot(
            values,
            positions=[at],
            widths=0.8 * width,
            manage_ticks=False,
            patch_artist=True,
            whis=(0, 100),
            boxprops=_box(look, number),
            medianprops={"color": "black", "linewidth": 1.4},
            whiskerprops={"color": look["color"]},
            capprops={"color": look["color"]},
        )
    entries: list[Artist] = [
        Patch(**_box(look, number), label=name)
        for number, (name, look, _) in enumerate(_by_hue(part, plot, hues))
        if name
    ]
    sizes = sorted({len(values) for *_, values in cells})
    count = f"{sizes[0]}" if len(sizes) == 1 else f"{sizes[0]} to {sizes[-1]}"
    said = f"box: middle half of {count} {_one(row)}s, median\nwhiskers: least, greatest"
    return [*entries, Line2D([], [], color="0.3", label=said), *_floors(axes, part, plot, places)]


def _box(look: dict[str, Any], number: int) -> dict[str, Any]:
    faint = matplotlib.colors.to_rgba(look["color"], 0.35)
    return {
        "facecolor": faint,
        "edgecolor": look["color"],
        "hatch": style.HATCHES[number % len(style.HATCHES)],
    }


def _heat(axes: Axes, part: pd.DataFrame, plot: Plot, hues: list[Any], row: str) -> list[Artist]:
    if not plot.hue:
        raise ValueError("--kind heat: expected --hue with it, the column of its rows")
    places = _categories(axes, part, plot)
    keys = part[plot.hue].astype(object).where(part[plot.hue].notna(), "-")
    cells = (
        part[plot.y]
        .groupby([keys, part[plot.x]])
        .median()
        .unstack()
        .reindex(index=hues, columns=list(places))
    )
    positive = cells.where(cells > 0) if plot.log else cells
    low, high = np.nanmin(positive), np.nanmax(positive)
    norm = LogNorm(low, high) if plot.log and high > low else Normalize(low, high if high > low else low + 1)
    shown = axes.imshow(np.ma.masked_invalid(positive.to_numpy(float)), aspect="auto", norm=norm)
    said = f"{names.label(plot.y)}{' (median)' if _several(part, plot) else ''}"
    bar = axes.figure.colorbar(shown, ax=axes, label=said)
    if isinstance(norm, LogNorm) and high < 100 * low:  # too near for powers of ten
        ticks = np.geomspace(low, high, 5).tolist()
        bar.set_ticks(ticks, labels=[f"{tick:.2g}" for tick in ticks])
        bar.minorticks_off()
    axes.set_yticks(range(len(hues)), [name for name, _ in names_of(plot.hue, hues, part)])
    axes.grid(visible=False)
    if cells.size <= MOST_CELLS:
        for (i, j), value in np.ndenumerate(positive.to_numpy(float)):
            if np.isfinite(value):
                ink = "white" if norm(value) < 0.55 else "black"
                axes.text(j, i, f"{value:.3g}", ha="center", va="center", fontsize=7, color=ink)
    return []


def _several(part: pd.DataFrame, plot: Plot) -> bool:
    return bool(part.groupby([plot.hue, plot.x], dropna=False).size().max() > 1)


DRAWERS: dict[str, Callable[[Axes, pd.DataFrame, Plot, list[Any], str], list[Artist]]] = {
    "line": _lines,
    "strip": _strips,
    "box": _boxes,
    "heat": _heat,
}
