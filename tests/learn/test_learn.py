"""Models that learn from data: what is read, how it is split, what learns, and the command as a user runs it."""

import dataclasses
import pickle
import re
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from learn.data_files import (
    CSV,
    NAMES,
    cifar_arrays,
    write_cifar_binary,
    write_cifar_python,
    write_image_folder,
)
from settings.composed import settings_of

from tests.conftest import Command
from triangle_cli.learn import experiment, images, models, pictures, splits, tables
from triangle_cli.paper import learning, trees
from triangle_cli.runs.trackers.metrics import metrics
from triangle_cli.settings.learn import Architecture, ModelSettings

SHORT = ["restarts=2", "depth=2", "schedule.phases.0.epochs=2", "schedule.phases.1.epochs=1"]
RELU_SHORT = ["restarts=2", "schedule.phases.0.epochs=3"]


def model_settings(**more):
    words = {
        "name": "mlp",
        "architecture": Architecture.mlp,
        "hidden": [8, 6],
        "channels": None,
        "dropout": 0.0,
    }
    words |= {"replace": ["*"], "interval": [-1.0, 1.0], "matched": False, "weights": None, "frozen": False}
    return ModelSettings(**(words | more))


@given(
    examples=st.integers(5, 60), folds=st.integers(2, 5), round_=st.integers(0, 3), seed=st.integers(0, 2**32)
)
def test_each_round_of_folds_tests_every_example_once(examples, folds, round_, seed):
    ways = [splits.fold(examples, folds, round_ * folds + k, seed) for k in range(folds)]
    assert sorted(np.concatenate([test for _, test in ways])) == list(range(examples))
    for train, test in ways:
        assert sorted([*train, *test]) == list(range(examples))
        assert abs(len(test) - examples / folds) < 1


def test_a_split_is_scaled_by_what_is_learned_from_alone():
    table = tables.Table(np.array([[0.0], [2.0], [100.0]]), np.array([1.0, 3.0, 50.0]), None)
    ways = (np.array([0, 1]), np.array([2]))
    split = splits.split_table(table, tables.Task.regression, None, torch.float64, "cpu", ways)
    assert split.train.x.squeeze(1).tolist() == [-1, 1]
    assert split.train.y.squeeze(1).tolist() == [-1, 1]
    assert split.test.x.item() == 99
    assert split.scale == 1
    assert split.spread == 48.0**2


@pytest.mark.parametrize("value", [0.1, 0.7, -2.3, 1e-200])
def test_what_never_varies_in_the_training_part_keeps_its_unit(value):
    column = np.full(100, value)
    column[99] += 1
    table = tables.Table(np.stack([column, np.arange(100.0)], 1), column, None)
    ways = (np.arange(99), np.array([99]))
    split = splits.split_table(table, tables.Task.regression, None, torch.float64, "cpu", ways)
    assert split.scale == 1
    assert split.test.x[0, 0].item() == pytest.approx(1)
    assert split.test.y.item() == pytest.approx(1)
    assert split.train.x[:, 0].abs().max() < 1e-12


def test_values_so_small_that_their_squares_are_0_stay_numbers():
    table = tables.Table(np.array([[0.0], [1e-200], [2e-200]]), np.array([0.0, 1.0, 2.0]), None)
    ways = (np.array([0, 1]), np.array([2]))
    split = splits.split_table(table, tables.Task.regression, None, torch.float64, "cpu", ways)
    assert split.train.x.isfinite().all()


def test_pictures_are_moved_and_mirrored_and_nothing_else():
    x = torch.arange(1.0, 3 * 6 * 5 + 1).reshape(1, 3, 6, 5).repeat(200, 1, 1, 1)
    moved = splits.moved_and_mirrored(x, torch.Generator().manual_seed(0), most=1)
    padded = torch.nn.functional.pad(x[:1], (1, 1, 1, 1))
    allowed = [padded[..., i : i + 6, j : j + 5] for i in range(3) for j in range(3)]
    allowed += [picture.flip(3) for picture in allowed]
    seen = {next(k for k, other in enumerate(allowed) if torch.equal(picture, other[0])) for picture in moved}
    assert len(seen) == len(allowed)


