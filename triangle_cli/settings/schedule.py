"""How training goes: `schedule=`, conf/schedule/, a list of phases."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import Enum
from typing import Optional

from triangle_cli.settings.require import require, require_name, require_one_of


class SpaceName(Enum):
    """What a phase moves."""

    peaks = "peaks"
    peaks_and_scales = "peaks_and_scales"
    tents = "tents"
    tents_and_scales = "tents_and_scales"
    weights = "weights"


class HandOn(Enum):
    """Which numbers of a restart a phase hands on: the last, or the best of what was seen."""

    last = "last"
    best = "best"


# what a phase in each space may hand its networks on to: what was set free stays free
NEXT_SPACES = {
    SpaceName.peaks: tuple(SpaceName),
    SpaceName.peaks_and_scales: (SpaceName.peaks_and_scales, SpaceName.tents_and_scales, SpaceName.weights),
    SpaceName.tents: (SpaceName.tents, SpaceName.tents_and_scales, SpaceName.weights),
    SpaceName.tents_and_scales: (SpaceName.tents_and_scales, SpaceName.weights),
    SpaceName.weights: (SpaceName.weights,),
}


TENTS = (SpaceName.tents, SpaceName.tents_and_scales)


class LossName(Enum):
    """What deepening makes small: the mean square over the whole interval, or over the training points."""

    integral = "integral"
    points = "points"


@dataclass(frozen=True)
class Optimizer:
    """An optimizer by its name in a phase: where its class is, and which settings of a phase are its own."""

    path: str
    takes: tuple[str, ...]


OPTIMIZERS = {
    "adam": Optimizer("triangle_cli.training.adam.Adam", ("learning_rate",)),
    "levenberg_marquardt": Optimizer(
        "triangle_cli.training.levenberg_marquardt.LevenbergMarquardt", ("damping", "group")
    ),
}


@dataclass
class PhaseSettings:
    """One phase of a schedule. What is None is not given: an optimizer then takes its own."""

    space: SpaceName  # what it moves; later phases may only move more
    optimizer: str = field(metadata={"choices": tuple(OPTIMIZERS)})  # what moves it
    epochs: int  # steps, each on all points; with data, passes over the examples
    learning_rate: Optional[float] = None  # of adam  # noqa: UP045
    damping: Optional[float] = None  # of levenberg_marquardt: the first, relative  # noqa: UP045
    group: Optional[int] = None  # of levenberg_marquardt: a step sees one of so many neighbouring points  # noqa: UP045
    keep: Optional[int] = None  # how many restarts, the best, go on after this phase; null: all  # noqa: UP045
    hand_on: HandOn = HandOn.last  # what each restart hands on: its last numbers, or the best seen

    @property
    def optimizer_settings(self) -> dict[str, float]:
        """What is given to the optimizer."""
        keys = (key for optimizer in OPTIMIZERS.values() for key in optimizer.takes)
        return {key: getattr(self, key) for key in keys if getattr(self, key) is not None}

    def check(self, key: str) -> None:
        """Raise ValueError where a number is out of its range; `key` says which phase this is."""
        require_one_of(self.optimizer, f"{key}.optimizer", OPTIMIZERS)
        require(self.epochs >= 1, f"{key}.epochs", self.epochs, "1 or more")
        takes = OPTIMIZERS[self.optimizer].takes
        for name in self.optimizer_settings:
            accepted = f"nothing: optimizer={self.optimizer} takes {', '.join(takes)}"
            require(name in takes, f"{key}.{name}", getattr(self, name), accepted)
        rate = self.learning_rate
        given = rate is not None and 0 < rate < math.inf
        require(given or "learning_rate" not in takes, f"{key}.learning_rate", rate, "a positive number")
        require(self.damping is None or self.damping > 0, f"{key}.damping", self.damping, "a positive number")
        require(self.group is None or self.group >= 1, f"{key}.group", self.group, "1 or more")
        require(self.keep is None or self.keep >= 1, f"{key}.keep", self.keep, "1 or more")


@dataclass
class DeepeningSettings:
    """In the place of phases: fronts of 1, 2, .. layers, then the network. See `triangle_cli.deepening`."""

    loss: LossName
    front: int  # the most layers of a front; the other layers of the network are its tail
    starts: int  # fronts of one layer that are drawn
    kicks: int  # of each front
    last_kicks: int  # of the network

    def check(self, key: str) -> None:
        """Raise ValueError where a number is out of its range."""
        for name, least in (("front", 1), ("starts", 1), ("kicks", 0), ("last_kicks", 0)):
            value = getattr(self, name)
            require(value >= least, f"{key}.{name}", value, f"{least} or more")


@dataclass
class ScheduleSettings:
    """A list of phases, or a deepening: conf/schedule/."""

    name: str  # part of the folder's name
    phases: list[PhaseSettings]  # in order; schedule.phases.0 is the first
    starts: Optional[int] = None  # more than restarts, where phases keep the best of them; null: restarts  # noqa: UP045
    deepening: Optional[DeepeningSettings] = None  # in the place of phases  # noqa: UP045
    learning_rates: list[float] | None = None  # with data: one is chosen for all phases, on examples held out
    budget: Optional[float] = None  # with formulas: seconds a restart, by which epochs are set  # noqa: UP045

    def __post_init__(self) -> None:
        require_name("schedule.name", self.name)
        rates, budget = self.learning_rates, self.budget
        positive = rates is None or (rates and all(0 < rate < math.inf for rate in rates))
        require(bool(positive), "schedule.learning_rates", rates, "positive numbers")
        given = budget is None or 0 < budget < math.inf
        require(given, "schedule.budget", budget, "a positive number of seconds")
        if self.deepening is not None:
            require(not self.phases, "schedule.phases", self.phases, "no phases with schedule.deepening")
            require(self.starts is None, "schedule.starts", self.starts, "null with schedule.deepening")
            self.deepening.check("schedule.deepening")
            return
        require(len(self.phases) > 0, "schedule.phases", self.phases, "at least one phase")
        allowed = tuple(SpaceName)
        for index, phase in enumerate(self.phases):
            phase.check(f"schedule.phases.{index}")
            choices = " or ".join(space.value for space in allowed)
            key = f"schedule.phases.{index}.space"
            require(
                phase.space in allowed, key, phase.space.value, f"{choices}: what was set free stays free"
            )
            allowed = NEXT_SPACES[phase.space]
