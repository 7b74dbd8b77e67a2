"""What the page holds: of every run its settings, figures, history and fit; and what all were made with."""

from __future__ import annotations

import itertools
import json
import math
import shlex
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from triangle_cli.drawing import names
from triangle_cli.store import index, run_folder
from triangle_cli.store.record import RunRecord
from triangle_cli.store.stages import counted_through, read_table
from triangle_cli.studies import floors
from triangle_cli.studies.page import fits
from triangle_cli.studies.titles import TOLD, word_of

MOST_EPOCHS = 60  # of a history, evenly chosen
MOST_COLUMNS = 8  # settings in the table, beside those that all runs have
MOST_COMMANDS = 40
FIRST = ("function", "method", "init", "schedule", "depth")
FIGURES = {
    "mse_min": "least MSE",
    "mse_median": "median MSE",
    "mse_mean": "mean MSE",
    "test_mse_mean": "mean test MSE",
    "test_r2_mean": "mean test R²",
    "accuracy": "mean test accuracy",
    "regions_min": "fewest regions",
    "regions": "most regions",
    "floor_ratio_best": "best / floor",
    "seconds": "seconds",
}
CURVES = {"loss": run_folder.HISTORY, "linear_regions": run_folder.REGIONS}
# what says where a run is and what else it is called, not what was set
NO_SETTINGS = {"folder", "hash", "when", "stage", "best_mse", "best_stage", "diverged", "schedule.phases"}
NO_SETTINGS |= {*FIGURES, "accuracy_sd", "test_mse_sd", "points"}


@dataclass
class Content:
    """The parts of the page."""

    rows: list[index.Row]
    records: list[RunRecord]
    settings: list[str] = field(default_factory=list)  # columns in which runs differ
    alike: dict[str, str] = field(default_factory=dict)  # what all runs have
    data: dict[str, Any] = field(default_factory=dict)  # for the page's script

    @property
    def versions(self) -> dict[str, list[str]]:
        """The versions of each package."""
        found: dict[str, list[str]] = {}
        for record in self.records:
            for package, version in record.versions.items():
                if version not in found.setdefault(package, []):
                    found[package].append(version)
        return found

    @property
    def commits(self) -> list[str]:
        """The commits of the source that ran."""
        return list(dict.fromkeys(record.git_commit or "unknown" for record in self.records))

    @property
    def differing(self) -> dict[str, list[str]]:
        """The settings in which runs differ, with their values."""
        return {
            key: [shown(key, value, self.rows) for value in values(self.rows, key)] for key in self.settings
        }


def collect(rows: list[index.Row], each: Callable[[Iterable[Any]], Iterable[Any]] = iter) -> Content:
    """Read all that the page says of these runs.

    Args:
        rows: as from `choose`.
        each: goes through the runs, with a progress bar, say.

    Raises:
        ValueError, OSError: a file of a run cannot be read.
    """
    flat = [_settings(row) for row in rows]
    keys = list(dict.fromkeys(key for row in flat for key in row))
    differing = [key for key in keys if len({_hashable(row.get(key)) for row in flat}) > 1]
    content = Content(rows, [], [key for key in differing if not _follows(key, differing)])
    content.alike = {
        key: str(flat[0][key]) for key in keys if key not in differing and flat[0].get(key) is not None
    }
    curves: dict[str, list[Any]] = {name: [] for name in CURVES}
    found: list[fits.Fit | str] = []
    for row in each(rows):
        folder = Path(row["folder"])
        record = run_folder.read_record(folder)
        assert record is not None, "a row of a finished run"
        content.records.append(record)
        for name, file in CURVES.items():
            curves[name].append(_curve(folder / file, name))
        found.append(fits.read_fit(folder, record))
    content.data = {
        "columns": _columns(content, flat),
        "rows": [_cells(row, setting, content) for row, setting in zip(rows, flat)],
        "settings": content.settings,
        "figures": [key for key in FIGURES if any(row.get(key) is not None for row in rows)],
        "floors": [_number(floors.floor(row)) for row in rows],
        "curves": curves,
        **_fits(rows, found),
    }
    return content


