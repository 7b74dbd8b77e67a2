"""`scaling=unit`: a function and its rescaled copy give the same figures, up to scale."""

import pytest
import torch

from tests.settings.composed import settings_of
from triangle_cli.fit import experiment
from triangle_cli.fit.unit_square import UnitSquare

SHORT = ["depth=3", "restarts=2", "points.train=65", "points.test=64", "points.grid=65"]
EPOCHS = ["schedule.phases.0.epochs=30"]
CASES = [  # words, what x**2 on [0, 1] is called on another interval, and how large y is there
    ([*EPOCHS, "schedule.phases.1.epochs=30"], "x**2"),
    ([*EPOCHS, "init=random"], "x**2"),
    ([*EPOCHS, "init=raai"], "x**2"),
    ([*EPOCHS, "network=difference", "schedule.phases.1.epochs=30"], "x**2"),
    (
        ["init=zigzag", "schedule=second_order_quick", "schedule.starts=4", "schedule.phases.0.keep=3"]
        + ["schedule.phases.1.keep=2"] + [f"schedule.phases.{i}.epochs=4" for i in range(4)],
        "x**2",
    ),
]  # fmt: skip


def run(*words):
    return experiment.run(settings_of(*SHORT, *words))


@pytest.mark.parametrize(("words", "formula"), CASES)
def test_figures_do_not_depend_on_units(words, formula):
    plain = run(*words, f"function.formula='{formula}'")
    moved = run(*words, "function.formula='4096*((x-96)/32)**2+5'", "function.interval=[96,128]")
    ratio = (moved.errors["mse_train"] / plain.errors["mse_train"]).to_numpy() / 4096**2
    assert ratio == pytest.approx(1, rel=1e-3)  # rounding, which training makes larger
    assert moved.errors["linear_regions"].tolist() == plain.errors["linear_regions"].tolist()
    both = (moved.history["loss"] / plain.history["loss"]).to_numpy() / 4096**2
    assert both == pytest.approx(1, rel=1e-3)  # in the units of y


def test_far_from_0_as_well():
    words = [*EPOCHS, "schedule=peaks_only"]
    plain, far = (
        run(*words),
        run(*words, "function.formula='(x-1e5)**2'", "function.interval=[100000,100001]"),
    )
    assert far.errors["mse_train"].to_numpy() == pytest.approx(plain.errors["mse_train"].to_numpy(), rel=1e-4)
    assert (far.errors["linear_regions"] == 8).all()


@pytest.mark.parametrize("interval", ["[0.1,0.7]", "[-3,1e3]", "[1000,1001]", "[-0.001,0.002]"])
@pytest.mark.parametrize("words", [[], ["network=difference"]])
def test_triangle_networks_keep_their_regions_when_folded_back(interval, words):
    settings = [*SHORT, *words, *EPOCHS, "schedule=peaks_only", "function.formula='1e4*x**2'"]
    found = experiment.run(settings_of(*settings, f"function.interval={interval}", "depth=6"))
    expected = 64 if not words else 2 * 64 - 1
    assert (found.errors["linear_regions"] == expected).all()


def test_what_is_folded_back_is_the_same_function():
    settings = settings_of(*SHORT, "init=random", "function.formula='7*x**3-2'", "function.interval=[2,5]")
    target = experiment.check(settings)
    square = UnitSquare.of(settings, target)
    network = experiment.run(settings).network
    unit = square.copy
    u = torch.linspace(0, 1, 9, dtype=torch.float64)
    x = (u - square.shifts[0]) / square.weights[0]
    assert unit(u) * square.height + square.low == pytest.approx(target(x), rel=1e-12)
    inner = torch.rand(2, 4, 2, dtype=torch.float64) - 0.5
    plain = type(network)((inner, network.layers[1], network.layers[-1]))
    assert square.network(plain)(x) == pytest.approx(plain(u) * square.height + square.low, rel=1e-12)


def test_the_unit_square_itself_is_left_as_it_is():
    settings = settings_of("function=x3", "depth=3")
    assert UnitSquare.of(settings, experiment.check(settings)).is_identity
    words = [*EPOCHS, "schedule=peaks_only"]
    assert run(*words).errors.equals(run(*words, "scaling=none").errors)


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (
            ["function.formula='1e16+x'", "init=random"],
            "its values, 1e.16 to 1e.16, lie closer together than float64",
        ),
        (["function.formula='1e16+x**2'"], "lie closer together than float64 can tell apart"),
        (
            ["function.formula='1e-200*x**2'"],
            "too small: expected a range whose squared errors float64 can hold",
        ),
        (["function.formula='1e200*x**2'"], "too large: expected a range"),
        (["function.interval=[0,1e-320]", "init=random"], "expected one whose width float64 can divide by"),
    ],
)
def test_what_cannot_be_folded_back_is_refused(words, complaint):
    with pytest.raises(ValueError, match=complaint):
        experiment.check(settings_of(*words))


def test_scaling_is_for_functions():
    with pytest.raises(ValueError, match="scaling=none: expected nothing with data=digits"):
        settings_of("data=digits", "scaling=none")
    assert "scaling" not in settings_of("data=digits").describe()
    for name in ("dense", "sparse", "beyond", "nonconvex", "radial"):  # as in the paper
        assert "scaling" not in settings_of(f"experiment={name}").describe()
