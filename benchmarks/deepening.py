"""Errors of schedule=deepening against depth, each from one run of the command in a folder of its own.

CPU seconds are those of the whole command, all its threads; the MSE is the exact integral over the interval; the floor
is the asymptote of the least that any function of 2^depth linear pieces leaves.

python benchmarks/deepening.py --functions x3 sin --depths 8 12 --seeds 0 1 2
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import pandas as pd
import torch

from triangle_cli.fit.floors import asymptote
from triangle_cli.fit.functions import Target

TRIANGLE = Path(sys.executable).with_name("triangle")
HEADS = f"{'function':<10}{'depth':>6}{'seed':>6}{'CPU s':>8}{'MSE':>10}{'floor 2^d':>11}{'regions':>9}{'numbers':>9}"


def cpu_seconds():
    """Of all commands that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def deepened(*words):
    """(CPU seconds, the last row of errors.csv, run.json) of one run with one restart."""
    with tempfile.TemporaryDirectory() as folder:
        before = cpu_seconds()
        command = [TRIANGLE, "run", "schedule=deepening", *words]
        subprocess.run(command, cwd=folder, check=True, capture_output=True)
        used = cpu_seconds() - before
        (record,) = Path(folder).glob("outputs/*/*/run.json")
        errors = pd.read_csv(record.with_name("errors.csv"))
        return used, errors.iloc[-1], json.loads(record.read_text())


def floor(settings):
    """The asymptote of 2^depth pieces on 10,000 points."""
    function = settings["function"]
    target = Target(function["name"], function["formula"], tuple(function["interval"]))
    x = torch.linspace(*target.interval, 10_000, dtype=torch.float64)
    return asymptote(x.numpy(), target(x).numpy(), 2 ** settings["depth"])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--functions", nargs="+", default=["x3", "sin", "tanh3x", "exp", "x11"])
    parser.add_argument("--depths", nargs="+", type=int, default=[4, 6, 8, 10, 12])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--words", nargs="*", default=[], help="settings of triangle run besides")
    options = parser.parse_args()
    deepened(
        "function=x3", "depth=3", "schedule.deepening.kicks=1", "schedule.deepening.last_kicks=1"
    )  # compiles
    print(HEADS, flush=True)
    for function in options.functions:
        for depth in options.depths:
            for seed in options.seeds:
                words = [f"function={function}", f"depth={depth}", f"seed={seed}", *options.words]
                used, end, record = deepened(*words)
                print(
                    f"{function:<10}{depth:>6}{seed:>6}{used:>8.1f}{end['mse_integral']:>10.1e}"
                    f"{floor(record['settings']):>11.1e}{end['linear_regions']:>9}{record['parameters']:>9}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
