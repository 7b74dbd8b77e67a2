"""What several test modules share: the command as a user runs it."""

import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("triangle", deadline=None)  # the first example compiles or imports
settings.load_profile("triangle")

TINY = ["restarts=2", "depth=3", "schedule.phases.0.epochs=20"]


@dataclass
class Command:
    """`triangle` as a subprocess, in a folder of its own."""

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)

    def __call__(self, *words: str, **environment: str) -> subprocess.CompletedProcess:
        return subprocess.run(
            [self.program, *words],
            cwd=self.folder,
            env=os.environ | self.environment | environment,
            capture_output=True,
            text=True,
            timeout=300,
        )

    def start(self, *words: str) -> subprocess.Popen:
        """The command in a process group of its own, left running."""
        return subprocess.Popen(
            [self.program, *words],
            cwd=self.folder,
            env=os.environ | self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    @property
    def program(self) -> str:
        return str(Path(sys.executable).with_name("triangle"))

    def finished(self) -> list[Path]:
        """The run.json of each finished run."""
        return sorted((self.folder / "outputs").glob("x*/*/run.json"))

    def tables(self) -> dict[str, bytes]:
        """What a sweep leaves, by name."""
        (folder,) = (self.folder / "outputs" / "sweeps").iterdir()
        return {name: (folder / name).read_bytes() for name in ("errors.csv", "regions.csv", "summary.md")}


@pytest.fixture
def triangle(tmp_path) -> Command:
    return Command(tmp_path)


@pytest.fixture(scope="module")
def shared_triangle(tmp_path_factory) -> Command:
    """One folder for all tests of a module, so that a run can be looked at more than once."""
    return Command(tmp_path_factory.mktemp("shared"))


SWEEP = ["run", "-m", "function=x2,x3", "depth=2,3", "restarts=2", "schedule=peaks_only"]
SWEEP += ["schedule.phases.0.epochs=10", "points.grid=101"]


@pytest.fixture(scope="session")
def swept(tmp_path_factory) -> Command:
    """A finished sweep of four tiny runs, to be looked at, copied, but not changed."""
    command = Command(tmp_path_factory.mktemp("swept"))
    done = command(*SWEEP)
    assert done.returncode == 0, done.stderr
    assert "4 jobs: 4 computed" in done.stdout
    return command
