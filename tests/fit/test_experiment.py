"""Runs of every kind of network."""

import pytest
from settings.composed import settings_of

from triangle_cli.fit import experiment


@pytest.mark.parametrize(
    ("words", "parameters", "regions"),
    [
        (["function=cubic", "network=difference", "method=blocks"], 2 * 72 + 1, 31),
        (["function=cubic", "network=difference", "method=blocks_dense"], 16 + 3 * 72 + 9, 31),
        (["function=cubic", "network=difference", "method=random_blocks"], 2 * 72 + 1, None),
        (["function=cubic", "network=difference", "method=random_dense"], 12 + 3 * 42 + 7, None),
        (["function=waves", "network=difference", "network.blocks=3", "method=blocks"], 3 * 72 + 1, 46),
        (
            ["function=r3", "network=ridge", "network.directions=3", "points=plane", "method=blocks"],
            229,
            None,
        ),
    ],
)
def test_every_kind_of_network_runs(words, parameters, regions):
    settings = settings_of(*words, "depth=4", "restarts=2", "points.grid=121", "regions.every=100")
    for phase in settings.schedule.phases:
        phase.epochs = 3
    result = experiment.run(settings)
    assert result.parameters == parameters
    assert not result.errors["diverged"].any()
    if regions:
        before = result.regions[~result.regions["phase"].isin(["weights"])]
        assert (before["linear_regions"] == regions).all()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["function=cubic"], "neither convex nor concave, expected a convex or concave function"),
        (["function=r3", "points=plane"], "function=r3: is of x and y, expected network=ridge"),
        (["function=r3", "network=ridge"], "points=500: expected points=plane .* such as 484"),
        (
            ["function=x2", "network=ridge"],
            "function=x2: is of x alone, expected a function of x and y for network.directions=6",
        ),
        (["function=cubic", "network=difference", "init=zigzag"], "init=zigzag: expected network=single"),
        (["network=difference", "network.blocks=0"], "network.blocks=0: expected 1 or more"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(words, message):
    with pytest.raises(ValueError, match=message) as raised:
        experiment.run(settings_of(*words))
    assert "\n" not in str(raised.value)
