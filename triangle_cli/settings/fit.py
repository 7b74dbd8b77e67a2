"""What can be set for networks that fit a function: `function=`, `network=` and `points=`."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Optional

from triangle_cli.settings.require import require, require_folder_name, require_name


class Freedom(Enum):
    """Which weights of a network of several blocks a phase in weight space moves."""

    blocks = "blocks"
    dense = "dense"


class Scaling(Enum):
    """In which units networks are trained: `unit` on [0, 1] in x and y, folded back; `none` as the target is."""

    unit = "unit"
    none = "none"


@dataclass
class FunctionSettings:
    """A target function: conf/function/."""

    name: str  # heads the folder of its runs
    formula: str  # of x, or of x and y; as in Python, with sin, exp, sqrt and the like
    interval: list[float]  # [lo, hi], of x and of y

    def __post_init__(self) -> None:
        require_folder_name("function.name", self.name)
        require(len(self.interval) == 2, "function.interval", self.interval, "two numbers, [lo, hi]")


@dataclass
class NetworkSettings:
    """How many triangle networks make one network: conf/network/."""

    name: str  # shown in pictures
    blocks: int  # triangle networks along each direction; 2 and more are added and subtracted in turn
    directions: Optional[int]  # of the plane, each learned; null: x itself  # noqa: UP045
    weights: Freedom  # what a phase in weight space moves; dense: the zeros between blocks too

    def __post_init__(self) -> None:
        require_name("network.name", self.name)
        require(self.blocks >= 1, "network.blocks", self.blocks, "1 or more")
        single = self.name != "single" or self.blocks == 1
        require(
            single, "network.blocks", self.blocks, "1 with network=single (network=difference takes more)"
        )
        directions = self.directions
        require(directions is None or directions >= 1, "network.directions", directions, "1 or more")

    @property
    def total(self) -> int:
        """The triangle networks in one network."""
        return self.blocks * (self.directions or 1)

    @property
    def single(self) -> bool:
        """Whether it is the paper's network of one block on x."""
        return self.blocks == 1 and self.directions is None

    @property
    def kept(self) -> int | None:
        """How many diagonal blocks the hidden matrices keep; None: they are dense."""
        return self.total if self.weights is Freedom.blocks and self.total > 1 else None


@dataclass
class PointsSettings:
    """Where the target is looked at: conf/points/."""

    name: str  # shown in config.yaml
    train: int  # even points to learn from; in the plane a grid of so many
    test: int  # points to be judged by, in the middles of even cells
    grid: int  # points among which the largest error is sought

    def __post_init__(self) -> None:
        require_name("points.name", self.name)
        require(self.train >= 2, "points.train", self.train, "2 or more")
        require(self.test >= 1, "points.test", self.test, "1 or more")
        require(self.grid >= 2, "points.grid", self.grid, "2 or more")
