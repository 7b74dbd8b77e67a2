"""A start of deepening: one layer whose pieces are hyperbolas, and tents down to the last layer."""

from __future__ import annotations

import numpy as np
import torch

from triangle_cli.construction.network import Network
from triangle_cli.deepening.front import Front
from triangle_cli.deepening.start import draw_fronts
from triangle_cli.fit.functions import Target
from triangle_cli.fit.starts import start
from triangle_cli.fit.starts.streams import streams
from triangle_cli.settings.require import require
from triangle_cli.settings.run import FitSettings
from triangle_cli.training.problem import Points

LEAST_WIDTH = 4  # y, p, q and the crease of a tent


def signs(target: Target) -> tuple[float, ...]:
    """Which way a tail may bend: as the target does, or both ways for a target that bends both ways."""
    bends = {"convex": (-1.0,), "concave": (1.0,)}
    return bends.get(target.curvature, (-1.0, 1.0))


def on_unit(target: Target, u: np.ndarray) -> np.ndarray:
    """The target at lo + (hi - lo) u, (n,), for u in [0, 1]."""
    lo, hi = target.interval
    return target(torch.from_numpy(np.clip(lo + (hi - lo) * u, lo, hi))).numpy()


def network_of(fronts: list[Front], interval: tuple[float, float]) -> Network:
    """Networks of one shape, without tails, as a batch that takes x."""
    layers = zip(*(front.on(interval) for front in fronts))
    return Network(tuple(torch.from_numpy(np.stack(layer)) for layer in layers))


def _check(settings: FitSettings, target: Target) -> None:
    width = settings.init.width
    require(width is not None and width >= LEAST_WIDTH, "init.width", width, f"{LEAST_WIDTH} or more")
    if not (settings.network.single and target.inputs == 1):
        inputs = "x and y" if target.inputs == 2 else "x alone"
        raise ValueError(
            f"init={settings.init.name}: expected network=single and a function of x alone "
            f"(function={target.name} is of {inputs})"
        )


@start("front", takes=("width",), check=_check)
def _draw(settings: FitSettings, target: Target, train: Points) -> Network:
    assert settings.init.width is not None  # of this start
    fronts = []
    for stream in streams(settings.seed, settings.starts):
        sign = signs(target)[0]
        (front,) = draw_fronts(lambda u: on_unit(target, u), settings.init.width, sign, 1, stream)
        fronts.append(front.unrolled(settings.depth - 1))
    return network_of(fronts, target.interval)
