"""A restart is the same to the bit, whatever other restarts there are and whatever threads they are shared among."""

import itertools

import pandas as pd
import pytest
import torch
from settings.composed import settings_of

from triangle_cli.fit import experiment
from triangle_cli.training.models import Crew

SINGLE = ["function=x3", "depth=4"]
DIFFERENCE = ["function=cubic", "network=difference", "depth=3"]
RIDGE = ["function=r3", "network=ridge", "network.directions=3", "points=plane", "depth=2", "points.grid=121"]
RIDGE += ["points.train=121", "points.test=100", "regions.every=100"]
PAIRS = ["network.blocks=2", "network.directions=2"]
ADAM = ["schedule=paper", "schedule=no_regularization", "schedule=skip_pretraining"]
SECOND = ["schedule=second_order_quick", "schedule.starts=17"]
SECOND += [f"schedule.phases.{phase}.keep={keep}" for phase, keep in enumerate([13, 11])]
TENTS = ["schedule=second_order_tents", "schedule.starts=17"]
FREE_TENTS = ["schedule=tents_only", "schedule.phases.0.space=tents_and_scales"]
PEAKS = ["schedule=second_order_peaks", "schedule.starts=17"]

KINDS = [
    *([*network, schedule] for network, schedule in itertools.product((SINGLE, DIFFERENCE, RIDGE), ADAM)),
    [*RIDGE, *PAIRS, "schedule=paper"],
    *([*network, f"init={init}"] for init in ("random", "raai") for network in (SINGLE, DIFFERENCE, RIDGE)),
    [*SINGLE, "init=random", "init.width=7"],
    [*DIFFERENCE, "init=random", "network.weights=dense"],
    [*SINGLE, "init=zigzag", *SECOND],
    *([*SINGLE, *schedule] for schedule in (["schedule=tents_only"], FREE_TENTS, TENTS)),
    *([*network, *schedule] for network in (SINGLE, DIFFERENCE, RIDGE) for schedule in (SECOND, PEAKS)),
]


def outcome(words, restarts, threads, epochs=6):
    settings = settings_of(
        "points.train=77", "points.grid=201", "regions.every=3", *words, f"restarts={restarts}", f"threads={threads}"
    )  # fmt: skip
    for phase in settings.schedule.phases:
        phase.epochs = epochs
    return experiment.run(settings)


def assert_same(one, other):
    for name, keys in (
        ("history", ["phase", "epoch"]),
        ("errors", ["stage"]),
        ("regions", ["phase", "epoch"]),
    ):
        tables = (getattr(result, name).set_index(["restart", *keys]) for result in (one, other))
        few, many = pd.DataFrame.align(*tables, join="inner", axis=0)
        assert len(few) > 0
        pd.testing.assert_frame_equal(few, many, check_exact=True)
    common = sorted(set(one.restarts) & set(other.restarts))
    numbers = [
        result.network.flatten()[[result.restarts.index(restart) for restart in common]]
        for result in (one, other)
    ]
    assert torch.equal(*numbers)


@pytest.mark.parametrize("words", KINDS, ids=" ".join)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_neither_restarts_nor_threads_decide_a_number(words, dtype, monkeypatch):
    monkeypatch.setattr("triangle_cli.training.models.SHARE", 1e-12)  # share out what is not worth it, too
    words = [*words, f"dtype={dtype}"]
    assert_same(outcome(words, restarts=3, threads=1), outcome(words, restarts=8, threads=2))


def test_one_restart_is_as_it_is_among_others():
    assert_same(outcome(SINGLE, restarts=1, threads=1), outcome(SINGLE, restarts=30, threads=2))


def test_the_length_of_a_stretch_decides_no_number(monkeypatch):
    whole = outcome(SINGLE, restarts=4, threads=1, epochs=40)
    monkeypatch.setattr(Crew, "epochs", lambda crew, restarts: 1)
    assert_same(whole, outcome(SINGLE, restarts=4, threads=1, epochs=40))


def test_a_crew_calls_for_every_restart_once_whatever_its_pace():
    for threads, pace in itertools.product((1, 2, 5), (1e-9, 1e-3, 1e3)):
        crew, seen = Crew(threads, 1), []
        crew.pace = pace
        crew.share(lambda first, last, seen=seen: seen.extend(range(first, last)), restarts=23, epochs=7)
        assert sorted(seen) == list(range(23))


def test_a_slow_epoch_is_a_stretch_of_its_own_and_a_fast_one_is_not():
    slow, fast = Crew(2, 10**9), Crew(2, 1)
    assert slow.epochs(30) == 1
    assert fast.epochs(30) > 1000


def test_an_error_in_a_thread_is_raised():
    def call(first, last):
        raise KeyboardInterrupt

    crew = Crew(2, 10**9)
    with pytest.raises(KeyboardInterrupt):
        crew.share(call, 4)
