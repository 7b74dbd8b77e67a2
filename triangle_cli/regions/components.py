# ruff: noqa: ANN001, ANN201 - numba infers the types
# mypy: allow-untyped-defs, no-check-untyped-defs
"""Connected components of a graph, compiled."""

import numpy as np

from triangle_cli.compiling import njit


@njit(cache=True)
def components(n, pairs):
    """Labels 0, 1, .. (n,) of the connected components under `pairs` (m, 2)."""
    root = np.arange(n)
    for i in range(len(pairs)):
        a, b = pairs[i, 0], pairs[i, 1]
        while root[a] != a:
            root[a] = root[root[a]]
            a = root[a]
        while root[b] != b:
            root[b] = root[root[b]]
            b = root[b]
        if a != b:
            root[max(a, b)] = min(a, b)
    label = np.empty(n, np.int64)
    found = 0
    for i in range(n):  # a root comes before all it stands for
        r = i
        while root[r] != r:
            r = root[r]
        if r == i:
            label[i] = found
            found += 1
        else:
            label[i] = label[r]
    return label
