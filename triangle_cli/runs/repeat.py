"""`triangle run --from RUN`: a finished run once more, and whether the numbers agree. Writes nothing."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from triangle_cli import console
from triangle_cli.settings.run import FitSettings, LearnSettings
from triangle_cli.store import files, index, run_folder
from triangle_cli.store.record import RunRecord

if TYPE_CHECKING:
    import pandas as pd

FROM = "--from"


def asked(words: list[str]) -> bool:
    """Whether the words of `triangle run` ask for a run once more: --from RUN or --from=RUN."""
    return any(word == FROM or word.startswith(f"{FROM}=") for word in words)


def main(words: list[str], settings_of: Callable[[str, dict, int], FitSettings | LearnSettings]) -> int:
    """Repeat the run; returns 0 if every number is the same, 1 if not.

    Args:
        words: --from and the run, in one word or two.
        settings_of: makes settings of a run's hash, recorded settings and threads.
    """
    parts = [*words[0].split("=", 1), *words[1:]]
    if len(parts) != 2 or parts[0] != FROM or not parts[1]:
        raise ValueError(f"{' '.join(words)}: expected --from RUN alone, which repeats a run exactly")
    folder = index.locate(parts[1], index.OUTPUTS)
    record = run_folder.whole_run(folder)
    return _repeat(folder, record, settings_of(record.hash, record.settings, record.threads))


def _repeat(folder: Path, record: RunRecord, settings: FitSettings | LearnSettings) -> int:
    from triangle_cli.runs import perform, report

    moved = settings.hash != record.hash
    read = settings.data if isinstance(settings, LearnSettings) else settings.function
    if moved and read.content() is not None:
        kind = "data" if isinstance(settings, LearnSettings) else "function"
        raise ValueError(f"{kind}.path={read.path}: no longer what the run read, or of another version")

    with report.progress() as watch:
        result = perform.experiment_of(settings).run(settings, watch)
    lines = [compare(name, folder, table) for name, table in result.tables.items()]
    same = not any(lines)
    if same:
        console.say(f"{folder}: repeated, every number the same ({', '.join(result.tables)})")
        return 0
    console.say(f"{folder}: repeated, with other numbers")
    for line in filter(None, lines):
        console.say(f"  {line}")
    there, here = record.versions, perform.versions()
    for name in here:
        if there.get(name) != here[name]:
            console.say(f"  {name} was {there.get(name, 'absent')}, here {here[name]}")
    if moved:
        console.say("  written by a version of triangle whose numbers were others")
    return 1


def compare(name: str, folder: Path, table: pd.DataFrame) -> str | None:
    """What differs between a run's CSV and the same table computed again; None if no byte does."""
    import numpy as np
    import pandas as pd

    path = folder / name
    if table.to_csv(index=False).encode() == files.read_bytes(path):
        return None
    before, now = (
        pd.read_csv(io.BytesIO(files.read_bytes(path))),
        pd.read_csv(io.StringIO(table.to_csv(index=False))),
    )
    if list(before) != list(now) or len(before) != len(now):
        return f"{name}: {before.shape[0]} rows of {before.shape[1]} columns before, {now.shape} now"
    worst, where = 0.0, ""
    for column in before.select_dtypes("number"):
        a, b = before[column].to_numpy(float), now[column].to_numpy(float)
        with np.errstate(invalid="ignore", divide="ignore"):
            relative = np.nan_to_num(np.abs(b - a) / np.abs(a), nan=0.0)
        relative[np.isnan(a) != np.isnan(b)] = np.inf
        if relative.max(initial=0.0) > worst:
            worst, where = float(relative.max()), column
    return f"{name}: largest relative difference {worst:.1e}, in {where or 'words'}"
