"""Time and memory of whole runs, as points, restarts and depth grow; each from one run of the command.

Seconds are the processor's, of the whole command; memory is the most that it held. `triangle --version` with torch
imported is subtracted nowhere: the first line shows what a run costs that hardly trains.

    python benchmarks/scale.py
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

TRIANGLE = Path(sys.executable).with_name("triangle")
SCHEDULE = ["schedule.phases.0.epochs=100", "schedule.phases.1.epochs=100"]
RUNS = (
    {"points.train": 500, "restarts": 30, "depth": 5},
    {"points.train": 10_000, "restarts": 30, "depth": 5},
    {"points.train": 100_000, "restarts": 30, "depth": 5},
    {"points.train": 500, "restarts": 300, "depth": 5},
    {"points.train": 500, "restarts": 3000, "depth": 5},
    {"points.train": 500, "restarts": 30, "depth": 10},
    {"points.train": 500, "restarts": 30, "depth": 20},
)


def measured(words):
    """Seconds and MB of one run, by a process of its own: memory is told of children together."""
    code = "import resource, subprocess, sys; subprocess.run(sys.argv[1:], check=True, capture_output=True); "
    code += "used = resource.getrusage(resource.RUSAGE_CHILDREN); "
    code += "print(used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)"
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-c", code, TRIANGLE, "run", "function=x3", *words, *SCHEDULE]
        done = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True)
    return map(float, done.stdout.split())


def main():
    print(f"triangle run function=x3 {' '.join(SCHEDULE)}")
    print(f"{'points.train':>12}{'restarts':>10}{'depth':>7}{'CPU s':>8}{'MB':>7}", flush=True)
    for index, run in enumerate(RUNS):
        words = [f"{key}={value}" for key, value in run.items()]
        if index == 0:
            list(measured(words))  # compiles
        seconds, memory = measured(words)
        print(
            f"{run['points.train']:>12,}{run['restarts']:>10,}{run['depth']:>7}{seconds:>8.1f}{memory:>7.0f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