def test_the_two_formats_of_cifar10_hold_the_same(tmp_path):
    both = []
    for write, name in ((write_cifar_python, "py"), (write_cifar_binary, "bin")):
        words = ["data=cifar10", f"data.path={write(tmp_path / name)}", "dtype=float64"]
        split, classes = images.read_cifar10(settings_of(*words).data, torch.float64, "cpu")
        assert classes == 10
        both.append(split)
    first, second = both
    assert len(first.train) == 100
    assert len(first.test) == 20
    for part in ("train", "test"):
        assert torch.equal(getattr(first, part).x, getattr(second, part).x)
        assert torch.equal(getattr(first, part).y, getattr(second, part).y)
    x, y = cifar_arrays(5)
    assert first.test.y.tolist() == y.tolist()
    pixels = np.concatenate([cifar_arrays(k)[0] for k in range(5)]).reshape(-1, 3, 1024)
    red = (x[3, :1024].reshape(32, 32) - pixels[:, 0].mean()) / pixels[:, 0].std()
    assert first.test.x[3, 0].numpy() == pytest.approx(red, abs=1e-12)


class _Harm:
    def __reduce__(self):
        return (eval, ("1/0",))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no pickle",
        pickle.dumps({b"data": 3}),
        pickle.dumps(_Harm()),
        pickle.dumps({b"data": [[1]], b"labels": [1]}),
    ],
)
def test_what_is_no_batch_of_cifar10_is_refused_and_runs_no_code(tmp_path, content):
    folder = write_cifar_python(tmp_path) / "cifar-10-batches-py"
    (folder / NAMES[2]).write_bytes(content)
    settings = settings_of("data=cifar10", f"data.path={tmp_path}")
    with pytest.raises(ValueError, match=f"{folder / NAMES[2]}: "):
        images.read_cifar10(settings.data, torch.float32, "cpu")


def test_a_folder_of_pictures_is_read_alike_by_any_number_of_workers(tmp_path):
    words = ["data=imagenet", f"data.path={write_image_folder(tmp_path)}", "data.image_size=24"]
    found = []
    for workers in (0, 2):
        data = settings_of(*words, f"data.workers={workers}").data
        split, classes = images.read_image_folder(data, torch.float32, "cpu")
        assert classes == 2
        generator = torch.Generator().manual_seed(3)
        found.append([torch.cat(parts) for parts in zip(*split.train.batches(5, generator))])
    assert found[0][0].shape == (12, 3, 24, 24)
    assert all(torch.equal(a, b) for a, b in zip(*found))
    x, y = (torch.cat(parts) for parts in zip(*split.test.batches(5, None)))
    assert y.tolist() == [0] * 6 + [1] * 6
    assert x[:6].max() < x[6:].min()  # the classes are dark and bright


@pytest.mark.parametrize("workers", [0, 2])
def test_a_file_that_is_no_picture_is_named_in_one_line_by_any_number_of_workers(tmp_path, workers):
    broken = write_image_folder(tmp_path) / "val" / "n01443537" / "n01443537_2.JPEG"
    broken.write_bytes(b"no picture")
    words = ["data=imagenet", f"data.path={tmp_path}", "data.image_size=24", f"data.workers={workers}"]
    split, _ = images.read_image_folder(settings_of(*words).data, torch.float32, "cpu")
    with pytest.raises(ValueError, match=f"^{re.escape(str(broken))}: expected a picture$"):
        list(split.test.batches(5, None))


def test_vgg16_has_the_parameters_of_the_paper_it_is_from():
    settings = settings_of("data=imagenet", "data.path=.").model
    with torch.device("meta"):
        model = models.build(settings, (3, 224, 224), 1000, None)
    assert models.parameter_count(model) == 138_357_544
    assert model.classifier[6].out_features == 1000
    assert model.features[28].weight.shape == (512, 512, 3, 3)


