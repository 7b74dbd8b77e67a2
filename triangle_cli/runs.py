"""A run on disk: answered from there if it is finished, else computed and written."""

from __future__ import annotations

import datetime
import importlib.metadata
import json
import platform
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from triangle_cli import results
from triangle_cli.settings import Settings, plain

PACKAGES = ("triangle-cli", "torch", "numpy", "numba", "pandas", "hydra-core", "omegaconf", "matplotlib")


@dataclass(frozen=True)
class Run:
    """A finished run: where it is, what its run.json says, its errors.csv, and whether it was there before."""

    folder: Path
    record: dict[str, Any]
    errors: pd.DataFrame
    reused: bool


def perform(settings: Settings, folder: Path, words: list[str], watch: Callable[[Any], object]) -> Run:
    """The run with these settings: from disk where it is finished, else computed and written to `folder`.

    Raises:
        ValueError: the settings do not fit each other, or the folder holds a finished run of other settings.
    """
    record = results.read_run(folder)
    if record and record["hash"] != settings.hash and not settings.force:
        raise ValueError(
            f"hydra.run.dir={folder}: expected a folder without a run of other settings (it holds {record['hash']}, "
            f"these are {settings.hash}); force=true overwrites it"
        )
    reused = record is not None and not settings.force
    if not reused:
        _compute(settings, folder, words, watch)
        record = results.read_run(folder)
    return Run(folder, record, pd.read_csv(folder / results.ERRORS), reused)


def _compute(settings: Settings, folder: Path, words: list[str], watch: Callable[[Any], object]) -> None:
    from triangle_cli import experiment  # torch, from here on

    started = datetime.datetime.now(datetime.timezone.utc)
    clock = time.perf_counter()
    result = experiment.run(settings, watch)
    elapsed = time.perf_counter() - clock
    (folder / results.RUN).unlink(missing_ok=True)  # from here on the folder is not finished
    files = _write_files(result, settings, folder)
    record = {
        "hash": settings.hash,
        "function": settings.function.name,
        "interval": list(result.target.interval),
        "curvature": result.target.curvature,
        "best_restart": result.best_restart,
        "diverged_restarts": int(result.final["diverged"].sum()),
        "starts": settings.starts,
        "restarts": result.restarts,  # in the order of network.pt
        "parameters": result.network.parameters_each,
        "seed": settings.seed,
        "device": _device_name(settings.device),
        "dtype": settings.dtype.value,
        "threads": settings.threads,
        "started": started.isoformat(timespec="seconds"),
        "seconds": {"total": elapsed} | result.seconds,
        "overrides": words,
        "git_commit": git_commit(),
        "versions": versions(),
        "files": files,
    }
    results.write_text(folder / results.RUN, json.dumps(record, indent=2) + "\n")


def _write_files(result: Any, settings: Settings, folder: Path) -> list[str]:
    """Write everything but run.json; returns the names."""
    import torch

    from triangle_cli import plots

    state = {name: tensor.cpu() for name, tensor in result.network.state_dict().items()}
    writers: dict[str, Callable[[Path], object]] = {
        results.ERRORS: lambda path: results.write_table(path, result.errors),
        results.REGIONS: lambda path: results.write_table(path, result.regions),
        results.HISTORY: lambda path: results.write_table(path, result.history),
        results.NETWORK: lambda path: results.write_whole(path, lambda beside: torch.save(state, beside)),
        results.CONFIG: lambda path: results.write_text(
            path, yaml.safe_dump(plain(settings.describe()), sort_keys=False)
        ),
        results.PICTURE: lambda path: results.write_whole(path, plots.fit_figure(result, settings).savefig),
    }
    for name, write in writers.items():
        write(folder / name)
    return list(writers)


def _device_name(device: str) -> str:
    if not device.startswith("cuda"):
        return f"{device} ({platform.processor() or platform.machine()})"
    import torch

    return f"{device} ({torch.cuda.get_device_name(device)})"


def versions() -> dict[str, str]:
    """The versions of Python and of the packages that decide the numbers."""
    return {"python": platform.python_version()} | {
        name: importlib.metadata.version(name) for name in PACKAGES
    }


def git_commit() -> str | None:
    """The commit of the source that runs, with `+changes` if files differ from it; None outside a checkout."""
    source = Path(__file__).parent

    def git(*words: str) -> str | None:
        try:
            done = subprocess.run(
                ["git", *words], cwd=source, capture_output=True, text=True, timeout=10, check=True
            )
        except (OSError, subprocess.SubprocessError):
            return None
        return done.stdout.strip()

    if git("ls-files", "--error-unmatch", "runs.py") is None:  # installed, or somebody else's repository
        return None
    commit = git("rev-parse", "HEAD")
    return f"{commit}+changes" if git("status", "--porcelain", "--untracked-files=no", "--", ".") else commit


def perform_and_report(settings: Settings, folder: Path, words: list[str]) -> None:
    """`triangle run`: the run with a progress bar, then its table. Raises ValueError if every restart diverged."""
    from triangle_cli import report

    with report.progress() as watch:
        run = perform(settings, folder, words, watch)
    report.print_run(run)
    if run.record["best_restart"] is None:
        raise ValueError(f"all {settings.restarts} restarts diverged: expected a smaller learning_rate")
