"""Tables and figures of the experiments that learn from data."""

import dataclasses
from types import SimpleNamespace

import pandas as pd
import pytest
from learn.data_files import SHORT, TINY_VGG, write_all
from settings.composed import settings_of

from tests.conftest import Command
from triangle_cli.paper import learning, trees


def test_alternatives_are_scored_where_a_fold_leaves_one_class(tmp_path):
    path = tmp_path / "rare.csv"
    path.write_text("a,kind\n" + "".join(f"{k % 7},{'rare' if k == 5 else 'usual'}\n" for k in range(20)))
    settings = settings_of("data=csv", f"data.path={path}", "data.target=kind", "data.task=classification")
    config = {"data": dataclasses.asdict(settings.data), "seed": 0}
    config["data"] |= {"source": "csv", "task": "classification"}
    found = trees.scores(config, 5, tmp_path)
    assert sorted(found["linear"]) == [0.75, 1, 1, 1, 1]


@pytest.fixture(scope="module")
def learned(tmp_path_factory) -> Command:
    """A folder with data in every format, and a run on each."""
    command = Command(tmp_path_factory.mktemp("learned"))
    write_all(command.folder)
    return command


EXPERIMENTS = {
    "digits": SHORT[:2],
    "cifar10": ["model.channels=[4,4]", "model.hidden=[8]", *SHORT[:2]],
    "imagenet_vgg16": ["model=cnn", "model.channels=[4]", *TINY_VGG, *SHORT[:2]],
    "tabular": ["data=wine", *SHORT[:2]],
}


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_every_experiment_on_data_makes_its_table_and_figure(learned, name):
    quick = ["schedule.phases.0.epochs=2"]
    done = learned("run", f"experiment={name}", *EXPERIMENTS[name], *quick)
    assert done.returncode == 0, done.stderr
    paper = learned("paper", name)
    assert paper.returncode == 0, paper.stderr
    text = (learned.folder / "outputs" / "tables" / f"{name}.md").read_text()
    assert "ReLU" in text
    assert "triangle networks" in text
    assert "nan" not in text
    assert ("gradient-boosted trees" in text) == (name == "tabular")
    assert (learned.folder / "outputs" / "figures" / f"{name}-learning.png").exists()


def test_early_accuracies_are_those_of_the_restarts_that_did_not_diverge():
    history = pd.DataFrame({"phase": ["init", "weights", "weights"] * 2, "epoch": [0, 1, 2] * 2})
    history = history.assign(restart=[0, 0, 0, 1, 1, 1], accuracy_test=[0.1, 0.5, 0.9, 0.1, 0.2, 0.1])
    phase = {"epochs": 2, "learning_rate": 1e-3}
    config = {"model": {"name": "mlp"}, "schedule": {"phases": [phase]}, "data": {"batch": 8}, "restarts": 2}
    run = SimpleNamespace(
        table=lambda name: history,
        final_errors=pd.DataFrame({"restart": [0], "accuracy_test": [0.9]}),
        choices={"method": "relu"},
        config=config | {"depth": 3, "seed": 0, "dtype": "float32"},
        record=SimpleNamespace(parameters=7, function="digits", restarts=[0, 1]),
        method=SimpleNamespace(title="ReLU"),
    )
    (shown,) = learning.compare_models("digits", [run]).parts.values()
    assert shown.loc[0, "epoch 1"] == "50.0 %"
    assert shown.loc[0, "at the end"] == "90.00 %"
