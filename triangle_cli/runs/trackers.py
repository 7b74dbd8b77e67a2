"""`tracker=`: finished runs, told to TensorBoard or MLflow: settings, figures on the way, the picture.

Called by the process that runs the sweep, once a run is whole on disk: what is told is what the files say, and
no two processes write to one database.
"""

from __future__ import annotations

import importlib.util
import logging
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from triangle_cli import interrupts
from triangle_cli.store import index, run_folder
from triangle_cli.store.record import RunRecord

MLFLOW_DATABASE = "mlflow.db"


def require(tracker: str) -> None:
    """Raise ValueError, before anything is computed, for a tracker that is not installed."""
    if tracker != "none" and importlib.util.find_spec(tracker) is None:
        raise ValueError(
            f"tracker={tracker}: expected {tracker} to be installed (pip install '.[{tracker}]')"
        )


def track(tracker: str, outputs: Path, folder: Path) -> None:
    """Tell a tracker of a finished run, unless it knows.

    Args:
        tracker: none, tensorboard or mlflow.
        outputs: the tracker's own files go to `outputs/tensorboard` or `outputs/mlflow.db`.
        folder: the run's.

    Raises:
        ValueError: the tracker cannot take it in, because its files are damaged, say.
        OSError: its files cannot be written.
    """
    if tracker == "none" or not (record := run_folder.read_run(folder)):
        return
    tell, files = TRACKERS[tracker]
    try:
        tell(outputs, folder, record)
    except OSError:
        raise
    except Exception as error:  # of a database's library, or of the tracker's own
        interrupts.check()
        raise ValueError(f"tracker={tracker}: {outputs / files}: {str(error).splitlines()[0]}") from error


def metrics(folder: Path) -> Iterator[tuple[str, int, float]]:
    """Name, epoch counted through all phases, value: what the tables say over the restarts."""
    for name, column, figures in (
        (run_folder.HISTORY, "loss", ("min", "mean")),
        (run_folder.HISTORY, "accuracy_test", ("min", "mean")),
        (run_folder.HISTORY, "mse_test", ("min", "mean")),
        (run_folder.REGIONS, "linear_regions", ("min", "max")),
    ):
        path = folder / name
        table = pd.read_csv(path) if path.exists() else pd.DataFrame()
        if column not in table:
            continue
        last = table.groupby("phase", sort=False)["epoch"].max()
        before = last.cumsum() - last
        table["step"] = table["epoch"] + table["phase"].map(before)
        for step, row in table.groupby("step")[column].agg(list(figures)).dropna().iterrows():
            for figure in figures:
                yield f"{column}/{figure}", int(step), float(row[figure])


def _tensorboard(outputs: Path, folder: Path, record: RunRecord) -> None:
    target = outputs / "tensorboard" / record.function / folder.name
    if target.exists():
        return
    from matplotlib.pyplot import imread
    from torch.utils.tensorboard import SummaryWriter

    target.parent.mkdir(parents=True, exist_ok=True)
    beside = Path(tempfile.mkdtemp(prefix=".new-", dir=target.parent))
    try:
        with SummaryWriter(str(beside)) as writer:
            writer.add_text(
                "config", f"<pre>{(folder / run_folder.CONFIG).read_text(encoding='utf-8')}</pre>"
            )
            for name, step, value in metrics(folder):
                writer.add_scalar(name, value, step)
            writer.add_image("fit", imread(folder / run_folder.PICTURE)[..., :3], dataformats="HWC")
        beside.replace(target)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _mlflow(outputs: Path, folder: Path, record: RunRecord) -> None:
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    import mlflow
    from mlflow.entities import Metric, Param, RunTag

    logging.getLogger("mlflow").setLevel(logging.WARNING)
    client = mlflow.MlflowClient(f"sqlite:///{outputs / MLFLOW_DATABASE}")
    name = "triangle"
    experiment = client.get_experiment_by_name(name)
    artifacts = (outputs / "mlflow").resolve().as_uri()
    number = experiment.experiment_id if experiment else client.create_experiment(name, artifacts)
    if client.search_runs([number], f"tags.hash = '{record.hash}' and attributes.status = 'FINISHED'"):
        return
    run = client.create_run(number, run_name=f"{record.function}/{folder.name}").info.run_id
    epochs = [Metric(key, value, 0, step) for key, step, value in metrics(folder)]
    final = [Metric(key, float(v), 0, 0) for key, v in record.summary.items() if isinstance(v, int | float)]
    for start in range(0, len(epochs), 900):  # a call takes up to 1000 metrics
        client.log_batch(run, epochs[start : start + 900])
    params = [Param(key, str(value)[:6000]) for key, value in index.flat(record.settings).items()]
    client.log_batch(run, final, params, [RunTag("hash", record.hash), RunTag("folder", str(folder))])
    client.log_artifact(run, str(folder / run_folder.PICTURE))
    client.set_terminated(run)


# how it is told, and its files
TRACKERS: dict[str, tuple[Callable[[Path, Path, dict[str, Any]], None], str]] = {
    "tensorboard": (_tensorboard, "tensorboard"),
    "mlflow": (_mlflow, MLFLOW_DATABASE),
}
