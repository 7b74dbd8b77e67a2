"""One run: a network that fits a function, or a model that learns from data, and all that is set for it.

Values are in `conf/`; only what a phase may leave out is None.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, fields
from enum import Enum
from typing import Any, Optional

from triangle_cli.settings.fit import FunctionSettings, NetworkSettings, PointsSettings, Scaling
from triangle_cli.settings.init import InitSettings
from triangle_cli.settings.learn import DataSettings, ModelSettings, Source
from triangle_cli.settings.require import require, require_one_of
from triangle_cli.settings.schedule import TENTS, HandOn, LossName, ScheduleSettings, SpaceName

RESULTS_VERSION = 3  # raise when the same settings give other numbers: finished runs are then not reused


class Dtype(Enum):
    """The floating-point numbers that weights and points are made of."""

    float64 = "float64"
    float32 = "float32"


OnFailure = Enum("OnFailure", {"continue": "continue", "stop": "stop"})  # functional: continue is a keyword
OnFailure.__doc__ = "What a sweep does with its other jobs when one has failed."

# what else keeps the figures of the runs: modules of runs/trackers
TRACKERS = ("none", "tensorboard", "mlflow", "wandb")

# how, where and whether to run, not what: these settings decide no numbers, are not hashed and head no column
HOW = ("threads", "outputs", "force", "on_failure", "tracker", "dry_run")
# what a run that fits a function has, and what one that learns from data has in its place
FUNCTION_GROUPS, DATA_GROUPS = ("function", "network", "points"), ("data", "model")


# settings that came later, and what they are where a run does not name them: so its hash is what it was before
LATER = {"scaling": "none"}
LATER_SCHEDULE = {"deepening": None, "learning_rates": None, "budget": None}
LATER_DATA = {"formula": None, "inputs": None, "interval": None, "points": None, "noise": 0.0}
LATER_MODEL = {"activation": "relu", "parameters": None, "matched_to": "weights"}
LATER_PHASE = {"hand_on": "last"}
LATER_FUNCTION = dict.fromkeys(("path", "x", "y", "weight", "curvature"))


@dataclass
class RecordSettings:
    """Every how many epochs something is recorded; the first and the last of a phase always are."""

    every: int


@dataclass
class RegionsSettings(RecordSettings):
    """How often linear regions are counted, and up to how many of them a network's are."""

    every: int = 100  # epochs between two counts of the linear regions
    # a network with more is not counted, unless its construction proves that there are 2^depth
    limit: int = 2**20


