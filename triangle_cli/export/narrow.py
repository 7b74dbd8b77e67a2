"""A network in float32, for hardware that has no float64. A triangle network keeps all of its 2^d linear regions.

Rounding each weight of such a network lets triangles pass 1 or dip below 0 by a little, and pieces are lost or added.
So its peaks, scales, offset and slope are read back from the weights, and the network is made of them once more, in
float32 and rounded inward, as `Triangle.network` does. That it has 2^d regions is then proven for the float32 weights
themselves, not presumed.
"""

from __future__ import annotations

import numpy as np
import torch

from triangle_cli.construction.proof import prove
from triangle_cli.construction.triangle import Triangle
from triangle_cli.export.forward import Layers
from triangle_cli.regions import count_regions
from triangle_cli.regions.line.budget import surpasses

MOST = 2**22  # regions that are counted


def narrowed(layers: Layers) -> tuple[Layers, str]:
    """The network in float32, and what became of its linear regions, in words.

    Raises:
        ValueError: float32 cannot tell the interval's numbers apart, or cannot hold the weights.
    """
    depth = _depth(layers)
    if depth is not None:
        found = _made_again(layers)
        kept = _depth(found)
        if kept == depth:
            return found, f"all 2^{depth} linear regions kept, proven for the float32 weights"
        return found, f"2^{depth} linear regions, of which float32 can tell {count_text(found)} apart"
    found = layers.astype(np.float32)
    if not all(np.isfinite(a).all() for arrays in _arrays(found) for a in arrays):
        raise ValueError("--float32: a weight is beyond what float32 can hold")
    before, after = count_text(layers), count_text(found)
    return found, f"weights rounded to float32: {after} linear regions, in float64 {before}"


def _arrays(layers: Layers) -> tuple[list[np.ndarray], list[np.ndarray]]:
    return layers.weights, layers.biases


def count_text(layers: Layers) -> str:
    """How many linear regions it has on its interval, or that they were not counted."""
    if layers.box is None or layers.inputs != 1:
        return "uncounted"
    if (depth := _depth(layers)) is not None:
        return f"{2**depth:,}"
    weights, biases = ([torch.from_numpy(a) for a in arrays] for arrays in _arrays(layers))
    if surpasses(weights, biases, *layers.box[0], MOST):
        return f"more than {MOST:,}"
    return f"{count_regions(weights, biases, layers.box[0]).linear_regions.item():,}"


def _depth(layers: Layers) -> int | None:
    """d where it is proven to have 2^d regions on its interval."""
    if layers.box is None or layers.inputs != 1:
        return None
    weights, biases = ([torch.from_numpy(a) for a in arrays] for arrays in _arrays(layers))
    proof = prove(weights, biases, *layers.box[0])
    return proof.layers if proof.is_whole else None


def _made_again(layers: Layers) -> Layers:
    """The same construction in float32. Its numbers stand in the weights: see `Triangle.network`."""
    assert layers.box is not None
    first, *hidden, last = (np.concatenate([w, b[:, None]], 1) for w, b in zip(layers.weights, layers.biases))
    weight, shift = first[1]
    peaks = [shift - first[2, 1], *(-layer[2, 3] / layer[3, 3] for layer in hidden)]
    sign = 1.0 if last[0, 1] > 0 else -1.0
    rises = [*(layer[1, 1] for layer in hidden), sign * last[0, 1]]
    steps = [rise * peak for rise, peak in zip(rises, peaks)]
    slope = first[0, 0] / weight
    lift = first[0, 1] - slope * shift
    single, box = torch.float32, layers.box[0]
    made = Triangle(
        peaks=torch.tensor([[*peaks, 0.5]], dtype=single),  # the last one only scales
        steps=torch.tensor([steps], dtype=single),
        offset=torch.tensor([last[0, 4] + lift], dtype=single),
        slope=torch.tensor([slope], dtype=single),
        sign=sign,
        interval=box,
    ).network()
    weights, biases = ([a[0].numpy() for a in kind] for kind in (made.weights, made.biases))
    return Layers(weights, biases, layers.box)
