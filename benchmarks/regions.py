"""Region counts of the same networks in one run: seconds, time per region, and ratios to other packages.

    OMP_NUM_THREADS=1 python benchmarks/regions.py [--seconds 60] [--only WORD] [--without-others]

All times are CPU times, medians of warm calls, with the weights in the form that each package takes. Our first call,
which loads or compiles the compiled code, is printed apart; ours are without volumes from three inputs on. Another
package has a process of its own that is stopped after --seconds, and one call if that takes over a tenth of a second.
None is a dependency: `pip install affinitree relucent regioncam` to see them. They count
activation regions only. regioncam (Rust, float32) takes two inputs. affinitree (Apache-2.0) counts
the leaves of a decision tree, some of them empty where the network has structure; relucent (AGPL) asks for hyperplanes
in general position, counts the regions that its search visits, and where no Gurobi licence is installed its linear
programs end (GurobiError) at about 2,000 rows. Everything is on the box from -1 to 1.
"""

import argparse
import multiprocessing
import os
import platform
import statistics
import sys
import time
from itertools import pairwise
from pathlib import Path

import numba
import torch

from triangle_cli.regions import count_regions, pieces, polygons, restrict
from triangle_cli.regions.slices import SEGMENT

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "regions"))
from line_networks import triangle_network


def random_network(*sizes, seed=0):
    """PyTorch's default initialisation."""
    torch.manual_seed(seed)
    layers = [torch.nn.Linear(a, b).double() for a, b in pairwise(sizes)]
    return [layer.weight.detach() for layer in layers], [layer.bias.detach() for layer in layers]


def spread_network(*sizes):
    """Weights of variance 2 / fan-in and normal biases: breakpoints all over the box."""
    torch.manual_seed(0)
    weights = [torch.randn(b, a, dtype=torch.float64) * (2 / a) ** 0.5 for a, b in pairwise(sizes)]
    return weights, [torch.randn(len(weight), dtype=torch.float64) for weight in weights]


def sawtooths(depth, n, inputs):
    """Outputs s(x_1), .., s(x_n), each a sawtooth of 2^depth pieces over [-1, 1]."""
    first = torch.eye(inputs)[:n].repeat_interleave(2, 0) / 2
    shift = torch.tensor([0.0, -0.5]).repeat(n)
    fold = torch.block_diag(*[torch.tensor([[2.0, -4.0], [2.0, -4.0]])] * n)
    top = torch.block_diag(*[torch.tensor([[2.0, -4.0]])] * n)
    weights = [first, *[fold] * (depth - 1), top]
    biases = [shift + 0.5, *[shift] * (depth - 1), torch.zeros(n)]
    return [w.double() for w in weights], [b.double() for b in biases]


def triangles(depth, seed=0):
    """The project's width-4 network with random peaks in (0.1, 0.9), its input folded to [-1, 1]."""
    peaks = 0.1 + 0.8 * torch.rand(depth + 1, generator=torch.Generator().manual_seed(seed))
    weights, biases = triangle_network(peaks.tolist())
    return [weights[0] / 2, *weights[1:]], [biases[0] + weights[0][:, 0] / 2, *biases[1:]]


CASES = {
    **{f"1-D sawtooth 2^{depth}": sawtooths(depth, 1, 1) for depth in (10, 12, 16, 20, 24)},
    **{f"1-D triangle network 2^{depth}": triangles(depth) for depth in (8, 20)},
    "1-D random 5 x 16": spread_network(1, *[16] * 5, 1),
    "1-D random 10 x 128": spread_network(1, *[128] * 10, 1),
    "1-D random 5 x 512": spread_network(1, *[512] * 5, 1),
    "2-D random 2 x 16": random_network(2, 16, 16, 1),
    "2-D random 3 x 32": random_network(2, 32, 32, 32, 1),
    "2-D random 3 x 64": random_network(2, 64, 64, 64, 1),
    "2-D random 5 x 128": random_network(2, *[128] * 5, 1),
    "2-D random 2 x 256": random_network(2, 256, 256, 1),
    "2-D random 1 x 1000": random_network(2, 1000, 1),
    "2-D random 10 x 64": random_network(2, *[64] * 10, 1),
    "2-D sawtooth 2^12 strips": sawtooths(12, 1, 2),
    "2-D sawtooth 2^6 x 2^6": sawtooths(6, 2, 2),
    "2-D sawtooth 2^8 x 2^8": sawtooths(8, 2, 2),
    "3-D random 2 x 16": random_network(3, 16, 16, 1),
    "3-D random 3 x 32": random_network(3, 32, 32, 32, 1),
    "3-D random 2 x 128": random_network(3, 128, 128, 1),
    "3-D sawtooth 2^3 x 2^3 x 2^3": sawtooths(3, 3, 3),
    "4-D random 2 x 16": random_network(4, 16, 16, 1),
    "4-D random 2 x 32": random_network(4, 32, 32, 1),
    "5-D random 2 x 32": random_network(5, 32, 32, 1),
}


