"""Examples in two parts, to learn from and to be tested on, and the batches that training takes of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from triangle_cli.learn.tables import Table
from triangle_cli.settings.learn import Task

Batch = tuple[Tensor, Tensor]


class Part(Protocol):
    """Examples that come in batches: (b, ...) inputs with (b,) class numbers or (b, 1) values."""

    def __len__(self) -> int: ...

    def batches(self, size: int, generator: torch.Generator | None) -> Iterator[Batch]:
        """All examples once: in an order drawn from `generator`, or without one as they are."""


@dataclass(frozen=True)
class Split:
    """What one restart sees.

    Attributes:
        scale: what an error in y is to be multiplied by to be in the target's own units; 1 for classes.
        spread: the variance of the test values around the mean of the training values, the error of a model that
            says nothing else; NaN for classes.
    """

    train: Part
    test: Part
    scale: float = 1.0
    spread: float = float("nan")


@dataclass(frozen=True)
class Tensors:
    """Examples in memory. `augment`: moves and mirrors pictures that are learned from."""

    x: Tensor
    y: Tensor
    augment: bool = False

    def __len__(self) -> int:
        return len(self.y)

    def batches(self, size: int, generator: torch.Generator | None) -> Iterator[Batch]:
        """See `Part`."""
        order = (
            torch.arange(len(self)) if generator is None else torch.randperm(len(self), generator=generator)
        )
        for chosen in order.to(self.x.device).split(size):
            x = self.x[chosen]
            if self.augment and generator is not None:
                x = moved_and_mirrored(x, generator)
            yield x, self.y[chosen]


def moved_and_mirrored(x: Tensor, generator: torch.Generator, most: int = 4) -> Tensor:
    """Pictures (b, channels, height, width), each moved by up to `most` pixels, half of them mirrored.

    What comes in is 0, of scaled pixels the mean over the training pictures.
    """
    count, _, height, width = x.shape
    padded = torch.nn.functional.pad(x, (most,) * 4)
    down, right = torch.randint(2 * most + 1, (2, count, 1), generator=generator).to(x.device)
    flip = (torch.rand(count, 1, generator=generator) < 0.5).to(x.device)
    rows = down + torch.arange(height, device=x.device)
    columns = torch.arange(width, device=x.device).expand(count, -1)
    columns = right + torch.where(flip, width - 1 - columns, columns)
    picture = torch.arange(count, device=x.device)[:, None, None]
    return padded.movedim(1, 3)[picture, rows[:, :, None], columns[:, None, :]].movedim(3, 1)


def fold(examples: int, folds: int, restart: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Which examples restart k learns from, and which it is tested on: fold k of `folds`, modulo `folds`.

    After each round of folds the examples are dealt anew, by a stream of (seed, round).
    """
    order = np.random.default_rng([seed, restart // folds]).permutation(examples)
    tested = np.zeros(examples, bool)
    tested[order[restart % folds :: folds]] = True
    return np.flatnonzero(~tested), np.flatnonzero(tested)


def split_table(
    table: Table, task: Task, picture: tuple[int, ...] | None, dtype: torch.dtype, device: str, ways: tuple
) -> Split:
    """One fold of a table. Columns, and values to be told, are shifted and scaled as the training part needs.

    Args:
        table: the examples.
        task: what y is.
        picture: the shape of one example if it is a picture, whose pixels share one scale.
        dtype, device: of the inputs.
        ways: from `fold`.
    """
    train, test = ways
    mean, deviation = _mean_and_deviation(table.x[train], None if picture else 0)
    x = (table.x - mean) / deviation
    inputs = torch.from_numpy(x).to(device, dtype).reshape(len(x), *(picture or x.shape[1:]))
    if task is Task.classification:
        y = torch.from_numpy(table.y).to(device)
        return Split(Tensors(inputs[train], y[train]), Tensors(inputs[test], y[test]))
    mean, scale = _mean_and_deviation(table.y[train], 0)
    y = torch.from_numpy((table.y - mean) / scale).to(device, dtype).unsqueeze(1)
    spread = float(((table.y[test] - mean) ** 2).mean())
    return Split(Tensors(inputs[train], y[train]), Tensors(inputs[test], y[test]), float(scale), spread)


def _mean_and_deviation(values: np.ndarray, axis: int | None) -> tuple[np.ndarray, np.ndarray]:
    """What values are shifted and divided by; 1 for the latter where they never vary.

    The deviation of equal numbers is seldom 0, but what rounding their mean leaves; other values, divided by that,
    would be of any size.
    """
    deviation = values.std(axis)
    varied = (np.ptp(values, axis) > 0) & (deviation > 0)
    return values.mean(axis), np.where(varied, deviation, 1.0)
