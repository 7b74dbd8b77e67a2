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
    weights = "weights"


class HandOn(Enum):
    """Which numbers of a restart a phase hands on: the last, or the best of what was seen."""

    last = "last"
    best = "best"


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
    hand_on: HandOn = (
        HandOn.last
    )  # the numbers of each restart: of its last epoch, or the best that were seen

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
class ScheduleSettings:
    """A list of phases: conf/schedule/."""

    name: str  # part of the folder's name
    phases: list[PhaseSettings]  # in order; schedule.phases.0 is the first
    starts: Optional[int] = None  # more than restarts, where phases keep the best of them; null: restarts  # noqa: UP045

    def __post_init__(self) -> None:
        require_name("schedule.name", self.name)
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
