"""A run on disk: answered from there if it is finished, else computed and written."""

from __future__ import annotations

import datetime
import importlib.metadata
import io
import logging
import platform
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from types import ModuleType
from typing import Any

import pandas as pd
import yaml

from triangle_cli import imports
from triangle_cli.runs import pictures
from triangle_cli.settings.run import FitSettings, LearnSettings, plain
from triangle_cli.store import run_folder
from triangle_cli.store.locks import hold
from triangle_cli.store.record import RunRecord
from triangle_cli.store.stages import read_errors, stage_summary

PACKAGES = ("triangle-cli", "torch", "numpy", "numba", "pandas", "hydra-core", "omegaconf", "matplotlib")

Dumper = getattr(yaml, "CSafeDumper", yaml.SafeDumper)  # written in C where it comes so

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Run:
    """A finished run: where it is, what its run.json says, and whether it was there before."""

    folder: Path
    record: RunRecord
    reused: bool

    @property
    def errors(self) -> pd.DataFrame:
        """Its errors.csv, read each time: a sweep asks for none. Errors as of `read_errors`."""
        return read_errors(self.folder)


def perform(
    settings: FitSettings | LearnSettings,
    folder: Path,
    words: list[str],
    watch: Callable[[Any], object],
    wait: bool = True,
    picture: bool = True,
) -> Run:
    """The run with these settings: from disk where it is finished, else computed and written to `folder`.

    Args:
        settings: what to run.
        folder: where its files are, or will be.
        words: what was typed, for the record.
        watch: called at every epoch.
        wait: for another process that is computing this run, and answer with what it wrote.
        picture: draw what it found.

    Raises:
        ValueError: the settings do not fit each other, or the folder holds a finished run of other settings.
        Busy: another process is computing this run, and `wait` is false.
        OSError: the disk is full, or the folder cannot be written; a finished run there is left as it was.
    """
    if not settings.force and (record := finished(settings, folder)):
        return Run(folder, record, reused=True)
    with hold(folder, wait):
        record = None if settings.force else run_folder.read_run(folder)  # by the process that held the lock
        reused = record is not None
        if record is None:
            _compute(settings, folder, words, watch, picture)
            record = run_folder.read_run(folder)
    if record is None:
        raise ValueError(f"{folder}: expected the run that was just written there")
    return Run(folder, record, reused)


def finished(settings: FitSettings | LearnSettings, folder: Path) -> RunRecord | None:
    """The record of a finished run of these settings. What is damaged is named and counts as not there.

    Raises:
        ValueError: the folder holds a finished run of other settings.
    """
    record, damage = run_folder.check_run(folder)
    if damage:
        log.warning("%s; computed again", damage)
    if record and record.hash != settings.hash:
        raise ValueError(
            f"hydra.run.dir={folder}: expected a folder without a run of other settings (it holds {record.hash}, "
            f"these are {settings.hash}); force=true overwrites it"
        )
    return record


def _compute(
    settings: FitSettings | LearnSettings,
    folder: Path,
    words: list[str],
    watch: Callable[[Any], object],
    picture: bool,
) -> None:
    experiment = experiment_of(settings)  # torch, from here on
    started = datetime.datetime.now(datetime.timezone.utc)
    clock, processors = time.perf_counter(), time.process_time()
    deepened = settings.schedule.deepening is not None
    result = experiment.run(settings, watch, folder) if deepened else experiment.run(settings, watch)
    wall, cpu = result.earlier if deepened else (0.0, 0.0)
    elapsed, used = wall + time.perf_counter() - clock, cpu + time.process_time() - processors
    publish_result(settings, result, folder, words, started, {"total": elapsed, "cpu": used}, picture)


