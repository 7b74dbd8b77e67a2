"""Compiled loops write nowhere but where they may: numba checks every index, which takes too long for each run."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

COMPILED = [
    "regions/test_line.py",
    "regions/test_plane.py",
    "regions/test_plane_reference.py",
    "regions/test_slices.py",
    "regions/space/test_space.py",
    "regions/space/test_digits.py",
    "training/test_training.py",
    "training/test_alone.py",
    "training/test_levenberg_marquardt.py",
]


@pytest.mark.slow
def test_no_compiled_loop_leaves_its_arrays(tmp_path):
    files = [f"tests/{name}" for name in COMPILED]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-x", "-m", "not slow", "-p", "no:cacheprovider", *files],
        cwd=Path(__file__).parents[2],
        env=os.environ | {"NUMBA_BOUNDSCHECK": "1", "NUMBA_CACHE_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-3000:]
