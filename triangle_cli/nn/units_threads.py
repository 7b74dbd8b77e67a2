"""A compiled pass over a layer's units in as many threads as torch takes: the values do not depend on how many."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

SHARE = 65536  # values that are worth a thread
Interval = tuple[float, float]


def by_threads(
    kernel: Any, inputs: tuple[Tensor, ...], interval: Interval, form: int, outputs: tuple[Tensor, ...]
) -> None:
    """Call the kernel for all units, each thread with whole strips of its own."""
    from triangle_cli.nn.units_kernel import STRIP

    z, *_ = arrays = [tensor.detach().numpy() for tensor in inputs]
    ends, results = [z.dtype.type(end) for end in interval], [tensor.detach().numpy() for tensor in outputs]
    n, units = z.shape
    strips = -(-units // STRIP)
    threads = max(1, min(torch.get_num_threads(), n * units // SHARE, strips))
    borders = [min(units, strips * share // threads * STRIP) for share in range(threads + 1)]

    def work(begin: int, end: int) -> None:
        kernel(*arrays, *ends, form, begin, end, *results)

    if threads == 1:
        work(0, units)
    else:
        list(_pool(os.getpid(), torch.get_num_threads()).map(work, borders[:-1], borders[1:]))


@lru_cache(maxsize=1)
def _pool(process: int, threads: int) -> ThreadPoolExecutor:
    """Threads that wait for work; a forked process has none of its parent's."""
    return ThreadPoolExecutor(threads, "triangle-units")
