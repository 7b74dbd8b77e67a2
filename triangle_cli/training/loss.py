"""The mean squared error of a batch of networks, and its derivative by their weights."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from triangle_cli.construction.network import Network


class MeanSquaredError:
    """The loss of R networks of one output on n points, and its derivative.

    On the CPU one compiled pass over each network's points, `loss_kernel`; elsewhere torch's own.

    Args:
        x: (n,) for networks of one input, else (n, inputs).
        y: (n,), what the output should be.
        shape: networks of the shape to come; their weights do not matter.
    """

    def __init__(self, x: Tensor, y: Tensor, shape: Network) -> None:
        self.x, self.y, self.shape = x, y, shape
        self.by_kernel = x.device.type == "cpu"
        if self.by_kernel:
            self.widths = np.array([layer.shape[2] - 1 for layer in shape.layers] + [1])
            rows = x.unsqueeze(0) if x.dim() == 1 else x.T  # (inputs, n)
            self.arrays = rows.contiguous().numpy(), y.contiguous().numpy()

    def __call__(self, weights: Tensor) -> tuple[Tensor, Tensor]:
        """The losses (R,) and their derivatives (R, P) at the weights (R, P), ordered as by `Network.flatten`."""
        if self.by_kernel:
            from triangle_cli.training.loss_kernel import loss_and_derivative  # numba, when it is needed

            loss, derivative = torch.empty_like(weights[:, 0]), torch.empty_like(weights)
            loss_and_derivative(weights.numpy(), self.widths, *self.arrays, loss.numpy(), derivative.numpy())
            return loss, derivative
        with torch.enable_grad():
            weights = weights.detach().requires_grad_()
            loss = (self.shape.unflatten(weights)(self.x) - self.y).square().mean(1)
            (derivative,) = torch.autograd.grad(loss.sum(), weights)
        return loss.detach(), derivative
