"""Training: one loop for every space and every optimizer, all restarts at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from triangle_cli.network import Network
from triangle_cli.optimizers import LevenbergMarquardt
from triangle_cli.spaces import Space


class MeanSquaredError:
    """The loss of R networks on n points, and its derivative with respect to every layer, by hand.

    Networks this small spend their time in overhead, so the pass is written out: one product per layer
    forwards and two backwards, biases carried along as the weights of a row of ones, buffers kept.
    """

    def __init__(self, x: Tensor, y: Tensor, network: Network) -> None:
        points = x.unsqueeze(0) if x.dim() == 1 else x.T  # (inputs, n)
        self.target = y
        self.inputs = [
            torch.ones(network.restarts, layer.shape[2], y.shape[-1], dtype=x.dtype, device=x.device)
            for layer in network.layers
        ]
        self.inputs[0][:, :-1] = points
        self.activations = [inputs[:, :-1] for inputs in self.inputs]  # views: the last row stays 1

    def __call__(self, network: Network) -> tuple[Tensor, list[Tensor]]:
        """The mean squared errors, (R,), and each one's derivative by its layers, shaped like them."""
        first, *later = network.layers
        values = torch.bmm(first, self.inputs[0])
        for layer, inputs, activations in zip(later, self.inputs[1:], self.activations[1:]):
            torch.clamp_min(values, 0, out=activations)
            values = torch.bmm(layer, inputs)  # (R, out, n)
        residual = values.squeeze(1) - self.target  # (R, n)
        loss = residual.square().mean(1)
        signal = (residual * (2 / residual.shape[1])).unsqueeze(1)
        derivatives = []
        for depth in range(len(later), -1, -1):
            derivatives.append(torch.bmm(signal, self.inputs[depth].transpose(1, 2)))
            if depth:
                signal = torch.bmm(network.layers[depth][:, :, :-1].transpose(1, 2), signal)
                signal = torch.ops.aten.threshold_backward(signal, self.activations[depth], 0)
        return loss, derivatives[::-1]


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
        with torch.no_grad():
            self.error = MeanSquaredError(problem.x, problem.y, problem.space.decode(theta))
        self.rule = torch.optim.Adam([self.theta], lr=learning_rate, fused=True)

    def step(self) -> Tensor:
        """One epoch. Returns the loss before it, (R,)."""
        network = self.problem.space.decode(self.theta)
        with torch.no_grad():
            loss, derivatives = self.error(network)
        self.theta.grad = None
        torch.autograd.backward(network.layers, derivatives)
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
