"""schedule=deepening in a run: stages, which loss, going on after a kill, and what is refused."""

import json
import re

import numpy as np
import pandas as pd
import pytest
import torch
from settings.composed import settings_of

from triangle_cli.fit import deepening, experiment
from triangle_cli.fit.functions import Target

SMALL = [
    "depth=4",
    "schedule.deepening.kicks=4",
    "schedule.deepening.last_kicks=4",
    "schedule.deepening.starts=3",
]


def settings(*words):
    return settings_of("function=x3", "schedule=deepening", *SMALL, *words)


def integral(network, target):
    x = torch.from_numpy((np.arange(2**18) + 0.5) / 2**18) * (target.interval[1] - target.interval[0])
    x = x + target.interval[0]
    return (network(x) - target(x)).square().mean(1)


@pytest.fixture(scope="module")
def result():
    return experiment.run(settings("restarts=2"))


def test_every_layer_of_the_front_is_a_stage(result):
    assert result.errors["stage"].drop_duplicates().tolist() == ["init", "front_1", "front_2", "network"]
    assert (result.errors.groupby("stage").size() == 2).all()
    assert result.network.layers[1].shape == (2, 4, 5)
    assert len(result.network.layers) == 5
    best = result.errors.groupby("stage")["mse_integral"].min()
    assert best["network"] < best["front_1"] < best["init"]


def test_the_integral_is_that_of_the_saved_network(result):
    expected = integral(result.network, result.target)
    np.testing.assert_allclose(result.final["mse_integral"], expected, rtol=1e-4)


def test_on_another_interval_too():
    found = experiment.run(settings_of("function=exp", "schedule=deepening", *SMALL))
    expected = integral(found.network, found.target)
    np.testing.assert_allclose(found.final["mse_integral"], expected, rtol=1e-4)


def test_over_the_points_it_is_their_mean(result):
    few = experiment.run(settings("schedule.deepening.loss=points", "points=sparse"))
    assert few.final["mse_train"].min() < result.final["mse_train"].min()  # 10 points are soon met
    assert few.history["loss"].iloc[-1] == pytest.approx(few.final["mse_train"].iloc[0], rel=1e-6)


def test_restarts_do_not_feel_each_other(result):
    (alone,) = experiment.run(settings()).final["mse_integral"]
    assert alone == result.final["mse_integral"].iloc[0]


def test_a_killed_run_goes_on_from_the_last_finished_layer(tmp_path):
    whole = experiment.run(settings(), unfinished=tmp_path / "whole")

    def stop(epoch):
        if epoch.phase == "network":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        experiment.run(settings(), stop, tmp_path / "killed")
    seen = []
    resumed = experiment.run(
        settings(), lambda epoch: seen.append((epoch.phase, epoch.number)), tmp_path / "killed"
    )
    assert [number for phase, number in seen if phase == "front_2"] == [4]  # the end of a stage that is there
    assert resumed.network.flatten().equal(whole.network.flatten())
    assert resumed.earlier.wall > 0  # what the killed run took is not forgotten
    assert resumed.earlier.cpu > 0
    assert whole.earlier == (0, 0)
    pd.testing.assert_frame_equal(resumed.errors, whole.errors)


def test_what_cannot_be_read_is_begun_again(tmp_path, monkeypatch):
    said = []
    monkeypatch.setattr(deepening.log, "warning", lambda text, *words: said.append(text % words))
    experiment.run(settings(), unfinished=tmp_path)
    (kept,) = tmp_path.iterdir()
    kept.write_bytes(b"cut off")
    experiment.run(settings(), unfinished=tmp_path)
    assert said == [f"{kept}: cannot be read; begun again"]


@pytest.mark.parametrize("function", ["cubic", "waves", "circle", "softplus"])
def test_functions_that_bend_both_ways_or_are_steep_are_taken(function):
    found = experiment.run(settings_of(f"function={function}", "schedule=deepening", *SMALL))
    best = found.errors.groupby("stage")["mse_integral"].min()
    assert best["network"] < best["init"]


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["schedule.deepening.kicks=-1"], "schedule.deepening.kicks=-1: expected 0 or more"),
        (["schedule.deepening.front=0"], "schedule.deepening.front=0: expected 1 or more"),
        (["init=zigzag"], "init=zigzag: expected front with schedule=deepening"),
        (["dtype=float32"], "dtype=float32: expected float64 with schedule=deepening"),
        (["network=difference"], "network=difference: expected single with schedule=deepening"),
        (["init.width=3"], "init.width=3: expected 4 or more"),
        (["function=r3", "points=plane"], "expected network=single and a function of x alone"),
    ],
)
def test_refusals(words, complaint):
    with pytest.raises(ValueError, match=re.escape(complaint)):
        experiment.check(settings(*words))


def test_auto_is_the_schedule_it_chooses():
    assert settings_of("schedule=auto", "depth=8").hash == settings_of("schedule=deepening", "depth=8").hash
    assert settings_of("schedule=auto", "depth=2").hash == settings_of("init=zigzag", "depth=2").hash


def test_from_the_command_line(triangle, tmp_path):
    done = triangle("run", "function=sin", "schedule=deepening", *SMALL)
    assert done.returncode == 0, done.stderr
    assert "integral" in done.stdout
    (folder,) = (triangle.folder / "outputs" / "sin").iterdir()
    record = json.loads((folder / "run.json").read_text())
    assert record["settings"]["schedule"]["deepening"]["loss"] == "integral"
    assert not list(folder.glob(".unfinished*"))
    state = torch.load(folder / "network.pt", weights_only=True)
    assert state["2.weight"].shape == (1, 4, 4)
    assert record["summary"]["integral_mse_min"] < 1e-8
    assert Target("sin", "sin(x)", (0.0, 1.0)).curvature == "concave"
