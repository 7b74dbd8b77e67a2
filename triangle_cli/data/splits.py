"""Examples in two parts, to learn from and to be tested on, and the batches that training takes of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from triangle_cli.data.settings import Task
from triangle_cli.data.tables import Table

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
    """Pictures (b, channels, height, width), each moved by up to `most` pixels, black coming in; half mirrored."""
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
    axis = None if picture else 0
    mean, deviation = table.x[train].mean(axis), table.x[train].std(axis)
    x = (table.x - mean) / np.where(deviation > 0, deviation, 1.0)
    inputs = torch.from_numpy(x).to(device, dtype).reshape(len(x), *(picture or x.shape[1:]))
    if task is Task.classification:
        y = torch.from_numpy(table.y).to(device)
        return Split(Tensors(inputs[train], y[train]), Tensors(inputs[test], y[test]))
    mean, deviation = table.y[train].mean(), table.y[train].std()
    scale = float(deviation) if deviation > 0 else 1.0
    y = torch.from_numpy((table.y - mean) / scale).to(device, dtype).unsqueeze(1)
    spread = float(((table.y[test] - mean) ** 2).mean())
    return Split(Tensors(inputs[train], y[train]), Tensors(inputs[test], y[test]), scale, spread)
