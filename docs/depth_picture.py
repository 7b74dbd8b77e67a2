"""Draw docs/depth.svg: two layers of projective tents, and the limit of infinitely many before and after unrolling.

python docs/depth_picture.py          writes docs/depth.svg
python docs/depth_picture.py FILE     an .svg or .png elsewhere
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from triangle_cli.colours import BLACK, BLUE, GREY, VERMILLION
from triangle_cli.deepening.tail import limit

RATIO, RISE, FALL = 1.6, 0.7, 0.4  # kappa, and lambda and mu of the first layer
U = np.union1d(np.linspace(0, 1, 301), [1 / (1 + RATIO)])  # with the place where p_0 and q_0 meet

LEGEND: dict[str, Any] = {"frameon": False, "handlelength": 1.8, "columnspacing": 1, "labelspacing": 0.3}


def draw_state(axes: Axes, p: np.ndarray, q: np.ndarray, layer: int) -> None:
    """p, q and their minimum m, of one layer."""
    axes.fill_between(U, np.minimum(p, q), color=GREY, alpha=0.25, linewidth=0)
    axes.plot(U, p, color=BLUE, linewidth=2, label=f"$p_{layer}$")
    axes.plot(U, q, color=VERMILLION, linewidth=2, dashes=(4, 1.5), label=f"$q_{layer}$")
    axes.plot(U, np.minimum(p, q), color=BLACK, linewidth=1.2, dashes=(1, 1), label=f"$m_{layer}$")
    axes.set(title=f"Layer {layer}")
    axes.legend(loc="upper center", ncols=3, **LEGEND)


def picture() -> Figure:
    """Three panels: the state of two layers; the limit, whole and with one tent written out."""
    p, q = 1 - U, RATIO * U
    m = np.minimum(p, q)
    rest = limit(np.abs(p - q) / 4, m / 2)
    figure = Figure(figsize=(10, 3.4), layout="constrained")
    first, second, third = figure.subplots(1, 3)
    draw_state(first, p, q, 0)
    draw_state(second, np.where(p > q, RISE, FALL) * np.abs(p - q), m, 1)
    third.plot(U, limit(p, q), color=GREY, linewidth=5, alpha=0.6, label="$R(p_0, q_0)$")
    third.plot(U, m / 2, color=BLUE, linewidth=1.8, label="$m_0/2$")
    third.plot(U, rest, color=VERMILLION, linewidth=1.8, dashes=(4, 1.5), label="$R(|p_0-q_0|/4,\\ m_0/2)$")
    third.plot(U, m / 2 + rest, color=BLACK, linewidth=1.2, dashes=(1, 1), label="their sum")
    third.set(title="$R$, and one tent of it unrolled")
    third.legend(loc="upper left", **LEGEND)
    for axes, top in ((first, 1.9), (second, 0.85), (third, 0.62)):
        axes.set(xlim=(0, 1), ylim=(0, top), xlabel="$u$")
        axes.spines[["top", "right"]].set_visible(False)
    return figure


def main() -> None:
    """Write the picture; the same versions give the same SVG."""
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).with_name("depth.svg")
    style: Any = {"svg.fonttype": "path", "svg.hashsalt": "depth", "font.size": 11, "mathtext.fontset": "cm"}
    with mpl.rc_context(style):
        metadata = {"Date": None} if path.suffix == ".svg" else {}
        picture().savefig(path, dpi=150, metadata=metadata)


if __name__ == "__main__":
    main()
