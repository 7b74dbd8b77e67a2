"""First order: Adam."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np
import torch
from torch import Tensor

from triangle_cli.training.models import Crew, model_of
from triangle_cli.training.problem import Problem, mean_square

if TYPE_CHECKING:
    from triangle_cli.training.kernels import Model


class Remembering(Protocol):
    """An optimizer that knows the best it has seen."""

    theta: Tensor
    least: Tensor
    best: Tensor


def remember(optimizer: Remembering, loss: Tensor) -> None:
    """Keep theta of the restarts whose loss is the least so far; what is not a number never is."""
    better = loss < optimizer.least
    optimizer.least = torch.where(better, loss.to(optimizer.least), optimizer.least)
    optimizer.best = torch.where(better.unsqueeze(1), optimizer.theta, optimizer.best)


class Adam:
    """Adam (Kingma and Ba 2015) on the mean squared error; element by element, so no restart feels another.

    On the CPU whole stretches of epochs in one compiled call, `kernels.adam`: the rule of
    `torch.optim.Adam(fused=True)`, last digits aside. Elsewhere that kernel itself. torch.optim imports torch's
    compiler, which takes a process longer than many a run.
    """

    def __init__(self, problem: Problem, theta: Tensor, learning_rate: float, threads: int = 1) -> None:
        self.problem = problem
        self.theta = theta.detach().clone(memory_format=torch.contiguous_format)
        self.best = self.theta.clone()
        self.least = torch.full((len(theta),), torch.inf, dtype=torch.float64, device=theta.device)
        self.learning_rate = learning_rate
        self.mean, self.square = torch.zeros_like(self.theta), torch.zeros_like(self.theta)
        self.taken = 0
        self.model = model_of(problem.space, problem)
        self.crew = Crew(threads, len(problem.y) * theta.shape[1])

    def advance(self, epochs: int) -> Tensor:
        """So many epochs; returns the losses before each, (epochs, R)."""
        if self.model is None:
            losses = torch.stack([self._step(self.taken + k + 1) for k in range(epochs)])
        else:
            losses = self._compiled(self.model, epochs)
        self.taken += epochs
        return losses

    def _compiled(self, model: Model, epochs: int) -> Tensor:
        from triangle_cli.training.kernels import adam  # numba, when it is needed

        theta, mean, square = (tensor.numpy() for tensor in (self.theta, self.mean, self.square))
        taken, rate = self.taken, self.learning_rate
        losses = np.empty((len(self.theta), epochs))
        least, best = self.least.numpy(), self.best.numpy()

        def call(first: int, last: int) -> None:
            adam(model, theta, mean, square, taken, rate, first, last, losses, least, best)

        self.crew.share(call, len(self.theta), epochs)
        return torch.from_numpy(losses.T.astype(theta.dtype))

    @torch.no_grad()
    def _step(self, number: int) -> Tensor:
        """One epoch by torch."""
        space = self.problem.space
        loss, derivative = self._differentiate(space.decode(self.theta).flatten())
        remember(self, loss)
        torch._fused_adam_(
            [self.theta],
            [space.pull_back(self.theta, derivative)],
            [self.mean],
            [self.square],
            [],
            [torch.tensor(float(number), device=self.theta.device)],
            lr=self.learning_rate,
            beta1=0.9,
            beta2=0.999,
            eps=1e-8,
            weight_decay=0.0,
            amsgrad=False,
            maximize=False,
        )
        return loss

    def _differentiate(self, weights: Tensor) -> tuple[Tensor, Tensor]:
        """The losses (R,) and their derivatives (R, P) at the networks' weights (R, P)."""
        shape = self.problem.space.decode(self.theta[:1])
        with torch.enable_grad():
            weights = weights.detach().requires_grad_()
            error = shape.unflatten(weights)(self.problem.x) - self.problem.y
            loss = mean_square(error, self.problem.weight)
            (derivative,) = torch.autograd.grad(loss.sum(), weights)
        return loss.detach(), derivative
