"""The regions of a network as a file: arrays in .npz, or a row for each in .parquet."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from torch import Tensor

from triangle_cli.inspection.cutting import classes
from triangle_cli.regions import cells

if TYPE_CHECKING:
    from triangle_cli.regions import Cells

MOST_CELLS = 2**22  # beyond, they would fill the memory


def writer(
    path: Path,
    weights: list[Tensor],
    biases: list[Tensor],
    record: dict[str, Any],
    exact: bool,
    *,
    adjacency: bool = False,
    boundary: bool = False,
) -> Callable[[Path], object]:
    """What writes the cells of the network of a record to a path; they are found before.

    adjacency: with the pairs of cells that share a facet; boundary: with the largest output of each.

    Raises:
        ValueError: too many of them, or .parquet without pyarrow.
    """
    regions = record["activation_regions"]
    if regions > MOST_CELLS:
        raise ValueError(f"{regions:,} activation regions: too many for --cells, at most {MOST_CELLS:,}")
    if path.suffix == ".parquet":
        try:
            import pyarrow  # noqa: F401
        except ImportError:
            raise ValueError(f"--cells {path}: expected pyarrow, pip install '.[parquet]', or .npz") from None
    found = cells(weights, biases, record["box"], exact=exact, adjacency=adjacency)
    extra = {"largest_output": classes(found)} if boundary else {}
    if path.suffix == ".npz":
        columns = {field.name: getattr(found, field.name) for field in fields(found)}
        arrays = {name: column.numpy() for name, column in columns.items() if column is not None}
        return lambda beside: np.savez(beside, **arrays, **extra)
    table = _rows(found).assign(**extra)
    return lambda beside: table.to_parquet(beside, index=False)


def _rows(found: Cells) -> Any:
    """A row per activation region; what has a shape of its own as nested lists."""
    import pandas as pd

    def parts(column: Tensor, offsets: Tensor) -> list:
        ends = offsets.tolist()
        rows = column.tolist()
        return [rows[a:b] for a, b in pairwise(ends)]

    others = {} if found.adjacency is None else {"adjacent": _partners(found.adjacency, len(found.volume))}
    return pd.DataFrame(
        {
            "linear_region": found.linear_region.numpy(),
            "volume": found.volume.numpy(),
            "vertices": parts(found.vertices, found.offsets),
            "normals": parts(found.normals, found.half_space_offsets),
            "constants": parts(found.constants, found.half_space_offsets),
            "half_space_neuron": parts(found.half_space_neuron, found.half_space_offsets),
            "on": found.on.tolist(),
            "gradient": found.gradient.tolist(),
            "intercept": found.intercept.tolist(),
        }
        | others
    )


def _partners(pairs: Tensor, count: int) -> list[list[int]]:
    """Of each cell, those that it shares a facet with."""
    others: list[list[int]] = [[] for _ in range(count)]
    for a, b in pairs.tolist():
        others[a].append(b)
        others[b].append(a)
    return others