def box_of(weights):
    return [[-1.0, 1.0]] * weights[0].shape[-1]


def timed(function, least=7):
    """(median seconds, what it returned last) of calls for a tenth of a second, of `least` calls at least, if that
    takes no more than a few seconds."""
    seconds, started = [], time.perf_counter()
    while (
        not seconds
        or (passed := time.perf_counter() - started) < 0.1
        or (len(seconds) < least and passed < 5)
    ):
        start = time.process_time()
        result = function()
        seconds.append(time.process_time() - start)
    return statistics.median(seconds), result


def as_sequential(weights, biases):
    """The network as torch modules."""
    layers = []
    for weight, bias in zip(weights, biases):
        linear = torch.nn.Linear(*weight.shape[::-1]).double()
        linear.weight.data, linear.bias.data = weight, bias
        layers += [linear, torch.nn.ReLU()]
    return torch.nn.Sequential(*layers[:-1])


def affinitree(weights, biases):
    """A function that counts leaves."""
    import affinitree as package

    inputs = weights[0].shape[1]
    layers = package.extract_pytorch_architecture(inputs, as_sequential(weights, biases))

    def count():
        box = package.Polytope.hyperrectangle(inputs, [(-1.0, 1.0)] * inputs)
        domain = package.AffTree.from_poly(box, package.AffFunc.identity(inputs))
        return package.builder.from_layers(layers, domain).num_terminals()

    return count


def relucent(weights, biases):
    """A function that counts regions."""
    import relucent as package

    network = as_sequential(weights, biases)
    # on no breakpoint
    inside = torch.tensor([[0.3137, -0.271, 0.1183, -0.0719, 0.2231]], dtype=torch.float64)
    inside = inside[:, : weights[0].shape[1]]

    def count():
        cells = package.Complex(network)
        cells.bfs(inside, cube_radius=1.0, cube_mode="clipped", nworkers=1, verbose=0)
        return len(cells)

    return count


def regioncam(weights, biases):
    """A function that counts faces."""
    import regioncam as package

    if weights[0].shape[1] != 2:
        raise NotImplementedError
    layers = [(w.T.float().numpy(), b.float().numpy()) for w, b in zip(weights, biases)]

    def count():
        partition = package.Regioncam(size=1.0)
        for weight, bias in layers[:-1]:
            partition.linear(weight, bias)
            partition.relu()
        partition.linear(*layers[-1])
        return partition.num_faces

    return count


def guarded(function, weights, biases, answers):
    """Put (seconds, count) into the queue `answers`, without chatter; of a refusal its name."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.dup2(null, 2)
    try:
        count = function(weights, biases)
        start = time.process_time()
        found, seconds = count(), time.process_time() - start
        if seconds < 0.1:  # else it matters little that the first call loads
            seconds, found = timed(count)
        answers.put((seconds, f"{found:,}"))
    except BaseException as error:
        answers.put((None, type(error).__name__))
        raise


def limited(function, weights, biases, seconds):
    """(seconds, regions) of `function` in a process of its own; (None, why) if it failed or took too long."""
    context = multiprocessing.get_context("spawn")
    answers = context.Queue()
    process = context.Process(target=guarded, args=(function, weights, biases, answers))
    process.start()
    deadline = time.monotonic() + seconds
    try:
        while time.monotonic() < deadline:
            if not answers.empty():
                return answers.get()
            if not process.is_alive() and answers.empty():
                return None, f"ended with {process.exitcode}"
            time.sleep(0.05)
        return None, f"over {seconds:g} s"
    finally:
        process.kill()
        process.join()


def table(options, others):
    """Every case: ours, and the others' seconds, count and ratio."""
    print(f"{'network':30}{'activation':>11}{'linear':>11}{'seconds':>10}{'ns/region':>11}", end="")
    print("".join(f"   {other.__name__ + ': s, regions, ratio to ours':42}" for other in others))
    for name, (weights, biases) in CASES.items():
        if options.only not in name:
            continue
        arrays = [[tensor.numpy() for tensor in tensors] for tensors in (weights, biases)]
        box = box_of(weights)
        count_regions(*arrays, box, wide=False)  # warm
        seconds, counts = timed(lambda n=arrays, b=box: count_regions(*n, b, wide=False))
        regions = int(counts.activation_regions)
        print(f"{name:30}{regions:11,}{int(counts.linear_regions):11,}{seconds:10.6f}", end="")
        print(f"{seconds / regions * 1e9:11,.0f}", end="", flush=True)
        for other in others:
            took, found = limited(other, weights, biases, options.seconds)
            text = found if took is None else f"{took:.5f} {found:>12} {took / seconds:9,.1f}x"
            print(f"   {text:42}", end="", flush=True)
        print()


