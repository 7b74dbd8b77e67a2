"""Networks with random weights: `init=random` and `init=raai`."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise

import numpy as np
import torch

from triangle_cli.construction.blocks import WIDTH, side_by_side
from triangle_cli.construction.network import Network
from triangle_cli.construction.triangle import fold_interval
from triangle_cli.fit.functions import Target
from triangle_cli.fit.starts import start
from triangle_cli.fit.starts.streams import streams
from triangle_cli.settings.require import require
from triangle_cli.settings.run import FitSettings
from triangle_cli.training.problem import Points

RAAI_SCALE = 0.6007  # the standard deviation is this over sqrt(fan_in); Lu et al. 2020, section 4


def random(
    depth: int,
    width: int,
    interval: tuple[float, float],
    seed: int,
    restarts: int,
    dtype: torch.dtype,
    inputs: int = 1,
    each: int = 1,
) -> Network:
    """PyTorch's default for Linear: weights and biases uniform in +-1/sqrt(fan_in).

    The first layer takes u = (x - lo) / (hi - lo), folded into its weights: on every interval the same
    networks as on [0, 1]. With `each` > 1 every restart's stream draws so many networks, one after the other.
    """

    def draw(stream: np.random.Generator, fan_out: int, fan_in: int) -> np.ndarray:
        bound = 1 / math.sqrt(fan_in)
        return stream.uniform(-bound, bound, (fan_out, fan_in + 1))

    return _draw_layers(draw, [inputs, *[width] * depth, 1], interval, seed, restarts, dtype, each)


def raai(
    depth: int,
    width: int,
    interval: tuple[float, float],
    seed: int,
    restarts: int,
    dtype: torch.dtype,
    inputs: int = 1,
    each: int = 1,
) -> Network:
    """Randomized asymmetric initialization (Lu, Shin, Su, Karniadakis 2020, arXiv 1903.06733).

    A neuron's fan_in + 1 numbers are normal with standard deviation 0.6007 / sqrt(fan_in); then one of them,
    picked uniformly, is redrawn from Beta(2, 1). The first layer takes u in [0, 1], as in `random`.
    """

    def draw(stream: np.random.Generator, fan_out: int, fan_in: int) -> np.ndarray:
        layer = stream.normal(0, RAAI_SCALE / math.sqrt(fan_in), (fan_out, fan_in + 1))
        layer[np.arange(fan_out), stream.integers(0, fan_in + 1, fan_out)] = stream.beta(2, 1, fan_out)
        return layer

    return _draw_layers(draw, [inputs, *[width] * depth, 1], interval, seed, restarts, dtype, each)


def _draw_layers(
    draw: Callable[[np.random.Generator, int, int], np.ndarray],
    sizes: list[int],
    interval: tuple[float, float],
    seed: int,
    restarts: int,
    dtype: torch.dtype,
    each: int,
) -> Network:
    restarts_layers = [
        [draw(stream, fan_out, fan_in) for fan_in, fan_out in pairwise(sizes)]
        for stream in streams(seed, restarts)
        for _ in range(each)
    ]
    weight, shift = fold_interval(*interval)
    for first, *_ in restarts_layers:
        first[:, -1] += first[:, :-1].sum(1) * shift
        first[:, :-1] *= weight
    return Network(tuple(torch.from_numpy(np.stack(layer)).to(dtype) for layer in zip(*restarts_layers)))


def _check(settings: FitSettings, target: Target) -> None:
    width = settings.init.width  # None: as wide as has as many parameters as the blocks
    require(width is None or width >= 1, "init.width", width, "1 or more")


def random_width(settings: FitSettings, inputs: int) -> int:
    """The width of a random network: as set, or that with as many parameters as the blocks have, or nearly."""

    def parameters(width: int) -> int:
        return width * (inputs + 1) + (settings.depth - 1) * width * (width + 1) + width + 1

    if settings.init.width is not None:
        return settings.init.width
    wanted = settings.network.total * (parameters(WIDTH) - 1) + 1
    return min(range(1, wanted), key=lambda width: abs(parameters(width) - wanted))


def _start(draw: Callable[..., Network]) -> Callable[[FitSettings, Target, Points], Network]:
    def networks(settings: FitSettings, target: Target, train: Points) -> Network:
        kept = settings.network.kept
        width = (settings.init.width or WIDTH) if kept else random_width(settings, target.inputs)
        shape = (settings.seed, settings.starts, train.y.dtype, target.inputs, kept or 1)
        network = draw(settings.depth, width, target.interval, *shape)
        network = side_by_side(network, kept) if kept else network
        return Network(tuple(layer.to(train.y.device) for layer in network.layers))

    return networks


start("random", ("width",), _check)(_start(random))
start("raai", ("width",), _check)(_start(raai))
