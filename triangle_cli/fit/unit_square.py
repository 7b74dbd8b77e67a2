"""`scaling=unit`: training sees every target as one on [0, 1] with values in [0, 1], whatever its units.

    u = (x - lo) / (hi - lo),  v = (y - low) / height

Learning rates, random starts and dampings are made for such numbers. The networks that come of it are folded back
before they are measured or kept: a function and its rescaled copy give the same figures, up to scale and rounding.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from triangle_cli.construction.blocks import Blocks
from triangle_cli.construction.network import Network
from triangle_cli.construction.tents import Tents
from triangle_cli.construction.triangle import MOST_SHRINKING, Triangle, fold_interval
from triangle_cli.fit.functions import Target
from triangle_cli.fit.samples import SampledTarget, Samples
from triangle_cli.settings.fit import Scaling
from triangle_cli.settings.run import FitSettings
from triangle_cli.training.problem import Points
from triangle_cli.training.schedule import Start

UNIT = (0.0, 1.0)
_WORDS = {"convex": "convex", "concave": "concave"}


@dataclass(frozen=True)
class UnitSquare:
    """Where a target lies, and the way from [0, 1] back to it. With `scaling=none` it is where it is.

    target: as the user gave it; low, height: of its values; weights, shifts: u = weight x + shift for each input,
    rounded inward as `fold_interval` does; dtype: of the networks.
    """

    target: Target
    low: float
    height: float
    weights: tuple[float, ...]
    shifts: tuple[float, ...]
    dtype: torch.dtype

    @classmethod
    def of(cls, settings: FitSettings, target: Target) -> UnitSquare:
        """The map for these settings.

        Raises:
            ValueError: networks of this dtype cannot represent what would be folded back.
        """
        dtype = getattr(torch, settings.dtype.value)
        if settings.scaling is Scaling.none:
            if len(set(target.box)) > 1:
                raise ValueError("scaling=none: expected unit for inputs that lie in different intervals")
            return cls(target, 0.0, 1.0, (1.0,) * target.inputs, (0.0,) * target.inputs, dtype)
        low, high = target.range
        what = f"function.formula={target.formula!r}" if target.formula else f"function={target.name}"
        key = f"{what}: its values, {low:g} to {high:g},"
        size, info = max(abs(low), abs(high)), torch.finfo(dtype)
        if (high - low) * MOST_SHRINKING < info.eps * size and not (low == high and target.is_constant):
            raise ValueError(
                f"{key} lie closer together than {settings.dtype.value} can tell apart, expected a constant less in it"
            )
        height = high - low if high > low else 1.0
        least, most = info.tiny**0.5 / info.eps, info.max**0.5 * info.eps
        if not (least < height < most and size < most):
            raise ValueError(
                f"{key} are too {'small' if height <= least else 'large'}: expected a range whose squared errors "
                f"{settings.dtype.value} can hold, {least:.0e} to {most:.0e}"
            )
        try:
            folds = [fold_interval(*side, dtype) for side in target.box]
        except OverflowError:
            lo, hi = target.interval
            raise ValueError(
                f"function.interval=[{lo}, {hi}]: expected one whose width {settings.dtype.value} can divide by"
            ) from None
        return cls(target, low, height, tuple(w for w, _ in folds), tuple(s for _, s in folds), dtype)

    @property
    def is_identity(self) -> bool:
        """Whether training sees the target as it is."""
        ones, zeros = (1.0,) * len(self.weights), (0.0,) * len(self.shifts)
        return (self.low, self.height, self.weights, self.shifts) == (0.0, 1.0, ones, zeros)

    @property
    def copy(self) -> Target:
        """The target as training sees it."""
        if self.is_identity:
            return self.target
        if isinstance(self.target, SampledTarget):
            return self._of_samples(self.target)
        return UnitTarget(self.target.name, self.target.formula, UNIT, self)

    def settings(self, settings: FitSettings) -> FitSettings:
        """The settings as they are meant for the copy: s_0 is in units of y."""
        if settings.init.scale is None or self.is_identity:
            return settings
        return replace(settings, init=replace(settings.init, scale=settings.init.scale / self.height))

    def _of_samples(self, target: SampledTarget) -> SampledTarget:
        def moved(some: Samples) -> Samples:
            x = some.x * self.weights[0] + self.shifts[0]
            if some.x.ndim > 1:
                x = some.x * np.array(self.weights) + np.array(self.shifts)
            within = some.within / self.height**2
            return replace(some, x=x, y=(some.y - self.low) / self.height, within=within)

        bent = None if target.bends is None else _WORDS.get(target.curvature, "neither")
        copy = replace(target, samples=moved(target.samples), train=moved(target.train), override=bent)
        return replace(copy, interval=UNIT)

    def points(self, given: Points, device: str) -> Points:
        """Points of the target, float64, where they are for the copy."""
        if given.x.dim() == 1 or len({*self.weights, *self.shifts}) == 2:
            x = self.weights[0] * given.x + self.shifts[0]
        else:
            x = given.x.new_tensor(self.weights) * given.x + given.x.new_tensor(self.shifts)
        moved = replace(given, x=x, y=(given.y - self.low) / self.height, pure=given.pure / self.height**2)
        return moved.to(device, self.dtype)

    def squared(self, losses: Tensor) -> Tensor:
        """Mean squared errors in units of the target's y."""
        return losses if self.is_identity else losses * self.height**2

    def network(self, start: Start) -> Network:
        """The networks folded back: the target's units go in and come out. Triangle networks keep 2^d regions."""
        if isinstance(start, Network):
            return start if self.is_identity else self._fold(start)
        return self._in_units(start).network()

    def _in_units(self, start: Triangle | Tents | Blocks) -> Triangle | Tents | Blocks:
        """The construction by its numbers, whose weights are then rounded inward where they are."""
        if self.is_identity:
            return start
        if isinstance(start, Blocks):
            inner = start.triangles
            raised = torch.zeros_like(inner.offset).unflatten(0, (start.restarts, start.blocks))
            raised[:, 0] = self.low  # the first block is added, not subtracted
            triangles = replace(self._scaled(inner), offset=inner.offset * self.height + raised.flatten())
            directions, box = start.directions, self.target.box
            # of (x - lo) / (hi - lo): along x they are as much longer as the side is short
            if len(set(box)) > 1:
                directions = directions * directions.new_tensor(self.weights) / max(self.weights)
            return replace(start, triangles=triangles, box=box, directions=directions)
        offset = start.offset * self.height + self.low
        if isinstance(start, Tents):
            raised = {
                "scales": start.scales * self.height,
                "slope": start.slope * self.height,
                "offset": offset,
            }
            return replace(start, interval=self.target.interval, **raised)
        return replace(self._scaled(start), offset=offset, interval=self.target.interval)

    def _scaled(self, triangle: Triangle) -> Triangle:
        steps = torch.cat([triangle.steps[:, :1] * self.height, triangle.steps[:, 1:]], 1)
        return replace(triangle, steps=steps, slope=triangle.slope * self.height)

    def _fold(self, network: Network) -> Network:
        """Free weights: the map of x into the first layer, that of y into the last; computed in float64."""
        first, *between, last = (layer.double() for layer in network.layers)
        weights, bias = first[..., :-1], first[..., -1:]
        if len(set(self.weights)) == len(set(self.shifts)) == 1:
            added = self.shifts[0] * weights.sum(2, keepdim=True)
        else:
            added = (weights * weights.new_tensor(self.shifts)).sum(2, keepdim=True)
        first = torch.cat([weights * weights.new_tensor(self.weights), bias + added], 2)
        raised = torch.zeros_like(last)
        raised[..., -1] = self.low
        layers = (first, *between, last * self.height + raised)
        return Network(tuple(layer.to(self.dtype) for layer in layers))


@dataclass(frozen=True)
class UnitTarget(Target):
    """A target's copy on [0, 1] with values in [0, 1]."""

    square: UnitSquare

    def __call__(self, x: Tensor) -> Tensor:
        """See `Target`."""
        lo, hi = self.square.target.interval
        return (self.square.target(lo + (hi - lo) * x) - self.square.low) / self.square.height

    @cached_property
    def curvature(self) -> str:
        """See `Target`: as the target's own."""
        return self.square.target.curvature

    @cached_property
    def end_slopes(self) -> tuple[float, float]:
        """See `Target`."""
        low, high = self.square.target.end_slopes
        return low / self.square.height, high / self.square.height
