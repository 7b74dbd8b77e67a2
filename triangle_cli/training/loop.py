"""Training: one loop for every space and every optimizer, all restarts at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from triangle_cli.training.levenberg_marquardt import LevenbergMarquardt
from triangle_cli.training.loss import MeanSquaredError
from triangle_cli.training.spaces import Space


@dataclass(frozen=True)
class Problem:
    """What an optimizer is given: fit y at x, (n,), by moving theta in a space."""

    space: Space
    x: Tensor
    y: Tensor


class Adam:
    """Adam (Kingma and Ba 2015) on the mean squared error; element by element, so no restart feels another.

    The kernel of `torch.optim.Adam(fused=True)`, to the bit. torch.optim itself imports torch's compiler, which takes
    a process longer than many a run.
    """

    def __init__(self, problem: Problem, theta: Tensor, learning_rate: float) -> None:
        self.problem = problem
        self.theta = theta.clone()
        self.learning_rate = learning_rate
        self.mean, self.square = torch.zeros_like(theta), torch.zeros_like(theta)
        self.steps = torch.zeros((), device=theta.device, dtype=torch.float32)
        self.error = MeanSquaredError(problem.x, problem.y, problem.space.decode(theta))

    @torch.no_grad()
    def step(self) -> Tensor:
        """One epoch. Returns the loss before it, (R,)."""
        space = self.problem.space
        loss, derivative = self.error(space.decode(self.theta).flatten())
        self.steps += 1
        torch._fused_adam_(
            [self.theta],
            [space.pull_back(self.theta, derivative)],
            [self.mean],
            [self.square],
            [],
            [self.steps],
            lr=self.learning_rate,
            beta1=0.9,
            beta2=0.999,
            eps=1e-8,
            weight_decay=0.0,
            amsgrad=False,
            maximize=False,
        )
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
