"""A table in the shapes in which it is read: CSV, Markdown and LaTeX."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from triangle_cli.drawing import names
from triangle_cli.store import run_folder, texts


@dataclass(frozen=True)
class Table:
    """A table in two shapes: `rows` with a figure each, for programs, and `parts` as they are read."""

    name: str
    caption: str
    rows: pd.DataFrame
    parts: dict[str, pd.DataFrame]  # their headings in one row or, where several columns share one, in two
    formulas: dict[str, str] = field(default_factory=dict)  # of headings that are functions


def markdown(table: Table) -> str:
    """The parts of a table under their titles, with the caption below."""
    parts = []
    for title, part in table.parts.items():
        shown = _in_one_row(table, part).to_markdown(index=False, disable_numparse=True)
        parts.append(f"**{texts.markdown_cell(title)}**\n\n{shown}")
    return "\n\n".join([*parts, table.caption]) + "\n"


def latex(table: Table) -> str:
    """The parts of a table as floats for a paper that loads booktabs and siunitx; numbers meet at their points."""
    floats = [NEEDS]
    for number, (title, part) in enumerate(table.parts.items()):
        formats = [_column_format(part.iloc[:, place]) for place in range(part.shape[1])]
        cells = part.apply(lambda column: column.map(str if _is_numeric(column) else printed))
        cells.columns = part.columns.map(lambda name: _head(table, name))
        text = cells.style.hide(axis="index").to_latex(
            hrules=True,
            siunitx=True,
            multicol_align="c",
            position_float="centering",
            caption=f"{printed(title)}. {printed(table.caption)}",
            label=f"tab:{table.name}-{number + 1}",
            column_format="l" + "".join(formats[1:]),
        )
        if part.shape[1] > MANY:
            text = text.replace("\\centering\n", f"\\centering\n{NARROW}\n")
        floats.append(_with_rules(text, part))
    return "\n".join(floats)


NEEDS = "% needs \\usepackage{booktabs,siunitx}"
MANY = 10  # columns; more do not fit between the margins of a page unless it is said to
NARROW = r"\small\setlength{\tabcolsep}{4pt}"
NUMBER = re.compile(r"[-+]?(\d+)(?:\.(\d+))?(?:e([-+]?)(\d+))?")
WITHIN = re.compile(r"(?<![\w.])(\d+(?:\.\d+)?e[-+]?\d+)(?![\w.])")  # a number with a power of ten in a text
RANGE = re.compile(r"(\d+)-(\d+)")


def printed(text: object) -> str:
    """Text as LaTeX prints it: powers of ten, ranges, powers and factors as such."""
    if RANGE.fullmatch(str(text)):
        return RANGE.sub(r"\1--\2", str(text))
    parts = WITHIN.split(str(text))
    parts[::2] = [texts.latex(part) for part in parts[::2]]
    parts[1::2] = [rf"\num{{{part}}}" for part in parts[1::2]]
    written = re.sub(r"(\d+)\\textasciicircum\{\}(\w+)", r"$\1^{\\mathrm{\2}}$", "".join(parts))
    return re.sub(r"\(x(?=[\d\\])", r"($\\times$", written)


def _is_numeric(column: pd.Series) -> bool:
    cells = [str(cell) for cell in column if str(cell)]
    return bool(cells) and all(NUMBER.fullmatch(cell) for cell in cells)


def _column_format(column: pd.Series) -> str:
    """siunitx's for a column of numbers, as wide as its widest; else to the right."""
    if not _is_numeric(column):
        return "r"
    found = [found for cell in column if (found := NUMBER.fullmatch(str(cell)))]
    whole, places, power = (max(len(each[group] or "") for each in found) for group in (1, 2, 4))
    sign = "-" if any(each[3] == "-" for each in found) else ""
    power = max((len(str(int(each[4]))) for each in found if each[4]), default=0)
    shape = f"{whole}.{places}" if places else f"{whole}"
    return f"S[table-format={shape}{f'e{sign}{power}' if power else ''}]"


def _head(table: Table, name: object) -> object:
    """A heading in LaTeX: a function by its formula, the name of several columns above each of their own."""
    if isinstance(name, tuple):
        return tuple(_head(table, part) for part in name)
    return names.math(table.formulas[str(name)]) if str(name) in table.formulas else printed(name)


def _with_rules(text: str, part: pd.DataFrame) -> str:
    """A line below each heading that stands above several columns."""
    if part.columns.nlevels == 1:
        return text
    above = list(part.columns.get_level_values(0))
    spans = [
        (above.index(name) + 1, above.count(name)) for name in dict.fromkeys(above) if above.count(name) > 1
    ]
    rules = " ".join(rf"\cmidrule(lr){{{start}-{start + count - 1}}}" for start, count in spans)
    before, rule, after = text.partition("\\toprule\n")
    first, end, others = after.partition("\n")
    return f"{before}{rule}{first}{end}{rules}{end}{others}"


def _in_one_row(table: Table, part: pd.DataFrame) -> pd.DataFrame:
    """For Markdown, whose tables have one row of headings; text escaped."""

    def called(name: object) -> str:
        if isinstance(name, tuple):
            above, below = map(str, name)
            return f"{called(above)}: {below}" if above and below else called(above or below)
        return names.text(table.formulas[str(name)]) if str(name) in table.formulas else str(name)

    flat = part.map(lambda cell: texts.markdown_cell(cell) if isinstance(cell, str) else cell)
    flat.columns = pd.Index([called(name) for name in part.columns])
    return flat


def _guarded(rows: pd.DataFrame) -> pd.DataFrame:
    numeric = pd.api.types.is_numeric_dtype
    return rows.apply(lambda column: column if numeric(column) else column.map(texts.csv_cell))


def write(table: Table, outputs: Path) -> list[Path]:
    """Write a table to `outputs/tables`; returns the files, CSV, Markdown and LaTeX."""
    folder = outputs / "tables"
    run_folder.write_table(folder / f"{table.name}.csv", _guarded(table.rows))
    run_folder.write_text(folder / f"{table.name}.md", markdown(table))
    run_folder.write_text(folder / f"{table.name}.tex", latex(table))
    return [folder / f"{table.name}.{kind}" for kind in ("csv", "md", "tex")]
