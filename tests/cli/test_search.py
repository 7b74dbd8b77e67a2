"""Searches by optuna go on where they were."""

import io

import pandas as pd
import pytest
from omegaconf import OmegaConf

from triangle_cli.cli.multirun import _earlier_trials


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
