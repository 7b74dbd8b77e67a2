"""What run.json says of a finished run."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from triangle_cli.settings.require import is_name


@dataclass(frozen=True)
class Stage:
    """The networks that a run kept of one of its stages."""

    name: str  # init, or a phase
    file: str
    restarts: list[int]  # the starts that were left, in the order of the file; on data, the one kept
    best_restart: int | None  # of this stage; None: all diverged

    @classmethod
    def from_json(cls, content: Any) -> Stage:
        """What run.json says of a stage.

        Raises:
            ValueError: it is not what a run writes.
        """
        types: dict[str, Any] = {
            "name": str,
            "file": str,
            "restarts": list,
            "best_restart": (int, type(None)),
        }
        if (
            not isinstance(content, dict)
            or content.keys() != types.keys()
            or not all(isinstance(content[key], kind) for key, kind in types.items())
            or not is_name(content["file"])
            or not _list_of(_is_whole)(content["restarts"])
        ):
            raise ValueError("not written by a finished run (stages)")
        return cls(**content)


@dataclass(frozen=True)
class RunRecord:
    """A finished run; written last, so that its file marks one. What has no default every run.json must have."""

    hash: str
    function: str  # the name of what was fitted, or learned from
    settings: dict[str, Any]  # as in config.yaml
    summary: dict[str, Any]  # the last stage of errors.csv in a few figures
    seconds: dict[str, float]  # of each phase, in total, and `cpu`: of all cores together
    started: str  # ISO 8601, UTC
    best_restart: int | None  # None: all diverged
    files: list[str] = field(default_factory=list)
    sha256: dict[str, str] = field(default_factory=dict)  # of each file
    restarts: list[int] = field(default_factory=list)  # the starts that were kept, in the order of network.pt
    stages: list[Stage] = field(default_factory=list)  # in order; none: written before each was kept
    # the row of errors.csv with the least training error of all
    best: dict[str, Any] = field(default_factory=dict)
    starts: int = 0
    parameters: int | None = None  # of one network
    diverged_restarts: int = 0
    seed: int | None = None
    device: str = ""
    dtype: str = ""
    threads: int = 1
    overrides: list[str] = field(default_factory=list)  # what was typed
    git_commit: str | None = None
    versions: dict[str, str] = field(default_factory=dict)
    interval: list[float] | None = None  # of a function of x
    curvature: str | None = None
    samples: dict[str, Any] | None = None  # how many there were, and which way they bend
    shape: list[int] | None = None  # of an example of data
    outputs: int | None = None
    hidden: list[int] | None = None

    @property
    def from_data(self) -> bool:
        """Whether the run learned from data."""
        return "data" in self.settings

    @property
    def best_stage(self) -> str | None:
        """The stage of the best network of all; None where all diverged, or an older version did not say."""
        return self.best.get("stage")

    def stage(self, name: str | None = None, file: str | None = None) -> Stage:
        """The networks of a stage: of that name, or kept in that file; of neither, the stage with the best network.

        Raises:
            ValueError: there is none.
        """
        last = str(self.summary.get("stage"))
        stages = self.stages or [Stage(last, "network.pt", self.restarts, self.best_restart)]
        if name is None and file is not None:
            name = next((stage.name for stage in stages if stage.file == file), file)
        wanted = name or self.best_stage or stages[-1].name
        found = next((stage for stage in stages if stage.name == wanted), None)
        if found is None:
            older = "" if self.stages else " (an older version kept no others; force=true runs it again)"
            raise ValueError(
                f"--stage {wanted}: expected one of {', '.join(stage.name for stage in stages)}{older}"
            )
        return found

    def to_json(self) -> dict[str, Any]:
        """What goes to disk: without what this kind of run does not have."""
        of_a_kind = ("interval", "curvature", "samples", "shape", "outputs", "hidden")
        return {
            key: value for key, value in asdict(self).items() if value is not None or key not in of_a_kind
        }

    @classmethod
    def from_json(cls, content: Any) -> RunRecord:
        """The record that run.json holds; of what an entry holds, all that other modules rely on is looked at.

        Raises:
            ValueError: it is not what a run writes; says what is missing, or of another type.
        """
        if not isinstance(content, dict):
            raise ValueError("not written by a finished run")
        if missing := [key for key in NEEDED if key not in content]:
            raise ValueError(f"not written by a finished run (no {', '.join(missing)})")
        for key, holds in CHECKS.items():
            if key in content and not holds(content[key]):
                raise ValueError(f"not written by a finished run ({key})")
        stages = [Stage.from_json(stage) for stage in content.get("stages", [])]
        content = content | {"stages": stages}
        known = {part.name for part in fields(cls)}
        return cls(**{key: value for key, value in content.items() if key in known})


NEEDED = ("hash", "function", "settings", "summary", "seconds", "started", "best_restart", "files", "sha256")
LARGEST = 2**63  # of whole numbers that can be shown, and kept in tables


def is_number(value: Any) -> bool:
    """A float, or a whole number that fits 64 bits; no truth value."""
    return isinstance(value, float) or _is_whole(value)


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < LARGEST


def is_file_name(value: Any) -> bool:
    """A name in the run's own folder, which leads nowhere else."""
    return isinstance(value, str) and is_name(value)


