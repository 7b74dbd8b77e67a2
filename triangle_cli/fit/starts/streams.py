"""A random stream for each restart: it starts as the same network however many restarts there are."""

from __future__ import annotations

import numpy as np


def streams(seed: int, restarts: int) -> list[np.random.Generator]:
    """One independent random stream for each restart."""
    return [np.random.default_rng([seed, restart]) for restart in range(restarts)]
