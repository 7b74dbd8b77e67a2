"""A model with triangle layers as plain Linear and ReLU layers: to count its regions, or to run it anywhere.

Each layer of the plain network is the ReLU of an affine map of the one before it. In float64; where a map is
composed of two, such as a Linear after a triangle network's output, the product is rounded.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from triangle_cli.nn.layer import TriangleActivation
from triangle_cli.nn.limit import LimitActivation
from triangle_cli.nn.units import sides, unit_networks
from triangle_cli.nn.unitwise import UnitwiseLayer

IGNORED = (nn.Flatten, nn.Dropout, nn.Identity)


@dataclass
class _Plain:
    """Hidden layers so far, and values that are an affine map of the last one: scale @ neurons + shift."""

    scale: Tensor  # (values, neurons)
    shift: Tensor  # (values,)
    weights: list[Tensor] = field(default_factory=list)
    biases: list[Tensor] = field(default_factory=list)

    def map(self, scale: Tensor, shift: Tensor) -> None:
        """The values become scale @ values + shift."""
        self.shift = scale @ self.shift + shift
        self.scale = scale @ self.scale

    def relu(self) -> None:
        """A hidden layer: its neurons are the new values."""
        self.weights.append(self.scale)
        self.biases.append(self.shift)
        self.scale, self.shift = torch.eye(len(self.shift)).to(self.shift), torch.zeros_like(self.shift)


def plain_layers(model: nn.Module) -> tuple[list[Tensor], list[Tensor]]:
    """Weights (out, in) and biases (out,) of a network with ReLU after every layer but the last, equal to the model.

    Args:
        model: an nn.Sequential of Linear, ReLU and triangle layers; Flatten, Dropout and Identity may stand between.

    Returns:
        float64 tensors. A triangle network takes d hidden layers, five neurons a unit, once its weights are free
        d + 1 layers of up to six.

    Raises:
        ValueError: the model is no Sequential, or has another layer in it.
    """
    return network(model, None)


def network(model: nn.Module, depth: int | None) -> tuple[list[Tensor], list[Tensor]]:
    """As `plain_layers`; depth: hidden layers of each limit of tents, 1 to 64, or None where there is none."""
    if not isinstance(model, nn.Sequential):
        raise ValueError(f"{type(model).__name__}: expected a Sequential of Linear, ReLU and triangle layers")
    first = next((module for module in model.modules() if isinstance(module, nn.Linear)), None)
    if first is None:
        raise ValueError("expected at least one Linear")
    plain = _Plain(torch.eye(first.in_features).double(), torch.zeros(first.in_features).double())
    with torch.no_grad():
        for name, module in model.named_children():
            _append(plain, name, module, depth)
    return [*plain.weights, plain.scale], [*plain.biases, plain.shift]


def _append(plain: _Plain, name: str, module: nn.Module, depth: int | None) -> None:
    if isinstance(module, UnitwiseLayer):
        _append(plain, f"{name}.linear", module.linear, depth)
        _append(plain, f"{name}.activation", module.activation, depth)
    elif isinstance(module, nn.Sequential):
        for inner, part in module.named_children():
            _append(plain, f"{name}.{inner}", part, depth)
    elif isinstance(module, nn.Linear):
        weight = module.weight.detach().double().cpu()
        bias = weight.new_zeros(len(weight)) if module.bias is None else module.bias.detach().double().cpu()
        plain.map(weight, bias)
    elif isinstance(module, nn.ReLU):
        plain.relu()
    elif isinstance(module, TriangleActivation):
        _append_units(plain, module)
    elif isinstance(module, LimitActivation):
        if depth is None:
            raise ValueError(f"{name}: is of infinite depth, expected unroll(model, depth=...) first")
        if module.dim != -1:
            raise ValueError(f"{name}: has its units in dimension {module.dim}, expected the last one")
        _by_limit(plain, module, depth)
    elif not isinstance(module, IGNORED):
        raise ValueError(
            f"{name}: is {type(module).__name__}, expected Linear, ReLU, a triangle or a limit layer"
        )


def _append_units(plain: _Plain, activation: TriangleActivation) -> None:
    numbers = activation.numbers().detach().double().cpu()
    (_by_weights if activation.released else _by_peaks)(plain, numbers, activation.interval)


def _by_peaks(plain: _Plain, numbers: Tensor, interval: tuple[float, float]) -> None:
    """`units.by_peaks`: v = min(rise v, fall v + start) = rise v - relu((rise - fall) v - start), total -= v.

    Before each wave a unit has the values v and total; both are carried through the ReLUs as differences of their
    positive and negative parts.
    """
    lo, hi = interval
    offset, slope, *lines = numbers.T
    one, none = torch.ones_like(offset), torch.zeros_like(offset)
    # (values a unit, values it comes from), for all units: v and total of z
    u = one / (hi - lo)
    plain.map(*_unitwise([[u], [slope * u]], [-lo * u, offset - slope * lo * u]))
    for rise, fall, start in zip(lines[::3], lines[1::3], lines[2::3]):
        rows = [[one, none], [-one, none], [rise - fall, none], [none, one], [none, -one]]
        plain.map(*_unitwise(rows, [none, none, -start, none, none]))
        plain.relu()
        wave = [rise, -rise, -one, none, none]
        plain.map(*_unitwise([wave, [-rise, rise, one, one, -one]], [none, none]))
    plain.map(*_unitwise([[none, one]], [none]))


def _by_weights(plain: _Plain, numbers: Tensor, interval: tuple[float, float]) -> None:
    """`units.by_weights`: z clamped is lo + relu(z - lo) - relu(z - hi); z itself is carried beside, as two parts.

    What is beyond the interval is made of z in the last hidden layer. To carry it instead would be to ask for the
    sign of what is 0 inside, which only integers can tell.
    """
    lo, hi = interval
    weights, below, above = numbers[:, :-2], numbers[:, -2], numbers[:, -1]
    one, none = torch.ones_like(below), torch.zeros_like(below)
    plain.map(*_unitwise([[one], [one], [one], [-one]], [-lo * one, -hi * one, none, none]))
    plain.relu()
    # the unit's input, then z, of the four neurons
    plain.map(*_unitwise([[one, -one, none, none], [none, none, one, -one]], [lo * one, none]))
    *hidden, last = unit_networks(weights)  # (units, 4, 1 + its inputs)
    for number, layer in enumerate(hidden, start=1):
        rows = [[*layer[:, j, :-1].T, none] for j in range(4)]
        zeros = [none] * (layer.shape[2] - 1)
        beyond = number == len(hidden)
        rows += [[*zeros, one], [*zeros, -one]]
        shift = [-hi * one, lo * one] if beyond else [none, none]
        plain.map(*_unitwise(rows, [*layer[:, :, -1].T, *shift]))
        plain.relu()
        if not beyond:
            kept = [[one if j == i else none for j in range(6)] for i in range(4)]
            plain.map(*_unitwise([*kept, [none, none, none, none, one, -one]], [none] * 5))
    plain.map(*_unitwise([[*last[:, 0, :-1].T, above, -below]], [last[:, 0, -1]]))


def _by_limit(plain: _Plain, activation: LimitActivation, depth: int) -> None:
    """R(p, q) by a sum of so many tents, with s the sum of p and q and x their difference, both over rise + fall:

        R = (rise + fall) sum_t (s - |x_t|) / 4^(t + 1),  x_0 = z - z_0,  x_(t + 1) = 2 |x_t| - s,  s = lean x_0 + s_0

    This is `R(p, q) = min(p, q) / 2 + R(|p - q| / 4, min(p, q) / 2)` (`deepening.tail`), ended by 0. It meets the
    limit at 2^depth + 1 points, lo and hi among them. Beyond these two the tents leave 2^-depth of the limit's slope
    to be added.

    Neurons: x_t in its two parts, x_0 in its two parts, and the sum so far, which is positive. All numbers that x_t
    is made of are exact: each x_t bends where those before it do, and nowhere but between lo and hi.
    """
    curve = limit_curve(activation)
    one, none = torch.ones_like(curve.middle), torch.zeros_like(curve.middle)
    (lo, hi), share = activation.interval, 2.0**-depth
    plain.map(*_unitwise([[one], [-one], [-one], [one]], [-curve.middle, curve.middle, lo * one, -hi * one]))
    plain.relu()
    below, above = share * curve.rise / curve.size, share * curve.fall / curve.size
    rows = [
        [2 - curve.lean, 2 + curve.lean, none, none],
        [one, -one, none, none],
        [one / 4, one / 4, below, above],
    ]
    for t in range(1, depth):
        plain.map(*_unitwise(rows, [-curve.top, none, none]))  # x_t, x_0 and the sum of the tents before
        parts = [
            [one, none, none],
            [-one, none, none],
            [none, one, none],
            [none, -one, none],
            [none, none, one],
        ]
        plain.map(*_unitwise(parts, [none] * 5))
        plain.relu()
        weight = 4.0 ** -(t + 1) * one
        rows = [[2 * one, 2 * one, -curve.lean, curve.lean, none], [none, none, one, -one, none]]
        rows.append([weight, weight, none, none, one])
    gain = curve.bend * curve.size
    whole = (1 - 4.0**-depth) / 3  # the sum of 4^-(t + 1)
    tilt = curve.slope + gain * whole * curve.lean
    last = [tilt * x - gain * total for x, total in zip(rows[1], rows[2])]
    if depth > 1:  # each number by itself: a sum would be rounded
        last = [-gain * rows[2][0], -gain * rows[2][1], tilt, -tilt, -gain]
    start = -lo * (hi / (hi - lo)) + curve.slope * curve.middle + gain * whole * curve.top
    plain.map(*_unitwise([last], [start]))


@dataclass
class LimitCurve:
    """The numbers of a limit's units in float64, each (units,); see `_by_limit`."""

    slope: Tensor
    bend: Tensor
    rise: Tensor
    fall: Tensor
    size: Tensor  # rise + fall
    middle: Tensor  # z_0, where p = q
    lean: Tensor  # in (-1, 1), a multiple of 2^-51: 2 - lean and 2 + lean are exact
    top: Tensor  # s_0


def limit_curve(activation: LimitActivation) -> LimitCurve:
    """The curve of each unit."""
    slope, bend, skew = activation.curves.detach().double().cpu().T.unbind(0)
    rise, fall = sides(skew, activation.interval)
    (lo, hi), size = activation.interval, rise + fall
    right, left = rise / size, fall / size
    lean = ((right - left) * 2.0**51).round() / 2.0**51
    return LimitCurve(
        slope, bend, rise, fall, size, right * lo + left * hi, lean, 2 * right * left * (hi - lo)
    )


def _unitwise(rows: list[list[Tensor]], shift: list[Tensor]) -> tuple[Tensor, Tensor]:
    """The same small affine map for every unit, with numbers of its own, as one: value j of unit i is row j units + i.

    Args:
        rows: entries (units,) of a matrix (values after, values before).
        shift: entries (units,).
    """
    return torch.cat([torch.cat([entry.diag() for entry in row], 1) for row in rows]), torch.cat(shift)
