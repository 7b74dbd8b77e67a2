"""Examples from a formula: points drawn anew for each restart, with or without noise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from triangle_cli.fit.functions import parse_formula
from triangle_cli.learn.splits import Split, split_table
from triangle_cli.learn.tables import Table
from triangle_cli.settings.learn import DataSettings, Task

TESTED = 2  # points to be tested on, for each to learn from


@dataclass(frozen=True)
class Formula:
    """A function of several inputs on a cube, and how many of its values are seen."""

    function: Callable[..., Tensor]
    inputs: int
    interval: tuple[float, float]
    points: int
    noise: float

    @classmethod
    def of(cls, data: DataSettings) -> Formula:
        """The formula of `data.formula`.

        Raises:
            ValueError: it does not parse, or has no value somewhere on the cube, or the same everywhere.
        """
        assert data.formula is not None, "as settings check"
        assert data.inputs and data.interval, "likewise"  # noqa: PT018
        assert data.points, "likewise"
        names = tuple(f"x{number + 1}" for number in range(data.inputs))
        try:
            function = parse_formula(data.formula, names)
        except ValueError as error:
            raise ValueError(str(error).replace("function.formula", "data.formula", 1)) from None
        lo, hi = data.interval
        made = cls(function, data.inputs, (lo, hi), data.points, data.noise)
        values = made.values(made.draw(np.random.default_rng(0), 1000))
        key = f"data.formula={data.formula!r}"
        if not np.isfinite(values).all():
            raise ValueError(
                f"{key}: has no finite value somewhere, expected one everywhere in {data.interval}"
            )
        if np.ptp(values) == 0:
            raise ValueError(f"{key}: is {values[0]:g} everywhere, expected it to vary in {data.interval}")
        return made

    def draw(self, stream: np.random.Generator, count: int) -> np.ndarray:
        """(count, inputs), uniform."""
        return stream.uniform(*self.interval, (count, self.inputs))

    def values(self, x: np.ndarray) -> np.ndarray:
        """(n,) for x (n, inputs)."""
        return self.function(*torch.from_numpy(x).unbind(1)).numpy()

    def split(self, restart: int, seed: int, dtype: torch.dtype, device: str) -> Split:
        """The points of one restart, by the stream of (seed, restart)."""
        table, ways = self.table(restart, seed)
        return split_table(table, Task.regression, None, dtype, device, ways)

    def table(self, restart: int, seed: int) -> tuple[Table, tuple[np.ndarray, np.ndarray]]:
        """The points of one restart, and which are to learn from and to be tested on."""
        stream = np.random.default_rng([seed, restart])
        x = self.draw(stream, (1 + TESTED) * self.points)
        y = self.values(x)
        y[: self.points] += self.noise * y[: self.points].std() * stream.standard_normal(self.points)
        places = np.arange(len(x))
        return Table(x, y, None), (places[: self.points], places[self.points :])
