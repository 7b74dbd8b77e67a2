"""Words, or the record of a finished run, become typed settings. With the command line, all that knows Hydra."""

from __future__ import annotations

import copy
import re
from collections.abc import Iterator
from functools import lru_cache
from importlib import resources
from typing import Any

from hydra import compose, initialize_config_module
from hydra.core.config_store import ConfigStore
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from omegaconf import OmegaConf, open_dict, read_write
from omegaconf.errors import InterpolationResolutionError, MissingMandatoryValue, OmegaConfBaseException

from triangle_cli.settings.names import GROUPS, accepted, lists_of_values, setting_names, unknown_setting
from triangle_cli.settings.require import require
from triangle_cli.settings.run import (
    DATA_GROUPS,
    FUNCTION_GROUPS,
    HOW,
    LATER,
    Composed,
    FitSettings,
    LearnSettings,
)

DATA_METHODS = (  # the other files of conf/method say how to fit a function
    *("layers", "layers_released", "layers_free", "limit", "relu", "relu_matched"),
    *("silu", "tanh", "siren", "kan"),
)


def composed_settings(config: Any) -> FitSettings | LearnSettings:
    """The settings of a configuration that Hydra has composed, files that they name looked for.

    Raises:
        ValueError: a value is out of its range, or `+key=value` added a setting that does not exist.
    """
    config = copy.deepcopy(config, _left_out(config))
    try:
        return _composed(config)
    except OmegaConfBaseException as error:
        raise ValueError(_refused(error, config)) from None


def _composed(config: Any) -> FitSettings | LearnSettings:
    choices = HydraConfig.get().runtime.choices
    with read_write(config), open_dict(config):
        config.pop("hydra", None)
        for group in (*FUNCTION_GROUPS, *DATA_GROUPS):
            choice = choices[group]
            if choice is not None and config[group] is None:
                raise ValueError(f"{group}={choice}: expected nothing with data=...")
            if choice is None:
                config[group] = None
        _require_fitting_method(choices["method"], config.data is not None)
        words = typed_settings()
        start = None
        if choices["schedule"] == "auto":
            start = _choose_schedule(config, words)
        elif config.schedule.deepening is not None:
            start = "front"
        if start and choices["init"] == "triangle" and "init" not in words:
            brought = brought_by("init", start)
            config.init.merge_with({key: brought[key] for key in brought if f"init.{key}" not in words})
        if (
            "function.formula" in words
            and "function.name" not in words
            and config.function
            and config.function.formula
        ):
            config.function.name = _as_name(config.function.formula)  # no longer what the choice is called
        sampled = config.function is not None and config.function.path is not None
        if sampled and config.schedule.deepening and "schedule.deepening.loss" not in words:
            config.schedule.deepening.loss = "points"
        config.paper = {}
    plain = OmegaConf.to_container(config)
    for key in set(_keys(plain)) - set(setting_names()):
        of = key.rpartition(".")[0]
        require(
            accepted(of) is not None or of not in setting_names(),
            of,
            OmegaConf.select(config, of),
            "no braces",
        )
        raise ValueError(unknown_setting(key, []))
    _require_plain_lists(plain)
    return _of_a_kind(config)


def _refused(error: Any, config: Any) -> str:
    """The line for a value that omegaconf finds missing, or leading nowhere."""
    key = error.full_key or ""
    wanted = accepted(key) or "a value"
    if isinstance(error, MissingMandatoryValue):
        group = key.split(".")[0]
        return f"{key}: expected {f'a value (the file chosen by {group}= has none)' if group in GROUPS else wanted}"
    if isinstance(error, InterpolationResolutionError):
        node = config
        for name in key.split("."):
            node = node._get_node(int(name) if name.isdecimal() else name)
        return f"{key}={node._value()}: leads to no setting, expected {wanted}"
    return " ".join(str(error).split())


def _left_out(config: Any) -> dict[int, Any]:
    """What deepcopy is told so that it does not copy Hydra's own part, the larger one, where there is one."""
    return {id(config.hydra): OmegaConf.create()} if "hydra" in config else {}


@lru_cache(maxsize=256)
def settings_from(words: tuple[str, ...]) -> FitSettings | LearnSettings:
    """The settings that these words of `triangle run` mean, composed from Python.

    Raises:
        ValueError: a word is not understood, or a value out of its range.
    """
    ConfigStore.instance().store("settings", Composed)
    before = HydraConfig.instance().cfg
    try:
        with initialize_config_module("triangle_cli.conf", version_base="1.3"):
            config = compose("config", overrides=list(words), return_hydra_config=True)
            HydraConfig.instance().set_config(config)
            return composed_settings(config)
    except (HydraException, OmegaConfBaseException) as error:
        reason = " ".join(str(error).split("\nSee https")[0].split())
        raise ValueError(f"settings {' '.join(words)}: {reason}") from None
    finally:
        HydraConfig.instance().cfg = before