def _settings(row: index.Row) -> index.Row:
    """The settings of a run, phases by their number; a word that stands for others first."""
    phases = {"schedule.phases": json.loads(row.get("schedule.phases") or "[]")}
    plain = {key: value for key, value in row.items() if key not in NO_SETTINGS}
    return plain | index.flat(phases, deep=True)


def _hashable(value: Any) -> Any:
    return json.dumps(value) if isinstance(value, list | dict) else value


def _follows(key: str, differing: list[str]) -> bool:
    """Whether what differs in this setting is said by a word: of a function, a start, a schedule, or a method."""
    group = key.partition(".")[0]
    if group != key:
        return group in differing or (f"{group}.name" in differing and key != f"{group}.name")
    return key in ("init", "schedule") and "method" in differing


def values(rows: list[index.Row], key: str) -> list[Any]:
    """The distinct values of a setting, numbers ascending."""
    distinct = list(dict.fromkeys(_hashable(_settings(row).get(key)) for row in rows))
    numbers = all(isinstance(value, int | float) for value in distinct)
    return sorted(distinct) if numbers else distinct


def shown(key: str, value: Any, rows: list[index.Row]) -> str:
    """A value as a reader knows it: x³ for x3, a method by its title."""
    if value is None:
        return "-"
    if key == "function":
        formulas = {row.get("function.formula") for row in rows if row.get("function") == value}
        return names.text(str(formulas.pop())) if len(formulas) == 1 and None not in formulas else str(value)
    return word_of(key, value)


def _columns(content: Content, flat: list[index.Row]) -> list[dict[str, Any]]:
    """Of the table: what every run is called by, settings that differ, figures."""
    rows = content.rows
    first = [
        key for key in FIRST if key in content.settings or (len(rows) == 1 and rows[0].get(key) is not None)
    ]
    others = [key for key in content.settings if key not in first][:MOST_COLUMNS]
    figures = [key for key in FIGURES if any(row.get(key) is not None for row in rows)]
    columns = []
    for key in (*first, *others, *figures):
        source = rows if key in FIGURES else flat
        known = [row.get(key) for row in source if row.get(key) is not None]
        number = bool(known) and all(
            isinstance(value, int | float) and not isinstance(value, bool) for value in known
        )
        columns.append(
            {"key": key, "label": FIGURES.get(key, key), "number": number, "figure": key in FIGURES}
        )
    return columns


def _cells(row: index.Row, setting: index.Row, content: Content) -> dict[str, Any]:
    """What the script knows of a run: its settings that differ and figures by column, and where it is."""
    cells: dict[str, Any] = {"folder": row["folder"], "hash": row["hash"]}
    for key in dict.fromkeys([*FIRST, *content.settings]):
        value = setting.get(key)
        number = isinstance(value, int | float) and not isinstance(value, bool)
        cells[key] = value if number or value is None else shown(key, _hashable(value), content.rows)
    return cells | {key: _number(row.get(key)) for key in FIGURES}


def _number(value: Any) -> float | int | None:
    """A number as JSON has it, five digits of it."""
    if value is None or not math.isfinite(value):
        return None
    return value if isinstance(value, int) else float(f"{value:.5g}")


def _curve(path: Path, column: str) -> dict[str, str] | None:
    """Median, least and greatest over the restarts at some epochs."""
    if not path.exists():
        return None
    table = counted_through(read_table(path, ("epoch", "restart"), ("phase",)))
    if column not in table:
        return None
    finite = table[np.isfinite(table[column].astype(float))]
    band = finite.groupby("total")[column].agg(["median", "min", "max"])
    if band.empty:
        return None
    chosen = np.unique(np.linspace(0, len(band) - 1, MOST_EPOCHS).round().astype(int))
    band = band.iloc[chosen]
    return {"epoch": fits.packed(band.index, "<f4")} | {
        str(name): fits.packed(part, "<f4") for name, part in band.items()
    }


