"""Trackers are told what the files of a run say."""

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


def test_a_tracker_that_is_not_installed_is_refused_before_anything_runs(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
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
