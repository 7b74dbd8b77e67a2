"""What can be set for networks that fit a function: `function=`, `network=` and `points=`."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from pathlib import Path
from typing import Any, Optional

from triangle_cli.settings.require import name_of_file, require, require_folder_name, require_name


class Freedom(Enum):
    """Which weights of a network of several blocks a phase in weight space moves."""

    blocks = "blocks"
    dense = "dense"


class Scaling(Enum):
    """In which units networks are trained: `unit` on [0, 1] in x and y, folded back; `none` as the target is."""

    unit = "unit"
    none = "none"


IN_MEMORY = "(in memory)"  # in the place of a path: samples that Python hands over


class Curvature(Enum):
    """Which way samples bend, where the user knows better than what is found from them."""

    convex = "convex"
    concave = "concave"
    neither = "neither"


@dataclass
class FunctionSettings:
    """A target function: a formula, or samples from a file: conf/function/."""

    name: str  # heads the folder of its runs, but for a file, whose own name does
    formula: Optional[str]  # of x, or of x and y; as in Python, with sin, exp, sqrt and the like  # noqa: UP045
    interval: Optional[list[float]]  # [lo, hi], of x and of y; null: where the samples lie  # noqa: UP045
    path: Optional[str] = None  # of samples, in the place of a formula: .csv .tsv .parquet .npy .npz  # noqa: UP045
    x: Any = None  # the column of x, or a list of several inputs; null: the first of two columns
    y: Optional[str] = None  # the column of y; null: the second of two columns  # noqa: UP045
    weight: Optional[str] = None  # a column of weights, none negative; null: all weigh the same  # noqa: UP045
    curvature: Optional[Curvature] = None  # of samples; null: found from them  # noqa: UP045

    def __post_init__(self) -> None:
        require_folder_name("function.name", self.name)
        if self.path is None:
            accepted = "a formula, or with function=samples a file by function.path="
            require(self.formula is not None, "function.formula", "null", accepted)
            require(self.interval is not None, "function.interval", "null", "two numbers, [lo, hi]")
            for key in ("x", "y", "weight", "curvature"):
                given = getattr(self, key)
                require(given is None, f"function.{key}", given, "nothing with a formula")
            assert self.interval is not None
            require(len(self.interval) == 2, "function.interval", self.interval, "two numbers, [lo, hi]")
            return
        for key in ("formula", "interval"):
            given = getattr(self, key)
            require(given is None, f"function.{key}", given, f"null with function.path={self.path}")
        columns = self.columns
        named = all(isinstance(column, str) and column for column in columns or ("x",))
        require(named and columns != [], "function.x", self.x, "the name of a column, or a list of them")

    @property
    def title(self) -> str:
        """What the function is called: by the name of its file, else by the word that chose it."""
        return self.name if self.path in (None, IN_MEMORY) else name_of_file(str(self.path), self.name)

    @property
    def columns(self) -> list[str] | None:
        """The columns of x; None where none is named."""
        if self.x is None:
            return None
        return [str(column) for column in self.x] if isinstance(self.x, (list, tuple)) else [str(self.x)]

    def require_file(self) -> None:
        """Raise ValueError where there is no such file of samples."""
        if self.path is not None and self.path != IN_MEMORY:
            path = Path(self.path)
            why = "it is none" if path.exists() else "there is no such file"
            accepted = f"a file of samples: .csv, .tsv, .parquet, .npy or .npz ({why})"
            require(path.is_file(), "function.path", self.path, accepted)

    def content(self) -> str | None:
        """The digest of the samples' file, for the hash of a run: a file that has changed makes another run."""
        if self.path is None:
            return None
        try:
            found = Path(self.path).stat()
            return _digest(self.path, found.st_mtime_ns, found.st_size)
        except OSError:  # refused, by name, where the file is read
            return None


@lru_cache(maxsize=64)
def _digest(path: str, written: int, size: int) -> str:
    with Path(path).open("rb") as file:
        digest = hashlib.sha256()
        while block := file.read(2**20):
            digest.update(block)
    return digest.hexdigest()


@dataclass
class NetworkSettings:
    """How many triangle networks make one network: conf/network/."""

    name: str  # shown in pictures
    blocks: int  # triangle networks along each direction; 2 and more are added and subtracted in turn
    directions: Optional[int]  # of the inputs, each learned; null: x itself  # noqa: UP045
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
    train: Optional[int]  # even points, in the plane a grid; null: samples that are not held out  # noqa: UP045
    test: Any  # middles of even cells to be judged by, a whole number; of samples a share
    grid: Optional[int]  # points among which the largest error is sought; null: all samples  # noqa: UP045

    def __post_init__(self) -> None:
        require_name("points.name", self.name)
        require(self.train is None or self.train >= 2, "points.train", self.train, "2 or more")
        require(self.grid is None or self.grid >= 2, "points.grid", self.grid, "2 or more")
        number = isinstance(self.test, (int, float)) and not isinstance(self.test, bool)
        require(number, "points.test", self.test, "a number")

    def check_for_formula(self) -> None:
        """Raise ValueError for what only samples have."""
        require(self.train is not None, "points.train", "null", "2 or more points")
        require(self.grid is not None, "points.grid", "null", "2 or more points")
        require(isinstance(self.test, int) and self.test >= 1, "points.test", self.test, "1 or more points")

    def check_for_samples(self) -> None:
        """Raise ValueError for what only formulas have."""
        for key in ("train", "grid"):
            given = getattr(self, key)
            require(given is None, f"points.{key}", given, "null with samples (points=samples)")
        accepted = "a share of the samples to hold out, from 0 to less than 1"
        require(0 <= self.test < 1, "points.test", self.test, accepted)
