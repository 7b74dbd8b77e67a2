"""Where networks that fit a function start: a registry of what `init.mode` may be.

A start is a function with `@start(NAME)` in a module of this room; a file of conf/init/ chooses it.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from triangle_cli.settings.init import OPTIONAL, InitSettings
from triangle_cli.settings.require import require, require_one_of

if TYPE_CHECKING:
    from triangle_cli.fit.functions import Target
    from triangle_cli.settings.run import FitSettings
    from triangle_cli.training.problem import Points
    from triangle_cli.training.schedule import Start

    Draw = Callable[[FitSettings, Target, Points], Start]
    Check = Callable[[FitSettings, Target], None]


@dataclass(frozen=True)
class Registered:
    """A start: what draws it, which settings of `init` it takes, and what it refuses before anything runs."""

    draw: Draw
    takes: tuple[str, ...]
    check: Check


STARTS: dict[str, Registered] = {}


def start(
    name: str, takes: tuple[str, ...], check: Check = lambda settings, target: None
) -> Callable[[Draw], Draw]:
    """Register a start under the word of `init.mode`.

    Args:
        name: the word.
        takes: the settings of `init` that mean something to it; others must be null.
        check: raises ValueError where the start cannot be drawn for these settings and this target.
    """

    def register(draw: Draw) -> Draw:
        STARTS[name] = Registered(draw, takes, check)
        return draw

    return register


def find(init: InitSettings) -> Registered:
    """The start of that name.

    Raises:
        ValueError: there is none, or a setting is given that it does not take.
    """
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")
    require_one_of(init.mode, "init.mode", sorted(STARTS))
    for key in OPTIONAL:
        given = getattr(init, key)
        taken = given is None or key in STARTS[init.mode].takes
        require(taken, f"init.{key}", given, f"nothing: init={init.mode} has no {key}")
    return STARTS[init.mode]
