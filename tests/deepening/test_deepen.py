"""The whole of deepening, small."""

import numpy as np
import pytest

from triangle_cli.deepening.deepen import Deepening, Plan
from triangle_cli.deepening.loss import Loss

PLAN = Plan(depth=6, starts=6, kicks=40, last_kicks=30)


def deepened(plan=PLAN, seed=(0,), signs=(-1.0,), target=lambda u: u**3, until=None):
    found = Deepening(Loss(target=target), plan, signs, seed)
    for progress in found.run():
        if until is not None and progress.finished and len(found.stages) == until:
            break
    return found


@pytest.fixture(scope="module")
def whole():
    return deepened()


def test_the_network_beats_all_that_came_before(whole):
    assert whole.network.depth == PLAN.depth
    assert [front.depth for front in whole.fronts] == [1, 2, 3, 4]
    errors = [whole.loss.of(whole.unrolled(front)) for front in whole.fronts]
    assert whole.loss.of(whole.network) < min(errors)
    # the research code's network of depth 5 has 1.1e-9; second order from 400 starts 3.3e-10
    assert whole.loss.of(whole.network) < 2e-10


def test_its_error_is_what_a_fine_grid_says(whole):
    u = (np.arange(2**17) + 0.5) / 2**17
    assert whole.loss.of(whole.network) == pytest.approx(np.mean((u**3 - whole.network(u)) ** 2), rel=1e-3)


@pytest.mark.parametrize("stage", [1, 3, 4])
def test_from_a_finished_stage_it_goes_on_as_if_never_stopped(whole, stage, tmp_path):
    stopped = deepened(until=stage)
    np.savez(tmp_path / "state.npz", **stopped.state())
    resumed = Deepening(whole.loss, PLAN, (-1.0,), (0,))
    with np.load(tmp_path / "state.npz") as state:
        resumed.restore(state)
    assert len(resumed.stages) == stage
    for progress in resumed.run():
        assert progress.best > 0
    np.testing.assert_array_equal(resumed.network.theta, whole.network.theta)


def test_work_done_grows_to_1(whole):
    plan = Plan(depth=4, starts=2, kicks=3, last_kicks=2)
    done = [progress.done for progress in Deepening(whole.loss, plan, (-1.0,)).run()]
    assert len(done) == 2 * 3 + 2
    assert done == sorted(done)
    assert done[-1] == pytest.approx(1)


def test_a_layer_alone_places_its_few_breakpoints_well():
    found = deepened(Plan(1, starts=6, kicks=20, last_kicks=30))
    assert found.network.depth == 1
    # the floor of four pieces tends to this; four neurons can have five
    assert found.loss.of(found.network) < 1.2 * (6**0.4 / 1.4) ** 5 / 720 / 4**4


@pytest.mark.parametrize("depth", [2, 3])
def test_shallow_networks_are_deepened_too(depth):
    found = deepened(Plan(depth, starts=3, kicks=2, last_kicks=2))
    assert found.network.depth == depth
    assert np.isfinite(found.loss.of(found.network))


@pytest.mark.parametrize(
    "target",
    [
        lambda u: np.full_like(u, 3.0),
        lambda u: 2 * u - 1,
        lambda u: np.sqrt(1 - (2 * u - 1) ** 2),
        lambda u: 1e9 * np.abs(u - 0.4),
        lambda u: np.sin(9 * u),
    ],
    ids=["constant", "line", "half circle", "large kink", "waves"],
)
def test_odd_targets_come_to_finite_networks(target):
    found = deepened(Plan(4, starts=3, kicks=5, last_kicks=5), signs=(-1.0, 1.0), target=target)
    before = found.loss.of(found.unrolled(found.fronts[0]))
    assert found.loss.of(found.network) <= before
