"""What is chosen before the restarts of a run: a learning rate, and how many epochs a number of seconds is."""

from __future__ import annotations

import dataclasses
import math
from collections import deque
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import nn

from triangle_cli.learn.splits import Split, Tensors
from triangle_cli.learn.training import Step, measure, train
from triangle_cli.settings.run import LearnSettings
from triangle_cli.settings.schedule import PhaseSettings, SpaceName

HELD_OUT = 5  # one of so many examples
# milliseconds of an epoch: 1,000 points in one batch, about 1,000 parameters, float32, one core; by
# `python benchmarks/formulas.py`, which measures them all
MILLISECONDS = {
    "relu": 1.04,
    "silu": 1.14,
    "tanh": 1.26,
    "sine": 1.33,
    "kan": 5.31,
    "peaks": 4.17,
    "peaks_and_scales": 3.95,
    "released": 3.21,
    "limit": 2.1,
}


def kind_of(settings: LearnSettings, phase: PhaseSettings) -> str:
    """What a phase trains, as `MILLISECONDS` calls it."""
    if settings.init.triangle:
        return "released" if phase.space is SpaceName.weights else phase.space.value
    return "limit" if settings.limit else settings.model.activation


def with_budget(settings: LearnSettings) -> LearnSettings:
    """The settings with as many epochs as `schedule.budget` is worth, shared among the phases alike."""
    budget, phases = settings.schedule.budget, settings.schedule.phases
    if budget is None:
        return settings

    def epochs(phase: PhaseSettings) -> int:
        return max(1, round(1000 * budget / len(phases) / MILLISECONDS[kind_of(settings, phase)]))

    return _with_phases(settings, [dataclasses.replace(phase, epochs=epochs(phase)) for phase in phases])


def with_rate(settings: LearnSettings, rate: float) -> LearnSettings:
    """The settings with one learning rate for all phases."""
    phases = settings.schedule.phases
    return _with_phases(settings, [dataclasses.replace(phase, learning_rate=rate) for phase in phases])


def _with_phases(settings: LearnSettings, phases: list[PhaseSettings]) -> LearnSettings:
    return dataclasses.replace(settings, schedule=dataclasses.replace(settings.schedule, phases=phases))


def search(
    settings: LearnSettings,
    examples: Callable[[], Any],
    make: Callable[[], nn.Module],
    watch: Callable[[Step], object],
) -> float | None:
    """The rate of `schedule.learning_rates` that does best on examples held out; None where there is no choice.

    examples: gives what is learned from, of which a fifth is held out. One model a rate, as a restart would train it
    after the last one.
    """
    rates = settings.schedule.learning_rates
    if not rates:
        return None
    whole = examples()
    if not isinstance(whole, Tensors):
        raise ValueError(
            f"schedule.learning_rates={rates}: expected null for pictures read as they are needed"
        )
    held = torch.arange(len(whole)) % HELD_OUT == 0
    part, rest = (Tensors(whole.x[chosen], whole.y[chosen], whole.augment) for chosen in (~held, held))
    losses = [_loss(with_rate(settings, rate), rate, part, rest, make, watch) for rate in rates]
    return rates[int(np.argmin(losses))]


def _loss(
    settings: LearnSettings,
    rate: float,
    part: Tensors,
    rest: Tensors,
    make: Callable[[], nn.Module],
    watch: Callable[[Step], object],
) -> float:
    """On what was held out; infinite where it diverged."""
    data, seeds = settings.data, np.random.SeedSequence([settings.seed, settings.restarts])
    start, batches = seeds.generate_state(2, np.uint64).tolist()

    def note(step: Step) -> Any:
        return watch(dataclasses.replace(step, phase=f"rate {rate:g} {step.phase}"))

    with torch.random.fork_rng(devices=()):
        torch.manual_seed(start)
        model = make().to(settings.device, getattr(torch, settings.dtype.value))
        generator = torch.Generator().manual_seed(batches)
        deque(train(model, settings.schedule.phases, part, data.task, data.batch, generator, note), maxlen=0)
    found = measure(model, rest, data.task, data.batch, Split(part, rest))
    loss = found["loss" if "loss" in found else "mse"]
    return loss if math.isfinite(loss) else math.inf