@dataclass(kw_only=True)
class Settings:
    """What all runs have."""

    init: InitSettings
    schedule: ScheduleSettings
    depth: int
    restarts: int
    seed: int
    dtype: Dtype
    device: str
    regions: RegionsSettings
    history: RecordSettings
    threads: int
    outputs: str
    force: bool
    on_failure: OnFailure
    tracker: str = field(metadata={"choices": TRACKERS})
    dry_run: bool

    def __post_init__(self) -> None:
        require(1 <= self.depth <= 64, "depth", self.depth, "1 to 64 hidden layers")
        require(self.restarts >= 1, "restarts", self.restarts, "1 or more")
        require(self.seed >= 0, "seed", self.seed, "0 or more")
        require(self.threads >= 1, "threads", self.threads, "1 or more")
        require_outputs(self.outputs)
        require(self.regions.every >= 1, "regions.every", self.regions.every, "1 or more epochs")
        require(1 <= self.regions.limit < 2**63, "regions.limit", self.regions.limit, "1 or more regions")
        require(self.history.every >= 1, "history.every", self.history.every, "1 or more epochs")
        require_one_of(self.tracker, "tracker", TRACKERS)
        self._check_kind()
        self._check_selection()
        peaks = self.init.peaks
        require(
            peaks is None or len(peaks) == self.depth + 1,
            "init.peaks",
            peaks,
            f"{self.depth + 1} peaks, one more than depth={self.depth}: the last one only scales",
        )
        if self.schedule.deepening is not None:
            return
        first = self.schedule.phases[0].space
        require(
            self.init.triangle or first is SpaceName.weights,
            "schedule",
            self.schedule.name,
            f"a schedule of weights phases for init={self.init.name}, which has no {first.value} to train "
            f"({self.weights_only})",
        )

    def _check_kind(self) -> None:
        """Raise ValueError for what this kind of run cannot have."""

    @property
    def name(self) -> str:
        """What is fitted, or learned from."""
        raise NotImplementedError

    @property
    def weights_only(self) -> str:
        """What to type for a start that has no peaks."""
        raise NotImplementedError

    @property
    def starts(self) -> int:
        """How many networks the first phase trains."""
        return self.schedule.starts or self.restarts

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
        if self.regions.limit == RegionsSettings.limit:  # as all runs had it before there was one
            del settings["regions"]["limit"]
        for phase in settings["schedule"]["phases"]:
            _leave_out(phase, LATER_PHASE)
        _leave_out(settings, LATER)
        groups: dict[str, dict[str, Any]] = {
            "schedule": LATER_SCHEDULE,
            "function": LATER_FUNCTION,
            "data": LATER_DATA,
            "model": LATER_MODEL,
        }
        for group, later in groups.items():
            _leave_out(settings.get(group) or {}, later)
        return {key: settings[key] for key in ORDER if key in settings and key not in HOW}

    def content(self) -> dict[str, str | None]:
        """Digests of the files that are read: a file that has changed makes another run."""
        return {}

    @property
    def hash(self) -> str:
        """8 hexadecimal characters that tell these settings from others."""
        described = self.describe()
        described.get("function", {}).pop("path", None)  # a file's content decides the numbers, not its name
        text = json.dumps({"version": RESULTS_VERSION} | self.content() | described, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:8]

    @property
    def folder(self) -> str:
        """Where the run's files go, unless the user sets `hydra.run.dir`."""
        parts = [f"d{self.depth}", self.init.name, self.schedule.name, self.hash]
        return f"{self.outputs}/{self.name}/{'-'.join(parts)}"


@dataclass(kw_only=True)
class FitSettings(Settings):
    """A run that fits a function."""

    function: FunctionSettings
    network: NetworkSettings
    points: PointsSettings
    scaling: Scaling

    @property
    def name(self) -> str:
        """The name of the function, or of its samples."""
        return self.function.title

    def content(self) -> dict[str, str | None]:
        """See `Settings`."""
        return {} if self.function.path is None else {"content": self.function.content()}

    def _check_kind(self) -> None:
        for key in ("learning_rates", "budget"):
            value = getattr(self.schedule, key)
            require(value is None, f"schedule.{key}", value, "null without data=...")
        for index, phase in enumerate(self.schedule.phases):
            single = self.network.single or phase.space not in TENTS
            key, accepted = (
                f"schedule.phases.{index}.space",
                f"peaks or weights with network={self.network.name}",
            )
            require(single, key, phase.space.value, accepted)
        if self.function.path is None:
            self.points.check_for_formula()
        else:
            self.points.check_for_samples()
        if self.schedule.deepening is None:
            return
        if self.function.path is not None:
            loss = self.schedule.deepening.loss
            accepted = "points with samples: there is nothing between them to integrate over"
            require(loss is LossName.points, "schedule.deepening.loss", loss.value, accepted)
        schedule, init = f"schedule={self.schedule.name}", self.init
        require(init.mode == "front", "init", init.name, f"front with {schedule}")
        require(self.network.single, "network", self.network.name, f"single with {schedule}")
        require(self.dtype is Dtype.float64, "dtype", self.dtype.value, f"float64 with {schedule}")
        require(self.device == "cpu", "device", self.device, f"cpu with {schedule}")

    @property
    def weights_only(self) -> str:
        """See `Settings`."""
        return "schedule=weights_only"


