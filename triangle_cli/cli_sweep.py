"""Hydra's side of a sweep's end, and of launchers that are not ours. With `cli.py`, all that knows Hydra."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

from hydra.experimental.callback import Callback
from omegaconf import DictConfig

from hydra_plugins.triangle_launcher import SweepLauncher
from triangle_cli import results, sweep
from triangle_cli.cli import typed_settings
from triangle_cli.messages import explain

JOB = "job.json"  # of a job under a launcher that is not ours


class CollectSweep(Callback):
    """Collects at the end of a sweep. Other launchers than ours leave a record per job on disk."""

    def on_multirun_start(self, config: DictConfig, **_: Any) -> None:
        """Forget the jobs of an earlier sweep with the same words; their runs stay, and are answered from disk."""
        if "optuna" in config.hydra.sweeper._target_:
            if config.dry_run:
                raise SystemExit(
                    "dry_run=true: expected no search, whose jobs follow from each other's errors"
                )
            Path(config.outputs).mkdir(parents=True, exist_ok=True)  # for its database
            _count_earlier_trials(config.hydra.sweeper)
        SweepLauncher.records.clear()
        for record in Path(config.hydra.sweep.dir).glob(f"*/{JOB}"):
            record.unlink(missing_ok=True)

    def on_multirun_end(self, config: DictConfig, **_: Any) -> None:
        """Write and print the tables. Ends the process where a job failed: an exception would only be warned about."""
        folder = Path(config.hydra.sweep.dir)
        records = SweepLauncher.records or _records_on_disk(folder)
        try:
            if records and not sweep.collect(folder, records):
                raise SystemExit(1)
        except OSError as error:
            raise SystemExit(explain(error, [])) from error


def _count_earlier_trials(sweeper: DictConfig) -> None:
    """Let a search that was interrupted, or is given more trials, end after n_trials in all."""
    import optuna

    if sweeper.storage is None:
        return
    try:
        study = optuna.load_study(study_name=sweeper.study_name, storage=sweeper.storage)
    except KeyError:  # no such study yet
        return
    done = sum(trial.state.is_finished() for trial in study.get_trials(deepcopy=False))
    print(f"{done} of {sweeper.n_trials} trials are done")
    sweeper.n_trials = max(0, sweeper.n_trials - done)
    if sweeper.sampler.get("seed") is not None:
        sweeper.sampler.seed += done  # the same seed would first ask for the same trials again


def run_foreign_job(config: DictConfig, number: int, words: list[str], folder: Path) -> float | None:
    """One job of a launcher that is not ours, such as hydra-ray-launcher; its record is left in `folder`."""
    item = sweep.plan(number, words, partial(typed_settings, config), folder)
    record = item if isinstance(item, dict) else sweep.run_job(item)
    results.write_text(folder / JOB, json.dumps(record))
    return record["mse_min"]


def _records_on_disk(folder: Path) -> list[sweep.Record]:
    records = [json.loads(path.read_text()) for path in folder.glob(f"*/{JOB}")]
    return sorted(records, key=lambda record: record["number"])