def batches():
    """30 networks in one call against 30 calls."""
    print("\nbatches of 30 in one call")
    for name, nets in {
        "sawtooths 2^10": [sawtooths(10, 1, 1)] * 30,
        "triangle networks 2^8": [triangles(8, seed) for seed in range(30)],
        "random 8 x 4": [random_network(1, *[4] * 8, 1, seed=seed) for seed in range(30)],
    }.items():
        weights = [torch.stack(layer) for layer in zip(*(net[0] for net in nets))]
        biases = [torch.stack(layer) for layer in zip(*(net[1] for net in nets))]
        together, _ = timed(lambda w=weights, b=biases: count_regions(w, b, [[-1, 1]]), 20)
        singly, _ = timed(lambda n=nets: [count_regions(*net, [[-1, 1]]) for net in n])
        print(f"{name:28}{together:10.5f} s, {singly / together:.1f} times faster than 30 calls")


def other_questions():
    """What else is asked of a network, as a multiple of the count."""
    print("\nother questions, seconds and multiple of the count")
    line, plane = sawtooths(14, 1, 1), random_network(2, 64, 64, 64, 1)
    deep = random_network(784, 128, 128, 10)
    ends = torch.rand(2, 784, generator=torch.Generator().manual_seed(0), dtype=torch.float64).tolist()
    sliced = restrict(*deep, ends)
    for name, ask, base in (
        (
            "1-D sawtooth 2^14, exact=True",
            lambda: count_regions(*line, [[-1, 1]], exact=True),
            (line, [[-1, 1]]),
        ),
        ("1-D sawtooth 2^14, pieces", lambda: pieces(*line, [[-1, 1]]), (line, [[-1, 1]])),
        (
            "2-D random 3 x 64, polygons",
            lambda: polygons(*plane, box_of(plane[0])),
            (plane, box_of(plane[0])),
        ),
        ("784 inputs, 2 x 128: restrict", lambda: restrict(*deep, ends), (sliced, SEGMENT)),
    ):
        timed(ask, 1)
        seconds, _ = timed(ask, 5)
        count, _ = timed(lambda b=base: count_regions(*b[0], b[1]), 5)
        print(f"{name:32}{seconds:10.5f} s {seconds / count:10.1f}x")


def main():
    """Print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=60, help="limit of each call of another package")
    parser.add_argument(
        "--only", default="", metavar="WORD", help="cases whose name contains it, such as 2-D"
    )
    parser.add_argument("--without-others", action="store_true")
    options = parser.parse_args()
    for inputs in (1, 2, 3):
        start = time.perf_counter()
        count_regions(*random_network(inputs, 2, 1), [[-1, 1]] * inputs)
        print(
            f"first call in {inputs}-D (compiled code loaded, or compiled): {time.perf_counter() - start:.1f} s"
        )
    print(f"numba {numba.__version__}, torch {torch.__version__}, {platform.machine()}", end=", ")
    print(f"{torch.get_num_threads()} threads of torch\n")
    table(options, [] if options.without_others else [affinitree, relucent, regioncam])
    if not options.only:
        batches()
        other_questions()


if __name__ == "__main__":
    main()
