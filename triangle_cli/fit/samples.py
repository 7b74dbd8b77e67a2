"""Samples in the place of a formula: rows of x, y and perhaps a weight, in any order, some of them at the same x.

Rows that share an x become one place with their mean and the sum of their weights: the squared error of a function on
the rows is that on the places and a constant, which no function changes (`Points.pure`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from triangle_cli.fit.bends import Bends, find_bends
from triangle_cli.fit.functions import Target
from triangle_cli.settings.fit import FunctionSettings
from triangle_cli.store.tables import numbers, read_table
from triangle_cli.training.problem import Points

LEAST_ROWS = 2
# beside the seed, begins the stream that says what is held out: no restart has this number
HOLD_OUT = 2**32 - 1
MANY_INPUTS = "in {} dimensions"


@dataclass(frozen=True, eq=False)
class Samples:
    """n places in order, with what was measured there.

    x: (n,) increasing, or (n, inputs); y: (n,), means; weight: (n,), sums; within: (n,), the weighted squares of the
    rows about their mean; rows: how many there were; names: of the inputs and of y.
    """

    x: np.ndarray
    y: np.ndarray
    weight: np.ndarray
    within: np.ndarray
    rows: int
    names: tuple[str, ...]

    @classmethod
    def of(
        cls,
        x: np.ndarray,
        y: np.ndarray,
        weight: np.ndarray | None = None,
        names: tuple[str, ...] = ("x", "y"),
        label: str = "samples",
    ) -> Samples:
        """From rows in any order: x (n,) or (n, inputs), y (n,), weights (n,), of which those of 0 are left out.

        Raises:
            ValueError: fewer than two places, or a negative weight.
        """
        weight = np.ones(len(y)) if weight is None else weight
        if (weight < 0).any():
            row = int((weight < 0).argmax())
            raise ValueError(f"{label}: row {row + 1}: weight {weight[row]:g}, expected 0 or more")
        kept = weight > 0
        x, y, weight = x[kept], y[kept], weight[kept]
        columns = x.reshape(len(x), -1)
        order = np.lexsort(columns.T[::-1])
        columns, y, weight = columns[order], y[order], weight[order]
        first = np.ones(len(y), bool)
        first[1:] = (columns[1:] != columns[:-1]).any(1)
        if first.sum() < LEAST_ROWS:
            where = "" if not len(y) else f", all at {names[0]}={columns[0, 0]:g}"
            raise ValueError(f"{label}: {len(y)} rows{where}, expected two or more values of {names[0]}")
        for i, column in enumerate(columns.T):
            if column.min() == column.max():
                raise ValueError(
                    f"{label}: column {names[i]} is {column[0]:g} throughout, expected it to vary"
                )
        place = np.cumsum(first) - 1
        start = y[first][place]  # about one of them, so that equal rows have just their value as a mean
        total = np.bincount(place, weight)
        mean = y[first] + np.bincount(place, weight * (y - start)) / total
        within = np.bincount(place, weight * (y - mean[place]) ** 2)
        places = columns[first]
        return cls(places[:, 0] if x.ndim == 1 else places, mean, total, within, len(y), names)

    def __getitem__(self, chosen: np.ndarray) -> Samples:
        return replace(
            self,
            x=self.x[chosen],
            y=self.y[chosen],
            weight=self.weight[chosen],
            within=self.within[chosen],
        )

    def points(self) -> Points:
        """As what networks are fitted to, float64."""
        weight, total = None, self.weight.sum()
        if len(self.weight) and (self.weight != self.weight[0]).any():
            weight = torch.from_numpy(self.weight * (len(self.weight) / total))
        pure = float(self.within.sum() / total) if total > 0 else 0.0
        return Points(torch.from_numpy(self.x), torch.from_numpy(self.y), weight, pure)

    def split(self, share: float, seed: int) -> tuple[Samples, Samples]:
        """Those to learn from, and a share held out, spread evenly over x at random; never the ends."""
        count, stream = len(self.y), np.random.default_rng((seed, HOLD_OUT))
        held = min(int(share * count + 1e-9), count - 2)
        chosen = np.zeros(count, bool)
        if held > 0 and self.x.ndim == 1:
            cuts = np.linspace(1, count - 1, held + 1).round().astype(int)
            chosen[[stream.integers(low, high) for low, high in pairwise(cuts)]] = True
        elif held > 0:
            chosen[stream.choice(count, held, replace=False)] = True
        return self[~chosen], self[chosen]


@dataclass(frozen=True, eq=False)
class SampledTarget(Target):
    """What samples say of a function: where it lies, which way it bends, and roughly what it is between them.

    samples: all of them; train: those to learn from; override: which way they bend, where the user says it.
    """

    samples: Samples
    train: Samples
    override: str | None

    @classmethod
    def of(cls, name: str, samples: Samples, share: float, seed: int, override: str | None) -> SampledTarget:
        """From samples of which a share is held out."""
        ends = samples.x if samples.x.ndim == 1 else samples.x[:, 0]
        train, _ = samples.split(share, seed)
        return cls(name, "", (float(ends.min()), float(ends.max())), samples, train, override)

    def __post_init__(self) -> None:
        """Nothing to be evaluated: what is wrong with samples is said where they are read."""

    @cached_property
    def inputs(self) -> int:
        """How many columns x has."""
        return 1 if self.samples.x.ndim == 1 else self.samples.x.shape[1]

    @cached_property
    def is_constant(self) -> bool:
        """Whether all values are one."""
        return bool(self.samples.y.min() == self.samples.y.max())

    @cached_property
    def range(self) -> tuple[float, float]:
        """The least and the greatest value."""
        return float(self.samples.y.min()), float(self.samples.y.max())

    @property
    def box(self) -> tuple[tuple[float, float], ...]:
        """Where the samples lie along each input."""
        columns = self.samples.x.reshape(len(self.samples.x), -1)
        return tuple((float(low), float(high)) for low, high in zip(columns.min(0), columns.max(0)))

    @cached_property
    def bends(self) -> Bends | None:
        """Which way the samples to learn from bend; not asked of several inputs."""
        some = self.train
        return find_bends(some.x, some.y, some.weight, some.within, some.rows) if self.inputs == 1 else None

    @cached_property
    def curvature(self) -> str:
        """See `Target`; found by `bends`, or as the user says."""
        if self.bends is None:
            return MANY_INPUTS.format(self.inputs)
        if self.override is not None:
            return "neither convex nor concave" if self.override == "neither" else self.override
        return self.bends.word

    def __call__(self, x: Tensor) -> Tensor:
        """The nearest function that bends as the samples do, (n,) for one input: where starts look."""
        assert self.bends is not None, "of one input"
        values = np.interp(x.detach().cpu().double().numpy(), self.bends.knots, self.bends.values)
        return torch.from_numpy(values).to(x)

    @cached_property
    def end_slopes(self) -> tuple[float, float]:
        """See `Target`."""
        assert self.bends is not None
        lo, hi = self.interval
        slopes = np.diff(self.bends.values) / np.diff(self.bends.knots) * (hi - lo)
        return float(slopes[0]), float(slopes[-1])

    @property
    def facts(self) -> dict[str, object]:
        """What run.json says of the samples."""
        some: dict[str, object] = {
            "rows": self.samples.rows,
            "places": len(self.samples.y),
            "held_out": len(self.samples.y) - len(self.train.y),
            "columns": list(self.samples.names),
        }
        if self.bends is not None:
            some["bends"] = str(self.bends)
        return some


def read_samples(function: FunctionSettings) -> Samples:
    """The samples of a file; kept, as long as the file is the same.

    Raises:
        ValueError: the file, a column or a value is not what is expected; the line names it, its row and column.
    """
    assert function.path is not None, "a function of samples has one"
    columns = None if function.columns is None else tuple(function.columns)
    try:
        found = Path(function.path).stat()
        written = (found.st_mtime_ns, found.st_size)
    except OSError:
        written = (0, 0)
    return _read(function.path, columns, function.y, function.weight, written)


@lru_cache(maxsize=8)
def _read(
    path: str, x: tuple[str, ...] | None, y: str | None, weight: str | None, written: tuple[int, int]
) -> Samples:
    label = f"function.path={path}"
    table = read_table(Path(path), "function.path")
    x, y, weight = _columns(table, label, x, y, weight)
    if len(table) < LEAST_ROWS:
        raise ValueError(f"{label}: {len(table)} row{'s' if len(table) != 1 else ''}, expected 2 or more")
    values = [numbers(table[name], label) for name in (*x, y)]
    places = values[0] if len(x) == 1 else np.stack(values[:-1], 1)
    weights = None if weight is None else numbers(table[weight], label)
    return Samples.of(places, values[-1], weights, (*x, y), label)


def _columns(
    table: pd.DataFrame, label: str, x: tuple[str, ...] | None, y: str | None, weight: str | None
) -> tuple[tuple[str, ...], str, str | None]:
    """Which columns are meant: those that are named; of the others, where it is plain, the first and the second."""
    names = [str(name) for name in table]
    listed = ", ".join(names[:8]) + (", .." if len(names) > 8 else "")
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise ValueError(f"{label}: two columns named {twice[0]}, expected a name of its own for each")
    given = [("x", name) for name in x or ()] + [("y", y), ("weight", weight)]
    for key, name in given:
        if name is not None and name not in names:
            raise ValueError(f"function.{key}={name}: no such column, expected one of {listed} of {label}")
    used = [name for _, name in given if name is not None]
    if len(set(used)) < len(used):
        raise ValueError(f"{label}: expected different columns for x, y and weight, not {', '.join(used)}")
    left = [name for name in names if name not in used]
    if weight is None and "weight" in left and path_of_arrays(label):
        left.remove("weight")
        weight = "weight"
    missing = (x is None) + (y is None)
    if len(left) != missing and missing:
        arrays = tuple(name for name in left if name[:1] == "x")
        if path_of_arrays(label) and missing == 2 and "y" in left and len(arrays) == len(left) - 1:
            return arrays, "y", weight
        several = f"{len(names)} column{'s' if len(names) != 1 else ''} ({listed})"
        raise ValueError(f"{label}: {several}, expected two, or function.x=COLUMN function.y=COLUMN")
    return x or (left[0],), y or left[-1], weight


def path_of_arrays(label: str) -> bool:
    """Whether columns come from an .npz, whose arrays x, y and weight say what they are."""
    return label.endswith(".npz")
