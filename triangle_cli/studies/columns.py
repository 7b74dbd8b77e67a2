"""The columns of runs, of their stages and of their histories, as one table to draw from."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from triangle_cli.settings.require import close
from triangle_cli.store import files, index, run_folder
from triangle_cli.store.stages import counted_through, last_stage, read_errors, read_table
from triangle_cli.studies import choose

EPOCH, RESTART, STAGE, PHASE = "epoch", "restart", "stage", "phase"
FLOOR = "floor"  # the least MSE of 2^depth pieces, a column of the table where it was asked for
HISTORIES = (run_folder.HISTORY, run_folder.REGIONS)


@dataclass(frozen=True)
class Frame:
    """A table to draw from, and what a row of it is."""

    table: pd.DataFrame
    row: str  # run, restart or epoch
    diverged: int = 0  # restarts that are left out


def frame(rows: list[index.Row], asked: dict[str, str | None]) -> Frame:
    """The columns asked for, with a row per run, or per restart, or per restart and epoch, as they need.

    Args:
        rows: of the runs, as from `choose`.
        asked: columns by the option that asks for them; None: not asked for.

    Raises:
        ValueError: there is no such column, or two are asked for that no table has together.
    """
    wanted = {option: column for option, column in asked.items() if column}
    rows = [_with_phases(row) for row in rows]
    of_runs = set(choose.columns(rows))
    of_stages = _heads(rows, [run_folder.ERRORS])
    of_epochs = _heads(rows, HISTORIES)
    known = [*of_runs, *of_stages, *of_epochs]
    for option, column in wanted.items():
        require_known(option, column, known)
    columns = list(wanted.values())
    beside = [column for column in columns if column not in of_runs]
    if EPOCH in columns or PHASE in columns:
        return _epochs(rows, columns, of_runs)
    if STAGE in columns or beside:
        missing = [column for column in beside if column not in of_stages]
        if missing:
            raise ValueError(f"{missing[0]}: known by epochs, expected --x epoch with it")
        return _stages(rows, columns)
    return Frame(_of_runs(rows, columns), "run")


def require_known(option: str, column: str, known: Iterable[str]) -> None:
    """Raise ValueError for a column that no table has; names the closest."""
    known = list(dict.fromkeys(known))
    if column not in known:
        hint = close(column, known) or ", expected one such as mse_min, mse_train, loss, depth or init"
        raise ValueError(f"{option} {column}: no such column{hint}")


def _with_phases(row: index.Row) -> index.Row:
    """The row with the settings of each phase as columns: schedule.phases.0.epochs."""
    phases = {"schedule.phases": json.loads(row.get("schedule.phases") or "[]")}
    return row | {key: value for key, value in index.flat(phases, deep=True).items() if key not in row}


def _heads(rows: list[index.Row], names: Iterable[str]) -> list[str]:
    """The columns of files of the runs, of each kind of run once."""
    kinds = {(row.get("data.name") is None, row.get("data.task")): row for row in rows}
    found: dict[str, None] = {}
    for row in kinds.values():
        for name in names:
            path = Path(row["folder"]) / name
            if path.is_file():
                found |= dict.fromkeys(files.read_text(path).partition("\n")[0].strip().split(","))
    return list(found)


def _of_runs(rows: list[index.Row], columns: list[str]) -> pd.DataFrame:
    wanted = dict.fromkeys([*columns, *ALWAYS])
    return pd.DataFrame([{key: _cell(row.get(key)) for key in wanted} for row in rows])


ALWAYS = ("folder", "function", "depth", "function.formula")  # floors and titles need them


def _cell(value: Any) -> Any:
    """A value of a sweep's words as a number where it is one; a list as its text."""
    if isinstance(value, str):
        for number in (int, float):
            try:
                return number(value)
            except ValueError:
                continue
    return value


def _stages(rows: list[index.Row], columns: list[str]) -> Frame:
    parts, diverged = [], 0
    for row in rows:
        errors = read_errors(Path(row["folder"]))
        chosen = errors if STAGE in columns else last_stage(errors)
        diverged += int(last_stage(errors)["diverged"].sum())
        parts.append(_beside(row, chosen[~chosen["diverged"]], columns))
    return Frame(pd.concat(parts, ignore_index=True), "restart", diverged)


def _epochs(rows: list[index.Row], columns: list[str], of_runs: set[str]) -> Frame:
    """history.csv or regions.csv, whichever has the columns; epochs counted through all phases."""
    parts = []
    beside = [column for column in columns if column not in of_runs or column in (EPOCH, STAGE)]
    for row in rows:
        for name in HISTORIES:
            path = Path(row["folder"]) / name
            if path.is_file():
                table = read_table(path, (EPOCH, RESTART), (PHASE,))
                if all(column in table for column in beside):
                    table = counted_through(table)
                    table[EPOCH] = table["total"]
                    if PHASE not in columns:  # a phase begins where the one before ended
                        table = table.drop_duplicates([RESTART, EPOCH], keep="last")
                    parts.append(_beside(row, table, columns))
                    break
    if not parts:
        raise ValueError(
            f"{' and '.join(beside)}: expected columns that one file has, {' or '.join(HISTORIES)}"
        )
    return Frame(pd.concat(parts, ignore_index=True), EPOCH)


def _beside(row: index.Row, table: pd.DataFrame, columns: list[str]) -> pd.DataFrame:
    """The columns of a run's table, with those of the run beside each of its rows."""
    kept = [column for column in dict.fromkeys([*columns, RESTART]) if column in table]
    return table[kept].assign(**{key: _cell(row.get(key)) for key in (*columns, *ALWAYS) if key not in kept})
