"""The files of a run: their names, and how they appear whole or not at all."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

ERRORS = "errors.csv"
REGIONS = "regions.csv"
HISTORY = "history.csv"
NETWORK = "network.pt"
CONFIG = "config.yaml"
PICTURE = "fit.png"
RUN = "run.json"  # written last: it marks a finished run


def write_whole(path: Path, write: Callable[[Path], object]) -> None:
    """Let `write` fill a file beside `path`, then rename it to `path`: readers see all of it or nothing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(prefix=f".{path.stem}-", suffix=path.suffix, dir=path.parent)
    os.close(descriptor)
    beside = Path(name)
    try:
        write(beside)
        beside.chmod(0o666 & ~_umask())
        with beside.open("rb") as file:
            os.fsync(file.fileno())
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def write_text(path: Path, text: str) -> None:
    """Write a text file, whole or not at all."""
    write_whole(path, lambda beside: beside.write_text(text, encoding="utf-8"))


def write_table(path: Path, table: pd.DataFrame) -> None:
    """Write a table as CSV, floats with all their digits, whole or not at all."""
    write_whole(path, lambda beside: table.to_csv(beside, index=False))


def read_run(folder: Path) -> dict[str, Any] | None:
    """What `run.json` of a finished run says; None where there is no finished run, or a file of it is missing."""
    try:
        record = json.loads((folder / RUN).read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError, json.JSONDecodeError, UnicodeDecodeError):
        return None
    complete = isinstance(record, dict) and all(
        (folder / name).is_file() for name in record.get("files", [RUN])
    )
    return record if complete and "hash" in record else None
