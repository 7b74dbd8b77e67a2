"""A partition of two or three inputs as one page that needs nothing else: to zoom, turn, slice and point at."""

from __future__ import annotations

import html
import json
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from triangle_cli.inspection.cutting import Found, around, centres, corners_of, decision_boundary, section
from triangle_cli.inspection.pictures import PASTELS, coloured

MOST = {2: 20_000, 3: 5_000}  # cells that a browser still draws smoothly, by inputs
STEPS = 15  # places of each slicing plane
MOST_OUTPUTS = 4  # of the affine map, shown

PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<style>body{{font:14px sans-serif;margin:1em;overflow-x:hidden}}
#cell{{font:13px monospace;white-space:pre-wrap;min-height:9em}}</style>
</head><body><h1 style="font-size:16px">{title}</h1><p>{hint}</p>
{figure}
<div id="cell"></div></body></html>
"""

# plotly's own hover knows points only: here the cell under the pointer is looked for
POINT_AT = """
const gd = document.getElementById("{plot_id}"), cells = %s;
gd.addEventListener("mousemove", event => {
  const layout = gd._fullLayout, frame = gd.getBoundingClientRect();
  const x = layout.xaxis.p2d(event.clientX - frame.left - layout._size.l);
  const y = layout.yaxis.p2d(event.clientY - frame.top - layout._size.t);
  const hit = cells.find(cell => {
    let inside = false;
    for (let i = 0, j = cell.x.length - 1; i < cell.x.length; j = i++)
      if ((cell.y[i] > y) !== (cell.y[j] > y)
          && x < (cell.x[j] - cell.x[i]) * (y - cell.y[i]) / (cell.y[j] - cell.y[i]) + cell.x[i]) inside = !inside;
    return inside;
  });
  document.getElementById("cell").textContent = hit ? hit.text : "";
});
"""


def page(
    found: Found,
    hidden_widths: Sequence[int],
    labels: Sequence[str],
    title: str,
    *,
    with_boundary: bool = False,
    with_adjacency: bool = False,
) -> str:
    """The page. found: with `adjacency`, of two or three inputs, of no more than MOST cells; labels: of the inputs.

    Raises:
        ValueError: no plotly.
    """
    n = found["vertices"].shape[1]
    try:
        import plotly.graph_objects as go
        import plotly.io
    except ImportError:
        raise ValueError("--picture *.html: expected plotly, pip install '.[report]', or .png") from None
    texts = [text_of(found, i, hidden_widths, labels) for i in range(len(found["volume"]))]
    colours = _colours(found)
    figure = go.Figure()
    if n == 2:
        figure.add_traces([go.Scatter(**trace) for trace in _polygons(found, colours)])
        hint = "Drag to zoom, double click to see all; point at a cell to read its affine map."
    else:
        figure.add_traces([go.Mesh3d(**trace) for trace in _sections(found, colours, texts)])
        figure.update_layout(sliders=_sliders(found, labels))
        hint = "Drag to turn; the sliders move the three sections; point at a corner of a cell to read its affine map."
    if with_boundary:
        _add_boundary(go, figure, decision_boundary(found))
    if with_adjacency:
        _add_adjacency(go, figure, found)
    _lay_out(figure, labels)
    script = POINT_AT % _json(_outlines(found, texts)) if n == 2 else None
    drawn = plotly.io.to_html(
        figure, full_html=False, include_plotlyjs=True, post_script=script, config={"scrollZoom": True}
    )
    return PAGE.format(title=html.escape(title), hint=hint, figure=drawn)


def text_of(found: Found, i: int, hidden_widths: Sequence[int], labels: Sequence[str]) -> str:
    """What is told of a cell: numbers, on/off pattern by layers, affine map, size."""
    ends = np.cumsum([0, *hidden_widths]).tolist()
    states = ["".join("10"[not on] for on in found["on"][i, a:b].tolist()) for a, b in pairwise(ends)]
    size = "area" if len(labels) == 2 else "volume"
    lines = [
        f"cell {i}, linear region {int(found['linear_region'][i])}, {size} {found['volume'][i]:.6g}",
        f"on: {' | '.join(states)}",
    ]
    for k, (row, constant) in enumerate(zip(found["gradient"][i].tolist(), found["intercept"][i].tolist())):
        if k == MOST_OUTPUTS:
            lines.append(f".. {len(found['intercept'][i])} outputs")
            break
        terms = " ".join(f"{value:+.6g} {name}" for value, name in zip(row, labels))
        lines.append(f"output {k} = {terms} {constant:+.6g}")
    return "\n".join(lines)


def _json(value: Any) -> str:
    """JSON that may stand in a script element."""
    return json.dumps(value).replace("<", "\\u003c").replace("{plot_id}", "")


def _colours(found: Found) -> np.ndarray:
    """A pastel for each cell; neighbouring linear regions have different ones as long as there are enough."""
    region = found["linear_region"]
    pairs = region[found["adjacency"]]
    return coloured(pairs[pairs[:, 0] != pairs[:, 1]], int(region.max()) + 1)[region] % len(PASTELS)


def _outlines(found: Found, texts: list[str]) -> list[dict[str, Any]]:
    polygons = [around(corners) for corners in corners_of(found)]
    return [{"x": p[:, 0].tolist(), "y": p[:, 1].tolist(), "text": t} for p, t in zip(polygons, texts)]


def _polygons(found: Found, colours: np.ndarray) -> list[dict[str, Any]]:
    """One trace for all cells of a colour: a browser draws few traces of many polygons faster."""
    polygons = [around(corners) for corners in corners_of(found)]
    traces = []
    for c in np.unique(colours).tolist():
        x: list[float | None] = []
        y: list[float | None] = []
        for i in np.flatnonzero(colours == c).tolist():
            x += [*polygons[i][:, 0].tolist(), polygons[i][0, 0].item(), None]
            y += [*polygons[i][:, 1].tolist(), polygons[i][0, 1].item(), None]
        style = {"mode": "lines", "line": {"color": "#555555", "width": 0.5}, "hoverinfo": "skip"}
        traces.append(
            {"x": x, "y": y, "fill": "toself", "fillcolor": PASTELS[c], "showlegend": False, **style}
        )
    return traces


def _places(found: Found) -> np.ndarray:
    """Where the slicing planes stand: (inputs, STEPS)."""
    low, high = found["vertices"].min(axis=0), found["vertices"].max(axis=0)
    return low[:, None] + (high - low)[:, None] * (np.arange(STEPS) + 0.5) / STEPS


def _sections(found: Found, colours: np.ndarray, texts: list[str]) -> list[dict[str, Any]]:
    """A mesh for each place of the three slicing planes."""
    all_corners, traces = corners_of(found), []
    for axis, places in enumerate(_places(found)):
        for step, place in enumerate(places):
            points, faces, shades, told = [], [], [], []
            count = 0
            for i, corners in enumerate(all_corners):
                polygon = section(corners, corners[:, axis] - place)
                if len(polygon) < 3:
                    continue
                points.append(polygon)
                told += [texts[i].replace("\n", "<br>")] * len(polygon)
                faces += [(count, count + k, count + k + 1) for k in range(1, len(polygon) - 1)]
                shades += [PASTELS[colours[i]]] * (len(polygon) - 2)
                count += len(polygon)
            x, y, z = np.concatenate(points).T.tolist()
            a, b, c = np.array(faces).T.tolist()
            mesh = {"x": x, "y": y, "z": z, "i": a, "j": b, "k": c, "facecolor": shades, "text": told}
            traces.append(
                {
                    **mesh,
                    "hoverinfo": "text",
                    "flatshading": True,
                    "visible": step == STEPS // 2,
                    "opacity": 1,
                }
            )
    return traces


def _sliders(found: Found, labels: Sequence[str]) -> list[dict[str, Any]]:
    sliders = []
    for axis, places in enumerate(_places(found).tolist()):
        own = list(range(axis * STEPS, (axis + 1) * STEPS))
        steps = [
            {
                "method": "restyle",
                "label": f"{place:.3g}",
                "args": [{"visible": [step == other for other in range(STEPS)]}, own],
            }
            for step, place in enumerate(places)
        ]
        show = {"active": STEPS // 2, "currentvalue": {"prefix": f"section at {labels[axis]} = "}}
        sliders.append({**show, "steps": steps, "x": axis / 3 + 0.02, "len": 0.29, "pad": {"t": 20}})
    return sliders


def _add_boundary(go: Any, figure: Any, pieces: list[np.ndarray]) -> None:
    """Black lines or faces where the largest output changes."""
    name = "decision boundary"
    if not pieces:
        return
    if pieces[0].shape[1] == 2:
        x, y = (
            sum(([*piece[:, j].tolist(), None] for piece in pieces), list[float | None]()) for j in (0, 1)
        )
        figure.add_trace(go.Scatter(x=x, y=y, mode="lines", line={"color": "black", "width": 2}, name=name))
        return
    start = np.cumsum([0, *(len(piece) for piece in pieces)]).tolist()
    faces = [(s, s + k, s + k + 1) for s, piece in zip(start, pieces) for k in range(1, len(piece) - 1)]
    (x, y, z), (a, b, c) = np.concatenate(pieces).T, np.array(faces).T
    figure.add_trace(
        go.Mesh3d(
            x=x,
            y=y,
            z=z,
            i=a,
            j=b,
            k=c,
            color="black",
            opacity=0.5,
            name=name,
            showlegend=True,
            hoverinfo="name",
        )
    )


def _add_adjacency(go: Any, figure: Any, found: Found) -> None:
    """A line between the centres of two cells that share a facet."""
    ends = centres(found)[found["adjacency"]]  # (pairs, 2, n)
    gap = np.full((len(ends), 1, ends.shape[2]), np.nan)
    lines = np.concatenate([ends, gap], axis=1).reshape(-1, ends.shape[2]).T
    style = {
        "mode": "lines",
        "line": {"color": "#0072B2", "width": 1},
        "name": "adjacent",
        "hoverinfo": "skip",
    }
    kind = go.Scatter if len(lines) == 2 else go.Scatter3d
    figure.add_trace(kind(**dict(zip("xyz", lines)), **style))


def _lay_out(figure: Any, labels: Sequence[str]) -> None:
    figure.update_layout(
        height=700,
        margin={"l": 50, "r": 20, "t": 10, "b": 40},
        legend={"x": 0, "y": 1},
        plot_bgcolor="white",
        dragmode="zoom" if len(labels) == 2 else "orbit",
    )
    if len(labels) == 2:
        figure.update_xaxes(title=labels[0])
        figure.update_yaxes(title=labels[1], scaleanchor="x")
    else:
        axes = {f"{axis}axis": {"title": label} for axis, label in zip("xyz", labels)}
        figure.update_layout(scene=axes | {"aspectmode": "data"})
