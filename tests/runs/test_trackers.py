"""Trackers are told what the files of a run say."""

import json
import struct
import time

import pandas as pd
import pytest

from tests.conftest import SWEEP
from triangle_cli.runs import trackers
from triangle_cli.runs.trackers.metrics import metrics


@pytest.fixture
def run(swept):
    return next((swept.folder / "outputs" / "x2").glob("d3-*"))


def test_metrics_count_epochs_through_the_phases(tmp_path):
    history = {"restart": [0, 1, 0, 1], "phase": ["peaks", "peaks", "weights", "weights"]}
    history |= {"epoch": [20, 20, 5, 5], "loss": [1.0, 3.0, 0.5, None]}
    pd.DataFrame(history).to_csv(tmp_path / "history.csv", index=False)
    regions = pd.DataFrame(
        {"restart": [0, 1], "phase": ["init", "init"], "epoch": [0, 0], "linear_regions": [8, 9]}
    )
    regions.to_csv(tmp_path / "regions.csv", index=False)
    assert list(metrics(tmp_path)) == [
        *[("loss/min", 20, 1.0), ("loss/mean", 20, 2.0), ("loss/min", 25, 0.5), ("loss/mean", 25, 0.5)],
        *[("linear_regions/min", 0, 8.0), ("linear_regions/max", 0, 9.0)],
    ]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_tensorboard_reads_back_the_losses(run, tmp_path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    for _ in range(2):  # the second time it knows
        trackers.track("tensorboard", tmp_path, run)
    (folder,) = (tmp_path / "tensorboard" / "x2").iterdir()
    events = EventAccumulator(str(folder)).Reload()
    last = events.Scalars("loss/min")[-1]
    errors = pd.read_csv(run / "errors.csv")
    least = errors[errors["stage"] == "peaks"]["mse_train"].min()
    assert (last.step, last.value) == (10, pytest.approx(least, rel=1e-6))
    assert events.Tags()["images"] == ["fit"]


@pytest.mark.filterwarnings("ignore")
def test_mlflow_reads_back_settings_and_losses(run, tmp_path):
    mlflow = pytest.importorskip("mlflow")
    pytest.importorskip("sqlalchemy")
    for _ in range(2):
        trackers.track("mlflow", tmp_path, run)
    client = mlflow.MlflowClient(f"sqlite:///{tmp_path / 'mlflow.db'}")
    (found,) = client.search_runs([client.get_experiment_by_name("triangle").experiment_id])
    assert found.data.params["function.formula"] == "x**2"
    assert found.data.metrics["regions_max"] == 8
    assert client.get_metric_history(found.info.run_id, "loss/min")[-1].step == 10
    assert (tmp_path / "mlflow" / found.info.run_id / "artifacts" / "fit.png").exists()


@pytest.mark.filterwarnings("ignore")
def test_wandb_is_told_offline_and_once(run, tmp_path, monkeypatch):
    wandb = pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_MODE", "offline")
    for _ in range(2):
        trackers.track("wandb", tmp_path, run)
    record = json.loads((run / "run.json").read_text())
    (folder,) = (tmp_path / "wandb").glob("offline-run-*")
    assert folder.name.endswith(record["hash"])
    assert [path.suffix for path in (folder / "files" / "media" / "images").iterdir()] == [".png"]
    for _ in range(100):  # a process of wandb's own writes it, in its own time
        logged, configured = told(folder / f"run-{record['hash']}.wandb")
        if logged:
            break
        time.sleep(0.2)
    history = pd.read_csv(run / "history.csv")
    least = history.groupby("epoch")["loss"].min()
    assert [float(row["loss/min"]) for row in logged if "loss/min" in row] == pytest.approx(least.tolist())
    assert configured["function.formula"] == '"x**2"'
    assert wandb.run is None


def records(path):
    """The records of a file of wandb's, which is a log as of LevelDB after seven bytes of its own."""
    content, place, parts = path.read_bytes(), 7, b""
    while place < len(content):
        left = 32768 - place % 32768
        if left < 7:  # the end of a block is filled up
            place += left
            continue
        size, kind = struct.unpack_from("<HB", content, place + 4)
        parts += content[place + 7 : place + 7 + size]
        place += 7 + size
        if kind in (1, 4):  # whole, or the last part
            yield parts
            parts = b""


def told(path):
    """The rows of a file of wandb's, and the settings in it."""
    from wandb.proto import wandb_internal_pb2

    logged, configured = [], {}
    for content in records(path):
        record = wandb_internal_pb2.Record()
        record.ParseFromString(content)
        if record.HasField("history"):
            row = record.history.item
            logged.append({item.key or "/".join(item.nested_key): item.value_json for item in row})
        if record.HasField("run"):
            settings = record.run.config.update
            configured |= {item.key or ".".join(item.nested_key): item.value_json for item in settings}
    return logged, configured


def test_a_tracker_that_is_not_installed_is_refused_before_anything_runs(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ValueError, match=r"tracker=0\.5: expected one of none, "):
        trackers.require("0.5")
    with pytest.raises(ValueError, match="tracker=mlflow: expected mlflow to be installed"):
        trackers.require("mlflow")


def test_a_damaged_database_of_a_tracker_is_named_after_the_tables_are_written(triangle):
    pytest.importorskip("mlflow")
    (triangle.folder / "outputs").mkdir()
    (triangle.folder / "outputs" / "mlflow.db").write_text("no database")
    done = triangle(*SWEEP, "tracker=mlflow")
    assert done.returncode == 1
    assert "4 jobs: 4 computed" in done.stdout
    assert done.stderr.splitlines()[-1].startswith("triangle: tracker=mlflow: outputs/mlflow.db: ")
    assert "Traceback" not in done.stderr
    assert triangle.tables()
