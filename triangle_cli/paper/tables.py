"""A table in the shapes in which it is read: CSV, Markdown and LaTeX."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from triangle_cli.store import run_folder, texts


@dataclass(frozen=True)
class Table:
    """A table in two shapes: `rows` with a figure each, for programs, and `parts` as they are read."""

    name: str
    caption: str
    rows: pd.DataFrame
    parts: dict[str, pd.DataFrame]


def markdown(table: Table) -> str:
    """The parts of a table under their titles, with the caption below."""
    parts = [
        f"**{texts.markdown_cell(title)}**\n\n{_escaped(part).to_markdown(index=False, disable_numparse=True)}"
        for title, part in table.parts.items()
    ]
    return "\n\n".join([*parts, table.caption]) + "\n"


def latex(table: Table) -> str:
    """The parts of a table as floats for a paper that loads booktabs."""
    floats = []
    for number, (title, part) in enumerate(table.parts.items()):
        style = part.rename(columns=texts.latex).style.hide(axis="index").format(escape="latex")
        text = style.to_latex(
            hrules=True,
            position_float="centering",
            caption=f"{texts.latex(title)}. {texts.latex(table.caption)}",
            label=f"tab:{table.name}-{number + 1}",
            column_format="l" + "r" * (part.shape[1] - 1),
        )
        floats.append(text)
    return "\n".join(floats)


def _guarded(rows: pd.DataFrame) -> pd.DataFrame:
    numeric = pd.api.types.is_numeric_dtype
    return rows.apply(lambda column: column if numeric(column) else column.map(texts.csv_cell))


def _escaped(part: pd.DataFrame) -> pd.DataFrame:
    return part.map(lambda cell: texts.markdown_cell(cell) if isinstance(cell, str) else cell)


def write(table: Table, outputs: Path) -> list[Path]:
    """Write a table to `outputs/tables`; returns the files, CSV, Markdown and LaTeX."""
    folder = outputs / "tables"
    run_folder.write_table(folder / f"{table.name}.csv", _guarded(table.rows))
    run_folder.write_text(folder / f"{table.name}.md", markdown(table))
    run_folder.write_text(folder / f"{table.name}.tex", latex(table))
    return [folder / f"{table.name}.{kind}" for kind in ("csv", "md", "tex")]
