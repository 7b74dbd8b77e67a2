"""What several test modules share: the command as a user runs it."""

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import settings

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch: the cores are for as many tests at once
settings.register_profile("triangle", deadline=None)  # the first example compiles or imports
settings.load_profile("triangle")

TINY = ["restarts=2", "depth=3", "schedule.phases.0.epochs=20"]


class Forks:
    """Commands in forks of a process that has imported what they need, one after the other: command_server.py."""

    def __init__(self):
        server = Path(__file__).with_name("command_server.py")
        self.output = tempfile.TemporaryDirectory()
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        self.process = subprocess.Popen([sys.executable, server], **pipes)

    def run(self, argv: list[str], folder: Path) -> subprocess.CompletedProcess:
        """As subprocess.run, with text of stdout and stderr."""
        files = {name: Path(self.output.name) / name for name in ("stdout", "stderr")}
        for file in files.values():
            file.write_text("")
        request = {"argv": argv, "folder": folder, **files}
        print(json.dumps(request, default=str), file=self.process.stdin, flush=True)
        code = int(self.process.stdout.readline() or pytest.fail("command_server.py has ended"))
        return subprocess.CompletedProcess(argv, code, *(file.read_text() for file in files.values()))

    def close(self) -> None:
        """End the process."""
        self.process.communicate()
        self.output.cleanup()


FORKS: list[Forks] = []  # one, once a test runs a command


@pytest.fixture(scope="session", autouse=True)
def _forks():
    yield
    while FORKS:
        FORKS.pop().close()


@dataclass
class Command:
    """`triangle` in a process and a folder of its own."""

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)

    def __call__(self, *words: str, **environment: str) -> subprocess.CompletedProcess:
        """The command to its end: a fork, but a new process where it starts others or is given an environment."""
        environment = self.environment | environment
        if not environment and not any(word.startswith("launcher=") for word in words):
            if not FORKS:
                FORKS.append(Forks())
            return FORKS[0].run([self.program, *words], self.folder)
        return subprocess.run(
            [self.program, *words],
            cwd=self.folder,
            env=os.environ | environment,
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
