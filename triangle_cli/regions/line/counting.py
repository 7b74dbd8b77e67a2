"""Linear and activation regions of networks with one input, on an interval: counts, exact and batched.

The network is taken to be exactly its floats (dyadic rationals), with ReLU after every layer but the last.
Every decision, a sign at a breakpoint or whether a slope changes, is taken in floating point with a bound on
the error and, where the bound leaves it open, in integers: the counts are those of the network, without any
tolerance. A network whose values leave the range of floats is counted in integers throughout.

Time: some 0.1 microseconds a region for networks of width up to 4, flat in their number, and memory for
depth times width^2 only. Networks wider than `pieces.NARROW` keep up to `wide.CHUNK` pieces
of every level. The first call in a process loads the compiled walk in a second or so; the first after
an installation compiles it, in about ten.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from triangle_cli.regions.arrays import Networks, as_tensor, box_array, checked_linear
from triangle_cli.regions.line.exact import ExactLine, count_exactly
from triangle_cli.regions.line.pieces import count_fast, exact_pieces, fast_pieces, few_pieces
from triangle_cli.regions.telling import Tell

if TYPE_CHECKING:  # torch loads only for who has tensors
    from torch import Tensor

BATCH = 256  # networks packed at a time


@dataclass(frozen=True)
class RegionCounts:
    """Counts of each network of a batch on the open box; every field is an int64 tensor of shape `batch`.

    linear_regions: maximal connected sets (through edges, in the plane) on which all outputs are one affine map.
    activation_regions: on/off patterns of all hidden neurons that occur on a set of positive length or area.
    dead_neurons: hidden neurons that are off (z <= 0) on the whole box.
    wide_linear_regions, wide_activation_regions: those of more than 1e-9 of the box's length or area.
    """

    linear_regions: Tensor
    activation_regions: Tensor
    dead_neurons: Tensor
    wide_linear_regions: Tensor
    wide_activation_regions: Tensor

    @classmethod
    def of(cls, rows: np.ndarray, batch: tuple[int, ...]) -> RegionCounts:
        """From rows (networks, 5) in this order."""
        return cls(*as_tensor(rows.reshape(*batch, 5)).unbind(-1))


@dataclass(frozen=True)
class Pieces:
    """Regions of one network from left to right; on each, y = slope * x + intercept; all float64.

    left, right: (n,), their ends, from the box's lower end to its upper end; slope, intercept: (n,
    outputs).
    """

    left: Tensor
    right: Tensor
    slope: Tensor
    intercept: Tensor


def count_regions(
    weights: Sequence[Tensor],
    biases: Sequence[Tensor],
    box: Sequence,
    *,
    exact: bool = False,
    linear: Sequence[Any] | None = None,
) -> RegionCounts:
    """Count the regions of ReLU networks with one input.

    weights[l]: (*batch, out_l, in_l) and biases[l]: (*batch, out_l), float64 or float32, on any device;
    in_0 is 1 and ReLU follows every layer but the last. box: (lo, hi) or [[lo, hi]] with lo < hi. exact: do
    everything in integers, slowly; the counts are the same. linear: of each hidden layer (width,) bool or None,
    neurons without ReLU.

    Raises ValueError for shapes that do not fit together, weights that are NaN or infinite, a box of no size.

    >>> import torch
    >>> weights = [torch.tensor([[1.0], [1.0]]), torch.tensor([[2.0, -4.0]])]
    >>> biases = [torch.tensor([0.0, -0.5]), torch.tensor([0.0])]  # 2u - 4 relu(u - 1/2): one triangle
    >>> count_regions(weights, biases, (0, 1)).linear_regions.item()
    2
    """
    networks = Networks.of(weights, biases, inputs=1)
    return RegionCounts.of(count_rows(networks, box, exact=exact, linear=linear), networks.batch)


def count_rows(
    networks: Networks,
    box: Sequence,
    *,
    exact: bool = False,
    linear: Sequence[Any] | None = None,
    tell: Tell | None = None,
) -> np.ndarray:
    """As `count_regions`, without torch: (networks, 5) in the order of `RegionCounts`.

    tell: called now and then with the activation regions so far, of those networks that are at work.
    """
    lo, hi = _checked_box(box)
    widths = _checked(networks).widths[1:-1]
    masks = None if linear is None else checked_linear(linear, widths)
    number = len(networks.rows)
    if number > BATCH:
        parts = [networks._replace(rows=networks.rows[i : i + BATCH]) for i in range(0, number, BATCH)]
        options: dict[str, Any] = {"exact": exact, "linear": linear, "tell": tell}
        return np.concatenate([count_rows(part, box, **options) for part in parts])
    if exact:
        counts, unresolved = np.zeros((number, 5), np.int64), list(range(number))
    else:
        counts, unresolved = count_fast(networks, lo, hi, masks, tell)
    for i in unresolved:
        counts[i] = count_exactly(ExactLine(*networks.layers(i), lo, hi, masks), tell)
    return counts


def few_arrays(
    weights: Sequence[Any], biases: Sequence[Any], box: Sequence, *, linear: Sequence[Any] | None = None
) -> tuple[list[int], tuple[np.ndarray, ...]] | None:
    """The counts of one network, and the arrays of `pieces`, without compiled code, which takes longer to load.

    None where there are too many regions for that.
    """
    lo, hi = _checked_box(box)
    network = _checked(Networks.of(weights, biases, inputs=1))
    found = few_pieces(network, lo, hi, checked_linear(linear, network.widths[1:-1]))
    return None if found is None else ([int(count) for count in found[0]], found[1])


def pieces(
    weights: Sequence[Tensor],
    biases: Sequence[Tensor],
    box: Sequence,
    *,
    merged: bool = True,
    exact: bool = False,
    linear: Sequence[Any] | None = None,
) -> Pieces:
    """The linear regions of one network with one input, or its activation regions if not `merged`.

    weights[l]: (out_l, in_l), biases[l]: (out_l,); otherwise as in `count_regions`, with the same errors.
    Which pieces there are is exact; their numbers are float64: exactly rounded if `exact`, else within the
    rounding of a product of the weights. Ends of regions narrower than float64 can tell apart may be equal.

    >>> import torch
    >>> weights = [torch.tensor([[1.0], [1.0]]), torch.tensor([[2.0, -4.0]])]
    >>> biases = [torch.tensor([0.0, -0.5]), torch.tensor([0.0])]
    >>> pieces(weights, biases, (0, 1)).slope
    tensor([[ 2.],
            [-2.]], dtype=torch.float64)
    """
    columns = piece_arrays(weights, biases, box, merged=merged, exact=exact, linear=linear)
    return Pieces(*map(as_tensor, columns))


def piece_arrays(
    weights: Sequence[Any],
    biases: Sequence[Any],
    box: Sequence,
    *,
    merged: bool = True,
    exact: bool = False,
    linear: Sequence[Any] | None = None,
) -> tuple[np.ndarray, ...]:
    """As `pieces`, without torch: left, right, slope, intercept."""
    lo, hi = _checked_box(box)
    network = _checked(Networks.of(weights, biases, inputs=1)).single()
    masks = checked_linear(linear, network.widths[1:-1])
    return (exact_pieces if exact else fast_pieces)(network, lo, hi, merged, masks)


def _checked(networks: Networks) -> Networks:
    """Networks of one input with neurons in every layer, or ValueError."""
    if 0 in networks.widths:
        layer = networks.widths.index(0) - 1
        raise ValueError(f"weights[{layer}]: no neurons, expected one or more in every layer")
    return networks


def _checked_box(box: Sequence) -> tuple[float, float]:
    """(lo, hi) as floats, or ValueError."""
    values = box_array(box)
    if values.shape not in ((2,), (1, 2)):
        raise ValueError(f"box has shape {values.shape}, expected (lo, hi) or [[lo, hi]]")
    lo, hi = values.reshape(2).tolist()
    if not (math.isfinite(lo) and math.isfinite(hi) and lo < hi):
        raise ValueError(f"box is [{lo}, {hi}], expected finite ends with lo < hi")
    return lo, hi
