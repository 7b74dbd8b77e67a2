"""Regions of whatever is a network: weights and biases, a model of PyTorch, a file."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from triangle_cli import regions
from triangle_cli.formats.network import LoadedNetwork, checked
from triangle_cli.regions.arrays import box_array

if TYPE_CHECKING:
    from triangle_cli.regions import RegionCounts


def count_regions(
    network: Any, *rest: Any, shape: Sequence[int] | None = None, **options: Any
) -> RegionCounts:
    """Count the regions of a network, exactly: `count_regions(model, box)`.

    Args:
        network: an nn.Module, what `triangle_cli.fit`, `load` or `lower` returned, or the path of a file; or, as for
            `triangle_cli.regions.count_regions`, weights, then biases.
        rest: the box, [lo, hi] for each input, in the order of the flattened input, or of its shape with one more
            dimension; one pair (lo, hi) for all. None, or left out: that of the file or the fit.
        shape: of one input of a model, where its first layer does not say.
        options: `exact`, `wide`, `threads`, `tell` of `triangle_cli.regions.count_regions`.

    Returns:
        The counts, each a tensor without dimensions.

    Raises:
        ValueError: what is no piecewise linear network, a box that does not fit it.

    >>> from torch import nn
    >>> model = nn.Sequential(nn.Linear(1, 1), nn.LeakyReLU(0.1))
    >>> _ = nn.init.ones_(model[0].weight), nn.init.zeros_(model[0].bias)
    >>> count_regions(model, (-1, 1)).linear_regions.item()
    2
    """
    if isinstance(network, (list, tuple)):
        return regions.count_regions(network, *rest, **options)
    if isinstance(network, (str, os.PathLike)):
        from triangle_cli.formats.network_files import load

        network = load(Path(network))
    elif fitted := _fitted(network):
        network = fitted
    elif not isinstance(network, LoadedNetwork):
        from torch import nn

        from triangle_cli.formats.modules import lower

        if not isinstance(network, nn.Module):
            kind = type(network).__name__
            raise ValueError(
                f"a {kind}, expected a trained fit, an nn.Module, a path, or lists of weights and biases"
            )
        network = lower(network, shape)
    (box,) = rest or (None,)
    layers = network.layers
    ends = _box(network, box)
    return regions.count_regions(layers.weights, layers.biases, ends, linear=layers.linear, **options)


def _fitted(network: Any) -> LoadedNetwork | None:
    """The network of a `Fit` or of a fitted estimator, which has one in `fit_`; None for anything else."""
    found: Any = getattr(getattr(network, "fit_", network), "layers", None)
    weights, biases = (getattr(found, kind, None) for kind in ("weights", "biases"))
    if isinstance(network, LoadedNetwork) or not (isinstance(weights, list) and isinstance(biases, list)):
        return None
    return replace(checked("the fit", [str(i) for i in range(len(weights))], weights, biases), box=found.box)


def _box(network: LoadedNetwork, box: Any) -> list[list[float]]:
    if box is None and network.box is None:
        raise ValueError("box: none, and the network has none of its own, expected [lo, hi] for each input")
    ends = box_array(network.box if box is None else box)
    if ends.shape == (2,):
        ends = np.tile(ends, (network.inputs, 1))
    ends = ends.reshape(-1, 2) if ends.ndim > 2 and ends.shape[-1] == 2 else ends
    found: list[list[float]] = ends.tolist()
    return found