def test_convolutions_start_from_a_state_dict_and_stay_if_frozen(tmp_path):
    shape = (1, 8, 8)
    cnn = {"architecture": Architecture.cnn, "channels": [4]}
    first = models.build(model_settings(**cnn), shape, 3, None)
    torch.save(first.state_dict(), tmp_path / "first.pt")
    again = {**cnn, "weights": str(tmp_path / "first.pt"), "frozen": True}
    second = models.build(model_settings(**again), shape, 3, {"depth": 2})
    assert torch.equal(second.features[0].weight, first.features[0].weight)
    assert not second.features[0].weight.requires_grad
    with pytest.raises(ValueError, match=r"expected features\.\* of this model"):
        models.build(model_settings(**{**again, "channels": [5]}), shape, 3, None)


@pytest.mark.parametrize("hidden", [[8], [8, 6], [64, 64]])
def test_a_matched_model_has_as_many_parameters_or_nearly(hidden):
    settings, layers = model_settings(hidden=hidden), {"depth": 3}
    widths = models.matched_widths(settings, (10,), 4, layers)
    triangle = models.build(settings, (10,), 4, layers)
    with_relu = models.build(model_settings(hidden=widths), (10,), 4, None)
    wanted = models.parameter_count(triangle, released=True)
    assert models.parameter_count(with_relu) == pytest.approx(wanted, rel=0.1)


def test_both_starts_have_the_same_linears_and_see_the_same_batches():
    words = ["data=digits", "restarts=1"]
    runs = [
        experiment.run(settings_of(*words, *more)) for more in (SHORT[1:], ["method=relu", *RELU_SHORT[1:]])
    ]
    start = [run.errors.query("stage == 'init'")["loss_test"].item() for run in runs]
    assert start[0] == pytest.approx(start[1], rel=0.05)  # a smoothed ReLU is nearly one
    assert start[0] != start[1]


def test_a_run_is_repeated_to_the_bit_and_restarts_do_not_depend_on_their_number():
    words = ["data=wine", *SHORT]
    first = experiment.run(settings_of(*words))
    second = experiment.run(settings_of(*words, "restarts=3"))
    pd.testing.assert_frame_equal(first.errors, second.errors.query("restart < 2").reset_index(drop=True))


def test_errors_are_in_the_targets_own_units():
    result = experiment.run(settings_of("data=diabetes", "method=relu", *RELU_SHORT))
    table = tables.read_table(settings_of("data=diabetes").data)
    for row in result.errors.itertuples():
        train, test = splits.fold(len(table.y), 5, row.restart, 0)
        spread = ((table.y[test] - table.y[train].mean()) ** 2).mean()
        assert row.r2_test == pytest.approx(1 - row.mse_test / spread)
        assert 0.1 < row.mse_test / spread < 2


def test_divergence_is_told_and_ends_the_learning():
    words = ["data=wine", "method=relu", "restarts=2", "schedule.phases.0.learning_rate=1e30"]
    settings = settings_of(*words)
    result = experiment.run(settings)
    assert result.final["diverged"].all()
    assert result.best_restart is None
    assert pictures.learning_figure(result, settings)


WRONG_CSV = {
    "": "empty, expected a line of column names and lines of values",
    "a,b\n": "no lines of values",
    CSV.replace("1987", ""): "column built has no value in row 2, expected all (data.drop=[built]",
    re.sub(
        r",(19|20)\d\d,", ",7,", CSV
    ): "column built is 7 throughout, expected it to vary (data.drop=[built]",
    CSV.replace("390", "many"): "column price has values such as many (row 4), expected numbers",
    re.sub(r"\d+\n", "5\n", CSV): "column price is 5 throughout",
    CSV.replace("71.5", "inf"): "column area has values such as inf (row 1), expected numbers within",
    "price\n" + "\n".join(map(str, range(12))): "expected columns beside the target",
    CSV.replace("4,88.0", "4,1,2,88.0"): "expected a CSV file",
    "\n".join(CSV.splitlines()[:9]): "8 rows, expected 10 or more for data.folds=5",
    CSV.replace(
        ",", ";"
    ): "one column named 'rooms;area;kind;built;price', expected columns separated by commas",
    CSV.replace("area", "rooms"): "two columns named rooms, expected a name of its own for each",
    "," + CSV.replace("\n", "\n1,").removesuffix("1,"): "a column without a name, expected a name for each",
    CSV.replace("390", "1e200"): "column price has values such as 1e+200 (row 4), expected numbers within",
    CSV.replace("390", str(10**30)): "column price has values such as 210 (row 1), expected numbers within",
    CSV.replace("\n", ",7\n").replace("price,7", "price"): "more values in a line than the 5 names",
    CSV.replace(",210\n", ",210,7\n"): "more values in a line than the 5 names",
}


