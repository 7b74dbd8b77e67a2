"""The figures of a run on the way, for trackers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from triangle_cli.store import run_folder
from triangle_cli.store.stages import counted_through


def metrics(folder: Path) -> Iterator[tuple[str, int, float]]:
    """Name, epoch counted through all phases, value: what the tables say over the restarts."""
    for name, column, figures in (
        (run_folder.HISTORY, "loss", ("min", "mean")),
        (run_folder.HISTORY, "accuracy_test", ("min", "mean")),
        (run_folder.HISTORY, "mse_test", ("min", "mean")),
        (run_folder.REGIONS, "linear_regions", ("min", "max")),
    ):
        path = folder / name
        table = pd.read_csv(path) if path.exists() else pd.DataFrame()
        if column not in table:
            continue
        for step, row in (
            counted_through(table).groupby("total")[column].agg(list(figures)).dropna().iterrows()
        ):
            for figure in figures:
                yield f"{column}/{figure}", int(step), float(row[figure])
