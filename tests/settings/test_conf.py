"""Every file under conf/ composes into settings that run, and the layers stay apart."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from settings.composed import settings_of

from triangle_cli.fit import experiment
from triangle_cli.settings import names
from triangle_cli.settings.compose import DATA_METHODS

ROOT = Path(__file__).parents[2]
CONF = ROOT / "conf"
SHORT = ["restarts=2", "depth=3", "schedule.phases.0.epochs=3"]


def words_of(group):
    return sorted(path.stem for path in (CONF / group).glob("*.yaml"))


NEEDS = {
    "cubic": ["network=difference"],
    "waves": ["network=difference"],
    "r3": ["network=ridge", "points=plane"],
}
OF_PHASES = [word for word in words_of("schedule") if word not in ("auto", "deepening")]
BENT_ONE_WAY = [word for word in words_of("function") if word not in (*NEEDS, "samples")]
INITS = [word for word in words_of("init") if word != "limit"]  # which is for data


@pytest.mark.parametrize("function", NEEDS)
@pytest.mark.parametrize("init", ["triangle", "random", "raai"])
def test_every_function_that_is_not_convex_runs_with_several_triangle_networks(function, init):
    words = [f"function={function}", f"init={init}", *NEEDS[function], "points.grid=121"]
    settings = settings_of(*words, *SHORT)
    for phase in settings.schedule.phases:
        phase.epochs = 3
    assert not experiment.run(settings).errors["diverged"].any()


@pytest.mark.parametrize("function", BENT_ONE_WAY)
@pytest.mark.parametrize("init", INITS)
def test_every_function_runs_from_every_start(function, init):
    words = {
        "zigzag": ["schedule.starts=3", "schedule.phases.0.keep=2", "schedule.phases.1.keep=2"],
        "front": ["schedule=weights_only"],
    }
    settings = settings_of(f"function={function}", f"init={init}", *SHORT, *words.get(init, []))
    for phase in settings.schedule.phases:
        phase.epochs = 3
    result = experiment.run(settings)
    assert len(result.restarts) == 2
    assert not result.errors["diverged"].any()
    if init == "triangle":
        assert (result.regions.loc[result.regions["phase"] != "weights", "linear_regions"] == 8).all()


@pytest.mark.parametrize("schedule", OF_PHASES)
def test_every_schedule_runs_from_a_triangle(schedule):
    settings = settings_of(f"schedule={schedule}", "restarts=30", *SHORT[1:])
    for phase in settings.schedule.phases:
        phase.epochs = 3
    result = experiment.run(settings)
    assert result.errors["stage"].nunique() == 1 + len(settings.schedule.phases)


@pytest.mark.parametrize("points", [word for word in words_of("points") if word != "samples"])
def test_every_choice_of_points_runs(points):
    words = ["function=r3", *NEEDS["r3"]] if points == "plane" else []
    experiment.run(settings_of(*words, f"points={points}", *SHORT, "points.grid=121"))


@pytest.mark.parametrize("method", words_of("method"))
def test_every_method_is_for_functions_or_for_data(method):
    chosen, other = ("data=wine", "function=x2") if method in DATA_METHODS else ("function=x2", "data=wine")
    schedule = settings_of(chosen, f"method={method}").schedule
    assert schedule.phases or schedule.deepening
    with pytest.raises(ValueError, match=f"method={method}: expected"):
        settings_of(other, f"method={method}")


def test_every_method_of_the_paper_has_as_many_epochs():
    ours = ("second_order", "second_order_quick", "second_order_long", *DATA_METHODS)
    ours += ("random_second_order", "blocks_second_order", "deepening", "tents")
    methods = [word for word in words_of("method") if word not in ours]
    totals = {
        sum(phase.epochs for phase in settings_of(f"method={word}").schedule.phases) for word in methods
    }
    assert len(methods) == 9
    assert totals == {2000}


def test_a_word_on_the_command_line_beats_what_a_start_would_choose():
    assert settings_of("init=random").schedule.name == "weights_only"
    assert settings_of("init=random", "schedule=skip_pretraining").schedule.name == "skip_pretraining"


def test_the_hash_follows_what_decides_the_numbers_and_nothing_else():
    base = settings_of()
    assert settings_of("force=true", "outputs=elsewhere", "threads=2").hash == base.hash
    changes = [
        "seed=1",
        "depth=6",
        "points.test=501",
        "dtype=float32",
        "function.formula=x**2+1",
        "init.peak_low=0.31",
    ]
    hashes = {settings_of(change).hash for change in changes}
    assert len(hashes | {base.hash}) == len(changes) + 1


def test_a_formula_on_the_command_line_names_the_function():
    assert settings_of("function.formula='exp(-x**2)'").name == "exp_-x2"
    assert settings_of("function.formula=x**2+1", "function.name=mine").name == "mine"
    assert settings_of("function.interval=[0,2]").name == "x2"


def test_the_hash_does_not_drift():
    # a change here orphans every finished run: raise RESULTS_VERSION only where numbers changed
    assert settings_of("scaling=none").hash == "16a861e4"
    assert "scaling" not in settings_of("scaling=none").describe()
    assert settings_of("scaling=none", "schedule.phases.0.hand_on=last").hash == "16a861e4"
    others = {
        settings_of(*words).hash for words in ([], ["scaling=none"], ["schedule.phases.0.hand_on=best"])
    }
    assert len(others) == 3


@pytest.mark.parametrize("width", [1, 7])
def test_random_starts_take_any_width(width):
    result = experiment.run(settings_of("init=random", f"init.width={width}", *SHORT))
    assert result.network.layers[1].shape == (2, width, width + 1)


def test_selection_keeps_the_best_and_says_which():
    words = [
        "function=x3",
        "restarts=2",
        "schedule.starts=12",
        "schedule.phases.0.keep=5",
        "schedule.phases.1.keep=5",
    ]
    settings = settings_of("init=zigzag", *words)
    for phase in settings.schedule.phases:
        phase.epochs = 4
    result = experiment.run(settings)
    rows = result.errors.groupby("stage", sort=False)
    assert rows.size().to_dict() == {
        "init": 12,
        "weights": 12,
        "weights_2": 5,
        "weights_3": 5,
        "weights_4": 2,
    }
    first = result.errors[result.errors["stage"] == "weights"].nsmallest(5, "mse_train")
    assert sorted(first["restart"]) == rows.get_group("weights_2")["restart"].tolist()
    error = (
        result.best(torch.linspace(0, 1, 500, dtype=torch.float64))
        - torch.linspace(0, 1, 500, dtype=torch.float64) ** 3
    )
    assert error.square().mean().item() == pytest.approx(result.final["mse_train"].min(), rel=1e-9)


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["restarts=200"], "schedule.phases.0.keep=130: expected 200 (restarts) to 400"),
        (["schedule.starts=20"], "schedule.starts=20: expected restarts=30 or more"),
        (["schedule.phases.2.keep=35"], "schedule.phases.2.keep=35: expected restarts=30 in the end"),
        (
            ["schedule.phases.0.learning_rate=1"],
            "learning_rate=1.0: expected nothing: optimizer=levenberg_marquardt",
        ),
    ],
)
def test_selection_and_optimizers_are_checked(words, complaint):
    with pytest.raises(ValueError, match=re.escape(complaint)):
        settings_of("init=zigzag", *words)


def test_no_setting_is_unknown_to_the_messages():
    known = set(names.setting_names())
    assert {"depth", "function.formula", "regions.every", "schedule.phases"} <= known


def test_only_the_command_line_layer_knows_hydra():
    knows = {
        path.parent.name
        for path in (ROOT / "triangle_cli").rglob("*.py")
        if re.search(r"^\s*(import|from) (hydra|omegaconf)", path.read_text(), re.MULTILINE)
    }
    assert knows == {"cli", "settings"}


def test_the_core_imports_nothing_above_it():
    code = "import sys, triangle_cli.training.schedule, triangle_cli.construction.blocks; "
    code += "sys.exit('pandas' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_peaks_given_in_the_configuration_are_the_oracle():
    words = ["function=x2", "depth=4", "restarts=1", "init.peaks=[0.5,0.5,0.5,0.5,0.5]", "init.scale=0.25"]
    settings = settings_of(*words, "schedule=peaks_only", "schedule.phases.0.epochs=1", "points.grid=4097")
    start = experiment.run(settings).errors.iloc[0]
    assert start["max_error"] == pytest.approx(4.0**-5, abs=1e-15)
    assert start["linear_regions"] == 16


def test_single_precision_runs():
    result = experiment.run(settings_of("dtype=float32", *SHORT))
    assert result.network.layers[0].dtype == torch.float32
    assert (result.regions.loc[result.regions["phase"] != "weights", "linear_regions"] == 8).all()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["data=wine", "schedule.phases.0.hand_on=best"], "hand_on=best: expected last with data"),
        (["data=wine", "regions.every=50"], "regions.every=50: expected 100 with data"),
        (["data=wine", "regions.limit=50"], "regions.limit=50: expected 1048576 with data"),
        (["network=single", "network.blocks=2"], "network.blocks=2: expected 1 with network=single"),
    ],
)
def test_what_would_do_nothing_or_something_else_is_refused(words, said):
    with pytest.raises(ValueError, match=re.escape(said)):
        settings_of(*words)