@pytest.mark.parametrize("content", WRONG_CSV)
def test_a_csv_file_that_cannot_be_learned_from_is_refused_in_one_line(tmp_path, content):
    path = tmp_path / "houses.csv"
    path.write_text(content)
    with pytest.raises(ValueError, match=re.escape(WRONG_CSV[content])) as refused:
        tables.read_table(settings_of("data=csv", f"data.path={path}", "data.target=price").data)
    assert str(path) in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (
            ["data.target=prize"],
            "data.target=prize: no such column, expected one of rooms, area, kind, built, price",
        ),
        (["data.drop=[garden]"], "data.drop=garden: no such column"),
        (["data.task=classification"], "column price has 10 classes in 10 rows, expected fewer"),
        (["data.path=nothing.csv"], "data.path=nothing.csv: expected a CSV file (there is no such file)"),
    ],
)
def test_words_that_do_not_fit_a_csv_file_are_refused(tmp_path, words, complaint):
    path = tmp_path / "houses.csv"
    path.write_text(CSV)
    with pytest.raises(ValueError, match=re.escape(complaint)):
        tables.read_table(settings_of("data=csv", f"data.path={path}", "data.target=price", *words).data)


def test_a_sweep_that_cannot_be_done_says_so_once(triangle):
    done = triangle("run", "experiment=cifar10")
    assert done.returncode == 1
    assert not done.stdout
    (line,) = done.stderr.strip().splitlines()
    assert line.startswith("triangle: data.path=data/cifar10: expected a folder with data_batch_1")


def test_a_target_with_one_class_is_refused(tmp_path):
    path = tmp_path / "houses.csv"
    path.write_text(CSV.replace("house", "flat"))
    words = ["data=csv", f"data.path={path}", "data.target=kind", "data.task=classification"]
    with pytest.raises(ValueError, match="column kind is flat throughout, expected it to vary"):
        tables.read_table(settings_of(*words).data)


def test_words_become_columns(tmp_path):
    path = tmp_path / "houses.csv"
    path.write_text(CSV)
    table = tables.read_table(settings_of("data=csv", f"data.path={path}", "data.target=price").data)
    assert table.x.shape == (10, 5)
    assert table.x[:3, 3:].tolist() == [[1, 0], [0, 1], [1, 0]]
    assert table.y[:2].tolist() == [210, 305]


def test_a_word_far_down_a_long_column_makes_words_of_all(tmp_path):
    path = tmp_path / "long.csv"
    rows = (f"{k},{'word' if k == 599_999 else k % 3}" for k in range(600_000))
    path.write_text("\n".join(["value,kind", *rows]))
    words = ["data=csv", f"data.path={path}", "data.target=kind", "data.task=classification"]
    table = tables.read_table(settings_of(*words).data)
    assert table.classes == ["0", "1", "2", "word"]


def test_a_csv_file_that_has_changed_makes_another_run(tmp_path):
    path = tmp_path / "houses.csv"
    hashes = []
    for content in (CSV, CSV, CSV.replace("71.5", "72.5")):
        path.write_text(content)
        hashes.append(settings_of("data=csv", f"data.path={path}", "data.target=price").hash)
    assert hashes[0] == hashes[1] != hashes[2]