@dataclass(kw_only=True)
class LearnSettings(Settings):
    """A run that learns from data."""

    data: DataSettings
    model: ModelSettings

    @property
    def name(self) -> str:
        """The name of the data."""
        return self.data.title

    @property
    def limit(self) -> bool:
        """Whether limits of tents are in the place of ReLUs."""
        return self.init.mode == "limit"

    @property
    def weights_only(self) -> str:
        """See `Settings`."""
        return "method=relu"

    def content(self) -> dict[str, str | None]:
        """See `Settings`."""
        return {"content": self.data.content()}

    def _check_kind(self) -> None:
        init, random = self.init, self.init.mode == "random"
        require(
            init.triangle or random or self.limit, "init", init.name, "triangle, limit or random with data"
        )
        model = self.model
        relu = random or model.activation == "relu"
        require(relu, "model.activation", model.activation, f"relu with init={init.name}, which replaces it")
        require(random or not model.matched, "model.matched", True, f"false with init={init.name}")
        drawn = self.data.source is Source.formula
        require(
            drawn or self.schedule.budget is None,
            "schedule.budget",
            self.schedule.budget,
            "null without a formula",
        )
        require(init.peaks is None, "init.peaks", init.peaks, "null with data")
        require(init.scale is None, "init.scale", init.scale, "null with data")
        every, limit = RegionsSettings.every, RegionsSettings.limit
        require(self.regions.every == every, "regions.every", self.regions.every, f"{every} with data")
        require(self.regions.limit == limit, "regions.limit", self.regions.limit, f"{limit} with data")
        deepened = self.schedule.deepening is not None
        require(not deepened, "schedule", self.schedule.name, "one of phases with data")
        for index, phase in enumerate(self.schedule.phases):
            key = f"schedule.phases.{index}"
            require(phase.optimizer == "adam", f"{key}.optimizer", phase.optimizer, "adam with data")
            require(phase.keep is None, f"{key}.keep", phase.keep, "null with data")
            last = phase.hand_on is HandOn.last
            require(last, f"{key}.hand_on", phase.hand_on.value, "last with data")
            require(phase.space not in TENTS, f"{key}.space", phase.space.value, "peaks or weights with data")


@dataclass(kw_only=True)
class Composed(Settings):
    """What Hydra composes and checks the types of: both kinds of a run in one. `kind` makes it one of them."""

    function: Optional[FunctionSettings]  # noqa: UP045  # omegaconf reads Optional on every Python
    network: Optional[NetworkSettings]  # noqa: UP045
    points: Optional[PointsSettings]  # noqa: UP045
    scaling: Optional[Scaling]  # noqa: UP045
    data: Optional[DataSettings] = None  # in the place of a function  # noqa: UP045
    model: Optional[ModelSettings] = None  # in the place of a network  # noqa: UP045
    # for `triangle paper` alone, which reads it from conf/
    paper: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Nothing is checked before it is known what kind this is."""

    def kind(self) -> FitSettings | LearnSettings:
        """The run that this is.

        Raises:
            ValueError: it is neither, or a value is out of its range.
        """
        common = {part.name: getattr(self, part.name) for part in fields(Settings)}
        ours, others = (FUNCTION_GROUPS, DATA_GROUPS) if self.data is None else (DATA_GROUPS, FUNCTION_GROUPS)
        for key in others:
            given = getattr(self, key)
            accepted = "data=... with it" if self.data is None else f"nothing with data={self.data.name}"
            require(given is None, key, given and given.name, accepted)
        for key in ours:
            accepted = f"one of conf/{key}" + (", unless data is chosen" if self.data is None else "")
            require(getattr(self, key) is not None, key, None, accepted)
        chosen = {key: getattr(self, key) for key in ours}
        if self.data is not None:
            require(
                self.scaling is None, "scaling", plain(self.scaling), f"nothing with data={self.data.name}"
            )
            return LearnSettings(**common, **chosen)
        if self.scaling is None:
            raise ValueError("scaling=null: expected unit or none")
        return FitSettings(**common, **chosen, scaling=self.scaling)


# of a run's config.yaml
ORDER: tuple[str, ...] = ("function", "network", "init", "schedule", "points", "scaling")
ORDER += tuple(part.name for part in fields(Settings) if part.name not in ORDER) + DATA_GROUPS


def require_outputs(outputs: str) -> None:
    """Raise ValueError for no name, such as an unset variable leaves: files would go to the root of all folders."""
    require(outputs.strip() != "", "outputs", outputs, "a folder")


def _leave_out(settings: dict[str, Any], defaults: dict[str, Any]) -> None:
    for key, value in defaults.items():
        if key in settings and settings[key] == value:
            del settings[key]


def plain(value: Any) -> Any:
    """The same value with its enums as their words, for YAML and JSON."""
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, Iterable) and not isinstance(value, str):
        return [plain(item) for item in value]
    return value
