"""Sweeps on disk: the jobs that they left, found by name. Without pandas."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from triangle_cli.store import files

JOBS = "jobs.json"  # the jobs of a sweep that came to its end
FOLDER = "sweeps"  # in the folder of the runs


@dataclass(frozen=True)
class Sweep:
    """A sweep that came to its end: its folder, and what jobs.json says of each job."""

    folder: Path
    jobs: list[dict[str, Any]]

    @property
    def name(self) -> str:
        """Of its folder: the experiment's, or a hash of its words."""
        return self.folder.name

    def run_folders(self, outputs: Path) -> list[tuple[Path, list[str]]]:
        """The folder of each job that has one, and the words of the job; also where `outputs` was moved."""
        found = []
        for job in self.jobs:
            if not job.get("folder"):
                continue
            folder = Path(job["folder"])
            moved = outputs.joinpath(*folder.parts[-2:])
            found.append((folder if folder.exists() or not moved.exists() else moved, job["overrides"]))
        return found


def find(name: str, outputs: Path) -> Path | None:
    """The folder of a sweep: given as a path, or by its name in `outputs/sweeps`; None where there is none."""
    for folder in (Path(name), outputs / FOLDER / name):
        if (folder / JOBS).is_file():
            return folder
    return None


KINDS: dict[str, Any] = {  # of an entry of jobs.json
    "number": int,
    "overrides": list,
    "status": str,
    "reason": str | None,
    "folder": str | None,
    "seconds": float | int,
    "mse_min": float | int | None,
}


def read(folder: Path) -> Sweep:
    """The sweep in a folder.

    Raises:
        ValueError: its jobs.json is damaged.
        OSError: it cannot be read.
    """
    path = folder / JOBS
    try:
        jobs = json.loads(files.read_text(path))
        whole = isinstance(jobs, list) and all(
            isinstance(job, dict)
            and {"number", "overrides", "status", "folder"} <= job.keys() <= KINDS.keys()
            and all(isinstance(value, KINDS[key]) for key, value in job.items())
            and all(isinstance(word, str) for word in job["overrides"])
            for job in jobs
        )
    except (ValueError, KeyError, RecursionError):
        whole = False
    if not whole:
        raise ValueError(f"{path}: not written by a sweep, or cut off")
    return Sweep(folder, jobs)


def every(outputs: Path) -> tuple[list[Sweep], list[str]]:
    """The sweeps under `outputs` that came to their end, the last first; and a line for each that is damaged."""
    try:
        with os.scandir(outputs / FOLDER) as entries:
            folders = [Path(entry.path) for entry in entries if (Path(entry.path) / JOBS).is_file()]
    except FileNotFoundError:
        return [], []
    found, damaged = [], []
    for folder in sorted(folders, key=lambda path: -(path / JOBS).stat().st_mtime_ns):
        try:
            found.append(read(folder))
        except ValueError as error:
            damaged.append(str(error))
    return found, damaged
