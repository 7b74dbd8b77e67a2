"""Throughput of training: all restarts as one batch, against the plain loop over networks.

The plain loop is what one would write first: nn.Sequential, MSELoss, torch.optim.Adam, one network at a time.
Both train the same networks on the same points, in one run; the ratio is what counts.

    python benchmarks/training.py [--restarts 30] [--depth 5] [--points 500] [--epochs 200]
"""

from __future__ import annotations

import argparse
import time

import torch

from triangle_cli.fit.functions import Target
from triangle_cli.fit.measurement import count
from triangle_cli.fit.points import even_points
from triangle_cli.fit.starts import triangle as starts_triangle
from triangle_cli.training.loop import train
from triangle_cli.training.problem import Problem
from triangle_cli.training.spaces import PeakSpace, WeightSpace


def best_of(repeats, run):
    """The least seconds of a few tries: what disturbs a try only adds to it."""
    times = []
    for _ in range(repeats):
        began = time.perf_counter()
        run()
        times.append(time.perf_counter() - began)
    return min(times)


def plain_loop(network, points, epochs):
    """One network at a time, as in a tutorial; seconds per epoch of all restarts."""
    x, y = points.x.unsqueeze(1), points.y.unsqueeze(1)
    sizes = [(layer.shape[2] - 1, layer.shape[1]) for layer in network.layers]

    def train_one(restart):
        linears = [torch.nn.Linear(*size, dtype=torch.float64) for size in sizes]
        modules = [module for linear in linears for module in (linear, torch.nn.ReLU())][:-1]
        alone = torch.nn.Sequential(*modules)
        alone.load_state_dict({name: tensor[restart] for name, tensor in network.state_dict().items()})
        optimizer = torch.optim.Adam(alone.parameters(), lr=1e-3)
        error = torch.nn.MSELoss()
        for _ in range(epochs):
            optimizer.zero_grad()
            loss = error(alone(x), y)
            loss.backward()
            optimizer.step()

    some = min(5, network.restarts)  # every network costs the same
    return (
        best_of(3, lambda: [train_one(restart) for restart in range(some)]) / epochs * network.restarts / some
    )


def batch(space, theta, points, epochs):
    """All restarts at once; seconds per epoch."""
    problem = Problem(space, points.x, points.y)

    def run():
        for _ in train(
            problem, theta, "adam", epochs, every=100, threads=torch.get_num_threads(), learning_rate=1e-3
        ):
            pass

    return best_of(3, run) / epochs


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, default in {"restarts": 30, "depth": 5, "points": 500, "epochs": 200}.items():
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
    print(f"{'threads':>8}{'plain loop':>12}{'weights':>10}{'ratio':>8}{'peaks':>10}{'ratio':>8}{'count':>8}")
    for threads in (1, 2):
        torch.set_num_threads(threads)
        plain = plain_loop(network, points, max(10, options.epochs // 4))
        weights = batch(weight_space, weight_space.encode(network), points, options.epochs)
        in_peaks = batch(peak_space, peak_space.encode(start), points, options.epochs)
        count(network, target)
        counting = best_of(5, lambda: count(network, target))
        print(
            f"{threads:>8}{plain * 1e3:>12.2f}{weights * 1e3:>10.3f}{plain / weights:>8.1f}"
            f"{in_peaks * 1e3:>10.3f}{plain / in_peaks:>8.1f}{counting * 1e3:>8.2f}"
        )
    print("count: linear and activation regions of all restarts, once")


if __name__ == "__main__":
    main()
