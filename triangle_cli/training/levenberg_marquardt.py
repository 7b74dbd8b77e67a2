"""Second order: Levenberg-Marquardt."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from triangle_cli.training.adam import remember
from triangle_cli.training.jacobian import decoded_jacobian, weight_jacobian
from triangle_cli.training.models import Crew, model_of
from triangle_cli.training.problem import Points, Problem, mean_square
from triangle_cli.training.spaces import WeightSpace

if TYPE_CHECKING:
    from triangle_cli.training.kernels import Model

STEP_LENGTHS = (1.0, 0.5, 0.25)  # what is tried along a step: kinks make a whole step too long
RESTARTS_AT_ONCE = 16  # their derivatives stay in the processor's cache: 6 MB for 93 parameters, 500 points
LARGEST_DAMPING = 1e8
SMALLEST_SCALE = 1e-8  # of D's entries, relative to the largest
SOLVING = 1  # points' worth of work for each number of theta, in a step


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

    A restart whose numbers are not finite stays as it is. On the CPU a compiled pass for each restart makes the
    normal equations block by block of points, solves them and tries the lengths, all but the points' values in
    float64; elsewhere torch does, for batches of restarts.

    Args:
        problem: what to fit.
        theta: (R, p), where to start.
        damping: the first damping, relative to D.
        group: points per draw; 1 sees all of them in each step.
        seed: of the draws, which all restarts share.
        threads: that the restarts are split over; they decide no number.

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
        threads: int = 1,
    ) -> None:
        if not damping > 0:
            raise ValueError(f"optimizer.damping={damping}: expected a positive number")
        if not 1 <= group <= len(problem.x):
            raise ValueError(f"optimizer.group={group}: expected 1 to {len(problem.x)}, the number of points")
        self.problem, self.group = problem, group
        self.generator = torch.Generator().manual_seed(seed)
        self.theta = theta.detach().clone(memory_format=torch.contiguous_format)
        self.best = self.theta.clone()
        self.least = torch.full((len(theta),), torch.inf, dtype=torch.float64, device=theta.device)
        self.damping = torch.full((len(theta),), damping, dtype=torch.float64, device=theta.device)
        self.smallest_damping = 10 * torch.finfo(theta.dtype).eps
        self.model = model_of(problem.space, problem)
        seen = -(-len(problem.y) // group) + SOLVING * theta.shape[1]
        self.crew = Crew(threads, seen * theta.shape[1] ** 2 // 4)

    def advance(self, epochs: int) -> Tensor:
        """So many steps of every restart; returns the mean squared errors before each, (epochs, R), on all points."""
        if self.model is None:
            return torch.stack([self._step() for _ in range(epochs)])
        return self._compiled(self.model, epochs)

    def _compiled(self, model: Model, epochs: int) -> Tensor:
        from triangle_cli.training.compiled import padded
        from triangle_cli.training.kernels import levenberg_marquardt  # numba, when it is needed

        x, y, roots = model.x, model.y, model.roots
        if self.group == 1:
            none = (np.empty((0, *x.shape), x.dtype), np.empty((0, len(y)), y.dtype))
            drawn, count = (*none, np.empty((0, len(roots)), y.dtype)), 0
        else:
            chosen = np.stack([self._chosen().numpy() for _ in range(epochs)])
            weights = padded(roots[chosen]) if len(roots) else np.empty((epochs, 0), y.dtype)
            drawn = padded(x[:, chosen].swapaxes(0, 1)), padded(y[chosen]), weights
            count = chosen.shape[1]
        theta, damping = self.theta.numpy(), self.damping.numpy()
        losses = np.empty((len(theta), epochs))
        least, best = self.least.numpy(), self.best.numpy()

        def call(first: int, last: int) -> None:
            levenberg_marquardt(
                model, *drawn, count, theta, damping, self.smallest_damping, first, last, losses, least, best
            )

        self.crew.share(call, len(theta), epochs)
        return torch.from_numpy(losses.T.astype(theta.dtype))

    def _step(self) -> Tensor:
        """One step by torch."""
        seen, whole = self._draw(), Points(self.problem.x, self.problem.y, self.problem.weight)
        losses, before = [], self.theta.clone()
        for part in torch.arange(len(self.theta), device=self.theta.device).split(RESTARTS_AT_ONCE):
            losses.append(self._mean_squares(self.theta[part], whole))
            self.theta[part], self.damping[part] = self._move(self.theta[part], self.damping[part], seen)
        loss, self.theta, after = torch.cat(losses), before, self.theta
        remember(self, loss)
        self.theta = after
        return loss

    def _chosen(self) -> Tensor:
        """One random index out of every `group` neighbours."""
        count = len(self.problem.x)
        first = torch.arange(0, count, self.group)
        drawn = first + torch.randint(self.group, first.shape, generator=self.generator)
        return drawn.clamp(max=count - 1)  # the last group may be short

    def _draw(self) -> Points:
        """The points that a step sees."""
        x, y, weight = self.problem.x, self.problem.y, self.problem.weight
        chosen = slice(None) if self.group == 1 else self._chosen().to(x.device)
        return Points(x[chosen], y[chosen], None if weight is None else weight[chosen])

    def _mean_squares(self, theta: Tensor, points: Points) -> Tensor:
        return mean_square(self.problem.space.decode(theta)(points.x) - points.y, points.weight)

    def _move(self, theta: Tensor, damping: Tensor, points: Points) -> tuple[Tensor, Tensor]:
        x, y = points.x, points.y
        space = self.problem.space
        if isinstance(space, WeightSpace):
            outputs, jacobian = weight_jacobian(space.decode(theta), x)
            jacobian = space.select(jacobian)
        else:
            outputs, jacobian = decoded_jacobian(space.decode, theta, x)
        residual = y - outputs  # (R, n)
        before = mean_square(residual, points.weight)
        if points.weight is not None:
            root = points.weight.sqrt()
            residual, jacobian = residual * root, jacobian * root.unsqueeze(1)
        normal = torch.bmm(jacobian.mT, jacobian)  # (R, p, p)
        slope = torch.bmm(jacobian.mT, residual.unsqueeze(2))  # (R, p, 1)
        diagonal = normal.diagonal(dim1=1, dim2=2)
        # numbers that move nothing have a zero on the diagonal, and still need some damping
        diagonal += damping.to(diagonal).unsqueeze(1) * (
            diagonal + SMALLEST_SCALE * diagonal.amax(1, keepdim=True)
        )
        factor, failed = torch.linalg.cholesky_ex(normal)
        direction = torch.cholesky_solve(slope, factor).squeeze(2)

        best, moved = before, theta
        for length in STEP_LENGTHS:
            tried = theta + length * direction
            loss = self._mean_squares(tried, points)
            better = (loss < best) & (failed == 0)  # False for what is not finite
            best, moved = torch.where(better, loss, best), torch.where(better.unsqueeze(1), tried, moved)
        damping = torch.where(best < before, damping / 2, damping * 4)
        return moved, damping.clamp(self.smallest_damping, LARGEST_DAMPING)
