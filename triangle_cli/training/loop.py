"""Training: one loop for every space and every optimizer, all restarts at once."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import Protocol

from torch import Tensor

from triangle_cli.settings.schedule import OPTIMIZERS
from triangle_cli.training.problem import Problem


class Optimizer(Protocol):
    """What moves theta: one epoch a step, all restarts at once, none of which feels another."""

    theta: Tensor  # (R, P)

    def step(self) -> Tensor:
        """One epoch. Returns the loss before it, (R,)."""


def make_optimizer(name: str, problem: Problem, theta: Tensor, **settings: float) -> Optimizer:
    """The optimizer of this name in `settings.schedule.OPTIMIZERS`, at theta (R, P)."""
    module, _, kind = OPTIMIZERS[name].path.rpartition(".")
    return getattr(importlib.import_module(module), kind)(problem, theta, **settings)


def train(
    problem: Problem, theta: Tensor, optimizer: str, epochs: int, **settings: float
) -> Iterator[tuple[int, Tensor, Tensor]]:
    """Train all restarts; yields (epoch, theta, loss) before each step, and once more at the end.

    Args:
        theta: (R, P), the start in the problem's space.
        optimizer: a name in `settings.schedule.OPTIMIZERS`.
        epochs: how many steps, each on all points.
        settings: the optimizer's own, such as learning_rate.

    theta is the optimizer's own tensor: copy what is to be kept. A restart that diverges turns NaN and stays so.
    """
    method = make_optimizer(optimizer, problem, theta, **settings)
    for epoch in range(epochs):
        before = method.theta.detach().clone()
        yield epoch, before, method.step()
    theta = method.theta.detach()
    yield epochs, theta, (problem.space.decode(theta)(problem.x) - problem.y).square().mean(1)
