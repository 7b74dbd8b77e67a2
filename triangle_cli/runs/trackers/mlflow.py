"""`tracker=mlflow`: one database for all runs."""

from __future__ import annotations

import logging
import os
from pathlib import Path

from triangle_cli.runs.trackers.metrics import metrics
from triangle_cli.store import index, run_folder
from triangle_cli.store.record import RunRecord

FILES = "mlflow.db"  # in the folder of the runs


def tell(outputs: Path, folder: Path, record: RunRecord) -> None:
    """Log the run's settings, figures and picture, unless they are there."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    import mlflow
    from mlflow.entities import Metric, Param, RunTag

    logging.getLogger("mlflow").setLevel(logging.WARNING)
    client = mlflow.MlflowClient(f"sqlite:///{outputs / FILES}")
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
    if run_folder.PICTURE in record.files:
        client.log_artifact(run, str(folder / run_folder.PICTURE))
    client.set_terminated(run)
