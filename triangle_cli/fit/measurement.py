"""What is measured on trained networks: errors, floors, linear regions."""

from __future__ import annotations

import logging
from dataclasses import dataclass
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


@dataclass(frozen=True)
class Counts:
    """What was counted of each restart. Tables are made of it at the end: a row at a time costs more than counting.

    restarts: (R,) their numbers; found: (R, 3) int64, in the order of COUNTS; known: (R,) bool, False for one that
    diverged or was left out.
    """

    restarts: list[int]
    found: np.ndarray
    known: np.ndarray

    def column(self, name: str) -> pd.arrays.IntegerArray:
        """One of COUNTS, Int64, missing where it is not known."""
        return pd.arrays.IntegerArray(self.found[:, COUNTS.index(name)].copy(), ~self.known)


def regions_table(counted: list[tuple[str, int, Counts]]) -> pd.DataFrame:
    """regions.csv, from (phase, epoch, what was counted then)."""
    phases, epochs, counts = zip(*counted)
    rows = [len(some.restarts) for some in counts]
    restarts = [restart for some in counts for restart in some.restarts]
    whole = Counts(
        restarts, *(np.concatenate([getattr(some, name) for some in counts]) for name in ("found", "known"))
    )
    first = {"restart": restarts, "phase": np.repeat(phases, rows), "epoch": np.repeat(epochs, rows)}
    return pd.DataFrame(first | {name: whole.column(name) for name in COUNTS})


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

    def regions(self, network: Network, restarts: list[int], again: bool = True) -> Counts:
        """Linear regions, activation regions and dead neurons of each restart.

        again: count those, too, that were left out the last time.
        """
        asked = network.is_finite().numpy()
        if not again:
            asked &= ~np.isin(restarts, [*self.left_out])
        found, known = np.zeros((len(restarts), len(COUNTS)), np.int64), asked.copy()
        chosen = network if asked.all() else network[torch.from_numpy(np.flatnonzero(asked))]
        found[asked], known[asked] = count(chosen.detach(), self.target, self.limit)
        missing = {restarts[i] for i in np.flatnonzero(asked & ~known)}
        if missing and not self.left_out and self.target.inputs <= MOST_INPUTS:  # said once a run
            log.warning("networks that cost more than regions.limit=%d to count are left out", self.limit)
        self.left_out = missing if again else self.left_out | missing
        return Counts(restarts, found, known)

    def errors(self, network: Network, counts: Counts) -> pd.DataFrame:
        """A row per restart: the columns of errors.csv after `restart` and `stage`; `counts` from `regions`."""
        errors = {
            name: network_errors(network, points, self.threads)
            for name, points in (("train", self.train), ("test", self.test), ("grid", self.grid))
            if len(points.y)
        }
        mse = np.array((errors["train"][0] + self.train.pure).tolist())
        pieces = counts.found[:, 0].tolist()
        floors = np.array(
            [self.floor(count) if known else np.nan for count, known in zip(pieces, counts.known)]
        )
        # past half as many pieces as points the floor is 0, and being so many times above it says nothing
        with np.errstate(all="ignore"):
            ratio = mse / np.where(floors > 0, floors, np.nan)
        columns: dict[str, Any] = {
            "restart": counts.restarts,
            "mse_train": mse,
            "mse_test": (errors["test"][0] + self.test.pure).tolist() if "test" in errors else np.nan,
        }
        if self.integral:
            columns["mse_integral"] = integral_errors(network, self.target)
        return pd.DataFrame(
            columns
            | {
                "max_error": errors["grid"][1].tolist(),
                "linear_regions": counts.column("linear_regions"),
                "floor_mse": floors,
                "floor_ratio": ratio,
                "floor_kind": "none" if self.floors is None else self.floors.kind,
                "diverged": ~np.isfinite(mse),
            }
        )


def count(network: Network, target: Target, limit: int = 2**63 - 1) -> tuple[np.ndarray, np.ndarray]:
    """The counts of every restart on the target's interval, or square, and which are known; weights must be finite.

    Where a network may have more regions than `limit`, those of a triangle network are proven layer by layer, and
    others are left out once the budget is used up.

    Returns:
        (R, 3) int64, in the order of COUNTS, and (R,) bool.
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
    return found, ~missing


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
