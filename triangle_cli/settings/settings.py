"""What can be set, of which type and in which range. Values are in `conf/`; only what a phase may leave out is None."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from enum import Enum
from typing import Any, Optional

from triangle_cli.settings.learn import DataSettings, ModelSettings
from triangle_cli.settings.require import require

RESULTS_VERSION = 1  # raise when the same settings give other numbers: finished runs are then not reused


class Mode(Enum):
    """How the networks start."""

    triangle = "triangle"
    random = "random"
    raai = "raai"
    zigzag = "zigzag"


class SpaceName(Enum):
    """What a phase moves."""

    peaks = "peaks"
    peaks_and_scales = "peaks_and_scales"
    weights = "weights"


class OptimizerName(Enum):
    """How a phase moves it."""

    adam = "adam"
    levenberg_marquardt = "levenberg_marquardt"


class Freedom(Enum):
    """Which weights of a network of several blocks a phase in weight space moves."""

    blocks = "blocks"
    dense = "dense"


class Dtype(Enum):
    """The floating-point numbers that weights and points are made of."""

    float64 = "float64"
    float32 = "float32"


OnFailure = Enum("OnFailure", {"continue": "continue", "stop": "stop"})  # functional: continue is a keyword
OnFailure.__doc__ = "What a sweep does with its other jobs when one has failed."


class TrackerName(Enum):
    """What else keeps the figures of the runs."""

    none = "none"
    tensorboard = "tensorboard"
    mlflow = "mlflow"


# how, where and whether to run, not what: these settings decide no numbers, are not hashed and head no column
HOW = ("threads", "outputs", "force", "on_failure", "tracker", "dry_run")
# what a run that fits a function has, and what one that learns from data has in its place
FUNCTION_GROUPS, DATA_GROUPS = ("function", "network", "points"), ("data", "model")
DATA_METHODS = ("layers", "relu", "relu_matched")  # the other files of conf/method say how to fit a function


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
            least = 3 if self.mode is Mode.zigzag else 1  # one neuron sums, one is u, the rest bend
            for key in ("peak_low", "peak_high", "peaks", "scale"):
                given = getattr(self, key)
                require(given is None, f"init.{key}", given, f"nothing: init={self.mode.value} has no {key}")
            # None: as wide as has as many parameters as the blocks
            matched = self.width is None and self.mode is not Mode.zigzag
            require(
                matched or (self.width is not None and self.width >= least),
                "init.width",
                self.width,
                f"{least} or more",
            )
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
class NetworkSettings:
    """How many triangle networks make one network: conf/network/."""

    name: str
    blocks: int
    directions: Optional[int]  # noqa: UP045
    weights: Freedom

    def __post_init__(self) -> None:
        require(self.blocks >= 1, "network.blocks", self.blocks, "1 or more")
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
class PhaseSettings:
    """One phase of a schedule. What is None is not given: an optimizer then takes its own."""

    space: SpaceName
    optimizer: OptimizerName
    epochs: int
    learning_rate: Optional[float] = None  # adam  # noqa: UP045
    damping: Optional[float] = None  # levenberg_marquardt: the first, relative  # noqa: UP045
    group: Optional[int] = None  # levenberg_marquardt: of how many neighbours a step sees one  # noqa: UP045
    keep: Optional[int] = None  # how many restarts, the best, go on after this phase  # noqa: UP045

    @property
    def optimizer_settings(self) -> dict[str, float]:
        """What is given to the optimizer."""
        return {key: getattr(self, key) for key in OPTIMIZER_KEYS if getattr(self, key) is not None}

    def check(self, key: str) -> None:
        """Raise ValueError where a number is out of its range; `key` says which phase this is."""
        require(self.epochs >= 1, f"{key}.epochs", self.epochs, "1 or more")
        takes = OPTIMIZER_TAKES[self.optimizer]
        for name in self.optimizer_settings:
            value, word = getattr(self, name), self.optimizer.value
            require(
                name in takes, f"{key}.{name}", value, f"nothing: optimizer={word} takes {', '.join(takes)}"
            )
        rate = self.learning_rate
        if self.optimizer is OptimizerName.adam:
            require(
                rate is not None and 0 < rate < math.inf, f"{key}.learning_rate", rate, "a positive number"
            )
        require(self.damping is None or self.damping > 0, f"{key}.damping", self.damping, "a positive number")
        require(self.group is None or self.group >= 1, f"{key}.group", self.group, "1 or more")
        require(self.keep is None or self.keep >= 1, f"{key}.keep", self.keep, "1 or more")


OPTIMIZER_KEYS = ("learning_rate", "damping", "group")
OPTIMIZER_TAKES = {
    OptimizerName.adam: ("learning_rate",),
    OptimizerName.levenberg_marquardt: ("damping", "group"),
}


@dataclass
class ScheduleSettings:
    """A list of phases: conf/schedule/."""

    name: str
    phases: list[PhaseSettings]
    starts: Optional[int] = None  # more than restarts, where phases keep the best of them  # noqa: UP045

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

    function: Optional[FunctionSettings]  # noqa: UP045
    network: Optional[NetworkSettings]  # noqa: UP045
    init: InitSettings
    schedule: ScheduleSettings
    points: Optional[PointsSettings]  # noqa: UP045
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
    tracker: TrackerName
    dry_run: bool
    data: Optional[DataSettings] = None  # in the place of a function  # noqa: UP045
    model: Optional[ModelSettings] = None  # in the place of a network  # noqa: UP045

    def __post_init__(self) -> None:
        require(1 <= self.depth <= 64, "depth", self.depth, "1 to 64 hidden layers")
        require(self.restarts >= 1, "restarts", self.restarts, "1 or more")
        require(self.seed >= 0, "seed", self.seed, "0 or more")
        require(self.threads >= 1, "threads", self.threads, "1 or more")
        require_outputs(self.outputs)
        require(self.regions.every >= 1, "regions.every", self.regions.every, "1 or more epochs")
        require(self.history.every >= 1, "history.every", self.history.every, "1 or more epochs")
        self._check_groups()
        self._check_selection()
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
            f"({'method=relu' if self.data else 'schedule=weights_only'})",
        )

    @property
    def starts(self) -> int:
        """How many networks the first phase trains."""
        return self.schedule.starts or self.restarts

    @property
    def name(self) -> str:
        """What is fitted: the name of the function, or of the data."""
        return self.data.title if self.data else self.function.name

    def _check_groups(self) -> None:
        """A run fits a function, or learns from data."""
        if self.data is None:
            for key in FUNCTION_GROUPS:
                require(
                    getattr(self, key) is not None, key, None, f"one of conf/{key}, unless data is chosen"
                )
            require(self.model is None, "model", self.model and self.model.name, "data=... with it")
            return
        for key in FUNCTION_GROUPS:
            given = getattr(self, key)
            require(given is None, key, given and given.name, f"nothing with data={self.data.name}")
        require(self.model is not None, "model", None, "one of conf/model")
        chosen = f"init={self.init.name}"
        triangle = self.init.mode is Mode.triangle
        require(
            triangle or self.init.mode is Mode.random, "init", self.init.name, "triangle or random with data"
        )
        require(not (triangle and self.model.matched), "model.matched", True, f"false with {chosen}")
        require(self.init.peaks is None, "init.peaks", self.init.peaks, "null with data")
        require(self.init.scale is None, "init.scale", self.init.scale, "null with data")
        for index, phase in enumerate(self.schedule.phases):
            key = f"schedule.phases.{index}"
            adam = phase.optimizer is OptimizerName.adam
            require(adam, f"{key}.optimizer", phase.optimizer.value, "adam with data")
            require(phase.keep is None, f"{key}.keep", phase.keep, "null with data")

    def _check_selection(self) -> None:
        """Phases may only narrow the starts down, to `restarts` of them in the end."""
        left, key = self.starts, "schedule.starts"
        require(left >= self.restarts, key, left, f"restarts={self.restarts} or more")
        for index, phase in enumerate(self.schedule.phases):
            if phase.keep is not None:
                key = f"schedule.phases.{index}.keep"
                require(
                    self.restarts <= phase.keep <= left,
                    key,
                    phase.keep,
                    f"{self.restarts} (restarts) to {left}",
                )
                left = phase.keep
        require(
            left == self.restarts, key, left, f"restarts={self.restarts} in the end, kept by the last `keep`"
        )

    def describe(self) -> dict[str, Any]:
        """Everything that decides the numbers, as plain values: what the hash is taken of."""
        settings = plain(asdict(self))
        for key in HOW:
            del settings[key]
        for key in (*FUNCTION_GROUPS, *DATA_GROUPS):
            if settings[key] is None:
                del settings[key]
        return settings

    @property
    def hash(self) -> str:
        """8 hexadecimal characters that tell these settings from others."""
        content = {"content": self.data.content()} if self.data else {}
        text = json.dumps({"version": RESULTS_VERSION} | content | self.describe(), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:8]

    @property
    def folder(self) -> str:
        """Where the run's files go, unless the user sets `hydra.run.dir`."""
        parts = [f"d{self.depth}", self.init.name, self.schedule.name, self.hash]
        return f"{self.outputs}/{self.name}/{'-'.join(parts)}"


def require_outputs(outputs: str) -> None:
    """Raise ValueError for no name, such as an unset variable leaves: files would go to the root of all folders."""
    require(outputs.strip() != "", "outputs", outputs, "a folder")


def plain(value: Any) -> Any:
    """The same value with its enums as their words, for YAML and JSON."""
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, Iterable) and not isinstance(value, str):
        return [plain(item) for item in value]
    return value
