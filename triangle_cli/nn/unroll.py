"""A model with limit layers as ReLUs of any depth, and how far the two can be apart.

    R(p, q) - R_T(p, q) is between 0 and (p + q) / 4^(T + 1) where p, q > 0, and 0 elsewhere

for the limit R of a tail of tents and its first T tents, R_T. `unrolled_bound` carries this through a model by
interval arithmetic, rounded outwards: of every value its range over a box of inputs, and the range of what the ReLU
network's value is above the model's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from triangle_cli.nn.export import IGNORED, limit_curve, network
from triangle_cli.nn.limit import LimitActivation, LimitLayer

DEEPEST = 64
UNIT = 2.0**-53
Box = Sequence[Any]


def unroll(
    model: nn.Module, depth: int | Literal["auto"], *, error: float = 1e-6, box: Box = (-1.0, 1.0)
) -> nn.Sequential:
    """The model with so many ReLU layers in the place of each limit layer: Linears and ReLUs, in float64.

    Args:
        model: an nn.Sequential of Linear, ReLU, limit and triangle layers; Flatten, Dropout and Identity may stand
            between.
        depth: T, 1 to 64: a unit bends at 2^T - 1 places within its interval and, by 2^-T of its slope, at its two
            ends: 2^T + 2 linear regions. "auto": the least with which no output is farther than `error` from the
            model's anywhere in `box`.
        error: positive, for "auto" alone.
        box: [lo, hi] for each input, or one for all; for "auto" alone.

    Returns:
        A network with T layers of five neurons for each limit layer and unit.

    Raises:
        ValueError: the model has no limit layer or one that cannot be unrolled, or a number is out of its range; no
            depth proves the error.
    """
    _limits(model)
    if depth == "auto":
        if not (isinstance(error, (int, float)) and 0 < error < np.inf):
            raise ValueError(f"error={error!r}: expected a positive number")
        depth = _least_depth(model, float(error), box)
    _check_depth(depth)
    weights, biases = network(model, depth)
    layers: list[nn.Module] = []
    for weight, bias in zip(weights, biases):
        linear = nn.Linear(weight.shape[1], len(weight), dtype=torch.float64, device="meta")
        linear.weight, linear.bias = nn.Parameter(weight.clone()), nn.Parameter(bias.clone())
        layers += [linear, nn.ReLU()]
    return nn.Sequential(*layers[:-1]).eval()


def unrolled_bound(model: nn.Module, depth: int, box: Box = (-1.0, 1.0)) -> Tensor:
    """What no output of `unroll(model, depth)` is farther from the model's than, anywhere in a box of inputs.

    Holds for the real functions of both, whose weights are these floats, and for their values as float64 computes
    them. A model in float32 is taken for its weights; that its own arithmetic rounds more is not in the bound.

    Args:
        model: an nn.Sequential of Linear, ReLU and limit layers, as in `unroll`.
        depth: T, 1 to 64.
        box: [lo, hi] for each input, or one for all.

    Returns:
        (outputs,), float64.

    Raises:
        ValueError: as in `unroll`; there is another kind of layer; the box is none.
    """
    _limits(model)
    _check_depth(depth)
    values: _Values | None = None
    for name, module in _flat("", model):
        if isinstance(module, nn.Linear):
            values = _linear(_start(box, module.in_features) if values is None else values, module, depth)
        elif values is None and not isinstance(module, IGNORED):
            raise ValueError(f"{name}: is {type(module).__name__}, expected a Linear first")
        elif isinstance(module, nn.ReLU):
            values = _relu(_known(values))
        elif isinstance(module, LimitActivation):
            values = _limit(_known(values), module, depth)
        elif not isinstance(module, IGNORED):
            raise ValueError(f"{name}: is {type(module).__name__}, expected Linear, ReLU or a limit layer")
    values = _known(values)
    return torch.from_numpy(np.maximum(np.abs(values.below), np.abs(values.above)))


def _limits(model: nn.Module) -> list[LimitActivation]:
    """The limits in a model; ValueError where there is none."""
    if not isinstance(model, nn.Sequential):
        raise ValueError(f"{type(model).__name__}: expected a Sequential of Linear, ReLU and limit layers")
    found = [module for module in model.modules() if isinstance(module, LimitActivation)]
    if not found:
        raise ValueError("expected a model with a LimitLayer: this one has no layer to unroll")
    return found


def _check_depth(depth: Any) -> None:
    if type(depth) is not int or not 1 <= depth <= DEEPEST:
        raise ValueError(f"depth={depth!r}: expected a whole number, 1 to {DEEPEST}, or auto for unroll")


def _least_depth(model: nn.Module, error: float, box: Box) -> int:
    """The least depth that is proven to be as near as that; bounds fall by 4 a layer until rounding is all of them."""
    best = np.inf
    for depth in range(1, DEEPEST + 1):
        bound = float(unrolled_bound(model, depth, box).max())
        if bound <= error:
            return depth
        if bound >= best:
            break
        best = bound
    raise ValueError(
        f"error={error:g}: expected {best:.1e} or more, the least that is proven for this model and box"
    )


def _flat(prefix: str, module: nn.Module) -> list[tuple[str, nn.Module]]:
    if isinstance(module, (nn.Sequential, LimitLayer)):
        inner = [(f"{prefix}.{name}" if prefix else name, part) for name, part in module.named_children()]
        return [leaf for name, part in inner for leaf in _flat(name, part)]
    return [(prefix, module)]


@dataclass
class _Values:
    """The values of a layer over a box, each field (neurons,).

    low, high: the model's; below, above: what the network's are above them at the same input; mass: what the terms
    are at most, in size, that the network's values are sums of, which bounds their rounding.
    """

    low: np.ndarray
    high: np.ndarray
    below: np.ndarray
    above: np.ndarray
    mass: np.ndarray


def _known(values: _Values | None) -> _Values:
    if values is None:
        raise ValueError("expected at least one Linear")
    return values


def _start(box: Box, inputs: int) -> _Values:
    try:
        ends = np.asarray(box.detach().cpu() if isinstance(box, Tensor) else box, dtype=float)
    except (TypeError, ValueError):
        raise ValueError(
            f"box={box}: expected [lo, hi] for each of {inputs} inputs, or one for all"
        ) from None
    if ends.shape == (2,):
        ends = np.tile(ends, (inputs, 1))
    if ends.shape != (inputs, 2) or not np.isfinite(ends).all() or (ends[:, 0] > ends[:, 1]).any():
        raise ValueError(f"box={box}: expected [lo, hi] for each of {inputs} inputs, or one for all")
    low, high = ends.T
    none = np.zeros(inputs)
    return _Values(low, high, none, none, np.maximum(np.abs(low), np.abs(high)))


def _linear(values: _Values, module: nn.Linear, depth: int) -> _Values:
    """W v + b. |rounding of a sum of n products| <= n u / (1 - n u) times the sum of their sizes, in any order."""
    weight = module.weight.detach().double().cpu().numpy()
    bias = np.zeros(len(weight)) if module.bias is None else module.bias.detach().double().cpu().numpy()
    up, down, size = np.maximum(weight, 0), np.minimum(weight, 0), np.abs(weight)
    # of these sums, five terms a unit, and of how they are computed here
    share = 8 * UNIT * (len(values.low) + 8)
    mass = (size @ values.mass + np.abs(bias)) * (1 + share)
    spread = (size @ np.maximum(np.abs(values.below), np.abs(values.above))) * share
    return _Values(
        up @ values.low + down @ values.high + bias - share * mass,
        up @ values.high + down @ values.low + bias + share * mass,
        up @ values.below + down @ values.above - spread - share * mass,
        up @ values.above + down @ values.below + spread + share * mass,
        mass,
    )


def _relu(values: _Values) -> _Values:
    """Both values pass where both are positive, none where neither is, and else the difference only shrinks."""
    low, high = values.low + np.minimum(values.below, 0), values.high + np.maximum(values.above, 0)
    room = 4 * UNIT * values.mass
    on, off = low > room, high < -room
    below = np.where(on, values.below, np.where(off, 0.0, np.minimum(values.below, 0)))
    above = np.where(on, values.above, np.where(off, 0.0, np.maximum(values.above, 0)))
    return _Values(np.maximum(values.low, 0), np.maximum(values.high, 0), below, above, values.mass)


def _limit(values: _Values, activation: LimitActivation, depth: int) -> _Values:
    """f(z) = offset + slope z + bend R, whose derivative goes monotonically from one end's to the other's.

    The network's value is f_T(z') at its own z', which is above f(z) by
    f'(between z and z') (z' - z) + bend (R_T - R)(z').
    """
    curve = _Curve.of(activation)
    (lo, hi), bend = activation.interval, curve.bend
    room = 4 * UNIT * values.mass
    left = values.low + np.minimum(values.below, 0) - room
    right = values.high + np.maximum(values.above, 0) + room
    slopes = np.sort([curve.derivative(left), curve.derivative(right)], 0)
    slopes += np.array([[-1.0], [1.0]]) * 32 * UNIT * curve.steepest
    products = np.stack([slope * change for slope in slopes for change in (values.below, values.above)])

    inner, outer = np.clip(left, lo, hi), np.clip(right, lo, hi)
    sums = np.maximum(curve.sum(inner), curve.sum(outer))
    cut = (
        np.where((right > lo) & (left < hi), sums * 4.0 ** -(depth + 1), 0.0) * np.abs(bend) * (1 + 32 * UNIT)
    )
    below = products.min(0) - np.where(bend > 0, cut, 0.0)
    above = products.max(0) + np.where(bend < 0, cut, 0.0)

    reach = np.maximum(np.abs(left), np.abs(right)) + (hi - lo)
    mass = np.abs(curve.offset) + 4 * (np.abs(curve.slope) + np.abs(bend) * (curve.rise + curve.fall)) * reach
    rounding = (64 + 4 * depth) * UNIT * mass
    low, high = curve.range(values.low - room, values.high + room)
    return _Values(low - rounding, high + rounding, below - rounding, above + rounding, mass + rounding)


@dataclass
class _Curve:
    """A limit's units, each (units,); formulas of `units.by_limit`."""

    offset: float
    slope: np.ndarray
    bend: np.ndarray
    rise: np.ndarray
    fall: np.ndarray
    lo: float
    hi: float

    @classmethod
    def of(cls, activation: LimitActivation) -> _Curve:
        curve, (lo, hi) = limit_curve(activation), activation.interval
        slope, bend, rise, fall = (t.numpy() for t in (curve.slope, curve.bend, curve.rise, curve.fall))
        return cls(-lo * (hi / (hi - lo)), slope, bend, rise, fall, lo, hi)

    @property
    def steepest(self) -> np.ndarray:
        return np.abs(self.slope) + np.abs(self.bend) * (self.rise + self.fall)

    def sum(self, z: np.ndarray) -> np.ndarray:
        """p + q, for z between lo and hi."""
        return self.rise * (z - self.lo) + self.fall * (self.hi - z)

    def share(self, z: np.ndarray) -> np.ndarray:
        """p / (p + q), 0 below lo and 1 above hi."""
        z = np.clip(z, self.lo, self.hi)
        return self.rise * (z - self.lo) / self.sum(z)

    def derivative(self, z: np.ndarray) -> np.ndarray:
        share = self.share(z)
        return self.slope + self.bend * (self.rise * (1 - share) ** 2 - self.fall * share**2)

    def value(self, z: np.ndarray) -> np.ndarray:
        inside, share = np.clip(z, self.lo, self.hi), self.share(z)
        beyond = np.where(z < self.lo, self.rise, -self.fall) * (z - inside)
        return (
            self.offset + self.slope * z + self.bend * (self.rise * (inside - self.lo) * (1 - share) + beyond)
        )

    def range(self, left: np.ndarray, right: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The least and the largest value between left and right.

        The curve is on one side of its tangents: whatever place is tried for its turning point, the tangent there is a
        bound.
        """
        ends = np.sort([self.value(left), self.value(right)], 0)
        place = np.clip(self._turn(), left, right)
        over = np.abs(self.derivative(place)) * (right - left)
        turn = self.value(place)
        low = np.where(self.bend < 0, np.minimum(ends[0], turn - over), ends[0])
        high = np.where(self.bend > 0, np.maximum(ends[1], turn + over), ends[1])
        same = self.derivative(left) * self.derivative(right) > 0
        return np.where(same, ends[0], low), np.where(same, ends[1], high)

    def _turn(self) -> np.ndarray:
        """Near where the derivative is 0: rise (1 - t)^2 - fall t^2 = -slope / bend for t = p / (p + q)."""
        with np.errstate(all="ignore"):
            goal, a, b = -self.slope / self.bend, self.rise, self.fall
            # (a - b) t^2 - 2 a t + a - goal = 0: the root in [0, 1]
            share = (a - goal) / (a + np.sqrt(np.maximum(a * a - (a - b) * (a - goal), 0)))
            place = (b * share * self.hi + a * (1 - share) * self.lo) / (b * share + a * (1 - share))
        return np.where(np.isfinite(place), place, self.lo)
