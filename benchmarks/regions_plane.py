"""Two-dimensional region counts: seconds, regions and time per region, beside affinitree if it is installed.

    OMP_NUM_THREADS=1 python benchmarks/regions_plane.py [--seconds 60] [--without-affinitree]

Every row is one network, counted in the same run by each. Ours is the median of five warm calls; the other
gets one call in a process of its own, which is stopped after --seconds. affinitree (Apache-2.0, not a
dependency) counts the leaves of a decision tree: activation regions and, for structured networks, empty ones.
"""

import argparse
import multiprocessing
import os
import platform
import statistics
import time
from itertools import pairwise

import numba
import torch

from triangle_cli.regions.plane import count_plane


def random_network(*sizes):
    """PyTorch's default initialisation, seed 0."""
    torch.manual_seed(0)
    layers = [torch.nn.Linear(a, b).double() for a, b in pairwise(sizes)]
    return [layer.weight.detach() for layer in layers], [layer.bias.detach() for layer in layers]


def sawtooths(depth, n):
    """Outputs s(x_1), .., s(x_n), each a sawtooth of 2^depth pieces over [-1, 1]."""
    first = torch.eye(2)[:n].repeat_interleave(2, 0) / 2
    shift = torch.tensor([0.0, -0.5]).repeat(n)
    fold = torch.block_diag(*[torch.tensor([[2.0, -4.0], [2.0, -4.0]])] * n)
    top = torch.block_diag(*[torch.tensor([[2.0, -4.0]])] * n)
    weights = [first, *[fold] * (depth - 1), top]
    biases = [shift + 0.5, *[shift] * (depth - 1), torch.zeros(n)]
    return [w.double() for w in weights], [b.double() for b in biases]


CASES = {
    "random 3 x 32": random_network(2, 32, 32, 32, 1),
    "random 3 x 64": random_network(2, 64, 64, 64, 1),
    "random 2 x 256": random_network(2, 256, 256, 1),
    "random 1 x 100": random_network(2, 100, 1),
    "random 1 x 1000": random_network(2, 1000, 1),
    "random 10 x 64": random_network(2, *[64] * 10, 1),
    "sawtooth 2^12 strips": sawtooths(12, 1),
    "sawtooth 2^6 x 2^6": sawtooths(6, 2),
    "sawtooth 2^8 x 2^8": sawtooths(8, 2),
}
BOX = [[-1.0, 1.0], [-1.0, 1.0]]


def ours(weights, biases, repeat=5):
    """Median seconds and counts."""
    seconds = []
    for _ in range(repeat):
        start = time.perf_counter()
        counts = count_plane(weights, biases, BOX)
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds), counts


def affinitree(weights, biases, answers):
    """Put seconds and leaves into the queue `answers`."""
    import affinitree as package

    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # it reports its progress
    layers = []
    for weight, bias in zip(weights, biases):
        linear = torch.nn.Linear(*weight.shape[::-1]).double()
        linear.weight.data, linear.bias.data = weight, bias
        layers += [linear, torch.nn.ReLU()]
    box = package.Polytope.hyperrectangle(2, [tuple(side) for side in BOX])
    start = time.perf_counter()
    architecture = package.extract_pytorch_architecture(2, torch.nn.Sequential(*layers[:-1]))
    domain = package.AffTree.from_poly(box, package.AffFunc.identity(2))
    tree = package.builder.from_layers(architecture, domain)
    answers.put((time.perf_counter() - start, tree.num_terminals()))


def limited(function, weights, biases, seconds):
    """(seconds, regions) of `function` in a process of its own, or None if it takes too long or fails."""
    context = multiprocessing.get_context("spawn")
    answers = context.Queue()
    process = context.Process(target=function, args=(weights, biases, answers))
    process.start()
    deadline = time.monotonic() + seconds
    try:
        while time.monotonic() < deadline:
            if not answers.empty():
                return answers.get()
            if not process.is_alive() and answers.empty():
                return None
            time.sleep(0.05)
        return None
    finally:
        process.kill()
        process.join()


def main():
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=60, help="limit of each call of the other package")
    parser.add_argument("--without-affinitree", action="store_true")
    options = parser.parse_args()
    start = time.perf_counter()
    count_plane(*random_network(2, 2, 1), BOX)
    print(f"numba {numba.__version__}, {platform.machine()}, {torch.get_num_threads()} threads;", end=" ")
    print(f"first call (compiled code loaded, or compiled): {time.perf_counter() - start:.1f} s\n")
    print(f"{'network':22}{'activation':>11}{'linear':>9}{'seconds':>10}{'us/region':>11}", end="")
    print(
        f"{'affinitree':>13}{'leaves':>9}{'ratio':>8}    (none: not installed, or over {options.seconds:g} s)"
    )
    for name, (weights, biases) in CASES.items():
        seconds, counts = ours(weights, biases)
        regions = int(counts.activation_regions)
        print(f"{name:22}{regions:11,}{int(counts.linear_regions):9,}{seconds:10.4f}", end="")
        print(f"{seconds / regions * 1e6:11.1f}", end="", flush=True)
        other = None if options.without_affinitree else limited(affinitree, weights, biases, options.seconds)
        if other:
            print(f"{other[0]:13.2f}{other[1]:9,}{other[0] / seconds:8.0f}")
        else:
            print(f"{'none':>13}")


if __name__ == "__main__":
    main()
