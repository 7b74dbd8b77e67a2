"""Hydra's callback around a sweep. With `cli.py`, all that knows Hydra."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hydra.experimental.callback import Callback

from triangle_cli import sweep


class CollectSweep(Callback):
    """Clears the job records that an earlier sweep with the same words left, and collects at the end."""

    def on_multirun_start(self, config: Any, **_: Any) -> None:
        """Forget the earlier jobs; their runs stay, and are answered from disk."""
        sweep.forget_jobs(Path(config.hydra.sweep.dir))

    def on_multirun_end(self, config: Any, **_: Any) -> None:
        """Write and print the tables. Exits with 1 if a job failed: an exception would only be warned about."""
        if sweep.collect(Path(config.hydra.sweep.dir)):
            raise SystemExit(1)
