"""Where the seconds of a short command go: the processor's, the least of three tries, once all is compiled.

python benchmarks/start.py
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

TRIANGLE = Path(sys.executable).with_name("triangle")
RUN = ["run", "function=x3", "depth=5"]
# else each command compiles the sources anew, which it usually does not
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


def cpu(command, folder):
    """The least of three."""
    least = float("inf")
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(command, cwd=folder, check=True, capture_output=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        least = min(least, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return least


def main():
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        subprocess.run([TRIANGLE, *RUN], cwd=folder, check=True, capture_output=True)  # compiles
        subprocess.run([TRIANGLE, *RUN, "seed=1"], cwd=folder, check=True, capture_output=True)
        (record, _) = sorted(folder.glob("outputs/*/*/run.json"))
        runs = [str(path.parent.relative_to(folder)) for path in sorted(folder.glob("outputs/*/*/run.json"))]
        torch = cpu([sys.executable, "-c", "import torch"], folder)
        print(f"{'import torch':<40}{torch:>6.2f} s")
        whole = cpu([TRIANGLE, *RUN, "force=true"], folder)
        trained = sum(
            seconds
            for phase, seconds in json.loads(record.read_text())["seconds"].items()
            if phase not in ("total", "cpu")
        )
        print(f"{'triangle ' + ' '.join(RUN):<40}{whole:>6.2f} s, of which {trained:.2f} s in training")
        print(f"{'the same, from disk':<40}{cpu([TRIANGLE, *RUN], folder):>6.2f} s")
        for words in (["ls"], ["show", runs[0]], ["compare", *runs], ["--help"]):
            print(f"{'triangle ' + words[0]:<40}{cpu([TRIANGLE, *words], folder):>6.2f} s")


if __name__ == "__main__":
    main()
