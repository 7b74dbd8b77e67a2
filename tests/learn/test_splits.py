"""How examples are split, scaled and augmented."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from triangle_cli.learn import splits, tables


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
