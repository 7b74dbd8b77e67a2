"""Seconds for a sweep of 24 runs, one by one and on all cores, each into a folder of its own.

python benchmarks/sweep.py
python benchmarks/sweep.py 2000    # so many tiny runs, one by one: what is spent on anything but training
"""

import json
import resource
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


def processor(words, folder):
    """Seconds of the processor that a sweep with these words takes."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [Path(sys.executable).with_name("triangle"), "run", "-m", *words]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def tiny(count):
    """Seconds of the processor for a sweep of tiny runs, and how many of them its runs computed for.

    A run's own figure counts what the thread that plans later jobs takes meanwhile, which a dry run tells.
    """
    words = ["function=x3", "depth=4", "restarts=10"]
    with tempfile.TemporaryDirectory() as folder:
        planning = processor([*words, f"seed=range(0,{count})", "dry_run=true"], folder)
        planning -= processor([*words, "seed=0", "dry_run=true"], folder)
        whole = processor([*words, f"seed=range(0,{count})"], folder)
        records = [json.loads(path.read_text()) for path in Path(folder).glob("outputs/*/*/run.json")]
    return whole, sum(record["seconds"]["cpu"] for record in records) - planning


def main():
    if sys.argv[1:]:
        count = int(sys.argv[1])
        whole, computed = tiny(count)
        beside = f"{1 - computed / whole:.0%} beside training and measuring"
        print(
            f"{count} tiny runs: {whole:.1f} s, {1e3 * computed / count:.0f} ms each for computing, {beside}"
        )
        return
    print(f"triangle run -m {' '.join(WORDS)}: 24 runs, {cpu_count()} cores", flush=True)
    serial = seconds("serial")
    print(f"launcher=serial  {serial:6.1f} s", flush=True)
    joblib = seconds("joblib")
    print(f"launcher=joblib  {joblib:6.1f} s, {serial / joblib:.2f} times as fast")


if __name__ == "__main__":
    main()
