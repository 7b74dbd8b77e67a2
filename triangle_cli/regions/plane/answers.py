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
from triangle_cli.regions.telling import Tell, telling

NO_LIMIT = 2**60

__all__ = ["answers", "cells_up_to", "count", "describe"]


def answers(
    compiled: Callable[..., Any],
    networks: Networks,
    linear: list[np.ndarray],
    corners: np.ndarray,
    exact: bool,
    *,
    limit: int = NO_LIMIT,
    tell: Tell | None = None,
) -> list[Any]:
    """`compiled`, which is `count`, `describe` or `cells_up_to`, of one network after another.

    linear: of each hidden layer, which neurons have no ReLU; limit: of activation regions, beyond which it gives up;
    tell: called now and then with the activation regions so far of one network.
    """
    levels, masks = np.array(networks.widths), np.concatenate([np.empty(0, bool), *linear])
    found, so_far = [], np.zeros(1, np.int64)
    for row in networks.rows:
        so_far[0] = 1
        handle = known(Oracle(levels, row, corners))
        call = partial(compiled, handle, levels, row, masks, so_far, corners, exact, mesh.GROUP, limit)
        try:
            found.append(telling(call, lambda: int(so_far[0]), tell))
        finally:
            forget(handle)
    return found
