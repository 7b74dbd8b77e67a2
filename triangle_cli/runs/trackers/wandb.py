"""`tracker=wandb`: Weights & Biases; without an account, or with WANDB_MODE=offline, files for `wandb sync`."""

from __future__ import annotations

import os
from collections import defaultdict
from pathlib import Path
from typing import Any

from triangle_cli.runs.trackers.metrics import metrics
from triangle_cli.store import index, run_folder
from triangle_cli.store.record import RunRecord

FILES = "wandb"  # in the folder of the runs
PROJECT = "triangle"  # unless WANDB_PROJECT names another


def tell(outputs: Path, folder: Path, record: RunRecord) -> None:
    """Log the run's settings, figures and picture, unless they are there."""
    if any((outputs / FILES).glob(f"*run-*-{record.hash}")):
        return
    os.environ.setdefault("WANDB_SILENT", "true")
    import wandb

    outputs.mkdir(parents=True, exist_ok=True)
    run = wandb.init(
        project=os.environ.get("WANDB_PROJECT", PROJECT),
        id=record.hash,
        name=f"{record.function}/{folder.name}",
        dir=str(outputs),
        config=index.flat(record.settings),
        mode=_mode(),
        settings=wandb.Settings(console="off", disable_git=True, save_code=False, x_disable_stats=True),
        reinit="finish_previous",
    )
    epochs: dict[int, dict[str, float]] = defaultdict(dict)
    for name, step, value in metrics(folder):
        epochs[step][name] = value
    for step in sorted(epochs):
        run.log(epochs[step], step=step)
    run.summary.update({key: value for key, value in record.summary.items() if value is not None})
    run.summary["folder"] = str(folder)
    if run_folder.PICTURE in record.files:
        run.log({"fit": wandb.Image(str(folder / run_folder.PICTURE))}, step=max(epochs, default=0))
    run.finish()


def _mode() -> Any:
    """As WANDB_MODE says; else online for those who are logged in."""
    import wandb

    return os.environ.get("WANDB_MODE") or ("online" if wandb.api.api_key else "offline")
