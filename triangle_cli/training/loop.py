"""Training: one loop for every space and every optimizer, all restarts at once."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from triangle_cli.construction.network import Network
from triangle_cli.settings.schedule import OPTIMIZERS
from triangle_cli.training.models import Crew, weights_model
from triangle_cli.training.problem import Points, Problem, mean_square
from triangle_cli.training.spaces import WeightSpace


class Optimizer(Protocol):
    """What moves theta: an epoch a step, all restarts at once, none of which feels another."""

    theta: Tensor  # (R, P)
    least: Tensor  # (R,), the least loss that each restart had before any epoch
    best: Tensor  # (R, P), theta then
    crew: Crew

    def advance(self, epochs: int) -> Tensor:
        """So many epochs. Returns the losses before each, (epochs, R)."""


def make_optimizer(name: str, problem: Problem, theta: Tensor, **settings: float) -> Optimizer:
    """The optimizer of this name in `settings.schedule.OPTIMIZERS`, at theta (R, P)."""
    module, _, kind = OPTIMIZERS[name].path.rpartition(".")
    return getattr(importlib.import_module(module), kind)(problem, theta, **settings)


def train(
    problem: Problem,
    theta: Tensor,
    optimizer: str,
    epochs: int,
    every: int = 1,
    threads: int = 1,
    best: bool = False,
    **settings: float,
) -> Iterator[tuple[int, Tensor, Tensor]]:
    """Train all restarts, a stretch of epochs at a time; yields (epoch, theta, losses) for each, and at the end.

    Args:
        theta: (R, P), the start in the problem's space.
        optimizer: a name in `settings.schedule.OPTIMIZERS`.
        epochs: how many steps, each on all points.
        every: a stretch begins at every multiple of it; slow ones are cut shorter.
        threads: that the restarts are split over; they decide no number.
        best: end with the best numbers of each restart that it ever had, not with the last.
        settings: the optimizer's own, such as learning_rate.

    theta is that before the stretch; losses (k, R) are those before each of its k epochs, at the end those of theta.
    A restart that diverges turns NaN and stays so. A restart's numbers are the same, to the bit, whatever others
    there are.
    """
    method = make_optimizer(optimizer, problem, theta, threads=threads, **settings)
    epoch = 0
    while epoch < epochs:
        stretch = min(every - epoch % every, epochs - epoch, method.crew.epochs(len(theta)))
        before = method.theta.clone()
        yield epoch, before, method.advance(stretch)
        epoch += stretch
    losses, _ = network_errors(problem.space.decode(method.theta), problem, threads)
    theta = method.theta
    if best:
        better = method.least.to(losses) < losses.nan_to_num(nan=float("inf"))
        losses = torch.where(better, method.least.to(losses), losses)
        theta = torch.where(better.unsqueeze(1), method.best, theta)
    yield epochs, theta, losses.unsqueeze(0)


def network_errors(network: Network, points: Points | Problem, threads: int = 1) -> tuple[Tensor, Tensor]:
    """The mean squared and the largest absolute errors of networks at some points, (R,) each."""
    space = WeightSpace(network)
    model = weights_model(space, points)
    if model is None:
        error = network(points.x) - points.y
        return mean_square(error, points.weight), error.abs().amax(1)
    from triangle_cli.training.kernels import weights_errors  # numba, when it is needed

    theta, found = space.encode(network).contiguous().numpy(), np.empty((2, network.restarts))
    crew = Crew(threads, len(points.y) * theta.shape[1])
    crew.share(lambda first, last: weights_errors(model, theta, first, last, *found), network.restarts)
    mean, largest = torch.from_numpy(found).to(points.y.dtype)
    return mean, largest
