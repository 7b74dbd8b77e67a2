"""The page as a file: all that it needs is in it."""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable, Iterable
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment

from triangle_cli import __version__
from triangle_cli.store import index, run_folder
from triangle_cli.studies.page import content as contents


def plotly() -> str:
    """The script of plotly.

    Raises:
        ValueError: it is not installed.
    """
    try:
        from plotly.offline import get_plotlyjs
    except ImportError:
        raise ValueError("report: expected plotly (pip install '.[report]')") from None
    return get_plotlyjs()


def in_script(data: Any) -> str:
    """JSON that can stand in a page: nothing in it ends the script, or begins a comment."""
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def write(
    rows: list[index.Row], title: str, out: Path, each: Callable[[Iterable[Any]], Iterable[Any]] = iter
) -> None:
    """Write the page of these runs.

    Args:
        rows: as from `choose`.
        title: of the page.
        out: the file.
        each: goes through the runs, with a progress bar, say.

    Raises:
        ValueError: plotly is not installed, or a file of a run is damaged.
        OSError: a file cannot be read or written.
    """
    library, here = plotly(), files("triangle_cli.studies.page")
    content = contents.collect(rows, each)
    page = Environment(autoescape=True).from_string((here / "template.html").read_text(encoding="utf-8"))
    text = page.render(
        title=title,
        summary=contents.summary(content),
        version=__version__,
        date=f"{datetime.datetime.now(datetime.timezone.utc):%Y-%m-%d %H:%M} UTC",
        differing=content.differing,
        alike=contents.alike_first(content.alike),
        commands=contents.commands(content.records, [row["folder"] for row in rows]),
        commits=content.commits,
        versions=content.versions,
        devices=list(dict.fromkeys(record.device for record in content.records if record.device)),
        plain=contents.table_of(content).to_html(index=False, border=0, na_rep="-"),
        css=(here / "page.css").read_text(encoding="utf-8"),
        script=(here / "page.js").read_text(encoding="utf-8"),
        plotly=library,
        data=in_script(content.data),
    )
    run_folder.write_text(out, text)
