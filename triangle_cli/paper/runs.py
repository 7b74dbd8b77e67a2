"""The table of an experiment of one's own that asks for no other: a row per run."""

from __future__ import annotations

import pandas as pd

from triangle_cli.paper import registry
from triangle_cli.paper.collection import Collected
from triangle_cli.paper.tables import Table
from triangle_cli.store import run_folder
from triangle_cli.store.stages import stage_cells, stage_summary


@registry.table("runs")
def one_row_each(name: str, runs: list[Collected]) -> Table:
    """What each run was chosen by, and what the terminal shows of its last stage."""
    rows, shown = [], []
    for run in runs:
        chosen = {key: value for key, value in run.choices.items() if key != "experiment"}
        last = stage_summary(run.table(run_folder.ERRORS)).iloc[-1]
        seconds = run.record.seconds["total"]
        figures = {str(name): value for name, value in last.items()}
        rows.append({**chosen, **figures, "seconds": seconds})
        called = {**chosen, "method": run.method.title} if "method" in chosen else chosen
        shown.append({**called, "stage": last["stage"], **stage_cells(last), "seconds": f"{seconds:.1f}"})
    table = pd.DataFrame(shown).fillna("").astype(str)
    alike = [key for key in runs[0].choices if key in table and len(runs) > 1 and table[key].nunique() == 1]
    restarts = sorted({len(run.record.restarts) for run in runs})
    caption = f"{' or '.join(map(str, restarts))} restarts a run; the figures of its last stage."
    parts = {f"Runs of {name}": table.drop(columns=alike)}
    return Table(name, caption, pd.DataFrame(rows), parts)
