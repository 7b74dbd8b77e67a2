"""Learning from data as a user types it."""

import pandas as pd
import pytest
import torch
from learn.data_files import SHORT, TINY_VGG, write_all

from tests.conftest import Command
from triangle_cli.learn import models
from triangle_cli.runs.trackers.metrics import metrics


def test_a_sweep_that_cannot_be_done_says_so_once(triangle):
    done = triangle("run", "experiment=cifar10")
    assert done.returncode == 1
    assert not done.stdout
    (line,) = done.stderr.strip().splitlines()
    assert line.startswith("triangle: data.path=data/cifar10: expected a folder with data_batch_1")


@pytest.fixture(scope="module")
def learned(tmp_path_factory) -> Command:
    """A folder with data in every format, and a run on each."""
    command = Command(tmp_path_factory.mktemp("learned"))
    write_all(command.folder)
    return command


RUNS = {
    "data=digits": SHORT,
    "data=csv": ["data.path=houses.csv", "data.target=price", *SHORT],
    "data=cifar10": ["model.channels=[4,4]", "model.hidden=[8]", *SHORT],
    "data=imagenet": ["model=cnn", "model.channels=[4]", *TINY_VGG, *SHORT],
}


@pytest.mark.parametrize("word", RUNS)
def test_every_kind_of_data_runs_shows_and_repeats(learned, word):
    done = learned("run", word, *RUNS[word])
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    name = "houses" if word == "data=csv" else word.split("=")[1]
    (folder,) = (learned.folder / "outputs" / name).iterdir()
    errors = pd.read_csv(folder / "errors.csv")
    assert errors["stage"].tolist() == ["init", "peaks", "weights"] * 2
    assert not errors["diverged"].any()
    history = pd.read_csv(folder / "history.csv")
    assert history.groupby("restart")["epoch"].apply(list).tolist() == [[0, 1, 2, 1]] * 2
    assert {path.name for path in folder.iterdir()} >= {"network.pt", "config.yaml", "run.json", "fit.png"}

    assert learned("show", str(folder)).returncode == 0
    assert folder.parent.name in learned("ls", folder.parent.name).stdout
    again = learned("run", "--from", str(folder))
    assert again.returncode == 0, again.stdout + again.stderr
    assert "every number the same" in again.stdout


def test_regions_of_a_model_are_counted_along_lines(learned):
    words = ["data=wine", "restarts=2", "schedule.phases.0.epochs=1", "model.hidden=[6]"]
    released = ["depth=2", "method=layers_released", "schedule.phases.1.epochs=1"]
    for more in (released, ["method=relu"], ["method=limit", "depth=2"]):
        assert learned("run", *words, *more).returncode == 0
    for folder in (learned.folder / "outputs" / "wine").glob("*-*"):
        done = learned("regions", str(folder), "--lines", "3", "--box", "-2", "2")
        assert done.returncode == 0, done.stderr
        assert "linear regions" in done.stdout
        model = models.load_model(folder)
        assert model(torch.zeros(1, 12)).shape == (1, 1)
    refused = learned("regions", str(folder), "--restart", "7", "--box", "-2", "2")
    assert refused.returncode == 1
    assert "--restart 7: expected" in refused.stderr


def test_a_model_comes_back_in_the_precision_it_was_learned_in(triangle):
    words = ["data=wine", "dtype=float64", "restarts=1", "depth=2", "model.hidden=[3]"]
    done = triangle("run", *words, "schedule.phases.0.epochs=1")
    assert done.returncode == 0, done.stderr
    (folder,) = (triangle.folder / "outputs" / "wine").iterdir()
    state = models.load_model(folder).state_dict()
    for name, kept in torch.load(folder / "network.pt", weights_only=True).items():
        assert state[name].dtype == torch.float64
        assert torch.equal(state[name], kept)


def test_sweeps_on_data_are_estimated_tracked_and_spread_over_cores(learned):
    words = ["run", "-m", "data=wine", "model.hidden=[4],[5]", "restarts=2", "depth=2", "tracker=tensorboard"]
    words += ["schedule.phases.0.epochs=2"]
    assert "2 jobs: 0 done, 2 to run" in learned(*words, "dry_run=true").stdout
    done = learned(*words, "launcher=joblib")
    assert done.returncode == 0, done.stderr
    assert "2 jobs: 2 computed" in done.stdout
    assert "mean test" in done.stdout
    assert "about" in learned(*words, "seed=1", "dry_run=true").stdout
    (folder,) = (learned.folder / "outputs" / "tensorboard").iterdir()
    assert len(list(folder.iterdir())) == 2
    run = next((learned.folder / "outputs" / "wine").glob("d2-*"))
    assert {name for name, _, _ in metrics(run)} >= {"loss/mean", "mse_test/mean"}


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["data=cifar10"], "data.path=data/cifar10: expected a folder with data_batch_1 to data_batch_5"),
        (
            ["data=imagenet"],
            "data.path=data/imagenet: expected a folder with train/CLASS/*.JPEG and val/CLASS/*.JPEG; put them",
        ),
        (["data=csv"], "data=csv: expected data.path=FILE data.target=COLUMN with it"),
        (["data=digits", "function=x3"], "function=x3: expected nothing with data=..."),
        (["data=csv", "data.path=.", "data.target=y"], "data.path=.: expected a CSV file (it is none)"),
        (["data=wine", "data.augment=true"], "data.augment=True: expected false for data=wine"),
        (
            ["data=wine", "data.drop=alcohol"],
            "data.drop=alcohol: expected a list, such as data.drop=[alcohol]",
        ),
        (["data=digits", "init=raai"], "init=raai: expected triangle, limit or random with data"),
        (["data=digits", "init=random"], "expected a schedule of weights phases for init=random"),
        (["model=cnn"], "model=cnn: expected data=... with it"),
        (
            ["data=wine", "model=cnn"],
            "model=cnn: examples of shape (12,), expected pictures of 4 x 4 pixels or more",
        ),
        (
            ["data=wine", "model.replace=[5]"],
            "model.replace=['5']: 5: it is Dropout, expected a Linear followed by a ReLU",
        ),
        (
            ["data=wine", "model.interval=[0,1]"],
            "model.interval=[0.0, 1.0]: expected [lo, hi] with 0 between them",
        ),
        (
            ["data=wine", "model.interval=[-5000,1]"],
            "model.interval=(-5000.0, 1.0): expected (lo, hi) with 0, where ReLU bends, well inside",
        ),
        (
            ["data=wine", "data.table=boston"],
            "data.table=boston: expected one of breast_cancer, diabetes, digits",
        ),
    ],
)
def test_bad_words_about_data_get_one_line_and_leave_nothing(triangle, words, complaint):
    done = triangle("run", *words)
    assert done.returncode == 1
    assert complaint in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    assert not (triangle.folder / "outputs").exists()
