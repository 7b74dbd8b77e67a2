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
    "starts": int,
    "versions": dict,
    "overrides": list,
    "threads": int,
    "device": str,
    "dtype": str,
    "git_commit": (str, type(None)),
}


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
        known = {part.name for part in fields(cls)}
        return cls(**{key: value for key, value in content.items() if key in known})


NEEDED = ("hash", "function", "settings", "summary", "seconds", "started", "best_restart", "files", "sha256")
