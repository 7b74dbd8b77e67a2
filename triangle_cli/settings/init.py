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
    """Where training starts: conf/init/."""

    name: str
    mode: str  # a start of fit/starts
    width: Optional[int]  # noqa: UP045  # omegaconf reads Optional on every Python
    peak_low: Optional[float]  # noqa: UP045
    peak_high: Optional[float]  # noqa: UP045
    peaks: Optional[list[float]]  # noqa: UP045
    scale: Optional[float]  # noqa: UP045

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
