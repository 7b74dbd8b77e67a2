"""First order: Adam."""

from __future__ import annotations

import torch
from torch import Tensor

from triangle_cli.training.loss import MeanSquaredError
from triangle_cli.training.problem import Problem


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
