"""The linear regions of a network of one input as a table: where each begins, its value there and its slope."""

from __future__ import annotations

import numpy as np
import pandas as pd
import torch

from triangle_cli.export.forward import Layers
from triangle_cli.regions import pieces
from triangle_cli.regions.line.budget import surpasses

MOST_PIECES = 2**22  # beyond, they would fill the memory


def pieces_table(layers: Layers) -> pd.DataFrame:
    """A row per linear region from left to right; columns per output where there are several.

    Raises:
        ValueError: the network has several inputs, no box, or too many pieces.
    """
    if layers.inputs != 1:
        raise ValueError(f"{layers.inputs} inputs: expected a network of one input for its pieces")
    if layers.box is None:
        raise ValueError("no interval of its own: expected a run that fits a function for its pieces")
    weights, biases = ([torch.from_numpy(a) for a in arrays] for arrays in (layers.weights, layers.biases))
    if surpasses(weights, biases, *layers.box[0], MOST_PIECES):
        raise ValueError(f"more than {MOST_PIECES:,} pieces: too many for a table")
    cut = pieces(weights, biases, layers.box[0])
    left, right = cut.left.numpy(), cut.right.numpy()
    at = {"left": layers(left), "right": layers(right)}
    columns = {"left": left, "right": right}
    for i in range(layers.outputs):
        suffix = f"_{i}" if layers.outputs > 1 else ""
        for end, values in at.items():
            columns[f"y_{end}{suffix}"] = values.reshape(len(left), -1)[:, i]
        columns[f"slope{suffix}"] = cut.slope[:, i].numpy()
        columns[f"intercept{suffix}"] = cut.intercept[:, i].numpy()
    return pd.DataFrame(columns)


def piece_numbers(table: pd.DataFrame, x: np.ndarray) -> np.ndarray:
    """The number of the piece of each x (n,), from 1; 0 outside. A breakpoint belongs to the piece behind it."""
    left, end = table["left"].to_numpy(), table["right"].iloc[-1]
    number = np.searchsorted(left, x, side="right")
    return np.where((x >= left[0]) & (x <= end), number, 0)
