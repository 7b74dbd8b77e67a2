"""Derivatives of a network's outputs with respect to its parameters: what second-order optimizers are made of."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from triangle_cli.construction.network import Network


@torch.no_grad()
def weight_jacobian(network: Network, x: Tensor) -> tuple[Tensor, Tensor]:
    """The outputs at x and their derivatives with respect to `network.flatten()`, written out by hand.

    With h the values that enter a layer and g the derivative of the output with respect to what leaves it,
    the derivative with respect to the layer's weights is the outer product g h^T at every point.

    Args:
        network: R networks with one output.
        x: (n,) for networks of one input, else (n, inputs).

    Returns:
        Outputs (R, n) and derivatives (R, n, P); the latter lie in memory with n last.

    Raises:
        ValueError: the networks have more than one output.
    """
    if network.layers[-1].shape[1] != 1:
        raise ValueError(f"outputs={network.layers[-1].shape[1]}: expected networks of one output")
    points = x.unsqueeze(0) if x.dim() == 1 else x.T
    entering = [points.expand(network.restarts, -1, -1)]  # the values that enter each layer, (R, in, n)
    for weight, bias in zip(network.weights[:-1], network.biases[:-1]):
        entering.append(torch.baddbmm(bias.unsqueeze(2), weight, entering[-1]).relu())
    outputs = torch.baddbmm(network.biases[-1].unsqueeze(2), network.weights[-1], entering[-1])  # (R, 1, n)

    end = network.parameters_each
    derivative = outputs.new_empty(network.restarts, end, outputs.shape[2])
    leaving = torch.ones_like(outputs)  # of the output with respect to what leaves the layer, (R, out, n)
    for layer, values in zip(reversed(network.layers), reversed(entering)):
        start = end - layer[0].numel()
        block = derivative[:, start:end].unflatten(1, layer.shape[1:])  # (R, out, in + 1, n)
        torch.mul(leaving.unsqueeze(2), values.unsqueeze(1), out=block[:, :, :-1])
        block[:, :, -1] = leaving
        if start:
            leaving = torch.bmm(layer[:, :, :-1].mT, leaving) * (values > 0)
        end = start
    return outputs.squeeze(1), derivative.mT


def decoded_jacobian(decode: Callable[[Tensor], Network], theta: Tensor, x: Tensor) -> tuple[Tensor, Tensor]:
    """The same with respect to the numbers theta that networks are decoded from, by the chain rule.

    Args:
        decode: from (R, p) to R networks, each made from its own row.
        theta: (R, p), few numbers: each costs one pass through `decode`.
        x: as for `weight_jacobian`.

    Returns:
        Outputs (R, n) and derivatives (R, n, p).
    """

    with torch.enable_grad():
        theta = theta.detach().requires_grad_()
        network = decode(theta)
        weights = network.flatten()
        # v -> v^T dw/dtheta is linear: its derivatives by v are the columns of dw/dtheta. Rows do not mix,
        # so each backward pass serves every restart
        signal = torch.zeros_like(weights, requires_grad=True)
        (pulled,) = torch.autograd.grad(weights, theta, signal, create_graph=True)  # (R, p)
        columns = [
            torch.autograd.grad(column.sum(), signal, retain_graph=True)[0] for column in pulled.unbind(1)
        ]
    outputs, derivative = weight_jacobian(network, x)
    return outputs, torch.bmm(derivative, torch.stack(columns, 2))
