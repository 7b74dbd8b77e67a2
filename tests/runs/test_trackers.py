"""Trackers are told what the files of a run say."""

import io

import pandas as pd
import pytest
from omegaconf import OmegaConf

from tests.conftest import SWEEP
from triangle_cli.cli.multirun import _earlier_trials
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


def test_a_search_goes_on_where_it_was_and_ends_after_all_trials(triangle):
    pytest.importorskip("optuna")
    words = ["run", "-m", "hparams_search=optuna", "restarts=2", "depth=2", "schedule.phases.1.epochs=5"]
    words += ["schedule.phases.0.epochs=choice(5,10)"]
    said = {2: "2 jobs: 2 computed", 3: "3 jobs: 1 computed, 2 from disk"}
    for trials, jobs in said.items():
        done = triangle(*words, f"hydra.sweeper.n_trials={trials}")
        assert done.returncode == 0, done.stderr
        assert jobs in done.stdout
    tables = triangle.tables()
    done = triangle(*words, "hydra.sweeper.n_trials=3")
    assert "3 of 3 trials are done" in done.stdout
    assert "3 jobs: 3 from disk" in done.stdout
    assert triangle.tables() == tables
    chosen = [column for column in pd.read_csv(io.BytesIO(tables["errors.csv"])) if "phases" in column]
    assert chosen == [
        "schedule.phases.0.learning_rate",
        "schedule.phases.1.learning_rate",
        "schedule.phases.0.epochs",
        "schedule.phases.1.epochs",
    ]
    from sqlalchemy import create_engine, text

    with create_engine(f"sqlite:///{triangle.folder / 'outputs' / 'optuna.db'}").connect() as database:
        assert database.execute(text("select count(*) from trials where state = 'COMPLETE'")).scalar() == 3
        assert database.execute(text("select count(*) from studies")).scalar() == 1
        rates = "select count(distinct param_value) from trial_params where param_name like '%learning_rate'"
        assert database.execute(text(rates)).scalar() == 6


def test_earlier_trials_are_in_the_order_of_their_search_even_where_it_asked_for_more(tmp_path):
    optuna = pytest.importorskip("optuna")
    storage = f"sqlite:///{tmp_path / 'optuna.db'}"
    study = optuna.create_study(study_name="mine", storage=storage)
    trial = study.ask()
    for name in ("init.scale", "b", "a"):
        trial.suggest_float(name, 0.5, 0.5)
    trial.set_user_attr("depth", 2)
    study.tell(trial, 1.0)
    params = {"a": "interval(0, 1)", "b": "interval(0, 1)"}  # init.scale is no longer asked for
    sweeper = OmegaConf.create(
        {"study_name": "mine", "storage": storage, "n_trials": 3, "sampler": {"seed": 0}, "params": params}
    )
    assert _earlier_trials(sweeper, ["depth=2"]) == [["a=0.5", "b=0.5", "init.scale=0.5", "depth=2"]]
    assert sweeper.n_trials == 2


def test_a_search_says_what_is_wrong_with_its_database_or_its_trials(triangle):
    pytest.importorskip("optuna")
    (triangle.folder / "outputs").mkdir()
    (triangle.folder / "outputs" / "optuna.db").write_text("no database")
    for word, said in {
        "hydra.sweeper.n_trials=2": "triangle: sqlite:///outputs/optuna.db: expected a database of optuna's",
        "hydra.sweeper.n_trials=0": "triangle: hydra.sweeper.n_trials=0: expected a whole number, 1 or more",
    }.items():
        done = triangle("run", "hparams_search=optuna", word)
        assert done.returncode == 1
        assert done.stderr.startswith(said)
        assert done.stderr.count("\n") == 1


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
