"""Examples from formulas, what is chosen for them, and the table of their experiment."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from settings.composed import settings_of

from triangle_cli.learn import experiment, searching
from triangle_cli.learn.formulas import Formula
from triangle_cli.paper import boosting, formulas

PRODUCT = ["data=formula", "data.formula='x1*x2 + 3'", "data.inputs=2", "data.points=50"]
FORMULAS = ("lens", "gauss", "gravity", "velocity", "distance", "exp_sin")
FORMULAS += ("saddle", "radius", "step", "kinks", "zigzag", "ripples")


def test_points_are_those_of_the_formula_and_noise_is_on_what_is_learned_from():
    formula = Formula.of(settings_of(*PRODUCT, "data.noise=0.5").data)
    table, (train, test) = formula.table(3, 0)
    clean = table.x.prod(1) + 3
    assert np.allclose(table.y[test], clean[test])
    off = (table.y - clean)[train] / clean[train].std()
    assert 0.3 < off.std() < 0.7
    assert len(train) == 50
    assert len(test) == 100
    assert (np.abs(table.x) <= 1).all()
    assert not np.allclose(table.x, formula.table(4, 0)[0].x)


@pytest.mark.parametrize("word", FORMULAS)
def test_every_formula_that_comes_along_has_its_inputs(word):
    settings = settings_of(f"data={word}", "method=relu")
    formula = Formula.of(settings.data)
    x = formula.draw(np.random.default_rng(0), 200)
    values = formula.values(x)
    for column in range(formula.inputs):  # none is there for nothing
        other = x.copy()
        other[:, column] = formula.draw(np.random.default_rng(1), 200)[:, column]
        assert not np.allclose(formula.values(other), values)


@pytest.mark.parametrize(
    "method", ["relu", "silu", "tanh", "siren", "kan", "layers", "layers_released", "limit"]
)
def test_every_method_has_about_as_many_parameters_as_asked_for(method):
    if method == "kan":
        pytest.importorskip("inkan")
    settings = settings_of("data=kinks", f"method={method}", "model.hidden=[32,32]", "model.parameters=1000")
    _, make, _ = experiment.prepare(settings)
    model = make()
    if method == "layers_released":
        for module in model:
            if hasattr(module, "release"):
                module.release()
    assert 900 < sum(parameter.numel() for parameter in model.parameters()) < 1100
    assert model(torch.zeros(3, 2)).shape == (3, 1)


def test_the_rate_that_does_best_on_what_was_held_out_is_taken():
    words = [*PRODUCT, "method=relu", "restarts=1", "schedule.phases.0.epochs=40", "model.hidden=[8]"]
    result = experiment.run(settings_of(*words, "schedule.learning_rates=[1e-9,1e-2]"))
    assert (result.errors["learning_rate"] == 1e-2).all()
    fixed = experiment.run(settings_of(*words, "schedule.phases.0.learning_rate=1e-2"))
    pd.testing.assert_frame_equal(result.errors.drop(columns="learning_rate"), fixed.errors)


def test_a_budget_is_epochs_shared_among_the_phases():
    settings = searching.with_budget(settings_of(*PRODUCT, "method=layers_released", "schedule.budget=2"))
    found = [phase.epochs for phase in settings.schedule.phases]
    assert found == [round(1000 / searching.MILLISECONDS[kind]) for kind in ("peaks", "released")]


def test_settings_that_came_later_move_no_hash():
    words = ["data=digits", "method=layers_released", "schedule.name=layers", "restarts=20"]
    assert settings_of(*words).hash == "c7f3b6fb"  # as it was when this was method=layers
    assert settings_of(*words, "model.parameters=1000").hash != "c7f3b6fb"


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["data=formula"], "data.formula=null: expected a formula of x1, x2, .. for data=formula"),
        ([*PRODUCT, "data.points=3"], "data.points=3: expected 10 or more points"),
        ([*PRODUCT, "data.noise=-1"], "data.noise=-1.0: expected 0 or more"),
        ([*PRODUCT, "data.interval=[1,0]"], r"data.interval=\[1.0, 0.0\]: expected \[lo, hi\]"),
        ([*PRODUCT, "data.folds=3"], "data.folds=3: expected null"),
        (["data=wine", "data.points=9"], "data.points=9: expected null for data=wine"),
        (["data=wine", "schedule.budget=1"], "schedule.budget=1.0: expected null without a formula"),
        ([*PRODUCT, "schedule.budget=0"], "schedule.budget=0.0: expected a positive number of seconds"),
        (
            [*PRODUCT, "schedule.learning_rates=[]"],
            r"schedule.learning_rates=\[\]: expected positive numbers",
        ),
        ([*PRODUCT, "model.activation=gelu"], "model.activation=gelu: expected one of relu, silu"),
        (
            [*PRODUCT, "method=limit", "model.activation=silu"],
            "model.activation=silu: expected relu with init=limit",
        ),
        (["function=x2", "schedule.budget=1"], "schedule.budget=1.0: expected null without data="),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(words, complaint):
    with pytest.raises(ValueError, match=complaint) as refused:
        settings_of(*words)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("formula", "complaint"),
    [
        ("x1*", "not a formula"),
        ("x1 + x3", "unknown name 'x3'"),
        ("log(x1)*x2", "no finite value"),
        ("2", "is 2 every"),
    ],
)
def test_a_formula_without_values_is_refused(formula, complaint):
    with pytest.raises(ValueError, match=rf"^data\.formula=.*{complaint}"):
        Formula.of(settings_of(*PRODUCT[:1], f"data.formula='{formula}'", "data.inputs=2").data)


def test_the_table_stars_what_is_within_the_spread_of_the_best(monkeypatch, tmp_path):
    monkeypatch.setattr(formulas, "errors_of_trees", lambda config, folder: ([0.3, 0.3], 0.1))

    config = {"data": {"noise": 0.0, "points": 50}, "schedule": {"learning_rates": [0.01], "budget": 1.0}}
    config |= {"restarts": 2, "depth": 3, "seed": 0, "dtype": "float32"}
    record = SimpleNamespace(function="lens", parameters=7, seconds={"cpu": 3.0})

    def run(title, r2):
        errors = pd.DataFrame({"r2_test": r2, "learning_rate": 0.01})
        method, folder = SimpleNamespace(title=title), tmp_path / "run"
        return SimpleNamespace(
            config=config, record=record, final_errors=errors, method=method, folder=folder
        )

    runs = [run("ReLU", [0.9999, 0.9984]), run("SiLU", [0.9996, 0.99]), run("tanh", [0.98, 0.98])]
    table = formulas.compare_on_formulas("formulas", runs)
    shown = table.parts[formulas._title(0.0)].iloc[0].to_dict()
    assert shown == {"formula": "lens", "ReLU": "25*", "SiLU": "60*", "tanh": "141", formulas.TREES: "300"}
    fitted = table.parts["What was fitted"].set_index("method")
    assert fitted.loc["ReLU", "parameters"] == "7"


def test_trees_learn_a_formula(tmp_path):
    pytest.importorskip("sklearn")
    config = {"restarts": 1, "seed": 0}
    data = settings_of(*PRODUCT, "data.points=200").data
    config["data"] = vars(data) | {"source": "formula", "task": "regression"}
    errors, rate = boosting.errors_of_trees(config, tmp_path)
    assert errors[0] < 0.5
    assert rate in boosting.RATES
