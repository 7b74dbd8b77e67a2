"""All finished runs under a folder, as rows. An index file keeps what was read, and is rebuilt where it is not true.

Without pandas, which takes longer to import than ten thousand runs take to list.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from triangle_cli.store import files, run_folder
from triangle_cli.store.record import RunRecord

INDEX = ".index.json"
INDEX_VERSION = 5  # raise when rows get other columns

OUTPUTS = Path("outputs")  # where runs go, and are looked for, unless another folder is named
NO_RUNS = "no runs yet in {}: `triangle run function=x2 depth=8` makes the first"
NO_SWEEPS = "no sweeps yet in {}: `triangle run -m function=x2 depth=4,6,8` makes the first"

Row = dict[str, Any]
Signature = list[int]  # of run.json: when it was written, in ns, and its size in bytes


def find_runs(outputs: Path, write: bool = True) -> tuple[list[Row], list[str]]:
    """Every finished run under `outputs`, in the order of their folders.

    Args:
        outputs: the folder.
        write: the index, where it was not true.

    Returns:
        The rows, and a line for each run.json that is damaged or foreign.

    Raises:
        ValueError: there is no such folder.
        OSError: it cannot be read.
    """
    require_folder(outputs)
    known = _read_index(outputs)
    rows: dict[str, tuple[Signature, Row]] = {}
    damaged = []
    changed = False
    for folder, signature in sorted({**dict(_run_folders(str(outputs), "")), **_itself(outputs)}.items()):
        if folder in known and known[folder][0] == signature:
            rows[folder] = known[folder]
            continue
        changed = True
        try:
            if record := run_folder.read_record(outputs / folder):
                rows[folder] = (signature, as_row(record))
        except ValueError as error:
            damaged.append(str(error))
    if write and (changed or rows.keys() != known.keys()):
        _write_index(outputs, rows)
    return [row | {"folder": str(outputs / folder)} for folder, (_, row) in rows.items()], damaged


def require_folder(outputs: Path) -> None:
    """Raise ValueError where there is no folder of runs: none was made yet, or another was named that is not there."""
    if not outputs.is_dir():
        new = outputs == OUTPUTS and not outputs.exists()
        raise ValueError(NO_RUNS.format(outputs) if new else f"--outputs={outputs}: expected a folder")


def _run_folders(top: str, below: str) -> Iterator[tuple[str, Signature]]:
    """The folders that hold a run.json, relative to `top`; does not look inside them, nor into hidden ones."""
    unreadable = contextlib.suppress(OSError) if below else contextlib.nullcontext()
    with unreadable, os.scandir(f"{top}/{below}" if below else top) as entries:  # a Path would be slow
        for entry in entries:
            if entry.name.startswith(".") or not entry.is_dir():
                continue
            name = f"{below}/{entry.name}" if below else entry.name
            try:
                found = os.stat(f"{entry.path}/{run_folder.RUN}")  # noqa: PTH116
            except OSError:
                yield from _run_folders(top, name)
                continue
            yield name, [found.st_mtime_ns, found.st_size]


def _itself(outputs: Path) -> dict[str, Signature]:
    """The folder as a run of its own, as `hydra.run.dir=outputs` makes it."""
    try:
        found = (outputs / run_folder.RUN).stat()
    except OSError:
        return {}
    return {".": [found.st_mtime_ns, found.st_size]}


def as_row(record: RunRecord) -> Row:
    """A run as a row: what is asked for most, then every setting by its name on the command line."""
    settings, summary = record.settings, record.summary
    row = {
        "function": record.function,
        "depth": settings.get("depth"),
        "init": settings.get("init", {}).get("name"),
        "schedule": settings.get("schedule", {}).get("name"),
        "method": _typed(record, "method"),
        "points": settings.get("points", {}).get("name"),
        "stage": summary.get("stage"),
        "mse_min": summary.get("mse_min"),
        "mse_mean": summary.get("mse_mean"),
        "mse_median": summary.get("mse_median"),
        "test_mse_mean": summary.get("test_mse_mean"),
        "test_mse_sd": summary.get("test_mse_sd"),
        "test_r2_mean": summary.get("test_r2_mean"),
        "accuracy": summary.get("test_accuracy_mean"),
        "accuracy_sd": summary.get("test_accuracy_sd"),
        "regions_min": summary.get("regions_min"),
        "regions": summary.get("regions_max"),
        "floor_ratio_best": summary.get("floor_ratio_best"),
        "best_mse": record.best.get("mse_train"),
        "best_stage": record.best_stage,
        "diverged": summary.get("diverged"),
        "seconds": record.seconds.get("total"),
        "when": record.started,
        "hash": record.hash,
    }
    return row | {key: value for key, value in flat(settings).items() if key not in row}


def _typed(record: RunRecord, key: str) -> str | None:
    """What was typed for a word that stands for settings, such as `method=kaiming`."""
    found = [word.partition("=")[2] for word in record.overrides if word.startswith(f"{key}=")]
    return found[-1] if found else None


def mentions(row: Row, word: str) -> bool:
    """Whether a row has a word: in its folder, or as its function, start, schedule or method."""
    return word in row["folder"] or any(
        word == row[key] for key in ("function", "init", "schedule", "method")
    )


def flat(settings: dict[str, Any], prefix: str = "", deep: bool = False) -> Row:
    """Nested settings as `outer.inner`; lists as JSON, or if `deep` the phases of a schedule as `phases.0.epochs`."""
    row: Row = {}
    for key, value in settings.items():
        if deep and isinstance(value, list) and value and isinstance(value[0], dict):
            value = {str(index): item for index, item in enumerate(value)}
        if isinstance(value, dict):
            row |= flat(value, f"{prefix}{key}.", deep)
        else:
            row[prefix + key] = json.dumps(value) if isinstance(value, list) else value
    return row


def _read_index(outputs: Path) -> dict[str, tuple[Signature, Row]]:
    """What the index says; nothing where it is missing, of another version, or not as it was written."""
    try:
        content = json.loads(files.read_text(outputs / INDEX))
        if content["version"] != INDEX_VERSION or content["digest"] != _digest(
            content["columns"], content["runs"]
        ):
            return {}
        return {
            folder: (signature, dict(zip(content["columns"][kind], values)))
            for folder, (signature, kind, values) in content["runs"].items()
        }
    except (OSError, ValueError, KeyError, TypeError, IndexError, AttributeError, RecursionError):
        return {}


def _digest(columns: list, runs: dict) -> str:
    """Tells an index as it was written from one that was damaged, or written by hand."""
    return hashlib.sha256(json.dumps([columns, runs], separators=(",", ":")).encode()).hexdigest()


def _write_index(outputs: Path, rows: dict[str, tuple[Signature, Row]]) -> None:
    """Write the index; a folder that cannot be written does without."""
    kinds: dict[tuple[str, ...], int] = {}  # rows with the same columns share their names
    runs = {
        folder: (signature, kinds.setdefault(tuple(row), len(kinds)), list(row.values()))
        for folder, (signature, row) in rows.items()
    }
    columns = [list(kind) for kind in kinds]
    content = {"version": INDEX_VERSION, "digest": _digest(columns, runs), "columns": columns, "runs": runs}
    with contextlib.suppress(OSError):
        files.require_own(outputs / INDEX)
        run_folder.write_text(outputs / INDEX, json.dumps(content, separators=(",", ":")))


def locate(run: str, outputs: Path) -> Path:
    """The folder of a run: given as a path, as its hash, or as any part of its path that no other run has.

    Raises:
        ValueError: no run is meant, or several, or a damaged one.
    """
    path = Path(run)
    if path.name == run_folder.RUN:
        path = path.parent
    if (path / run_folder.RUN).exists():
        return path
    rows, damaged = find_runs(outputs) if outputs.is_dir() else ([], [])
    found = [row["folder"] for row in rows if run in row["folder"]]
    if len(found) == 1:
        return Path(found[0])
    if found:
        shown = ", ".join(found[:3]) + (", ..." if len(found) > 3 else "")
        raise ValueError(f"{run}: expected one run, {len(found)} match: {shown}")
    for line in damaged:
        if run in line.partition(f"/{run_folder.RUN}: ")[0]:
            raise ValueError(line)
    raise ValueError(f"{run}: expected the folder or the hash of a finished run (`triangle ls` lists them)")