def _fits(rows: list[index.Row], found: list[fits.Fit | str]) -> dict[str, Any]:
    """The targets, each once, and the fit of each run, as far as a page can hold them."""
    sizes = [len(fit.ends) - 1 for fit in found if isinstance(fit, fits.Fit)]
    most = fits.shares(sizes, fits.BUDGET) if sizes else 0
    samples = fits.FINE if 4 * sum(sizes) <= fits.BUDGET else fits.COARSE
    targets: dict[tuple[Any, ...], int] = {}
    curves: list[dict[str, Any]] = []
    told: list[dict[str, Any]] = []
    room = fits.MOST_PICTURES
    for row, fit in zip(rows, found):
        if isinstance(fit, str) or len(fit.ends) - 1 > most:
            reason = (
                fit
                if isinstance(fit, str)
                else f"{len(fit.ends) - 1} pieces, more than the page has room for"
            )
            image = fits.picture(Path(row["folder"]), room)
            room -= len(image or "")
            told.append({"reason": reason, "picture": image})
            continue
        key = (fit.target.formula, fit.target.interval)
        if key not in targets:
            targets[key] = len(curves)
            curves.append(fits.target_curve(fit.target))
        told.append({"target": targets[key], **fit.to_json(samples)})
    return {"targets": curves, "fits": told}


def commands(records: list[RunRecord], folders: list[str]) -> list[str]:
    """What to type to run all this again: one sweep where the runs are all combinations of words, else a line each."""
    typed = [list(record.overrides) for record in records]
    if len(typed) == 1:
        return [shlex.join(["triangle", "run", *typed[0]])]
    keys = [word.partition("=")[0] for word in typed[0]]
    lists: dict[str, dict[str, None]] = {key: {} for key in keys}
    same = all([word.partition("=")[0] for word in words] == keys for words in typed) and len(lists) == len(
        keys
    )
    if same and not any("," in word for words in typed for word in words):
        for word in itertools.chain.from_iterable(typed):
            key, _, value = word.partition("=")
            lists[key][value] = None
        if math.prod(map(len, lists.values())) == len({tuple(words) for words in typed}):
            return [
                shlex.join(
                    ["triangle", "run", "-m", *(f"{key}={','.join(each)}" for key, each in lists.items())]
                )
            ]
    lines = list(dict.fromkeys(shlex.join(["triangle", "run", *words]) for words in typed))
    more = len(lines) - MOST_COMMANDS
    return lines[:MOST_COMMANDS] + ([f"# and {more} more: triangle run --from FOLDER"] if more > 0 else [])


def summary(content: Content) -> str:
    """One sentence: how many runs, of what, and which is the best."""
    rows = content.rows
    parts = []
    for key in ("function", "depth", "method", "init", "schedule"):
        found = values(rows, key)
        if key in content.settings and len(found) > 1:
            parts.append(f"{len(found)} {key}{'s' if key != 'init' else ' starts'}".replace("init ", ""))
    text = f"{len(rows)} run{'s' if len(rows) != 1 else ''}"
    return f"{text}: {', '.join(parts)}." if parts else f"{text}."


def alike_first(alike: dict[str, str]) -> dict[str, str]:
    """What all runs have, the words asked for most first."""
    order = [key for key in (*TOLD, "restarts", "seed") if key in alike]
    return {key: alike[key] for key in (*order, *(key for key in alike if key not in order))}


def table_of(content: Content) -> pd.DataFrame:
    """The rows of the page's table, for those who read without a script."""
    keys = [column["key"] for column in content.data["columns"]]
    return pd.DataFrame([{key: row[key] for key in keys} for row in content.data["rows"]], columns=keys)
