"""The regions of a network as a file: arrays in .npz, or a row for each in .parquet."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from triangle_cli.inspection.cutting import classes
from triangle_cli.regions.arrays import Layers
from triangle_cli.regions.counting import cell_arrays

MOST_CELLS = 2**22  # beyond, they would fill the memory


def writer(
    path: Path,
    network: Layers,
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
    options: dict[str, Any] = {"exact": exact, "adjacency": adjacency, "linear": network.linear}
    found = cell_arrays(network.weights, network.biases, record["box"], **options)
    if boundary:
        found["largest_output"] = classes(found)
    if path.suffix == ".npz":
        return lambda beside: np.savez(beside, **found)  # type: ignore[arg-type]  # numpy's has a flag beside
    table = _rows(found)
    return lambda beside: table.to_parquet(beside, index=False)


def _rows(found: dict[str, np.ndarray]) -> Any:
    """A row per activation region; what has a shape of its own as nested lists."""
    import pandas as pd

    def parts(column: np.ndarray, offsets: np.ndarray) -> list:
        ends = offsets.tolist()
        rows = column.tolist()
        return [rows[a:b] for a, b in pairwise(ends)]

    others: dict[str, Any] = {}
    if "adjacency" in found:
        others["adjacent"] = _partners(found["adjacency"], len(found["volume"]))
    if "largest_output" in found:
        others["largest_output"] = found["largest_output"]
    return pd.DataFrame(
        {
            "linear_region": found["linear_region"],
            "volume": found["volume"],
            "vertices": parts(found["vertices"], found["offsets"]),
            "normals": parts(found["normals"], found["half_space_offsets"]),
            "constants": parts(found["constants"], found["half_space_offsets"]),
            "half_space_neuron": parts(found["half_space_neuron"], found["half_space_offsets"]),
            "on": found["on"].tolist(),
            "gradient": found["gradient"].tolist(),
            "intercept": found["intercept"].tolist(),
        }
        | others
    )


def _partners(pairs: np.ndarray, count: int) -> list[list[int]]:
    """Of each cell, those that it shares a facet with."""
    others: list[list[int]] = [[] for _ in range(count)]
    for a, b in pairs.tolist():
        others[a].append(b)
        others[b].append(a)
    return others
