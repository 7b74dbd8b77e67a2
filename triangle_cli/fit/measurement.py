"""What is measured on trained networks: errors, floors, linear regions."""

from __future__ import annotations

from functools import cached_property

import numpy as np
import pandas as pd

from triangle_cli.construction.network import Network
from triangle_cli.fit.floors import Floors
from triangle_cli.fit.functions import Target
from triangle_cli.regions import RegionCounts, count_regions
from triangle_cli.training.loop import network_errors
from triangle_cli.training.problem import Points


class Measurement:
    """The rulers of one run: the same points and floors for every stage."""

    def __init__(self, target: Target, train: Points, test: Points, grid: Points, threads: int = 1) -> None:
        self.target = target
        self.threads = threads
        self.train = train
        self.test = test
        self.grid = grid

    @cached_property
    def floors(self) -> Floors | None:
        """The least MSE on the training points for any number of pieces; in the plane it is not known."""
        if self.target.inputs > 1:
            return None
        x = self.train.x.double().cpu()
        return Floors(x.numpy(), self.target(x).numpy())

    def floor(self, pieces: int) -> float:
        """The floor for so many pieces; NaN where it is not known."""
        return np.nan if self.floors is None else self.floors(pieces)

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
        errors = {
            name: network_errors(network, points, self.threads)
            for name, points in (("train", self.train), ("test", self.test), ("grid", self.grid))
        }
        table["mse_train"] = errors["train"][0].tolist()
        table["mse_test"] = errors["test"][0].tolist()
        table["max_error"] = errors["grid"][1].tolist()
        table["linear_regions"] = self.regions(network, restarts)["linear_regions"]
        pieces = table["linear_regions"]
        table["floor_mse"] = [np.nan if pd.isna(count) else self.floor(int(count)) for count in pieces]
        # past half as many pieces as points the floor is 0, and being so many times above it says nothing
        table["floor_ratio"] = table["mse_train"] / table["floor_mse"].where(table["floor_mse"] > 0)
        table["floor_kind"] = "none" if self.floors is None else self.floors.kind
        table["diverged"] = ~np.isfinite(table["mse_train"])
        return table


def count(network: Network, target: Target) -> RegionCounts:
    """The regions of every restart on the target's interval, or square; weights must be finite."""
    return count_regions(network.weights, network.biases, target.box)
