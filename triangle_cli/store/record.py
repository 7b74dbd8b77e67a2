"""What run.json says of a finished run."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from typing import Any

NUMBER = (int, float)
# of which type each entry is, where it is there
TYPES: dict[str, type | tuple[type, ...]] = {
    "hash": str,
    "function": str,
    "settings": dict,
    "summary": dict,
    "seconds": dict,
    "started": str,
    "files": list,
    "sha256": dict,
    "best_restart": (int, type(None)),
    "restarts": list,
    "stages": list,
    "best": dict,
    "starts": int,
    "versions": dict,
    "overrides": list,
    "threads": int,
    "device": str,
    "dtype": str,
    "git_commit": (str, type(None)),
}


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
            or "/" in content["file"]
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
    seconds: dict[str, float]  # of each phase, and in total
    started: str  # ISO 8601, UTC
    best_restart: int | None  # None: all diverged
    files: list[str] = field(default_factory=list)
    sha256: dict[str, str] = field(default_factory=dict)  # of each file
    restarts: list[int] = field(default_factory=list)  # the starts that were kept, in the order of network.pt
    stages: list[Stage] = field(default_factory=list)  # in order; none: written before each was kept
    best: dict[str, Any] = field(
        default_factory=dict
    )  # the row of errors.csv with the least training error of all
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
        of_a_kind = ("interval", "curvature", "shape", "outputs", "hidden")
        return {
            key: value for key, value in asdict(self).items() if value is not None or key not in of_a_kind
        }

    @classmethod
    def from_json(cls, content: Any) -> RunRecord:
        """The record that run.json holds.

        Raises:
            ValueError: it is not what a run writes; says what is missing, or of another type.
        """
        if not isinstance(content, dict):
            raise ValueError("not written by a finished run")
        if missing := [key for key in NEEDED if key not in content]:
            raise ValueError(f"not written by a finished run (no {', '.join(missing)})")
        for key, kind in TYPES.items():
            if key in content and (not isinstance(content[key], kind) or isinstance(content[key], bool)):
                raise ValueError(f"not written by a finished run ({key})")
        if not all(isinstance(value, NUMBER) for value in content["seconds"].values()):
            raise ValueError("not written by a finished run (seconds)")
        stages = [Stage.from_json(stage) for stage in content.get("stages", [])]
        content = content | {"stages": stages}
        known = {part.name for part in fields(cls)}
        return cls(**{key: value for key, value in content.items() if key in known})


NEEDED = ("hash", "function", "settings", "summary", "seconds", "started", "best_restart", "files", "sha256")
