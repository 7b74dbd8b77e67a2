"""What is measured on trained networks: errors, floors, linear regions."""

from __future__ import annotations

from functools import cached_property

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from triangle_cli.construction.network import Network
from triangle_cli.fit.floors import floors
from triangle_cli.fit.functions import Target
from triangle_cli.regions import RegionCounts, count_regions
from triangle_cli.training.problem import Points


class Measurement:
    """The rulers of one run: the same points and floors for every stage."""

    def __init__(self, target: Target, train: Points, test: Points, grid: Points) -> None:
        self.target = target
        self.train = train
        self.test = test
        self.grid = grid

    @cached_property
    def floors(self) -> np.ndarray:
        """The least MSE on the training points for 1, 2, ... pieces; in the plane it is not known."""
        if self.target.inputs > 1:
            return np.full(len(self.train.y), np.nan)
        x = self.train.x.double().cpu().numpy()
        return floors(x, self.target(torch.from_numpy(x)).numpy())

    def floor(self, pieces: int) -> float:
        """The floor for so many pieces; 0 once two points share each piece."""
        return float(self.floors[pieces - 1]) if pieces <= len(self.floors) else 0.0

    def regions(self, network: Network, restarts: list[int]) -> pd.DataFrame:
        """A row per restart: linear regions, activation regions, dead neurons; empty for one that diverged."""
        finite = network.is_finite()
        table = pd.DataFrame({"restart": restarts})
        counts = count(network[finite].detach(), self.target)
        rows = finite.nonzero().squeeze(1).tolist()
        for name in ("linear_regions", "activation_regions", "dead_neurons"):
            column = pd.Series(getattr(counts, name).tolist(), index=rows, dtype="Int64")
            table[name] = column.reindex(table.index)
        return table

    def errors(self, network: Network, restarts: list[int]) -> pd.DataFrame:
        """A row per restart: the columns of errors.csv after `restart` and `stage`."""
        table = pd.DataFrame({"restart": restarts})
        table["mse_train"] = mean_squared_error(network, self.train).tolist()
        table["mse_test"] = mean_squared_error(network, self.test).tolist()
        table["max_error"] = (network(self.grid.x) - self.grid.y).abs().amax(1).tolist()
        table["linear_regions"] = self.regions(network, restarts)["linear_regions"]
        pieces = table["linear_regions"]
        table["floor_mse"] = [np.nan if pd.isna(count) else self.floor(int(count)) for count in pieces]
        # past half as many pieces as points the floor is 0, and being so many times above it says nothing
        table["floor_ratio"] = table["mse_train"] / table["floor_mse"].where(table["floor_mse"] > 0)
        table["diverged"] = ~np.isfinite(table["mse_train"])
        return table


def mean_squared_error(network: Network, points: Points) -> Tensor:
    """(R,)."""
    return (network(points.x) - points.y).square().mean(1)


def count(network: Network, target: Target) -> RegionCounts:
    """The regions of every restart on the target's interval, or square; weights must be finite."""
    return count_regions(network.weights, network.biases, target.box)
