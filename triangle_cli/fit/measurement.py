"""What is measured on trained networks: errors, floors, linear regions."""

from __future__ import annotations

import logging
from functools import cached_property
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch

from triangle_cli.construction.network import Network
from triangle_cli.construction.proof import proven_depth
from triangle_cli.fit.deepening import integral_errors
from triangle_cli.fit.floors import Floors
from triangle_cli.fit.functions import Target
from triangle_cli.regions import ceiling, count_regions
from triangle_cli.regions.line.budget import surpasses
from triangle_cli.training.loop import network_errors
from triangle_cli.training.problem import Points

COUNTS = ("linear_regions", "activation_regions", "dead_neurons")

log = logging.getLogger(__name__)


class Counts(NamedTuple):
    """Counts of R networks."""

    numbers: np.ndarray  # (R, 3), as in COUNTS
    known: np.ndarray  # (R,), whether they are

    def columns(self) -> dict[str, pd.api.extensions.ExtensionArray]:
        """Columns of a table, Int64, missing where not known."""
        return {
            name: pd.arrays.IntegerArray(column, ~self.known)
            for name, column in zip(COUNTS, self.numbers.T.copy())
        }


class Measurement:
    """The rulers of one run: the same points and floors for every stage."""

    def __init__(
        self,
        target: Target,
        train: Points,
        test: Points,
        grid: Points,
        threads: int = 1,
        integral: bool = False,
        limit: int = 2**63 - 1,
    ) -> None:
        self.target = target
        self.threads = threads
        self.train = train
        self.test = test
        self.grid = grid
        self.integral = integral  # whether errors are integrated as well
        self.limit = limit  # of regions that are counted

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

    def count(self, network: Network) -> Counts:
        """The regions and dead neurons of every restart; not known of one that diverged."""
        finite = network.is_finite()
        found = count(network[finite].detach(), self.target, self.limit)
        if missing := int((~found.known).sum()):
            log.warning(
                "%d of the networks cost more than regions.limit=%d to count: left out", missing, self.limit
            )
        if finite.all():
            return found
        numbers, known = np.ones((len(finite), len(COUNTS)), np.int64), np.zeros(len(finite), bool)
        numbers[finite.numpy(force=True)], known[finite.numpy(force=True)] = found
        return Counts(numbers, known)

    def errors(self, network: Network, restarts: list[int]) -> pd.DataFrame:
        """A row per restart: the columns of errors.csv after `restart` and `stage`."""
        table = pd.DataFrame({"restart": restarts})
        errors = {
            name: network_errors(network, points, self.threads)
            for name, points in (("train", self.train), ("test", self.test), ("grid", self.grid))
        }
        table["mse_train"] = errors["train"][0].tolist()
        table["mse_test"] = errors["test"][0].tolist()
        if self.integral:
            table["mse_integral"] = integral_errors(network, self.target)
        table["max_error"] = errors["grid"][1].tolist()
        table["linear_regions"] = self.count(network).columns()["linear_regions"]
        pieces = table["linear_regions"]
        table["floor_mse"] = [np.nan if pd.isna(count) else self.floor(int(count)) for count in pieces]
        # past half as many pieces as points the floor is 0, and being so many times above it says nothing
        table["floor_ratio"] = table["mse_train"] / table["floor_mse"].where(table["floor_mse"] > 0)
        table["floor_kind"] = "none" if self.floors is None else self.floors.kind
        table["diverged"] = ~np.isfinite(table["mse_train"])
        return table


def count(network: Network, target: Target, limit: int = 2**63 - 1) -> Counts:
    """The counts of every restart on the target's interval, or square; weights must be finite.

    Where a network may have more regions than `limit`, those of a triangle network are proven layer by layer, and
    others are left out, not known, once the budget is used up.
    """
    numbers = np.ones((len(network.weights[0]), len(COUNTS)), np.int64)
    left, known = np.ones(len(numbers), bool), np.ones(len(numbers), bool)
    if target.inputs == 1 and ceiling([bias.shape[-1] for bias in network.biases[:-1]], 1) > limit:
        for i in range(len(numbers)):
            weights, biases = ([layer[i] for layer in layers] for layers in (network.weights, network.biases))
            depth = proven_depth(weights, biases, *target.interval)
            if depth is not None and depth < 63:
                numbers[i] = (2**depth, 2**depth, 0)
                left[i] = False
            elif surpasses(weights, biases, *target.interval, limit):
                left[i] = known[i] = False
    chosen = torch.from_numpy(left)
    if left.any():
        weights, biases = (
            [layer[chosen] for layer in layers] for layers in (network.weights, network.biases)
        )
        counts = count_regions(weights, biases, target.box)
        numbers[left] = torch.stack([getattr(counts, name) for name in COUNTS], 1).numpy()
    return Counts(numbers, known)
