"""A line with a band around it, and what the two are, said in the legend."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ALPHA = 0.18
FEW = 25  # points of a line, which get markers
BANDS = {
    "range": ("median", "least to greatest"),
    "quartiles": ("median", "middle half"),
    "deviation": ("mean", "standard deviation"),
    "none": ("median", ""),
}


@dataclass(frozen=True)
class Band:
    """What a line and its band say of the values at one x; by the index of x: line, low, high, count."""

    kind: str
    values: pd.DataFrame

    @classmethod
    def of(cls, x: pd.Series, y: pd.Series, kind: str) -> Band:
        """Of all pairs of numbers; those that are missing or not finite are left out."""
        finite = y.abs() < float("inf")
        groups = y[finite].groupby(x[finite])
        if kind == "deviation":
            line, spread = groups.mean(), groups.std().fillna(0)
            low, high = (line - spread).clip(lower=groups.min()), (line + spread).clip(upper=groups.max())
        else:
            ends = (0.25, 0.75) if kind == "quartiles" else (0.0, 1.0)
            line, (low, high) = groups.median(), (groups.quantile(end) for end in ends)
        return cls(kind, pd.DataFrame({"line": line, "low": low, "high": high, "count": groups.size()}))

    def draw(self, axes: Axes, look: dict[str, Any]) -> None:
        """The line, with markers where its points are few, and the band."""
        few = len(self.values) <= FEW
        look = look | {"marker": look.get("marker") if few else None}
        index = self.values.index
        axes.plot(index, self.values["line"], **look)
        if self.kind != "none" and self.values["count"].max() > 1:
            axes.fill_between(
                index, self.values["low"], self.values["high"], color=look["color"], alpha=ALPHA, linewidth=0
            )
            edge = {
                "color": look["color"],
                "linestyle": look.get("linestyle"),
                "linewidth": 0.5,
                "alpha": 0.7,
            }
            for end in ("low", "high"):  # seen in grey, and where bands overlap
                axes.plot(index, self.values[end], **edge)


def explain(bands: list[Band], what: str) -> list[Artist]:
    """For the legend: what all these lines and bands are, of how many of what."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    counts = [int(count) for band in bands for count in band.values["count"]]
    if not counts or max(counts) == 1:
        return []
    low, high = min(counts), max(counts)
    number = f"{high}" if low == high else f"{low} to {high}"
    line, band = BANDS[bands[0].kind]
    shown: list[Artist] = [Line2D([], [], color="0.3", label=f"line: {line} of {number} {what}")]
    if band:
        shown.append(Patch(color="0.3", alpha=2 * ALPHA, linewidth=0, label=f"band: {band}"))
    return shown


def legend(figure: Figure, entries: list[Artist]) -> None:
    """One legend below all panels, in as many columns as fit; the figure becomes higher by it."""
    if not entries:
        return
    lines = [line for entry in entries for line in str(entry.get_label()).splitlines()]
    widest = max(len(line.replace("$", "").replace("\\", "")) for line in lines)
    columns = max(1, int(figure.get_figwidth() / (0.55 + 0.052 * widest)))
    rows = -(-len(entries) // columns)
    figure.set_figheight(figure.get_figheight() + 0.16 * rows)
    figure.legend(handles=entries, loc="outside lower center", ncols=-(-len(entries) // rows))
