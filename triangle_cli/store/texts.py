"""Text in the cells of tables for other programs: what a user wrote stays text, and starts or ends nothing there."""

from __future__ import annotations

import re
from typing import Any

# a spreadsheet runs what begins so (OWASP, CSV injection); an apostrophe before it makes it text
FORMULA = re.compile(r"[=@\t\r]|[+-](?!\Z|[\d.]+(e[+-]?\d+)?\Z)")
MARKDOWN = re.compile(r"([\\`*\[\]<|]|(?<!\w)_|_(?!\w))")
LATEX = {
    **{character: f"\\{character}" for character in "&%$#_{}"},
    **{"~": "\\textasciitilde{}", "^": "\\textasciicircum{}", "\\": "\\textbackslash{}"},
    **{"<": "\\textless{}", ">": "\\textgreater{}", "|": "\\textbar{}"},
}


def csv_cell(value: Any) -> Any:
    """A value for a CSV file that may be opened as a spreadsheet: text that it would take for a formula is quoted."""
    return f"'{value}" if isinstance(value, str) and FORMULA.match(value) else value


def markdown_cell(text: str) -> str:
    """Text for a cell of a Markdown table: no borders, emphasis, links or HTML."""
    return MARKDOWN.sub(r"\\\1", " ".join(text.split()))


def latex(text: str) -> str:
    """Text for LaTeX."""
    return "".join(LATEX.get(character, character) for character in text)
