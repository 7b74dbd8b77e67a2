"""Seconds for a sweep of 24 runs, one by one and on all cores, each into a folder of its own.

python benchmarks/sweep.py
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from joblib import cpu_count

WORDS = ["function=x2,x3,x11,sin", "depth=4,5,6", "init=random,triangle"]


def seconds(launcher):
    with tempfile.TemporaryDirectory() as folder:
        command = [Path(sys.executable).with_name("triangle"), "run", "-m", *WORDS, f"launcher={launcher}"]
        began = time.perf_counter()
        subprocess.run(command, cwd=folder, check=True, capture_output=True)
        return time.perf_counter() - began


def main():
    print(f"triangle run -m {' '.join(WORDS)}: 24 runs, {cpu_count()} cores", flush=True)
    serial = seconds("serial")
    print(f"launcher=serial  {serial:6.1f} s", flush=True)
    joblib = seconds("joblib")
    print(f"launcher=joblib  {joblib:6.1f} s, {serial / joblib:.2f} times as fast")


if __name__ == "__main__":
    main()
