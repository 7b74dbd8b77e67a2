"""What values are called in pictures: functions in mathematics, methods by their titles."""

from __future__ import annotations

from functools import cache
from typing import Any

import pandas as pd

from triangle_cli.drawing import names
from triangle_cli.paper.methods import Method, read_method, read_paper
from triangle_cli.store import index

# in a title, where all runs agree
TOLD = ("function", "depth", "init", "schedule", "points", "dtype", "scaling")


def names_of(column: str, values: list[Any], table: pd.DataFrame) -> list[tuple[str, dict[str, Any]]]:
    """For each value of a column what it is called, and what is set for its look: that of a method's file."""
    if column == "method":
        return [_method(str(value)) for value in values]
    return [(name_of(column, value, table), {}) for value in values]


def name_of(column: str, value: Any, table: pd.DataFrame) -> str:
    """What a value is called beside others."""
    return title_of(column, value, table, alone=False)


def title_of(column: str, value: Any, table: pd.DataFrame, alone: bool = True) -> str:
    """What a value is called; `alone`: over a panel, where a number says of what it is."""
    if column == "function":
        formulas = table.loc[table["function"] == value, "function.formula"].dropna().unique()
        return names.math(formulas[0]) if len(formulas) == 1 else names.plain(value)
    if column == "method":
        return _method(str(value))[0]
    shown = f"{value:g}" if isinstance(value, float) else str(value)
    if alone or isinstance(value, int | float):
        return f"{names.label(column)} {names.plain(shown)}"
    return names.plain(shown.replace("_", " "))


@cache
def _packaged(word: str) -> Method | None:
    """A method that comes with the package; None for one of a folder of one's own, and for runs without one."""
    return None if read_paper("method", word, None) is None else read_method(word)


def _method(word: str) -> tuple[str, dict[str, Any]]:
    method = _packaged(word)
    if method is None:
        return names.plain(word), {}
    return names.plain(method.title), {
        "color": method.colour,
        "linestyle": method.dash,
        "marker": method.marker,
    }


def caption(rows: list[index.Row], drawn: set[str | None]) -> str:
    """What all runs have in common that the picture does not show otherwise: `$x^{3}$, depth 5, 6 restarts`."""
    parts = []
    for column in TOLD:
        values = {row.get(column) for row in rows}
        if column in drawn or len(values) != 1 or None in values:
            continue
        (value,) = values
        if column == "function":
            parts.append(names.math(str(rows[0].get("function.formula") or value)))
        elif column == "depth":
            parts.append(f"depth {value}")
        elif column in ("init", "schedule") and "method" not in drawn:
            kind = "start" if column == "init" else "schedule"
            parts.append(f"{names.plain(str(value).replace('_', ' '))} {kind}")
    restarts = {row.get("restarts") for row in rows}
    if len(restarts) == 1 and None not in restarts:
        parts.append(f"{next(iter(restarts))} restarts")
    return ", ".join(parts)


def word_of(column: str, value: Any) -> str:
    """What a value is called in plain text."""
    if column == "method" and (method := _packaged(str(value))):
        return method.title
    return f"{value:g}" if isinstance(value, float) else " ".join(str(value).split())
