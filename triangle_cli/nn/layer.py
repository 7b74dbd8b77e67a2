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

import math
from collections.abc import Sequence
from fnmatch import fnmatchcase
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from triangle_cli.construction.triangle import Triangle, bound_steps
from triangle_cli.nn.units import evaluate
from triangle_cli.training.spaces import PEAK_MARGIN, PeakSpace

CONVEX = -1.0
SPARE = 2.0**10  # how far an interval stays from the ends of what a dtype holds
PEAKS, WEIGHTS = "peaks", "weights"  # the names of the parameters in a state_dict


class TriangleActivation(nn.Module):
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
        _check(units, depth, interval, peak_low, peak_high)
        self.units, self.interval = units, (float(interval[0]), float(interval[1]))
        self.peak_range = (peak_low, peak_high)
        _check_resolution(self.interval, dtype or torch.get_default_dtype())
        self.space = PeakSpace(depth, CONVEX, self.interval, free_scales)
        empty = torch.empty(units, 2 * depth + 3 if free_scales else depth + 4, device=device, dtype=dtype)
        self.peaks = nn.Parameter(empty)
        self.register_parameter(WEIGHTS, None)
        self.reset_parameters()

    @property
    def depth(self) -> int:
        """Hidden layers of each unit's network."""
        return self.space.depth

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

    def forward(self, z: Tensor) -> Tensor:
        """z: (..., units) to (..., units), in the dtype of z; computed in that of the parameters.

        Raises:
            ValueError: the last dimension is not `units`.
        """
        if z.dim() == 0 or z.shape[-1] != self.units:
            raise ValueError(f"z: shape {tuple(z.shape)}, expected (..., {self.units})")
        autocast = "cpu" if z.is_meta else z.device.type  # there is none for shapes alone
        with torch.autocast(autocast, enabled=False):  # half precision has no digits for small scales
            numbers = self.numbers()
            rows = z.reshape(-1, self.units).to(numbers.dtype)  # (n, units)
            return evaluate(rows, numbers, self.interval, self.released).to(z.dtype).reshape(z.shape)

    def numbers(self) -> Tensor:
        """What `units.by_peaks` takes, (units, 2 + 3 d); once released what `units.by_weights` does, (units, P + 2)."""
        if self.peaks is None:
            assert self.weights is not None, "one of the two is always there"
            return self.weights
        triangle = self.space.triangle(self.peaks)
        tops = torch.cat(
            [torch.ones_like(triangle.steps[:, :1]), triangle.scales[:, :-1]], 1
        )  # s_{i-1}, (units, d)
        rise = triangle.steps / triangle.peaks[:, :-1]
        fall = -triangle.steps / (1 - triangle.peaks[:, :-1])
        lines = torch.stack([rise, fall, -fall * tops], 2).flatten(1)  # (units, 3 d)
        return torch.cat([triangle.offset.unsqueeze(1), triangle.slope.unsqueeze(1), lines], 1)

    def _load_from_state_dict(self, state: dict[str, Any], prefix: str, *rest: Any) -> None:
        """Take on the state, peaks or weights, that was saved."""
        if prefix + WEIGHTS in state:
            self.release()
        elif prefix + PEAKS in state and self.released:
            self.reset_parameters()
        super()._load_from_state_dict(state, prefix, *rest)

    def extra_repr(self) -> str:
        """What print(model) shows."""
        state = "weights" if self.released else "peaks"
        return f"units={self.units}, depth={self.depth}, interval={self.interval}, {state}"


class TriangleLayer(nn.Module):
    """Stands where Linear(in_features, out_features), ReLU() stood: (..., in_features) to (..., out_features).

    Args:
        in_features, out_features, bias, device, dtype: as for torch.nn.Linear.
        depth: hidden layers of each unit's triangle network, 1 or more.
        settings: the other arguments of `TriangleActivation`.

    Raises:
        ValueError: a number is out of its range.
    """

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
        _check_whole("in_features", in_features)
        _check_whole("out_features", out_features)
        self.linear = nn.Linear(in_features, out_features, bias, device, dtype)
        self.activation = TriangleActivation(out_features, depth, device=device, dtype=dtype, **settings)

    @classmethod
    def after(cls, linear: nn.Linear, depth: int, **settings: Any) -> TriangleLayer:
        """A layer around a Linear that is there already, with its weights, on its device."""
        layer = cls.__new__(cls)
        nn.Module.__init__(layer)
        weight = linear.weight
        layer.linear = linear
        layer.activation = TriangleActivation(
            linear.out_features, depth, device=weight.device, dtype=weight.dtype, **settings
        )
        return layer.train(linear.training)

    def forward(self, x: Tensor) -> Tensor:
        """x: (..., in_features) to (..., out_features).

        Raises:
            ValueError: the last dimension is not `in_features`.
        """
        if x.dim() == 0 or x.shape[-1] != self.linear.in_features:
            raise ValueError(f"x: shape {tuple(x.shape)}, expected (..., {self.linear.in_features})")
        return self.activation(self.linear(x))

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


