"""Throughput of training: all restarts as one batch, against the plain loop over networks.

The plain loop is what one would write first: nn.Sequential, MSELoss, torch.optim.Adam, one network at a time.
Both train the same networks on the same points, in one run; the ratio is what counts.

    python benchmarks/training.py [--restarts 30] [--depth 5] [--points 500] [--epochs 400]
"""

from __future__ import annotations

import argparse
import time

import torch
from plain import plain_loop

from triangle_cli.fit.functions import Target
from triangle_cli.fit.points import even_points
from triangle_cli.fit.starts import triangle as starts_triangle
from triangle_cli.settings.schedule import PhaseSettings, SpaceName
from triangle_cli.training.loop import train
from triangle_cli.training.problem import Problem
from triangle_cli.training.schedule import run_schedule
from triangle_cli.training.spaces import PeakSpace, WeightSpace

RECORD = 100  # epochs between two records, as in a run


def best_of(repeats, run):
    """The least seconds of a few tries: what disturbs a try only adds to it."""
    times = []
    for _ in range(repeats):
        began = time.perf_counter()
        run()
        times.append(time.perf_counter() - began)
    return min(times)


def batch(space, theta, points, epochs, threads):
    """All restarts at once, with a record every 100 epochs; seconds per epoch."""
    problem = Problem(space, points.x, points.y)

    def run():
        for _ in train(problem, theta, "adam", epochs, RECORD, threads, learning_rate=1e-3):
            pass

    run()  # compiled code is made or loaded
    return best_of(5, run) / epochs


def paper(start, points, epochs, threads):
    """The paper's schedule, peaks and then weights, as long in each; seconds per epoch."""
    phases = [PhaseSettings(space, "adam", epochs, 1e-3) for space in (SpaceName.peaks, SpaceName.weights)]

    def run():
        for _ in run_schedule(phases, start, points, None, RECORD, threads):
            pass

    return best_of(5, run) / (2 * epochs)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, default in {"restarts": 30, "depth": 5, "points": 500, "epochs": 400}.items():
        parser.add_argument(f"--{name}", type=int, default=default)
    options = parser.parse_args()
    target = Target("x3", "x**3", (0.0, 1.0))
    points = even_points(target, options.points, torch.float64, "cpu")
    peaks = starts_triangle.draw_peaks(options.depth, 0.3, 0.7, 0, options.restarts)
    start = starts_triangle.triangle(target, peaks, points.x, points.y)
    network = start.network()
    weight_space = WeightSpace(network)
    peak_space = PeakSpace(start.depth, start.sign, start.interval)

    flops = 2 * 3 * network.parameters_each * options.points * options.restarts
    print(
        f"{options.restarts} restarts, depth {options.depth}, {options.points} points, milliseconds per epoch"
    )
    print(f"arithmetic of one epoch: {flops / 1e6:.1f} MFLOP")
    names = ("weights", "peaks", "paper")
    print(f"{'threads':>8}{'plain loop':>12}" + "".join(f"{name:>10}{'ratio':>8}" for name in names))
    torch.set_num_threads(1)
    one_pass = plain_loop(network, points.x, points.y, max(10, options.epochs // 4))
    plain = min(one_pass() for _ in range(3))
    for threads in (1, 2):
        seconds = (
            batch(weight_space, weight_space.encode(network), points, options.epochs, threads),
            batch(peak_space, peak_space.encode(start), points, options.epochs, threads),
            paper(start, points, options.epochs, threads),
        )
        cells = "".join(f"{each * 1e3:>10.3f}{plain / each:>8.1f}" for each in seconds)
        print(f"{threads:>8}{plain * 1e3:>12.2f}{cells}")
    print(
        "the plain loop is on one thread, which is fastest; paper: peaks, then weights, as many epochs of each"
    )


if __name__ == "__main__":
    main()
