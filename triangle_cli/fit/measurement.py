"""What is measured on trained networks: errors, floors, linear regions."""

from __future__ import annotations

import logging
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from triangle_cli.construction.network import Network
from triangle_cli.construction.proof import prove
from triangle_cli.fit.deepening import integral_errors
from triangle_cli.fit.floors import Floors
from triangle_cli.fit.functions import Target
from triangle_cli.fit.samples import SampledTarget
from triangle_cli.regions import ceiling, count_regions
from triangle_cli.regions.line import budget as line
from triangle_cli.regions.plane import budget as plane
from triangle_cli.training.loop import network_errors
from triangle_cli.training.problem import Points

MOST_INPUTS = 2  # regions of more are not counted on the way: `triangle regions` does, which may take long
COUNTS = ("linear_regions", "activation_regions", "dead_neurons")

log = logging.getLogger(__name__)


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
        self.left_out: set[int] = set()  # restarts that had more, the last time

    @cached_property
    def floors(self) -> Floors | None:
        """The least MSE on the training points for any number of pieces; in the plane it is not known."""
        if self.target.inputs > 1:
            return None
        x = self.train.x.double().cpu()
        if not isinstance(self.target, SampledTarget):
            return Floors(x.numpy(), self.target(x).numpy())
        weight = self.train.weight
        y = self.train.y.double().cpu()
        given = None if weight is None else weight.double().cpu().numpy()
        return Floors(x.numpy(), y.numpy(), given, measured=True)

    def floor(self, pieces: int) -> float:
        """The floor for so many pieces; NaN where it is not known."""
        return np.nan if self.floors is None else self.floors(pieces) + self.train.pure

    def regions(self, network: Network, restarts: list[int], again: bool = True) -> pd.DataFrame:
        """A row per restart: linear regions, activation regions, dead neurons; empty for one that diverged.

        again: count those, too, that were left out the last time.
        """
        finite = network.is_finite().tolist()
        chosen = [
            i for i, restart in enumerate(restarts) if finite[i] and (again or restart not in self.left_out)
        ]
        counts = count(network[torch.tensor(chosen, dtype=torch.int64)].detach(), self.target, self.limit)
        counts.index = pd.Index(chosen)
        missing = {restarts[i] for i in counts.index[counts["linear_regions"].isna()]}
        if missing and not self.left_out and self.target.inputs <= MOST_INPUTS:  # said once a run
            log.warning("networks that cost more than regions.limit=%d to count are left out", self.limit)
        self.left_out = missing if again else self.left_out | missing
        return pd.DataFrame({"restart": restarts}).join(counts)

    def errors(self, network: Network, counts: pd.DataFrame) -> pd.DataFrame:
        """A row per restart: the columns of errors.csv after `restart` and `stage`; `counts` from `regions`."""
        errors = {
            name: network_errors(network, points, self.threads)
            for name, points in (("train", self.train), ("test", self.test), ("grid", self.grid))
            if len(points.y)
        }
        mse = np.array((errors["train"][0] + self.train.pure).tolist())
        pieces = counts["linear_regions"]
        floors = np.array([np.nan if pd.isna(count) else self.floor(int(count)) for count in pieces])
        # past half as many pieces as points the floor is 0, and being so many times above it says nothing
        with np.errstate(all="ignore"):
            ratio = mse / np.where(floors > 0, floors, np.nan)
        columns: dict[str, Any] = {
            "restart": counts["restart"],
            "mse_train": mse,
            "mse_test": (errors["test"][0] + self.test.pure).tolist() if "test" in errors else np.nan,
        }
        if self.integral:
            columns["mse_integral"] = integral_errors(network, self.target)
        return pd.DataFrame(
            columns
            | {
                "max_error": errors["grid"][1].tolist(),
                "linear_regions": pieces,
                "floor_mse": floors,
                "floor_ratio": ratio,
                "floor_kind": "none" if self.floors is None else self.floors.kind,
                "diverged": ~np.isfinite(mse),
            }
        )


def count(network: Network, target: Target, limit: int = 2**63 - 1) -> pd.DataFrame:
    """The counts of every restart on the target's interval, or square, Int64; weights must be finite.

    Where a network may have more regions than `limit`, those of a triangle network are proven layer by layer, and
    others are left out, missing, once the budget is used up.
    """
    found = np.zeros((len(network.weights[0]), len(COUNTS)), np.int64)
    missing, left = np.zeros(len(found), bool), np.full(len(found), target.inputs <= MOST_INPUTS)
    if not left.any():
        missing[:] = True
    elif ceiling([bias.shape[-1] for bias in network.biases[:-1]], target.inputs) > limit:
        for i in range(len(found)):
            weights, biases = ([layer[i] for layer in layers] for layers in (network.weights, network.biases))
            counts = _without_counting(weights, biases, target, limit)
            if counts is not None:
                left[i], missing[i] = False, not counts
                found[i] = counts or 0
    if left.any():
        chosen = torch.from_numpy(left)
        weights, biases = (
            [layer[chosen] for layer in layers] for layers in (network.weights, network.biases)
        )
        counted = count_regions(weights, biases, target.box)
        found[left] = torch.stack([getattr(counted, name) for name in COUNTS], 1).numpy()
    table = pd.DataFrame(found, columns=list(COUNTS), dtype="Int64")
    table.loc[missing] = pd.NA
    return table


def _without_counting(
    weights: list[Tensor], biases: list[Tensor], target: Target, limit: int
) -> tuple | None:
    """The counts of one network as they are proven, or () where it is beyond the limit; None: it is to be counted."""
    if target.inputs > 1:
        return () if plane.surpasses(weights, biases, target.box, limit) else None
    depth, is_whole = prove(weights, biases, *target.interval)
    if is_whole and depth < 63:  # as many as fit the column
        return 2**depth, 2**depth, 0
    return () if 2**depth > limit or line.surpasses(weights, biases, *target.interval, limit) else None
