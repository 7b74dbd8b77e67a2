"""The fit of each run as the page shows it: the pieces of its best network, and the target between them."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from triangle_cli.construction.network import Network
from triangle_cli.fit.functions import Target
from triangle_cli.fit.pictures import MOST_PIECES, evaluate
from triangle_cli.regions import pieces
from triangle_cli.store import run_folder
from triangle_cli.store.record import RunRecord
from triangle_cli.store.tensors import read_state

BUDGET = 60_000  # pieces on the page: about 3 MB
FINE, COARSE = 16, 4  # errors told of each piece, its start first: while the page has room, and then
TARGET_POINTS = 401
MOST_PICTURES = 2**21  # bytes of pictures in the place of fits of functions of x and y, and of data


def packed(values: Any, kind: str = "<f8") -> str:
    """Numbers as base64, which a page reads as one array."""
    return base64.b64encode(np.ascontiguousarray(values, kind).tobytes()).decode("ascii")


@dataclass(frozen=True)
class Fit:
    """The best network of a run on its interval: n pieces between n + 1 ends."""

    target: Target
    network: Network
    ends: np.ndarray  # (n + 1,)
    stage: str
    restart: int

    def to_json(self, samples: int) -> dict[str, Any]:
        """As the page reads it, with so many errors of each piece: FINE, or COARSE."""
        inner = np.linspace(0, 1, FINE, endpoint=False)
        within = (self.ends[:-1, None] + np.diff(self.ends)[:, None] * inner).ravel()
        x = torch.from_numpy(np.append(within, self.ends[-1]))
        heights = evaluate(self.network, x)
        errors = (heights - self.target(x)).numpy()
        by_piece = np.abs(np.stack([errors[k : len(errors) - FINE + k : FINE] for k in range(FINE + 1)]))
        return {
            "x": packed(self.ends),
            "y": packed(heights[::FINE].numpy()),
            "error": packed(errors[:: FINE // samples], "<f4"),
            "samples": samples,
            "largest": packed(by_piece.max(0), "<f4"),
            "stage": self.stage,
            "restart": self.restart,
        }


def read_fit(folder: Path, record: RunRecord) -> Fit | str:
    """The fit of a finished run; or why there is none to zoom into.

    Raises:
        ValueError, OSError: its files cannot be read.
    """
    if record.from_data:
        return "learned from data"
    function = record.settings["function"]
    if function.get("formula") is None:
        return "fitted to samples"
    target = Target(record.function, function["formula"], tuple(function["interval"]))
    if target.inputs == 2:
        return "a function of x and y"
    stage = record.stage()
    if stage.best_restart is None:
        return "all restarts diverged"
    counted = record.best.get("linear_regions")
    if counted is None or counted > min(MOST_PIECES, BUDGET):
        return "more pieces than a page can hold" if counted else "its linear regions were not counted"
    networks = Network.from_state_dict(read_state(folder / stage.file, "the networks of a run"))
    place = stage.restarts.index(stage.best_restart)
    network = networks[place : place + 1]
    found = pieces([w[0] for w in network.weights], [b[0] for b in network.biases], target.interval)
    ends = torch.cat([found.left, found.right[-1:]]).double().numpy()
    return Fit(target, network, ends, stage.name, stage.best_restart)


def target_curve(target: Target) -> dict[str, Any]:
    """The target on even points, once for all runs that fit it."""
    x = torch.linspace(*target.interval, TARGET_POINTS, dtype=torch.float64)
    return {"x": packed(x.numpy()), "y": packed(target(x).numpy())}


def shares(sizes: list[int], budget: int) -> int:
    """How many pieces a fit may have, so that all that have no more fit into the budget together."""
    left, most = budget, budget
    for place, size in enumerate(sorted(sizes)):
        most = left // (len(sizes) - place)
        if size > most:
            return most
        left -= size
    return max([most, *sizes])


def picture(folder: Path, left: int) -> str | None:
    """The run's picture for a page that has room for so many bytes; None where there is none, or no room."""
    path = folder / run_folder.PICTURE
    try:
        if path.stat().st_size > left:
            return None
        return "data:image/png;base64," + base64.b64encode(path.read_bytes()).decode("ascii")
    except OSError:
        return None
