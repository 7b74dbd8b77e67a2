"""What layers cost beside the Linear and ReLU they stand for, forwards and with gradients: triangles and their limit.

All layers have the same Linear; the difference in time is what their units compute, and is given in percent of
Linear and ReLU. Turns alternate between the layers, and what is measured is the processor's time, not the wall's,
so that a busy machine disturbs little.

    python benchmarks/layer.py [--units 4096] [--features 4096] [--depth 4] [--batch 128] [--threads 1]
"""

from __future__ import annotations

import argparse
import statistics
import time

import torch
from torch.nn import Linear, ReLU, Sequential

from triangle_cli.nn import LimitLayer, TriangleLayer


def forward(layer, x):
    with torch.no_grad():
        return layer(x)


def forward_and_backward(layer, x):
    layer.zero_grad()
    layer(x).sum().backward()


def medians(work, layers, x, turns):
    """The median of each layer's milliseconds."""
    times = {name: [] for name in layers}
    for turn in range(turns + 2):  # the first two warm up
        for name, layer in layers.items():
            began = time.process_time()
            work(layer, x)
            if turn >= 2:
                times[name].append(1e3 * (time.process_time() - began))
    return {name: statistics.median(taken) for name, taken in times.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    defaults = {"units": 4096, "features": 4096, "depth": 4, "batch": 128, "threads": 1, "turns": 15}
    for name, default in defaults.items():
        parser.add_argument(f"--{name}", type=int, default=default)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    linear = Linear(options.features, options.units)
    released = TriangleLayer.after(linear, depth=options.depth)
    released.release()
    layers = {
        "Linear, ReLU": Sequential(linear, ReLU()),
        "peaks": TriangleLayer.after(linear, depth=options.depth),
        "released": released,
        "limit": LimitLayer.after(linear),
    }
    x = torch.randn(options.batch, options.features, requires_grad=True)
    print(
        f"{options.features} -> {options.units} units, depth {options.depth}, batch {options.batch}, float32"
    )
    print(f"{'':>24}{'Linear, ReLU':>14}{'peaks':>10}{'':>9}{'released':>10}{'':>9}{'limit':>10}")
    for work in (forward, forward_and_backward):
        taken = medians(work, layers, x, options.turns)
        base = taken["Linear, ReLU"]
        print(f"{work.__name__.replace('_', ' '):>24}{base:>11.1f} ms", end="")
        for name in ("peaks", "released", "limit"):
            print(f"{taken[name]:>7.1f} ms{100 * (taken[name] / base - 1):>+8.1f}%", end="")
        print()


if __name__ == "__main__":
    main()
