"""`triangle ls`: finished runs, found again. Answers without torch or Hydra."""

from __future__ import annotations

import csv
import datetime
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from triangle_cli import console
from triangle_cli.cli.options import Parser, runs_parser
from triangle_cli.store import index, run_folder, sweeps
from triangle_cli.store.texts import csv_cell
from triangle_cli.store.where import compile_filter, require_column

SHOWN = (
    "function",
    "depth",
    "init",
    "schedule",
    "settings",
    "mse_min",
    "mse_mean",
    "test_r2_mean",
    "accuracy",
    "regions",
    "when",
    "folder",
)
ALIKE = SHOWN[:4]
FORMATS = ("text", "csv", "json", "parquet")
OPTIONAL = ("settings", "test_r2_mean", "accuracy")  # shown where a run has them


def ls_parser() -> Parser:
    """The words of `triangle ls`."""
    parser = runs_parser("ls", "Every finished run as a table.")
    parser.add_argument("query", nargs="*", help="words that the folder or a column shown must contain")
    parser.add_argument("--where", metavar="EXPR", help="such as: depth >= 6 and init == 'triangle'")
    parser.add_argument("--sort", metavar="COL", help="any column; -COL from the largest down")
    parser.add_argument("--format", choices=list(FORMATS), default="text", help="default: text")
    parser.add_argument("--limit", type=int, metavar="N", help="the first N only, after --sort")
    parser.add_argument(
        "--sweeps", action="store_true", help="list sweeps in the place of runs, the last first"
    )
    parser.add_argument("--out", type=Path, metavar="FILE", help="write there instead of the terminal")
    parser.suggestions["--sort"] = ["mse_min", "mse_mean", "seconds", "depth", "when"]
    return parser


def ls(words: list[str]) -> int:
    """`triangle ls`: every finished run as a table."""
    chosen = ls_parser().parse_args(_with_minus_columns(words))
    if chosen.format == "parquet" and not chosen.out:
        raise ValueError("--format=parquet: expected --out=FILE with it")
    if chosen.limit is not None and chosen.limit < 1:
        raise ValueError(f"--limit {chosen.limit}: expected 1 or more")
    rows: list[index.Row] = []
    damaged: list[str] = []
    if chosen.outputs != index.OUTPUTS or chosen.outputs.exists():
        rows, damaged = (_sweeps if chosen.sweeps else index.find_runs)(chosen.outputs)
    none_yet = not rows and not damaged
    for line in damaged:
        console.note(f"triangle: {line}; left out")
    columns = list(dict.fromkeys(key for row in rows for key in row)) or list(SHOWN)
    mentions = _names if chosen.sweeps else index.mentions
    rows = [row for row in rows if all(mentions(row, word) for word in chosen.query)]
    if chosen.where:
        passes = compile_filter(chosen.where, columns)
        rows = [row for row in rows if passes(row)]
    if chosen.sort:
        rows = _sorted(rows, chosen.sort, columns)
    found = len(rows)
    rows = rows[: chosen.limit]
    if chosen.format == "parquet":
        _write_parquet(rows, columns, chosen.out)
        return 0
    if chosen.format == "json":
        text = json.dumps([{column: row.get(column) for column in columns} for row in rows], indent=1) + "\n"
    elif chosen.format == "csv":
        text = _as_csv(rows, columns)
    elif none_yet:
        text = (index.NO_SWEEPS if chosen.sweeps else index.NO_RUNS).format(chosen.outputs) + "\n"
    else:
        text = _sweeps_as_text(rows, found) if chosen.sweeps else _as_text(rows, found)
    if chosen.out:
        run_folder.write_text(chosen.out, text)
    else:
        console.say(text, end="")
    return 0


def _with_minus_columns(words: list[str]) -> list[str]:
    """Let argparse take `--sort -mse_min`, whose value looks like an option."""
    joined: list[str] = []
    for word in words:
        if joined and joined[-1] == "--sort":
            joined[-1] = f"--sort={word}"
        else:
            joined.append(word)
    return joined


def _names(row: index.Row, word: str) -> bool:
    """Whether a sweep has a word: in its name, or among what its jobs chose."""
    return word in row["sweep"] or word in row["words"].replace(",", " ").replace("=", " ").split()


def _sweeps(outputs: Path) -> tuple[list[index.Row], list[str]]:
    """A row per sweep that came to its end, and a line for each that is damaged."""
    index.require_folder(outputs)
    rows = []
    found, damaged = sweeps.every(outputs)
    for sweep in found:
        done = [job for job in sweep.jobs if job["status"] in ("finished", "reused")]
        errors = [job["mse_min"] for job in done if isinstance(job.get("mse_min"), float)]
        chosen: dict[str, dict[str, None]] = {}
        for word in (word for job in sweep.jobs for word in job["overrides"]):
            key, _, value = word.partition("=")
            chosen.setdefault(key, {})[value] = None
        ended = datetime.datetime.fromtimestamp(
            (sweep.folder / sweeps.JOBS).stat().st_mtime, datetime.timezone.utc
        )
        rows.append(
            {
                "sweep": sweep.name,
                "jobs": len(sweep.jobs),
                "done": len(done),
                "failed": sum(job["status"] == "failed" for job in sweep.jobs),
                "mse_min": min(errors, default=None),
                "words": " ".join(f"{key}={','.join(values)}" for key, values in chosen.items()),
                "when": ended.isoformat(timespec="seconds"),
                "folder": str(sweep.folder),
            }
        )
    return rows, damaged


