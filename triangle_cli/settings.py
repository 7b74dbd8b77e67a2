"""What can be set, of which type and in which range. The values are in `conf/`; nothing here has a default."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from enum import Enum
from typing import Any, Optional

RESULTS_VERSION = 1  # raise when the same settings give other numbers: finished runs are then not reused


class Mode(Enum):
    """How the networks start."""

    triangle = "triangle"
    random = "random"
    raai = "raai"


class SpaceName(Enum):
    """What a phase moves."""

    peaks = "peaks"
    peaks_and_scales = "peaks_and_scales"
    weights = "weights"


class OptimizerName(Enum):
    """How a phase moves it."""

    adam = "adam"


class Dtype(Enum):
    """The floating-point numbers that weights and points are made of."""

    float64 = "float64"
    float32 = "float32"


OnFailure = Enum("OnFailure", {"continue": "continue", "stop": "stop"})  # functional: continue is a keyword
OnFailure.__doc__ = "What a sweep does with its other jobs when one has failed."

# how, where and whether to run, not what: these settings decide no numbers, are not hashed and head no column
HOW = ("threads", "outputs", "force", "on_failure", "dry_run")


def require(holds: bool, key: str, value: Any, expected: str) -> None:
    """Raise ValueError with one line that names the setting, its value and what is accepted."""
    if not holds:
        raise ValueError(f"{key}={value}: expected {expected}")


@dataclass
class FunctionSettings:
    """A target function: conf/function/."""

    name: str
    formula: str
    interval: list[float]

    def __post_init__(self) -> None:
        require(len(self.interval) == 2, "function.interval", self.interval, "two numbers, [lo, hi]")


@dataclass
class InitSettings:
    """Where training starts: conf/init/."""

    name: str
    mode: Mode
    width: Optional[int]  # noqa: UP045  # omegaconf reads Optional on every Python
    peak_low: Optional[float]  # noqa: UP045
    peak_high: Optional[float]  # noqa: UP045
    peaks: Optional[list[float]]  # noqa: UP045
    scale: Optional[float]  # noqa: UP045

    def __post_init__(self) -> None:
        if self.mode is not Mode.triangle:
            for key in ("peak_low", "peak_high", "peaks", "scale"):
                given = getattr(self, key)
                require(given is None, f"init.{key}", given, f"nothing: init={self.mode.value} has no {key}")
            require(self.width is not None and self.width >= 1, "init.width", self.width, "1 or more")
            return
        require(self.width in (None, 4), "init.width", self.width, "4: a triangle network has width 4")
        low, high = self.peak_low, self.peak_high
        require(low is not None and 0.001 < low < 1, "init.peak_low", low, "a number in (0.001, 0.999)")
        require(
            high is not None and low <= high < 0.999, "init.peak_high", high, f"a number in [{low}, 0.999)"
        )
        for peak in self.peaks or ():
            require(0.001 < peak < 0.999, "init.peaks", self.peaks, "numbers in (0.001, 0.999)")
        require(
            self.scale is None or 0 < self.scale < math.inf, "init.scale", self.scale, "a positive number"
        )


@dataclass
class PhaseSettings:
    """One phase of a schedule."""

    space: SpaceName
    optimizer: OptimizerName
    epochs: int
    learning_rate: float

    def check(self, key: str) -> None:
        """Raise ValueError where a number is out of its range; `key` says which phase this is."""
        require(self.epochs >= 1, f"{key}.epochs", self.epochs, "1 or more")
        rate = self.learning_rate
        require(0 < rate < math.inf, f"{key}.learning_rate", rate, "a positive number")


@dataclass
class ScheduleSettings:
    """A list of phases: conf/schedule/."""

    name: str
    phases: list[PhaseSettings]

    def __post_init__(self) -> None:
        require(len(self.phases) > 0, "schedule.phases", self.phases, "at least one phase")
        freedom = list(SpaceName)  # from the fewest free numbers to the most
        reached = 0
        for index, phase in enumerate(self.phases):
            phase.check(f"schedule.phases.{index}")
            rank = freedom.index(phase.space)
            choices = " or ".join(space.value for space in freedom[reached:])
            key = f"schedule.phases.{index}.space"
            require(rank >= reached, key, phase.space.value, f"{choices}: what was set free stays free")
            reached = rank


@dataclass
class PointsSettings:
    """Where the target is looked at: conf/points/."""

    name: str
    train: int
    test: int
    grid: int

    def __post_init__(self) -> None:
        require(self.train >= 2, "points.train", self.train, "2 or more")
        require(self.test >= 1, "points.test", self.test, "1 or more")
        require(self.grid >= 2, "points.grid", self.grid, "2 or more")


@dataclass
class RecordSettings:
    """Every how many epochs something is recorded; the first and the last of a phase always are."""

    every: int


@dataclass
class Settings:
    """One run."""

    function: FunctionSettings
    init: InitSettings
    schedule: ScheduleSettings
    points: PointsSettings
    depth: int
    restarts: int
    seed: int
    dtype: Dtype
    device: str
    regions: RecordSettings
    history: RecordSettings
    threads: int
    outputs: str
    force: bool
    on_failure: OnFailure
    dry_run: bool

    def __post_init__(self) -> None:
        require(1 <= self.depth <= 64, "depth", self.depth, "1 to 64 hidden layers")
        require(self.restarts >= 1, "restarts", self.restarts, "1 or more")
        require(self.seed >= 0, "seed", self.seed, "0 or more")
        require(self.threads >= 1, "threads", self.threads, "1 or more")
        require(self.regions.every >= 1, "regions.every", self.regions.every, "1 or more epochs")
        require(self.history.every >= 1, "history.every", self.history.every, "1 or more epochs")
        peaks = self.init.peaks
        require(
            peaks is None or len(peaks) == self.depth + 1,
            "init.peaks",
            peaks,
            f"{self.depth + 1} peaks, one more than depth={self.depth}: the last one only scales",
        )
        first = self.schedule.phases[0].space
        require(
            self.init.mode is Mode.triangle or first is SpaceName.weights,
            "schedule",
            self.schedule.name,
            f"a schedule of weights phases for init={self.init.name}, which has no {first.value} to train "
            "(schedule=weights_only)",
        )

    def describe(self) -> dict[str, Any]:
        """Everything that decides the numbers, as plain values: what the hash is taken of."""
        settings = plain(asdict(self))
        for key in HOW:
            del settings[key]
        return settings

    @property
    def hash(self) -> str:
        """8 hexadecimal characters that tell these settings from others."""
        text = json.dumps({"version": RESULTS_VERSION} | self.describe(), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:8]

    @property
    def folder(self) -> str:
        """Where the run's files go, unless the user sets `hydra.run.dir`."""
        parts = [f"d{self.depth}", self.init.name, self.schedule.name, self.hash]
        return f"{self.outputs}/{self.function.name}/{'-'.join(parts)}"


def plain(value: Any) -> Any:
    """The same value with its enums as their words, for YAML and JSON."""
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, Iterable) and not isinstance(value, str):
        return [plain(item) for item in value]
    return value
