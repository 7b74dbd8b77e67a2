"""Second-order optimizers for a batch of restarts, and the selection of the best of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from triangle_cli.training.jacobian import decoded_jacobian, weight_jacobian
from triangle_cli.training.spaces import WeightSpace

if TYPE_CHECKING:  # training imports the optimizers
    from triangle_cli.training.problem import Problem

STEP_LENGTHS = (1.0, 0.5, 0.25)  # what is tried along a step: kinks make a whole step too long
RESTARTS_AT_ONCE = 16  # their derivatives stay in the processor's cache: 6 MB for 93 parameters, 500 points
LARGEST_DAMPING = 1e8
SMALLEST_SCALE = 1e-8  # of D's entries, relative to the largest


class LevenbergMarquardt:
    """Levenberg-Marquardt, every restart with its own damping; no restart feels another.

    A step solves `(J^T J + damping D) step = J^T (y - f)`, D the diagonal of J^T J (Marquardt, 1963), which
    makes the method blind to the scale of a neuron. It is taken at the best of a few lengths if the loss
    falls, and the damping is halved; else nothing moves, and the damping is quadrupled.

    A ReLU network is smooth in its parameters only until a breakpoint meets a sample point. There the loss
    has creases, and a method that only descends comes to rest in them. With `group` > 1 each step sees a
    fresh random point out of every `group` neighbours: the creases differ from step to step, so that none
    holds, and a step costs less. The loss on all points may then rise for a while: end with a few steps on all
    of them.

    A restart whose numbers are not finite stays as it is.

    Args:
        problem: what to fit.
        theta: (R, p), where to start.
        damping: the first damping, relative to D.
        group: points per draw; 1 sees all of them in each step.
        seed: of the draws, which all restarts share.

    Raises:
        ValueError: a setting is out of range.
    """

    def __init__(
        self,
        problem: Problem,
        theta: Tensor,
        damping: float = 1e-2,
        group: int = 1,
        seed: int = 0,
    ) -> None:
        if not damping > 0:
            raise ValueError(f"optimizer.damping={damping}: expected a positive number")
        if not 1 <= group <= len(problem.x):
            raise ValueError(f"optimizer.group={group}: expected 1 to {len(problem.x)}, the number of points")
        self.problem, self.group = problem, group
        self.generator = torch.Generator().manual_seed(seed)
        self.theta = theta.detach().clone()
        self.damping = theta.new_full((len(theta),), damping)
        self.smallest_damping = 10 * torch.finfo(theta.dtype).eps

    def step(self) -> Tensor:
        """Move every restart by one step; returns the mean squared errors (R,) on all points before it."""
        x, y = self._draw()
        losses = []
        for part in torch.arange(len(self.theta), device=self.theta.device).split(RESTARTS_AT_ONCE):
            losses.append(self._mean_squares(self.theta[part], self.problem.x, self.problem.y))
            self.theta[part], self.damping[part] = self._move(self.theta[part], self.damping[part], x, y)
        return torch.cat(losses)

    def _draw(self) -> tuple[Tensor, Tensor]:
        """One random point out of every `group` neighbours."""
        x, y = self.problem.x, self.problem.y
        if self.group == 1:
            return x, y
        first = torch.arange(0, len(x), self.group)
        drawn = first + torch.randint(self.group, first.shape, generator=self.generator)
        chosen = drawn.clamp(max=len(x) - 1).to(x.device)  # the last group may be short
        return x[chosen], y[chosen]

    def _mean_squares(self, theta: Tensor, x: Tensor, y: Tensor) -> Tensor:
        return (self.problem.space.decode(theta)(x) - y).square().mean(1)

    def _move(self, theta: Tensor, damping: Tensor, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        space = self.problem.space
        if isinstance(space, WeightSpace):
            outputs, jacobian = weight_jacobian(space.decode(theta), x)
            jacobian = space.select(jacobian)
        else:
            outputs, jacobian = decoded_jacobian(space.decode, theta, x)
        residual = y - outputs  # (R, n)
        normal = torch.bmm(jacobian.mT, jacobian)  # (R, p, p)
        slope = torch.bmm(jacobian.mT, residual.unsqueeze(2))  # (R, p, 1)
        diagonal = normal.diagonal(dim1=1, dim2=2)
        # numbers that move nothing have a zero on the diagonal, and still need some damping
        diagonal += damping.unsqueeze(1) * (diagonal + SMALLEST_SCALE * diagonal.amax(1, keepdim=True))
        factor, failed = torch.linalg.cholesky_ex(normal)
        direction = torch.cholesky_solve(slope, factor).squeeze(2)

        before = residual.square().mean(1)
        best, moved = before, theta
        for length in STEP_LENGTHS:
            tried = theta + length * direction
            loss = self._mean_squares(tried, x, y)
            better = (loss < best) & (failed == 0)  # False for what is not finite
            best, moved = torch.where(better, loss, best), torch.where(better.unsqueeze(1), tried, moved)
        damping = torch.where(best < before, damping / 2, damping * 4)
        return moved, damping.clamp(self.smallest_damping, LARGEST_DAMPING)
