"""What the compiled functions for the plane say of networks, each with an oracle for the questions that it asks."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from triangle_cli.regions.arrays import Networks
from triangle_cli.regions.plane import mesh
from triangle_cli.regions.plane.exact import Oracle
from triangle_cli.regions.plane.merge import cells_up_to, count, describe
from triangle_cli.regions.plane.questions import forget, known
from triangle_cli.regions.plane.records import ACTIVATION
from triangle_cli.regions.telling import Tell, telling

NO_LIMIT = 2**60
NO_MASK = np.empty(0, bool)

__all__ = ["ACTIVATION", "answers", "cells_up_to", "count", "describe"]


def answers(
    compiled: Callable[..., Any],
    networks: Networks,
    linear: list[np.ndarray],
    corners: np.ndarray,
    exact: bool,
    *,
    limit: int = NO_LIMIT,
    tell: Tell | None = None,
) -> tuple[np.ndarray, list[Any]]:
    """`compiled`, which is `count`, `describe` or `cells_up_to`, of one network after another.

    Returns (networks, 5) counts in the order of `RegionCounts`, of which `count` alone fills all and the others the
    activation regions, and what is returned of each network.

    linear: of each hidden layer, which neurons have no ReLU; limit: of activation regions, beyond which it gives up;
    tell: called now and then with the activation regions so far of one network.
    """
    levels, masks = np.array(networks.widths), np.concatenate([NO_MASK, *linear])
    found, counts = [], np.zeros((len(networks.rows), 5), np.int64)
    counts[:, ACTIVATION] = 1
    for row, own in zip(networks.rows, counts):
        handle = known(partial(Oracle, levels, row, corners))
        call = partial(compiled, handle, levels, row, masks, own, corners, exact, mesh.GROUP, limit)
        try:
            found.append(telling(call, partial(own.item, ACTIVATION), tell))
        finally:
            forget(handle)
    return counts, found