def typed_settings() -> list[str]:
    """The settings that words of this job name, such as points.train."""
    return [word.lstrip("+").split("=", 1)[0] for word in typed_words()]


def typed_words() -> list[str]:
    """The words of this job, whatever a ${..} in them may stand for."""
    words: Any = OmegaConf.to_container(HydraConfig.get().overrides.task, resolve=False)
    return words


def _require_fitting_method(method: str | None, from_data: bool) -> None:
    """Those of conf/method are either for functions or for data; a user's own may be for both."""
    ours = method and (resources.files("triangle_cli.conf") / "method" / f"{method}.yaml").is_file()
    if ours and (method in DATA_METHODS) is not from_data:
        wanted = f"one of {', '.join(DATA_METHODS)} with data=..." if from_data else "data=... with it"
        raise ValueError(f"method={method}: expected {wanted}")


DEEPENING_FROM = 3  # layers; what this rests on: `make table-auto`, docs/depth.md


def _choose_schedule(config: Any, words: list[str]) -> str:
    """schedule=auto becomes one of two; returns the start that it brings along."""
    name, start = ("deepening", "front") if config.depth >= DEEPENING_FROM else ("second_order", "zigzag")
    brought = brought_by("schedule", name)
    if "schedule" in brought:  # a file that sets more than its group
        if "restarts" not in words:
            config.restarts = brought["restarts"]
        brought = {"name": name} | brought["schedule"]
    config.schedule.merge_with({key: brought[key] for key in brought if f"schedule.{key}" not in words})
    return start


def brought_by(group: str, name: str) -> dict[str, Any]:
    """What a file of conf/ sets, where Hydra cannot choose it: no schedule can choose an `init`, or a schedule."""
    path = resources.files("triangle_cli.conf") / group / f"{name}.yaml"
    chosen: Any = OmegaConf.to_container(OmegaConf.create(path.read_text(encoding="utf-8")), resolve=False)
    return {"name": name} | {key: value for key, value in chosen.items() if key != "defaults"}


def _as_name(formula: str) -> str:
    """A formula as the name of a folder: exp(-x**2) is exp_-x2."""
    return re.sub(r"[^\w.+-]+", "_", formula.replace("**", "")).strip("_").lstrip(".")[:60] or "formula"


def recorded_settings(name: str, settings: dict[str, Any], threads: int) -> FitSettings | LearnSettings:
    """The settings of a finished run, as its run.json has them.

    Args:
        name: the run's, for the error.
        settings: what decides the numbers; how and where to run is as usual.
        threads: how many the run had.

    Raises:
        ValueError: they are not those of this version, or out of range.
    """
    how: dict[str, Any] = {"threads": threads, "outputs": "outputs", "force": False}
    how |= {"on_failure": "continue", "tracker": "none", "dry_run": False}
    assert how.keys() == set(HOW)
    later = {} if "data" in settings else LATER
    chosen = dict.fromkeys((*FUNCTION_GROUPS, *DATA_GROUPS, *LATER)) | later | settings | how
    try:
        return _of_a_kind(OmegaConf.merge(OmegaConf.structured(Composed), chosen))
    except OmegaConfBaseException as error:
        reason = str(error).splitlines()[0]
        raise ValueError(f"{name}: not the settings of this version of triangle ({reason})") from None


def _of_a_kind(config: Any) -> FitSettings | LearnSettings:
    """The settings of a configuration of all of them; looks for the files that they name."""
    composed = OmegaConf.to_object(config)
    assert isinstance(composed, Composed), "what conf/config.yaml is checked against"
    settings = composed.kind()
    if isinstance(settings, LearnSettings):
        settings.data.require_files()
    else:
        settings.function.require_file()
    return settings


def _require_plain_lists(plain: Any) -> None:
    """Raise ValueError for a list or a dictionary in a list of numbers or words, which omegaconf lets pass."""
    for key in lists_of_values():
        value = plain
        for name in key.split("."):
            value = value.get(name) if isinstance(value, dict) else None
        if isinstance(value, list) and any(isinstance(item, (list, dict)) for item in value):
            raise ValueError(f"{key}={value}: expected {accepted(key)}")


def _keys(tree: Any, prefix: str = "") -> Iterator[str]:
    """Every key of nested dictionaries, as `outer.inner`."""
    if isinstance(tree, dict):
        for key, value in tree.items():
            yield prefix + key
            yield from _keys(value, f"{prefix}{key}.")
