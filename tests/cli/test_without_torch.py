"""What looks at finished runs does not wait for torch, which takes longer to import than they take."""

import subprocess
import sys

import pytest

CODE = """
import sys
from triangle_cli.cli.main import main
code = main({words!r})
print(*(name for name in {heavy!r} if name in sys.modules), file=sys.stderr)
sys.exit(code)
"""
HEAVY = ("torch", "numba", "hydra", "matplotlib")


@pytest.mark.parametrize(
    "words",
    [["ls"], ["ls", "--where", "depth == 2"], ["show", "{run}"], ["compare", "{run}", "{run}"], ["--help"]],
)
def test_looking_at_runs_imports_nothing_heavy(swept, words):
    (run, *_) = sorted(swept.folder.glob("outputs/x2/*/run.json"))
    words = [word.format(run=run.parent.relative_to(swept.folder)) for word in words]
    code = CODE.format(words=words, heavy=HEAVY)
    done = subprocess.run([sys.executable, "-c", code], cwd=swept.folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stderr == "\n"
