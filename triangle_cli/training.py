"""Training: one loop for every space and every optimizer, all restarts at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from triangle_cli.loss import MeanSquaredError
from triangle_cli.optimizers import LevenbergMarquardt
from triangle_cli.spaces import Space


@dataclass(frozen=True)
class Problem:
    """What an optimizer is given: fit y at x, (n,), by moving theta in a space."""

    space: Space
    x: Tensor
    y: Tensor


class Adam:
    """Adam (Kingma and Ba 2015) on the mean squared error; element by element, so no restart feels another."""

    def __init__(self, problem: Problem, theta: Tensor, learning_rate: float) -> None:
        self.problem = problem
        self.theta = theta.clone().requires_grad_()
        self.error = MeanSquaredError(problem.x, problem.y, problem.space.decode(theta))
        self.rule = torch.optim.Adam([self.theta], lr=learning_rate, fused=True)

    @torch.no_grad()
    def step(self) -> Tensor:
        """One epoch. Returns the loss before it, (R,)."""
        space = self.problem.space
        loss, derivative = self.error(space.decode(self.theta).flatten())
        self.theta.grad = space.pull_back(self.theta, derivative)
        self.rule.step()
        return loss


OPTIMIZERS: dict[str, Callable[..., Adam | LevenbergMarquardt]] = {
    "adam": Adam,
    "levenberg_marquardt": LevenbergMarquardt,
}


def train(
    problem: Problem, theta: Tensor, optimizer: str, epochs: int, **settings: float
) -> Iterator[tuple[int, Tensor, Tensor]]:
    """Train all restarts; yields (epoch, theta, loss) before each step, and once more at the end.

    Args:
        theta: (R, P), the start in the problem's space.
        optimizer: a name in `OPTIMIZERS`.
        epochs: how many steps, each on all points.
        settings: the optimizer's own, such as learning_rate.

    theta is the optimizer's own tensor: copy what is to be kept. A restart that diverges turns NaN and stays so.
    """
    method = OPTIMIZERS[optimizer](problem, theta, **settings)
    for epoch in range(epochs):
        before = method.theta.detach().clone()
        yield epoch, before, method.step()
    theta = method.theta.detach()
    yield epochs, theta, (problem.space.decode(theta)(problem.x) - problem.y).square().mean(1)
