"""The files that `triangle regions` writes beside its counts: a table of pieces, cells, a picture, a page."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from triangle_cli.regions import Pieces, Polygons
    from triangle_cli.regions.arrays import Layers


def write_files(
    options: argparse.Namespace,
    record: dict[str, Any],
    found: Pieces | Polygons | None,
    network: Layers,
) -> None:
    """The files asked for; each is ready before any is written.

    Raises:
        ValueError: there are too many regions for one of them.
        OSError: one cannot be written.
    """
    from triangle_cli.inspection import cell_files
    from triangle_cli.store import run_folder

    page = options.picture and options.picture.suffix == ".html"
    if (options.breakpoints or options.picture) and found is None and not page:
        regions = record["activation_regions"]
        raise ValueError(f"{regions:,} activation regions: too many for --breakpoints and --picture")
    table = _table(found, network) if options.breakpoints else None
    extra = {"adjacency": options.adjacency, "boundary": options.boundary}
    write_cells = (
        cell_files.writer(options.cells, network, record, options.exact, **extra) if options.cells else None
    )
    text = _page(options, record, network) if page else None
    figure = _figure(options, record, found, network) if options.picture and not page else None
    if write_cells is not None:
        run_folder.write_whole(options.cells, write_cells)
    if table is not None:
        run_folder.write_table(options.breakpoints, table)
    if figure is not None:
        run_folder.write_whole(options.picture, figure.savefig)
    if text is not None:
        run_folder.write_whole(options.picture, lambda beside: beside.write_text(text, encoding="utf-8"))


def _page(options: argparse.Namespace, record: dict[str, Any], network: Layers) -> str:
    """The partition as a page for a browser."""
    from triangle_cli.inspection import interactive
    from triangle_cli.regions.counting import cell_arrays

    title = f"{options.file.name}: {record['linear_regions']:,} linear regions"
    labels = ("s, along Q - P", "t, along R - P") if options.plane else ("x", "y", "z")[: len(record["box"])]
    most = interactive.MOST[len(labels)]
    if record["activation_regions"] > most:
        found = f"{record['activation_regions']:,} activation regions"
        raise ValueError(f"{found}: too many for --picture {options.picture}, at most {most:,}")
    partition = cell_arrays(
        network.weights, network.biases, record["box"],
        exact=options.exact, adjacency=True, linear=network.linear,
    )  # fmt: skip
    hidden = [len(bias) for bias in network.biases[:-1]]
    shown = {"with_boundary": options.boundary, "with_adjacency": options.adjacency}
    return interactive.page(partition, hidden, labels, title, **shown)


def _table(found: Any, network: Layers) -> Any:
    """A row per linear region from left to right; columns per output where there are several."""
    import pandas as pd

    columns = {"left": found.left, "right": found.right}
    at = {side: network.values_at(getattr(found, side)[:, None]).T for side in ("left", "right")}
    outputs = len(network.biases[-1])
    for i in range(outputs):
        suffix = f"_{i}" if outputs > 1 else ""
        columns |= {f"y_left{suffix}": at["left"][i], f"y_right{suffix}": at["right"][i]}
        columns |= {f"slope{suffix}": found.slope[:, i], f"intercept{suffix}": found.intercept[:, i]}
    return pd.DataFrame(columns)


def _figure(options: argparse.Namespace, record: dict[str, Any], found: Any, network: Layers) -> Any:
    from triangle_cli.inspection import pictures

    title = f"{options.file.name}: {record['linear_regions']:,} linear regions"
    if len(record["box"]) == 1:
        label = "t, at FROM + t (TO - FROM)" if options.line else "x"
        return pictures.line_figure(found, network, label, title)
    labels = ("s, along Q - P", "t, along R - P") if options.plane else ("x", "y")
    return pictures.plane_figure(found, labels, title)
