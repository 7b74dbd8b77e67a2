"""`tracker=`: finished runs, told to TensorBoard, MLflow or wandb: settings, figures on the way, the picture.

A tracker is a module of this room, of the name of its package, with `tell` and the name of its FILES; its word is
in `settings.run.TRACKERS`.

Called by the process that runs the sweep, once a run is whole on disk: what is told is what the files say, and
no two processes write to one database.
"""

from __future__ import annotations

import importlib
import importlib.util
from pathlib import Path

from triangle_cli import interrupts
from triangle_cli.settings import run
from triangle_cli.settings.require import require_one_of
from triangle_cli.store import run_folder


def require(tracker: str) -> None:
    """Raise ValueError, before anything is computed, for a tracker that does not exist or is not installed."""
    require_one_of(tracker, "tracker", run.TRACKERS)
    if tracker != "none" and importlib.util.find_spec(tracker) is None:
        raise ValueError(
            f"tracker={tracker}: expected {tracker} to be installed (pip install '.[{tracker}]')"
        )


def track(tracker: str, outputs: Path, folder: Path) -> None:
    """Tell a tracker of a finished run, unless it knows.

    Args:
        tracker: none, tensorboard, mlflow or wandb.
        outputs: the tracker's own files go to `outputs/tensorboard`, `outputs/mlflow.db` or `outputs/wandb`.
        folder: the run's.

    Raises:
        ValueError: the tracker cannot take it in, because its files are damaged, say.
        OSError: its files cannot be written.
    """
    if tracker == "none" or not (record := run_folder.read_run(folder)):
        return
    how = importlib.import_module(f"{__name__}.{tracker}")
    try:
        how.tell(outputs, folder, record)
    except OSError:
        raise
    except Exception as error:  # of a database's library, or of the tracker's own
        interrupts.check()
        raise ValueError(f"tracker={tracker}: {outputs / how.FILES}: {str(error).splitlines()[0]}") from error
