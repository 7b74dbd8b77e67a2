"""What one would write first, for what is measured to be compared with."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from triangle_cli.construction.network import Network


def plain_loop(network: Network, x: Tensor, y: Tensor, epochs: int = 20) -> Callable[[], float]:
    """One network at a time, as in a tutorial: nn.Sequential, MSELoss, torch.optim.Adam.

    Returns what measures the seconds of the processor for an epoch of all restarts, by the first three of them.
    """
    sizes = [(layer.shape[2] - 1, layer.shape[1]) for layer in network.layers]
    points, values = x.unsqueeze(1), y.unsqueeze(1)

    def train_one(restart: int) -> None:
        linears = [torch.nn.Linear(*size, dtype=x.dtype) for size in sizes]
        modules = [module for linear in linears for module in (linear, torch.nn.ReLU())][:-1]
        alone = torch.nn.Sequential(*modules)
        alone.load_state_dict({name: tensor[restart] for name, tensor in network.state_dict().items()})
        optimizer = torch.optim.Adam(alone.parameters(), lr=1e-3)
        error = torch.nn.MSELoss()
        for _ in range(epochs):
            optimizer.zero_grad()
            loss = error(alone(points), values)
            loss.backward()
            optimizer.step()

    some = min(3, network.restarts)  # every network costs the same

    def seconds() -> float:
        began = time.process_time()
        for restart in range(some):
            train_one(restart)
        return (time.process_time() - began) / epochs * network.restarts / some

    train_one(0)
    return seconds


def best_cuts(x: np.ndarray, y: np.ndarray, pieces: int) -> np.ndarray:
    """The least squared errors of 1 .. pieces runs of points, each with its least-squares line: O(n^2) for each."""
    n = len(x)
    sums = [np.concatenate([[0.0], np.cumsum(column)]) for column in (np.ones(n), x, y, x * x, x * y, y * y)]
    count, sx, sy, sxx, sxy, syy = (column[None, :] - column[:, None] for column in sums)
    with np.errstate(divide="ignore", invalid="ignore"):
        xx, xy, yy = sxx - sx * sx / count, sxy - sx * sy / count, syy - sy * sy / count
        cost = np.where(count > 2, np.maximum(yy - xy * xy / xx, 0), 0.0)  # of the points i .. j - 1
    cost[np.tril_indices(n + 1)] = np.inf
    best, found = cost[0], []
    for _ in range(pieces):
        found.append(best[n])
        best = (best[:, None] + cost).min(0)
    return np.array(found)
