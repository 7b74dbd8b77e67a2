"""The names of the settings, as typed on the command line."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from dataclasses import fields, is_dataclass
from typing import Any, get_args, get_type_hints

from triangle_cli.settings.settings import DATA_GROUPS, FUNCTION_GROUPS, Settings

CHOICES = ("method", "experiment", "launcher", "hparams_search")  # groups of conf/ that only choose settings


GROUPS = (*FUNCTION_GROUPS, *DATA_GROUPS, "init", "schedule", *CHOICES)


def unknown_setting(key: str, words: list[str]) -> str:
    """The line for a key that is no setting; names the closest one."""
    typed = next((word for word in words if word.lstrip("+~").split("=")[0] == key), key)
    known = [*CHOICES, *setting_names()]
    return f"{typed}: no such setting{close(key, known)} (`triangle run --help` lists them)"


def setting_names(kind: type = Settings, prefix: str = "") -> Iterator[str]:
    """Every setting as typed on the command line, such as `points.train`."""
    hints = get_type_hints(kind)
    for field in fields(kind):
        inner = _without_none(hints[field.name])
        yield prefix + field.name
        if is_dataclass(inner):
            yield from setting_names(inner, f"{prefix}{field.name}.")


def setting_type(key: str) -> Any:
    """The type of a setting as typed on the command line, such as int for `depth`; None for a key that is none."""
    kind: Any = Settings
    for name in key.split("."):
        in_list = next(iter(get_args(kind)), None)
        kind = _without_none(get_type_hints(kind).get(name)) if is_dataclass(kind) else in_list
    return kind


def _without_none(kind: Any) -> Any:
    """The type in an Optional; any other type as it is."""
    inner = get_args(kind)
    return inner[0] if len(inner) == 2 and inner[1] is type(None) else kind


def close(word: str, choices: Iterable[str]) -> str:
    """`; did you mean x?` where a choice is close to the word, else nothing."""
    found = difflib.get_close_matches(word, list(choices), 1)
    return f"; did you mean {found[0]}?" if found else ""