@pytest.mark.parametrize(
    ("words", "features"), [(["data.drop=[pixel_0_0]"], 63), (["data.target=pixel_3_3"], 63), ([], 64)]
)
def test_digits_are_pictures_as_long_as_no_pixel_is_missing(words, features):
    task = "regression" if words and "target" in words[0] else "classification"
    examples = experiment.read_examples(settings_of("data=digits", f"data.task={task}", *words))
    x, _ = next(examples.split(0).test.batches(5, None))
    assert x.shape[1:] == examples.shape == ((1, 8, 8) if features == 64 else (63,))
    assert x.isfinite().all()


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
    write_cifar_python(command.folder / "data" / "cifar10")
    write_image_folder(command.folder / "data" / "imagenet")
    (command.folder / "houses.csv").write_text(CSV)
    return command


TINY_VGG = ["data.image_size=32", "model.hidden=[8]", "data.batch=4", "data.workers=0"]
RUNS = {
    "data=digits": SHORT,
    "data=csv": ["data.path=houses.csv", "data.target=price", *SHORT],
    "data=cifar10": ["model.channels=[4,4]", "model.hidden=[8]", *SHORT],
    "data=imagenet": [*TINY_VGG, "restarts=2", "depth=2", *[f"schedule.phases.{k}.epochs=1" for k in (0, 1)]],
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
    first = [0, 1] if word == "data=imagenet" else [0, 1, 2]
    assert history.groupby("restart")["epoch"].apply(list).tolist() == [[*first, 1]] * 2
    assert {path.name for path in folder.iterdir()} >= {"network.pt", "config.yaml", "run.json", "fit.png"}

    assert learned("show", str(folder)).returncode == 0
    assert folder.parent.name in learned("ls", folder.parent.name).stdout
    again = learned("run", "--from", str(folder))
    assert again.returncode == 0, again.stdout + again.stderr
    assert "every number the same" in again.stdout


def test_regions_of_a_model_are_counted_along_lines(learned):
    words = ["data=wine", "restarts=2", "schedule.phases.0.epochs=1", "model.hidden=[6]"]
    for more in (["depth=2", "schedule.phases.1.epochs=1"], ["method=relu"]):
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
    done = triangle("run", *words, "schedule.phases.0.epochs=1", "schedule.phases.1.epochs=1")
    assert done.returncode == 0, done.stderr
    (folder,) = (triangle.folder / "outputs" / "wine").iterdir()
    state = models.load_model(folder).state_dict()
    for name, kept in torch.load(folder / "network.pt", weights_only=True).items():
        assert state[name].dtype == torch.float64
        assert torch.equal(state[name], kept)


def test_sweeps_on_data_are_estimated_tracked_and_spread_over_cores(learned):
    words = ["run", "-m", "data=wine", "model.hidden=[4],[5]", "restarts=2", "depth=2", "tracker=tensorboard"]
    words += ["schedule.phases.0.epochs=2", "schedule.phases.1.epochs=2", "launcher=joblib"]
    assert "2 jobs: 0 done, 2 to run" in learned(*words, "dry_run=true").stdout
    done = learned(*words)
    assert done.returncode == 0, done.stderr
    assert "2 jobs: 2 computed" in done.stdout
    assert "mean test" in done.stdout
    assert "about" in learned(*words, "seed=1", "dry_run=true").stdout
    (folder,) = (learned.folder / "outputs" / "tensorboard").iterdir()
    assert len(list(folder.iterdir())) == 2
    run = next((learned.folder / "outputs" / "wine").glob("d2-*"))
    assert {name for name, _, _ in metrics(run)} >= {"loss/mean", "mse_test/mean"}


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
        record={"parameters": 7, "function": "digits"},
    )
    (shown,) = learning.compare_models("digits")([run]).parts.values()
    assert shown.loc[0, "epoch 1"] == "50.0 %"
    assert shown.loc[0, "at the end"] == "90.00 %"


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
        (["data=csv", "data.path=.", "data.target=y"], "data.path=.: Is a directory, expected a CSV file"),
        (["data=wine", "data.augment=true"], "data.augment=True: expected false for data=wine"),
        (
            ["data=wine", "data.drop=alcohol"],
            "data.drop=alcohol: expected a list, such as data.drop=[alcohol]",
        ),
        (["data=digits", "init=raai"], "init=raai: expected triangle or random with data"),
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