def _sweeps_as_text(rows: list[index.Row], found: int) -> str:
    shown = ("sweep", "jobs", "done", "failed", "mse_min", "when", "words")
    return _columns(
        [shown, *(tuple(_cell(row, key) for key in shown) for row in rows)], shown, found, "sweep"
    )


def _sorted(rows: list[index.Row], by: str, columns: list[str]) -> list[index.Row]:
    """By one column, rows without a value last."""
    column = by.removeprefix("-")
    require_column("--sort", column, columns)
    valued = [row for row in rows if row.get(column) is not None]
    try:
        valued.sort(key=lambda row: row[column], reverse=by.startswith("-"))
    except TypeError:  # a column of numbers and words
        valued.sort(key=lambda row: str(row[column]), reverse=by.startswith("-"))
    return valued + [row for row in rows if row.get(column) is None]


def _as_text(rows: list[index.Row], found: int) -> str:
    rows = [row | {"settings": text} for row, text in zip(rows, _differences(rows))]
    shown = [column for column in SHOWN if column not in OPTIONAL or any(row[column] for row in rows)]
    return _columns(
        [shown, *(tuple(_cell(row, column) for column in shown) for row in rows)], shown, found, "run"
    )


def _columns(lines: list[Any], shown: Sequence[str], found: int, what: str) -> str:
    """Lines of cells below each other, numbers to the right, and how many there are."""
    widths = [max(map(len, column)) for column in zip(*lines)]
    numbers = (
        "depth",
        "mse_min",
        "mse_mean",
        "test_r2_mean",
        "accuracy",
        "regions",
        "jobs",
        "done",
        "failed",
    )
    align = ["rjust" if column in numbers else "ljust" for column in shown]
    text = [
        "  ".join(getattr(cell, how)(width) for cell, how, width in zip(line, align, widths)).rstrip()
        for line in lines
    ]
    count, more = len(lines) - 1, f" of {found}" if found > len(lines) - 1 else ""
    return "\n".join([*text, f"{count}{more} {what}{'s' if count != 1 or more else ''}"]) + "\n"


def _differences(rows: list[index.Row]) -> list[str]:
    """For each row, as typed: the settings in which rows differ whose first columns are alike."""
    groups: dict[tuple[Any, ...], list[index.Row]] = {}
    for row in rows:
        groups.setdefault(tuple(row[column] for column in ALIKE), []).append(_settings(row))
    texts = {key: iter(_settings_that_differ(group)) for key, group in groups.items()}
    return [next(texts[tuple(row[column] for column in ALIKE)]) for row in rows]


def _settings(row: index.Row) -> index.Row:
    columns = list(row)
    settings = {key: row[key] for key in columns[columns.index("hash") + 1 :] if key != "folder"}
    phases = json.loads(settings.pop("schedule.phases", "[]"))
    return settings | index.flat({"schedule.phases": phases}, deep=True)


def _settings_that_differ(group: list[index.Row]) -> list[str]:
    keys = dict.fromkeys(key for settings in group for key in settings)
    differing = [key for key in keys if len({settings.get(key) for settings in group}) > 1]
    words = tuple(key.removesuffix("name") for key in differing if key.endswith(".name"))
    # a word says it all
    told = [key for key in differing if key.endswith(".name") or not key.startswith(words)]
    return [
        " ".join(
            f"{key.removesuffix('.name')}={settings[key]}" for key in told if settings.get(key) is not None
        )
        for settings in group
    ]


def _cell(row: index.Row, column: str) -> str:
    value = row.get(column)
    if value is None:
        return "-"
    if column == "regions":
        least = row["regions_min"]
        return str(value) if least == value else f"{least}-{value}"
    if column == "when":
        return value[:16].replace("T", " ")
    if column == "test_r2_mean":
        return f"{value:.3f}"
    if column == "accuracy":
        return f"{100 * value:.2f} %"
    return f"{value:.2e}" if column.startswith("mse") else " ".join(str(value).splitlines())


def _as_csv(rows: list[index.Row], columns: list[str]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows({column: csv_cell(value) for column, value in row.items()} for row in rows)
    return text.getvalue()


def _write_parquet(rows: list[index.Row], columns: list[str], path: Path) -> None:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise ValueError("--format=parquet: expected pyarrow (pip install '.[parquet]')") from None
    table = pyarrow.table({column: [row.get(column) for row in rows] for column in columns})
    run_folder.write_whole(path, lambda beside: pyarrow.parquet.write_table(table, beside))