def publish_result(
    settings: FitSettings | LearnSettings,
    result: Any,
    folder: Path,
    words: list[str],
    started: datetime.datetime,
    seconds: dict[str, float],
    picture: bool = True,
) -> None:
    """Write what a run found: its files, run.json last, and its picture.

    Args:
        settings, result: of the run.
        folder: the run's.
        words: what was typed, for the record.
        started: when.
        seconds: `total`, and `cpu`, that it took.
        picture: draw what it found.

    Raises:
        OSError: the folder cannot be written.
    """
    described, summary = settings.describe(), _summary(result)
    record = RunRecord(
        hash=settings.hash,
        function=settings.name,
        diverged_restarts=summary["diverged"],
        starts=settings.starts,
        seed=settings.seed,
        device=_device_name(settings.device),
        dtype=settings.dtype.value,
        threads=settings.threads,
        started=started.isoformat(timespec="seconds"),
        seconds=seconds | result.seconds,
        overrides=words,
        git_commit=git_commit(),
        versions=versions(),
        settings=described,
        summary=summary,
        **result.facts,
    )
    extras = {run_folder.PICTURE: partial(pictures.draw, result, settings)} if picture else {}
    for line in run_folder.publish(folder, _writers(result, described), record, extras):
        log.warning("%s; the rest of the run is on disk", line)


def experiment_of(settings: FitSettings | LearnSettings) -> ModuleType:
    """The module whose `check` and `run` take these settings."""
    with imports.uncollected():
        if isinstance(settings, LearnSettings):
            from triangle_cli.learn import experiment as learning

            return learning
        from triangle_cli.fit import experiment as fitting

        return fitting


def _summary(result: Any) -> dict[str, Any]:
    """The last stage of errors.csv in a few figures; None where all restarts diverged."""
    last = stage_summary(result.errors).iloc[-1]
    whole = ("regions_min", "regions_max", "diverged")
    return {
        str(name): None if pd.isna(value) else int(value) if name in whole else value
        for name, value in last.items()
        if name != "floor_kind"  # of errors.csv
    }


def _writers(result: Any, described: dict[str, Any]) -> dict[str, Callable[[Path], object]]:
    """What writes each file but run.json; `described`: the settings."""
    import torch

    def network(state: dict[str, Any], path: Path) -> None:
        content = io.BytesIO()  # torch.save aborts the process when the disk is full
        torch.save({name: tensor.cpu() for name, tensor in state.items()}, content)
        path.write_bytes(content.getvalue())

    config = yaml.dump(plain(described), Dumper=Dumper, sort_keys=False)
    return {
        **{name: partial(_write_csv, table) for name, table in result.tables.items()},
        **{name: partial(network, state) for name, state in result.states.items()},
        run_folder.CONFIG: lambda path: path.write_text(config, encoding="utf-8"),
    }


def _write_csv(table: pd.DataFrame, path: Path) -> None:
    table.to_csv(path, index=False)


def _device_name(device: str) -> str:
    if not device.startswith("cuda"):
        return f"{device} ({platform.processor() or platform.machine()})"
    import torch

    return f"{device} ({torch.cuda.get_device_name(device)})"


@cache
def versions() -> dict[str, str]:
    """The versions of Python and of the packages that decide the numbers."""
    return {"python": platform.python_version()} | {
        name: importlib.metadata.version(name) for name in PACKAGES
    }


@cache
def git_commit() -> str | None:
    """The commit of the source that runs, with `+changes` if files differ from it; None outside a checkout."""
    source = Path(__file__).parent.parent

    def git(*words: str) -> str | None:
        try:
            done = subprocess.run(
                ["git", *words], cwd=source, capture_output=True, text=True, timeout=10, check=True
            )
        except (OSError, subprocess.SubprocessError):
            return None
        return done.stdout.strip()

    if git("ls-files", "--error-unmatch", "__init__.py") is None:  # installed, or somebody else's repository
        return None
    commit = git("rev-parse", "HEAD")
    return f"{commit}+changes" if git("status", "--porcelain", "--untracked-files=no", "--", ".") else commit
