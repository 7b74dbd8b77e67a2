"""One model, trained batch by batch through the phases of a schedule."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, mse_loss

from triangle_cli.learn.splits import Part, Split
from triangle_cli.nn.layer import release
from triangle_cli.settings.learn import Task
from triangle_cli.settings.schedule import PhaseSettings, SpaceName
from triangle_cli.training.schedule import phase_names

LOSSES: dict[Task, Callable[[Tensor, Tensor], Tensor]] = {
    Task.classification: cross_entropy,
    Task.regression: mse_loss,
}


@dataclass(frozen=True)
class Step:
    """How far training is, after a batch."""

    phase: str
    number: int  # batches done in this phase
    last: int  # batches in this phase
    loss: Tensor  # (1,), of the batch


@dataclass(frozen=True)
class Epoch:
    """How far training is, after an epoch."""

    phase: str
    number: int
    last: int  # epochs in this phase
    loss: float  # mean over the examples of what each batch gave as it was learned from; not finite: diverged


def train(
    model: nn.Module,
    phases: Sequence[PhaseSettings],
    part: Part,
    task: Task,
    batch: int,
    generator: torch.Generator,
    watch: Callable[[Step], object],
) -> Iterator[Epoch]:
    """Train a model in place; yields each epoch. After one whose loss is not finite nothing more is learned.

    Each phase has an optimizer of its own. In `weights` the triangle networks' weights are set free. All other
    parameters learn in every phase.

    Args:
        model: as it starts.
        phases: with Adam.
        part: the examples to learn from.
        task: decides the loss, cross-entropy or mean squared error.
        batch: examples a step.
        generator: draws the order of the examples.
        watch: called after every batch.
    """
    steps, mean = math.ceil(len(part) / batch), 0.0
    for name, phase in zip(phase_names(phases), phases):
        if phase.space is SpaceName.weights:
            release(model)
        learned = [parameter for parameter in model.parameters() if parameter.requires_grad]
        assert phase.learning_rate is not None, "Adam's, the only optimizer that settings allow with data"
        optimizer = torch.optim.Adam(learned, phase.learning_rate)
        for number in range(1, phase.epochs + 1):
            if not math.isfinite(mean):
                yield Epoch(name, number, phase.epochs, mean)
                continue
            model.train()
            total = 0.0
            for index, (x, y) in enumerate(part.batches(batch, generator), start=1):
                optimizer.zero_grad()
                loss = LOSSES[task](model(x), y)
                loss.backward()
                optimizer.step()
                total += float(loss.detach()) * len(y)
                watch(
                    Step(name, (number - 1) * steps + index, phase.epochs * steps, loss.detach().reshape(1))
                )
            mean = total / len(part)
            yield Epoch(name, number, phase.epochs, mean)


@torch.no_grad()
def measure(model: nn.Module, part: Part, task: Task, batch: int, split: Split) -> dict[str, float]:
    """Errors on all examples of a part: `loss` and `accuracy` of classes, `mse` of values in their own units."""
    model.eval()
    total, right = 0.0, 0
    for x, y in part.batches(batch, None):
        said = model(x)
        total += float(LOSSES[task](said, y)) * len(y)
        if task is Task.classification:
            right += int((said.argmax(1) == y).sum())
    if task is Task.classification:
        return {"loss": total / len(part), "accuracy": right / len(part)}
    return {"mse": total / len(part) * split.scale**2}
