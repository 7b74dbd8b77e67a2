"""Seconds and ratios of the one-dimensional region counter, all from one run of this file.

Each figure is the least of several calls after a first one, whose time (compiling, or loading what was
compiled before) is printed apart. `affinitree` is timed too where it is installed, up to the sizes it can do;
it counts activation regions, and leaves that it cannot rule out besides.
"""

import sys
import time
from itertools import pairwise
from pathlib import Path

import torch

from triangle_cli.regions import count_regions, pieces

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from line_networks import random_network, sawtooth, triangle_network

try:
    from affinitree import AffFunc, AffTree, Polytope, builder, extract_pytorch_architecture
except ImportError:
    builder = None


def least(function, repeats=7):
    """(seconds of the fastest call, what it returned)."""
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        result = function()
        seconds.append(time.perf_counter() - start)
    return min(seconds), result


def linear_regions(weights, biases, box, **options):
    return count_regions(weights, biases, box, **options).linear_regions


def row(name, seconds, regions, note=""):
    each = seconds / regions * 1e9
    print(f"{name:44} {regions:>10,} {seconds:>10.5f} s {each:>10,.0f} ns a region   {note}", flush=True)


def affinitree_leaves(weights, biases, box):
    """Leaves of affinitree's decision tree on the box."""
    model = torch.nn.Sequential()
    for index, (weight, bias) in enumerate(zip(weights, biases)):
        layer = torch.nn.Linear(weight.shape[1], weight.shape[0], dtype=torch.float64)
        layer.weight.data, layer.bias.data = weight, bias
        model.extend([layer] if index == len(weights) - 1 else [layer, torch.nn.ReLU()])
    inside = AffTree.from_poly(Polytope.hyperrectangle(1, [box]), AffFunc.identity(1), None)
    return builder.from_layers(extract_pytorch_architecture(1, model), precondition=inside).num_terminals()


def one_network(name, weights, biases, box, repeats=7):
    seconds, found = least(lambda: linear_regions(weights, biases, box), repeats)
    row(name, seconds, found.item())
    return seconds


def flatness():
    """Cost of a region against their number."""
    seconds = [
        one_network(f"sawtooth 2^{d}", *sawtooth(d), (0.0, 1.0), 9 if d < 20 else 3)
        for d in (10, 14, 17, 20, 24)
    ]
    growth = [f"{after / before:.1f}" for before, after in pairwise(seconds)]
    print("  growth, for 16, 8, 8 and 16 times the regions:", ", ".join(growth))
    generator = torch.Generator().manual_seed(0)
    for depth in (8, 12, 16, 20):
        peaks = (0.1 + 0.8 * torch.rand(depth + 1, generator=generator)).tolist()
        one_network(f"triangle network, random peaks, 2^{depth}", *triangle_network(peaks), (0.0, 1.0), 3)


def wide():
    """Random networks: variance 2 / fan-in, normal biases."""
    for width, depth in ((4, 5), (16, 5), (32, 5), (64, 5), (128, 10), (512, 5)):
        one_network(f"random {depth} x {width}", *random_network([width] * depth + [1], 0), (-1.0, 1.0))


def batches():
    """30 networks at once against one by one; and what a training record of 30 restarts costs."""
    for name, nets in {
        "30 sawtooths 2^10": [sawtooth(10)] * 30,
        "30 triangle networks 2^8": [
            triangle_network([0.1 + 0.025 * (i + j) for j in range(9)]) for i in range(23)
        ]
        + [triangle_network([0.2 + 0.1 * (i % 5)] * 9) for i in range(7)],
        "30 random 8 x 4": [random_network([4] * 8 + [1], i, 0.1) for i in range(30)],
    }.items():
        weights = [torch.stack(layer) for layer in zip(*(net[0] for net in nets))]
        biases = [torch.stack(layer) for layer in zip(*(net[1] for net in nets))]
        seconds, found = least(lambda w=weights, b=biases: linear_regions(w, b, (0, 1)), 20)
        singly, _ = least(lambda n=nets: [linear_regions(*net, (0, 1)) for net in n])
        row(
            name + ", one call",
            seconds,
            found.sum().item(),
            f"{singly / seconds:.1f} times faster than 30 calls",
        )


def others():
    """Integers throughout, pieces with their affine maps, and affinitree."""
    net = sawtooth(14)
    base, _ = least(lambda: linear_regions(*net, (0, 1)))
    seconds, found = least(lambda: linear_regions(*net, (0, 1), exact=True), 1)
    row("sawtooth 2^14, exact=True", seconds, found.item(), f"{seconds / base:.0f} times the count")
    seconds, found = least(lambda: pieces(*net, (0, 1)))
    row("sawtooth 2^14, pieces", seconds, len(found.left), f"{seconds / base:.1f} times the count")
    if builder is None:
        return print("affinitree is not installed")
    for name, net, box in (
        ("sawtooth 2^8", sawtooth(8), (0.0, 1.0)),
        ("sawtooth 2^12", sawtooth(12), (0.0, 1.0)),
        ("random 5 x 16", random_network([16] * 5 + [1], 0), (-1.0, 1.0)),
        ("random 5 x 64", random_network([64] * 5 + [1], 0), (-1.0, 1.0)),
    ):
        base, found = least(lambda n=net, b=box: count_regions(*n, b))
        seconds, leaves = least(lambda n=net, b=box: affinitree_leaves(*n, b), 1)
        right = found.activation_regions.item()
        row(
            f"affinitree, {name}",
            seconds,
            right,
            f"{seconds / base:,.0f} times ours; {leaves:,} leaves for {right:,}",
        )
    return None


if __name__ == "__main__":
    start = time.perf_counter()
    count_regions(*sawtooth(1), (0, 1))
    print(f"first call: {time.perf_counter() - start:.1f} s; threads of torch: {torch.get_num_threads()}")
    flatness()
    wide()
    batches()
    others()
