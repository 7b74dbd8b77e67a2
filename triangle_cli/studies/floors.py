"""The floors of runs: the least MSE of any function of 2^depth pieces on their training points."""

from __future__ import annotations

import json
from functools import cache

import numpy as np
import torch

from triangle_cli.fit.floors import Floors
from triangle_cli.fit.functions import Target
from triangle_cli.fit.points import even_points
from triangle_cli.store import index


def floor(row: index.Row) -> float:
    """The floor of a run; NaN for one that learned from data, or fits a function of x and y."""
    formula, interval = row.get("function.formula"), row.get("function.interval")
    if formula is None or not isinstance(interval, str):
        return np.nan
    lo, hi = json.loads(interval)
    floors = _floors(str(formula), float(lo), float(hi), int(row["points.train"]))
    return np.nan if floors is None else floors(2 ** int(row["depth"]))


@cache
def _floors(formula: str, lo: float, hi: float, count: int) -> Floors | None:
    target = Target("", formula, (lo, hi))
    if target.inputs != 1:
        return None
    points = even_points(target, count, torch.float64, "cpu")
    return Floors(points.x.numpy(), points.y.numpy())
