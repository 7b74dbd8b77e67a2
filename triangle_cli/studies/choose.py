"""Which runs are meant: by runs, by sweeps, by words that they have."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from triangle_cli.store import index, run_folder, sweeps
from triangle_cli.store.where import compile_filter


def choose(words: list[str], outputs: Path, where: str | None = None) -> tuple[list[index.Row], list[str]]:
    """The rows of the runs that words mean, as of `triangle ls`, each once.

    A word is a sweep (its folder, or its name in outputs/sweeps), a run (its folder or hash), or else a word as of
    `triangle ls`, which runs must have. Runs of sweeps also have what the words of their jobs chose as columns.

    Args:
        words: none: all runs under `outputs`.
        outputs: the folder of the runs.
        where: a condition on their columns.

    Returns:
        The rows, and a line for each run that is damaged.

    Raises:
        ValueError: a word means no run, or none is left.
    """
    named: dict[str, index.Row] = {}
    wanted: list[str] = []
    damaged: list[str] = []
    all_rows: list[index.Row] = []
    for word in words:
        if folder := sweeps.find(word, outputs):
            for place, chosen in sweeps.read(folder).run_folders(outputs):
                if row := _row(place):
                    named[row["folder"]] = _with_choices(row, chosen)
        elif (Path(word) / run_folder.RUN).is_file():
            row = _row(Path(word))
            assert row is not None, "its run.json is there"
            named[row["folder"]] = row
        else:
            wanted.append(word)
    if wanted or not named:
        all_rows, damaged = index.find_runs(outputs)
        for word in list(wanted):
            by_hash = [row for row in all_rows if row["hash"] == word]
            named |= {row["folder"]: row for row in by_hash}
            if by_hash:
                wanted.remove(word)
            elif not any(index.mentions(row, word) for row in all_rows):
                raise ValueError(
                    f"{word}: expected a sweep, a run, or a word that runs have (`triangle ls` lists them)"
                )
    rows = list(named.values()) if named else all_rows
    rows = [row for row in rows if all(index.mentions(row, word) for word in wanted)]
    if where:
        passes = compile_filter(where, columns(rows))
        rows = [row for row in rows if passes(row)]
    if not rows:
        said = " ".join([*words, *(["--where", repr(where)] if where else [])])
        raise ValueError(f"{said or outputs}: expected a finished run or more, none is left")
    return rows, damaged


def columns(rows: Iterable[index.Row]) -> list[str]:
    """All columns that these rows have."""
    return list(dict.fromkeys(key for row in rows for key in row))


def _row(folder: Path) -> index.Row | None:
    record = run_folder.read_record(folder)
    return index.as_row(record) | {"folder": str(folder)} if record else None


def _with_choices(row: index.Row, words: list[str]) -> index.Row:
    """The row with what the words of a job chose that is no column yet, such as its method."""
    pairs = dict(word.lstrip("+~").split("=", 1) for word in words if "=" in word)
    chosen: dict[str, Any] = {key: value for key, value in pairs.items() if row.get(key) is None}
    return row | chosen
