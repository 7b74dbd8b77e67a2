"""Settings that depend on what is fitted: `network=auto`. With them a run's settings are complete."""

from __future__ import annotations

import dataclasses
from typing import Any

from triangle_cli.settings.compose import brought_by, composed_settings, typed_settings
from triangle_cli.settings.fit import Freedom, NetworkSettings
from triangle_cli.settings.run import FitSettings, LearnSettings

AUTO = "auto"


def chosen_settings(config: Any) -> FitSettings | LearnSettings:
    """The settings of a configuration that Hydra has composed, `network=auto` replaced by the network it means.

    Raises:
        ValueError: a value is out of its range, or samples cannot be read.
    """
    settings = composed_settings(config)
    if isinstance(settings, LearnSettings) or settings.network.name != AUTO:
        return settings
    return with_network(settings, typed_settings())


def with_network(settings: FitSettings, typed: list[str] | None = None) -> FitSettings:
    """The settings with the network that `auto` means for this function; what was typed of it stays.

    Raises:
        ValueError: samples cannot be read.
    """
    from triangle_cli.fit.experiment import target_of

    word = network_for(settings, target_of(settings))
    return replaced(settings, word, typed or [])


def network_for(settings: FitSettings, target: Any) -> str:
    """single for what is convex or concave, difference for other functions of x, ridge for several inputs."""
    if target.inputs > 1:
        return "ridge"
    if not settings.init.triangle or target.curvature in ("convex", "concave"):
        return "single"
    return "difference"


def replaced(settings: FitSettings, word: str, typed: list[str]) -> FitSettings:
    """The settings with the network of that word."""
    brought = brought_by("network", word)
    for key in ("blocks", "directions", "weights"):
        if f"network.{key}" in typed:
            brought[key] = getattr(settings.network, key)
    brought["weights"] = Freedom(getattr(brought["weights"], "value", brought["weights"]))
    return dataclasses.replace(settings, network=NetworkSettings(**brought))