def convert(model: nn.Module, *names: str, depth: int, **settings: Any) -> nn.Module:
    """Put a `TriangleLayer` in the place of chosen Linear, ReLU neighbours of a model's nn.Sequentials.

    In place. The Linear keeps its weights, and an Identity stands where the ReLU was, so that other layers keep
    their names.

    Args:
        model: any module; the pairs may lie deep inside it, or directly in it if it is a Sequential.
        names: which Linears, such as "classifier.0", or patterns such as "classifier.*", which pass over Linears
            that no ReLU follows. None: all pairs.
        depth, settings: as for `TriangleLayer`.

    Returns:
        The model.

    Raises:
        ValueError: a name is no Linear with a ReLU after it in a Sequential, a pattern meets no such pair, or a
            Linear or Sequential stands in the model more than once. The model is then as it was.
    """
    modules = dict(model.named_modules(remove_duplicate=False))
    pairs = _pairs(modules)
    chosen = set()
    for pattern in names or ("*",):
        matching = {name for name in pairs if fnmatchcase(name, pattern)}
        if not matching:
            raise ValueError(f"convert: {pattern}: {_refusal(pattern, modules, list(pairs))}")
        chosen |= matching
    places: dict[nn.Linear, str] = {}
    for name in sorted(chosen):
        linear = modules[name]
        assert isinstance(linear, nn.Linear), "as `_pairs` names them"
        other = next((at for at, module in modules.items() if module is linear and at != name), None)
        if other is not None:
            raise ValueError(f"convert: {name}: is also {other}, expected a Linear that stands in one place")
        places[linear] = name
    layers = {name: TriangleLayer.after(linear, depth, **settings) for linear, name in places.items()}
    for name, layer in layers.items():
        parent, index = pairs[name]
        parent[index], parent[index + 1] = layer, nn.Identity()
    return model


def _pairs(modules: dict[str, nn.Module]) -> dict[str, tuple[nn.Sequential, int]]:
    """The Linears with a ReLU right after them: name -> the Sequential, and the place in it."""
    found = {}
    for prefix, parent in modules.items():
        if isinstance(parent, nn.Sequential):
            children = list(parent._modules.items())  # a module that stands twice is there twice
            for index, ((name, first), (_, second)) in enumerate(pairwise(children)):
                if _is_linear(first) and isinstance(second, nn.ReLU):
                    found[f"{prefix}.{name}" if prefix else name] = (parent, index)
    return found


def _is_linear(module: nn.Module) -> bool:
    return isinstance(module, nn.Linear) and not isinstance(module.weight, nn.UninitializedParameter)


def _refusal(pattern: str, modules: dict[str, nn.Module], pairs: list[str]) -> str:
    there = f"it is {type(modules[pattern]).__name__}, " if pattern in modules else ""
    known = f"one of {', '.join(pairs)}" if pairs else "but this model has none"
    return f"{there}expected a Linear followed by a ReLU in a Sequential, {known}"


def _check(units: int, depth: int, interval: tuple[float, float], low: float, high: float) -> None:
    _check_whole("units", units)
    _check_whole("depth", depth, 64)
    if not isinstance(interval, Sequence) or len(interval) != 2:
        raise ValueError(f"interval={interval}: expected (lo, hi) with 0, where ReLU bends, well inside")
    kink = -interval[0] / (interval[1] - interval[0]) if interval[0] < interval[1] else 0.0
    if not PEAK_MARGIN < kink < 1 - PEAK_MARGIN:  # also where the interval is not finite
        raise ValueError(f"interval={interval}: expected (lo, hi) with 0, where ReLU bends, well inside")
    if not PEAK_MARGIN < low <= high < 1 - PEAK_MARGIN:
        raise ValueError(f"peak_low={low}, peak_high={high}: expected {PEAK_MARGIN} < low <= high < 0.999")


def _check_resolution(interval: tuple[float, float], dtype: torch.dtype) -> None:
    """Raise ValueError for an interval that [0, 1] cannot be stretched to in this dtype."""
    length = interval[1] - interval[0]
    least, most = SPARE * torch.finfo(dtype).tiny, torch.finfo(dtype).max / SPARE
    if not least <= length <= most:
        raise ValueError(f"interval={interval}: expected a length from {least:.1e} to {most:.1e} for {dtype}")


def _check_whole(name: str, value: int, most: float = math.inf) -> None:
    if type(value) is not int or not 1 <= value <= most:
        raise ValueError(
            f"{name}={value!r}: expected a whole number, 1 {'or more' if most == math.inf else f'to {most}'}"
        )
