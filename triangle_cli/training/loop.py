"""Training: one loop for every space and every optimizer, all restarts at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from torch import Tensor

from triangle_cli.training.adam import Adam
from triangle_cli.training.levenberg_marquardt import LevenbergMarquardt
from triangle_cli.training.problem import Problem

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
