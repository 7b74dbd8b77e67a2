"""Triangle networks in the place of ReLUs: layers for any PyTorch model.

    y_j = f_j(z_j),  z = W x + b           every unit has a triangle network f_j of its own, on its pre-activation

f_j is the construction of `parameterization.py`, convex, with u = (z - lo) / (hi - lo). It starts as a smoothed
ReLU: below lo it is 0 and above hi it is z, at every depth, and in between it bends at 2^depth - 1 places.

Outside [lo, hi] the outermost pieces go on: y is linear there, with a slope that is trained like all else. NaN and
infinity go through as they do through a ReLU: -inf is taken for lo.

>>> layer = TriangleLayer(64, 32, depth=4)          # where Linear(64, 32), ReLU() stood
>>> layer(torch.zeros(8, 10, 64)).shape
torch.Size([8, 10, 32])
>>> layer.release()                                 # from peaks to the weights of 32 networks of width 4
>>> layer.activation.weights.shape
torch.Size([32, 75])
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from triangle_cli.construction.triangle import Triangle, bound_steps
from triangle_cli.nn.forms import PEAKS, WEIGHTS
from triangle_cli.nn.unitwise import UnitwiseActivation, UnitwiseLayer, check_interval, check_whole
from triangle_cli.training.bounds import PEAK_MARGIN
from triangle_cli.training.spaces import PeakSpace

CONVEX = -1.0
PEAKS_KEY, WEIGHTS_KEY = "peaks", "weights"  # the names of the parameters in a state_dict


class TriangleActivation(UnitwiseActivation):
    """One triangle network per unit: z (..., units) to y (..., units).

    First the parameters are peaks (the paper's Algorithm 1); after `release` they are free weights.

    Parameters:
        peaks: (units, P), the coordinates of `PeakSpace`: logits of the d + 1 peaks, log of s_0 (of all d steps
            with free_scales), offset and slope per unit of u. None once released.
        weights: (units, 20 d - 5), each unit's ReLU network in the order of `Network.flatten`, then its slopes
            dy/dz below lo and above hi. None before.

    Args:
        units: how many, 1 or more.
        depth: hidden layers of each network, 1 or more: 2^depth pieces.
        interval: (lo, hi) with lo < 0 < hi, the pre-activations that [0, 1] stands for.
        free_scales: train every scale, instead of Theorem 3.1's.
        peak_low, peak_high: all peaks but the first are drawn uniformly between them, by torch's generator. The
            first stands where ReLU has its kink.

    Raises:
        ValueError: a number is out of its range.
    """

    peaks: nn.Parameter | None  # a row of `PeakSpace` for each unit, until the release
    weights: nn.Parameter | None  # (units, P + 2), after it

    def __init__(
        self,
        units: int,
        depth: int,
        *,
        interval: tuple[float, float] = (-1.0, 1.0),
        free_scales: bool = False,
        peak_low: float = 0.3,
        peak_high: float = 0.7,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        check_whole("units", units)
        _check(depth, peak_low, peak_high)
        self.units, self.interval = units, check_interval(interval, dtype)
        self.peak_range = (peak_low, peak_high)
        self.space = PeakSpace(depth, CONVEX, self.interval, free_scales)
        empty = torch.empty(units, 2 * depth + 3 if free_scales else depth + 4, device=device, dtype=dtype)
        self.peaks = nn.Parameter(empty)
        self.register_parameter(WEIGHTS_KEY, None)
        self.reset_parameters()

    @property
    def depth(self) -> int:
        """Hidden layers of each unit's network."""
        return self.space.depth

    @property
    def form(self) -> int:
        """See `UnitwiseActivation`."""
        return WEIGHTS if self.released else PEAKS

    @property
    def released(self) -> bool:
        """Whether the weights are free."""
        return self.peaks is None

    @torch.no_grad()
    def reset_parameters(self) -> None:
        """Draw new peaks; a released layer goes back to its peaks."""
        like = self.peaks if self.weights is None else self.weights
        assert like is not None, "one of the two is always there"
        peaks = torch.empty(self.units, self.depth + 1, device=like.device, dtype=like.dtype)
        peaks.uniform_(*self.peak_range)
        peaks[:, 0] = -self.interval[0] / (self.interval[1] - self.interval[0])
        start = self.space.encode(smoothed_relu(peaks, self.interval))
        self.peaks = nn.Parameter(start, like.requires_grad)
        self.weights = None

    @torch.no_grad()
    def release(self) -> None:
        """Set the weights free: from here on they are the parameters, and the function is where it was.

        The parameters are new ones: make a new optimizer. A released layer stays as it is.
        """
        if self.peaks is None:
            return
        triangle = self.space.triangle(self.peaks)
        weights = torch.cat([triangle.network().flatten(), outer_slopes(triangle).T], 1)
        self.weights = nn.Parameter(weights, self.peaks.requires_grad)
        self.peaks = None

    def numbers(self) -> Tensor:
        """What `units.by_peaks` takes, (units, 2 + 3 d); once released what `units.by_weights` does, (units, P + 2)."""
        if self.peaks is None:
            assert self.weights is not None, "one of the two is always there"
            return self.weights
        triangle = self.space.triangle(self.peaks)
        first = torch.ones_like(triangle.steps[:, :1])
        tops = torch.cat([first, triangle.scales[:, :-1]], 1)  # s_{i-1}, (units, d)
        rise = triangle.steps / triangle.peaks[:, :-1]
        fall = -triangle.steps / (1 - triangle.peaks[:, :-1])
        lines = torch.stack([rise, fall, -fall * tops], 2).flatten(1)  # (units, 3 d)
        return torch.cat([triangle.offset.unsqueeze(1), triangle.slope.unsqueeze(1), lines], 1)

    def _load_from_state_dict(self, state: dict[str, Any], prefix: str, *rest: Any) -> None:
        """Take on the state, peaks or weights, that was saved."""
        if prefix + WEIGHTS_KEY in state:
            self.release()
        elif prefix + PEAKS_KEY in state and self.released:
            self.reset_parameters()
        super()._load_from_state_dict(state, prefix, *rest)

    def extra_repr(self) -> str:
        """What print(model) shows."""
        state = "weights" if self.released else "peaks"
        return f"units={self.units}, depth={self.depth}, interval={self.interval}, {state}"


class TriangleLayer(UnitwiseLayer):
    """Stands where Linear(in_features, out_features), ReLU() stood: (..., in_features) to (..., out_features).

    Args:
        in_features, out_features, bias, device, dtype: as for torch.nn.Linear.
        depth: hidden layers of each unit's triangle network, 1 or more.
        settings: the other arguments of `TriangleActivation`.

    Raises:
        ValueError: a number is out of its range.
    """

    activation: TriangleActivation
    _activation = TriangleActivation

    def __init__(
        self,
        in_features: int,
        out_features: int,
        depth: int,
        bias: bool = True,
        *,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
        **settings: Any,
    ) -> None:
        super().__init__()
        self._build(in_features, out_features, bias, device, dtype, depth=depth, **settings)

    def release(self) -> None:
        """Set the weights of the triangle networks free; see `TriangleActivation.release`."""
        self.activation.release()


def smoothed_relu(peaks: Tensor, interval: tuple[float, float]) -> Triangle:
    """The triangle networks with these peaks (R, d + 1) that are 0 at lo, hi at hi, with slopes 0 and 1 there.

    The slopes are those of the outermost of the 2^d pieces. a_0 must be -lo / (hi - lo), where ReLU has its kink.
    """
    length = interval[1] - interval[0]
    ones = torch.ones_like(peaks[:, 0])
    triangle = Triangle(peaks, bound_steps(peaks, ones), 0 * ones, 0 * ones, CONVEX, interval)
    below, above = outer_slopes(triangle)  # for s_0 = 1 and a flat affine part
    first = 1 / (above - below)
    slope = -first * below * length
    return Triangle(peaks, bound_steps(peaks, first), 0 * ones, slope, CONVEX, interval)


def outer_slopes(triangle: Triangle) -> Tensor:
    """dy/dx of the first and last of the 2^d pieces, (2, R): slope +- sum_i s_i / (a_0 ... a_i), 1 - a_0 for a_0."""
    lo, hi = triangle.interval
    peaks = triangle.peaks[:, :-1]
    climb = (triangle.steps / peaks).cumprod(1).sum(1)  # dF/du at 0
    drop = -climb * peaks[:, 0] / (1 - peaks[:, 0])  # dF/du at 1: another side of the first triangle only
    return (triangle.slope + triangle.sign * torch.stack([climb, drop])) / (hi - lo)


def release(model: nn.Module) -> None:
    """Set the weights of all triangle layers in a model free. Make a new optimizer afterwards."""
    for module in model.modules():
        if isinstance(module, TriangleActivation):
            module.release()


def _check(depth: int, low: float, high: float) -> None:
    check_whole("depth", depth, 64)
    if not PEAK_MARGIN < low <= high < 1 - PEAK_MARGIN:
        raise ValueError(f"peak_low={low}, peak_high={high}: expected {PEAK_MARGIN} < low <= high < 0.999")
