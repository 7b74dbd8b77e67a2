"""Where training starts: `init=`, conf/init/. What it takes of these each start says itself, in fit/starts."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Optional

from triangle_cli.settings.require import require, require_name

OPTIONAL = ("width", "peak_low", "peak_high", "peaks", "scale")  # which of them a start takes, it says itself
TRIANGLE_WIDTH = 4


@dataclass
class InitSettings:
    """Where training starts: conf/init/. Optional: what omegaconf reads on every Python."""

    name: str  # part of the folder's name
    mode: str  # which start: one of fit/starts
    width: Optional[int]  # of random and zigzag starts; null: for as many parameters as triangles have  # noqa: UP045
    peak_low: Optional[float]  # peaks are drawn uniformly from here  # noqa: UP045
    peak_high: Optional[float]  # to here  # noqa: UP045
    peaks: Optional[list[float]]  # depth + 1 numbers in (0.001, 0.999), for all restarts  # noqa: UP045
    scale: Optional[float]  # s_0; null: the best for the drawn peaks, by linear least squares  # noqa: UP045

    @property
    def triangle(self) -> bool:
        """Whether the networks start from peaks."""
        return self.mode == "triangle"

    @property
    def peak_range(self) -> tuple[float, float]:
        """Between which peaks are drawn."""
        assert self.peak_low is not None  # of a triangle start
        assert self.peak_high is not None
        return self.peak_low, self.peak_high

    def __post_init__(self) -> None:
        require_name("init.name", self.name)
        if not self.triangle:
            return
        require(
            self.width in (None, TRIANGLE_WIDTH),
            "init.width",
            self.width,
            "4: a triangle network has width 4",
        )
        low, high = self.peak_low, self.peak_high
        require(low is not None and 0.001 < low < 1, "init.peak_low", low, "a number in (0.001, 0.999)")
        require(
            low is not None and high is not None and low <= high < 0.999,
            "init.peak_high",
            high,
            f"a number in [{low}, 0.999)",
        )
        for peak in self.peaks or ():
            require(0.001 < peak < 0.999, "init.peaks", self.peaks, "numbers in (0.001, 0.999)")
        require(
            self.scale is None or 0 < self.scale < math.inf, "init.scale", self.scale, "a positive number"
        )
