"""Linear and activation regions of networks with one input, on an interval: counts, exact and batched.

The network is taken to be exactly its floats (dyadic rationals), ReLU after every layer but the last. Decisions
are taken in floating point with error bounds and, where a bound cannot decide, in integer arithmetic: the counts
are those of the network, with no tolerance.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor


@dataclass(frozen=True)
class RegionCounts:
    """Counts of each network of a batch on the open box; every field is an int64 tensor of shape `batch`.

    linear_regions: maximal intervals on which all outputs together are one affine map.
    activation_regions: on/off patterns of all hidden neurons that occur on an interval of positive length.
    dead_neurons: hidden neurons that are off (z <= 0) on the whole box.
    wide_linear_regions, wide_activation_regions: those wider than 1e-9 of the box.
    """

    linear_regions: Tensor
    activation_regions: Tensor
    dead_neurons: Tensor
    wide_linear_regions: Tensor
    wide_activation_regions: Tensor


def count_regions(
    weights: Sequence[Tensor], biases: Sequence[Tensor], box: Sequence, *, exact: bool = False
) -> RegionCounts:
    """Count the regions of ReLU networks with one input.

    weights[l]: (*batch, out_l, in_l) and biases[l]: (*batch, out_l), float64 or float32, on any device; in_0 is 1
    and ReLU follows every layer but the last. box: (lo, hi) or [[lo, hi]] with lo < hi.
    exact: do everything in integers, slowly; the counts are the same.

    Raises ValueError for shapes that do not fit together, weights that are NaN or infinite, a box of no size.

    >>> weights = [torch.tensor([[1.0], [1.0]]), torch.tensor([[2.0, -4.0]])]
    >>> biases = [torch.tensor([0.0, -0.5]), torch.tensor([0.0])]  # 2u - 4 relu(u - 1/2): one triangle
    >>> count_regions(weights, biases, (0, 1)).linear_regions.item()
    2
    """
    lo, hi = _checked_box(box)
    batch, packed_weights, packed_biases = _checked(weights, biases)
    rows = _counts(packed_weights, packed_biases, lo, hi, exact)  # (networks, 5)
    columns = torch.from_numpy(rows).unbind(-1)
    linear, activation, dead, wide_linear, wide_activation = (column.reshape(batch) for column in columns)
    return RegionCounts(linear, activation, dead, wide_linear, wide_activation)


def _counts(
    weights: list[np.ndarray], biases: list[np.ndarray], lo: float, hi: float, exact: bool
) -> np.ndarray:
    from triangle_cli.regions.exact_line import ExactLine, Fraction, count_exactly

    networks = len(weights[0])
    rows = np.zeros((networks, 5), np.int64)
    in_integers = np.ones(networks, bool)
    if not exact and networks:
        from triangle_cli.regions.line_narrow import NarrowBatch
        from triangle_cli.regions.line_depth_first import DONE

        batch = NarrowBatch(weights, biases, lo, hi)
        batch.run()
        counts = batch.walks.counts
        hidden = int(batch.widths[1:-1].sum())
        rows[:, :2], rows[:, 3:] = counts[:, :2], counts[:, 2:]
        rows[:, 2] = hidden - batch.walks.alive[:, 1:].sum((1, 2))
        in_integers = batch.status != DONE
    narrow = (Fraction(hi) - Fraction(lo)) / 10**9
    for i in np.flatnonzero(in_integers):
        network = ExactLine([weight[i] for weight in weights], [bias[i] for bias in biases], lo, hi)
        (linear, activation, wide_linear, wide_activation), dead = count_exactly(network, narrow)
        rows[i] = linear, activation, dead, wide_linear, wide_activation
    return rows


def _checked(weights: Sequence[Tensor], biases: Sequence[Tensor]) -> tuple[torch.Size, list, list]:
    """(batch shape, weights, biases) as float64 arrays of shape (networks, ..), or ValueError."""
    if not len(weights) or len(weights) != len(biases):
        raise ValueError(
            f"{len(weights)} weights and {len(biases)} biases, expected one or more of each, in pairs"
        )
    fan_in, batch = 1, None
    checked_weights, checked_biases = [], []
    for index, (weight, bias) in enumerate(zip(weights, biases)):
        for name, value, dims in (("weights", weight, 2), ("biases", bias, 1)):
            if not isinstance(value, Tensor) or value.dtype not in (torch.float64, torch.float32):
                kind = value.dtype if isinstance(value, Tensor) else type(value).__name__
                raise ValueError(f"{name}[{index}] is {kind}, expected a tensor of float64 or float32")
            if value.ndim < dims:
                raise ValueError(
                    f"{name}[{index}] has shape {tuple(value.shape)}, expected {dims} or more dimensions"
                )
        batch = weight.shape[:-2] if batch is None else batch
        expected = (*batch, weight.shape[-2], fan_in)
        if tuple(weight.shape) != expected or 0 in weight.shape[-2:]:
            raise ValueError(
                f"weights[{index}] has shape {tuple(weight.shape)}, expected (*{tuple(batch)}, out, {fan_in})"
            )
        if tuple(bias.shape) != expected[:-1]:
            raise ValueError(f"biases[{index}] has shape {tuple(bias.shape)}, expected {expected[:-1]}")
        for name, value, dims, out in (
            ("weights", weight, 2, checked_weights),
            ("biases", bias, 1, checked_biases),
        ):
            array = value.detach().to("cpu", torch.float64).numpy()
            if not np.isfinite(array).all():
                bad = array[~np.isfinite(array)][0]
                raise ValueError(f"{name}[{index}] contains {bad}, expected finite numbers")
            out.append(array.reshape(-1, *array.shape[-dims:]))
        fan_in = weight.shape[-2]
    return batch, checked_weights, checked_biases


def _checked_box(box: Sequence) -> tuple[float, float]:
    """(lo, hi) as floats, or ValueError."""
    values = np.asarray(box, dtype=float)
    if values.shape not in ((2,), (1, 2)):
        raise ValueError(f"box has shape {values.shape}, expected (lo, hi) or [[lo, hi]]")
    lo, hi = values.reshape(2).tolist()
    if not (np.isfinite(values).all() and lo < hi):
        raise ValueError(f"box is [{lo}, {hi}], expected finite ends with lo < hi")
    return lo, hi