def _none_or(holds: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: value is None or holds(value)


def _list_of(holds: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, list) and all(map(holds, value))


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_digest(value: Any) -> bool:
    return isinstance(value, str) and re.fullmatch("[0-9a-f]{64}", value) is not None


def _are_digests(value: Any) -> bool:
    return isinstance(value, dict) and all(is_file_name(k) and _is_digest(v) for k, v in value.items())


def _are_settings(value: Any) -> bool:
    """Nested dictionaries; where a part is named its name is text, and phases are a list of dictionaries."""
    if not isinstance(value, dict) or not is_plain_tree(value):
        return False
    parts = [
        value[key] for key in ("function", "init", "schedule", "points", "data", "model") if key in value
    ]
    if not all(isinstance(part, dict) and isinstance(part.get("name", ""), str) for part in parts):
        return False
    phases = value.get("schedule", {}).get("phases", [])
    return isinstance(phases, list) and all(isinstance(phase, dict) for phase in phases)


def is_plain_tree(value: Any, depth: int = 8) -> bool:
    """Whether a value from JSON is nested a few times at most, and its numbers can be shown."""
    if isinstance(value, dict | list):
        inner = value.values() if isinstance(value, dict) else value
        return depth > 0 and all(is_plain_tree(item, depth - 1) for item in inner)
    return value is None or isinstance(value, str | bool) or is_number(value)


def _are_figures(value: Any) -> bool:
    """A number for each name, or none; the stage is a word."""
    if not isinstance(value, dict) or not isinstance(value.get("stage", ""), str):
        return False
    return all(is_number(figure) for key, figure in value.items() if key != "stage" and figure is not None)


def _is_box(value: Any) -> bool:
    """An interval, or one for each input."""
    return _is_interval(value) or (
        isinstance(value, list) and len(value) > 0 and all(map(_is_interval, value))
    )


def _is_interval(value: Any) -> bool:
    pair = isinstance(value, list) and len(value) == 2 and all(map(is_number, value))
    return pair and -math.inf < value[0] < value[1] < math.inf


def _is_seconds(value: Any) -> bool:
    return isinstance(value, dict) and "total" in value and all(map(is_number, value.values()))


def _are_texts(value: Any) -> bool:
    return isinstance(value, dict) and all(isinstance(item, str) for item in value.values())


# what holds of each entry, where it is there
CHECKS: dict[str, Callable[[Any], bool]] = {
    "hash": lambda value: isinstance(value, str) and re.fullmatch("[0-9a-f]{1,64}", value) is not None,
    "function": lambda value: isinstance(value, str) and is_name(value),
    "settings": _are_settings,
    "summary": _are_figures,
    "seconds": _is_seconds,
    "started": _is_text,
    "files": _list_of(is_file_name),
    "sha256": _are_digests,
    "best_restart": _none_or(_is_whole),
    "restarts": _list_of(_is_whole),
    "best": lambda value: (
        isinstance(value, dict) and is_plain_tree(value) and _is_text(value.get("stage", ""))
    ),
    "stages": lambda value: isinstance(value, list),
    "starts": _is_whole,
    "parameters": _none_or(_is_whole),
    "diverged_restarts": _is_whole,
    "seed": _none_or(_is_whole),
    "device": _is_text,
    "dtype": _is_text,
    "threads": _is_whole,
    "overrides": _list_of(_is_text),
    "git_commit": _none_or(_is_text),
    "versions": _are_texts,
    "interval": _none_or(_is_box),
    "curvature": _none_or(_is_text),
    "samples": _none_or(lambda value: isinstance(value, dict) and is_plain_tree(value)),
    "shape": _none_or(_list_of(_is_whole)),
    "outputs": _none_or(_is_whole),
    "hidden": _none_or(_list_of(_is_whole)),
}
