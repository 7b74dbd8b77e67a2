"""What a network says at given points: values, slopes, and the number of the piece that each lies on."""

from __future__ import annotations

import numpy as np
import pandas as pd

from triangle_cli.export.forward import Layers
from triangle_cli.export.pieces import piece_numbers, pieces_table


def predictions(layers: Layers, x: np.ndarray, names: list[str]) -> pd.DataFrame:
    """A row per point: the inputs, y, the slope by each input, and for one input the piece, counted from 1.

    Outside the box the values are the network's, but no piece of the box's is theirs: `piece` is missing.

    Args:
        layers: the network.
        x: (n, inputs).
        names: of the inputs.
    """
    columns = {name: x[:, i] for i, name in enumerate(names)}
    values, slopes = layers(x).reshape(len(x), -1), layers.gradients(x)
    for k in range(layers.outputs):
        suffix = f"_{k}" if layers.outputs > 1 else ""
        columns[f"y{suffix}"] = values[:, k]
        for i, name in enumerate(names):
            of = "" if layers.inputs == 1 else f"_{name}"
            columns[f"slope{of}{suffix}"] = slopes[:, k, i]
    table = pd.DataFrame(columns)
    if layers.inputs == 1 and layers.box is not None:
        pieces = pieces_table(layers)
        number = piece_numbers(pieces, x[:, 0])
        table["piece"] = pd.array(np.where(number > 0, number, 1), dtype="Int64")
        table.loc[number == 0, "piece"] = pd.NA
        if layers.outputs == 1:
            there = number > 0
            table.loc[there, "slope"] = pieces["slope"].to_numpy()[number[there] - 1]
    return table
