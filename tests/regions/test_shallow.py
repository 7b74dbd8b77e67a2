"""Networks of one hidden layer and one input: known answers, and integers where breakpoints coincide."""

import tracemalloc

import numpy as np
import pytest
import torch

from triangle_cli.regions import count_regions, pieces
from triangle_cli.regions.line.exact import ExactLine, count_exactly
from triangle_cli.regions.line.shallow import Shallow


def test_four_thousand_neurons_are_one_sort():
    n = 4000
    biases = [-(torch.arange(n, dtype=torch.float64) + 0.5) / n, torch.zeros(1, dtype=torch.float64)]
    above = (torch.arange(n) % 2).double()[None]  # every other one is not heard
    weights = [torch.ones(n, 1, dtype=torch.float64), above]
    tracemalloc.start()
    counts = count_regions(weights, biases, [0, 1])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [int(count) for count in vars(counts).values()] == [n // 2 + 1, n + 1, 0, n // 2 + 1, n + 1]
    assert peak < 8e6  # bytes
    found = pieces(weights, biases, [0, 1])
    assert torch.equal(found.slope[:, 0], torch.arange(n // 2 + 1, dtype=torch.float64))
    assert torch.allclose(found.left[1:], (2 * torch.arange(n // 2).double() + 1.5) / n, rtol=1e-15)


def thirds(stream, n):
    return stream.integers(-3, 4, n) / 3, stream.integers(-3, 4, n) / 3


def ulps_apart(stream, n):
    return tuple(stream.integers(1, 4, n) * (1 + 2.0**-52 * stream.integers(-2, 3, n)) for _ in range(2))


def of_all_sizes(stream, n):
    return tuple(np.ldexp(stream.uniform(-2, 2, n), stream.integers(-1074, 1000, n)) for _ in range(2))


@pytest.mark.parametrize("numbers", [thirds, ulps_apart, of_all_sizes])
@pytest.mark.parametrize(
    "ends", [(-1.0, 1.0), (0.0, 1 / 3), (-1e301, 1e301), (-1e-301, 1e-301), (0.0, 5e-324)]
)
def test_counts_are_those_of_integers(numbers, ends):
    for seed in range(8):
        stream = np.random.default_rng(seed)
        weight, bias = numbers(stream, 20)
        top = stream.integers(-1, 2, (2, 20)).astype(float)
        network = [weight[:, None], top], [bias, np.zeros(2)], *ends
        linear = stream.random(20) < 0.2
        assert Shallow(*network, linear).counts() == count_exactly(ExactLine(*network, [linear]))
