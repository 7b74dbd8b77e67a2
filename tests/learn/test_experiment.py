"""What a run that learns from data measures."""

import pandas as pd
import pytest
from learn.data_files import SHORT
from settings.composed import settings_of

from triangle_cli.learn import experiment, pictures, splits, tables

RELU_SHORT = ["restarts=2", "schedule.phases.0.epochs=3"]


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


@pytest.mark.parametrize(
    ("words", "features"), [(["data.drop=[pixel_0_0]"], 63), (["data.target=pixel_3_3"], 63), ([], 64)]
)
def test_digits_are_pictures_as_long_as_no_pixel_is_missing(words, features):
    task = "regression" if words and "target" in words[0] else "classification"
    examples = experiment.read_examples(settings_of("data=digits", f"data.task={task}", *words))
    x, _ = next(examples.split(0).test.batches(5, None))
    assert x.shape[1:] == examples.shape == ((1, 8, 8) if features == 64 else (63,))
    assert x.isfinite().all()
