"""The names of the settings, as typed on the command line."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import cache
from importlib import resources
from typing import Any, get_args, get_type_hints

from triangle_cli.settings.require import close
from triangle_cli.settings.run import DATA_GROUPS, FUNCTION_GROUPS, Composed
from triangle_cli.settings.schedule import PhaseSettings

CHOICES = ("method", "experiment", "launcher", "hparams_search")  # groups of conf/ that only choose settings


GROUPS = (*FUNCTION_GROUPS, *DATA_GROUPS, "init", "schedule", *CHOICES)

# what phases have, by the words that other programs use for it
OF_A_PHASE = {part.name: part.name for part in fields(PhaseSettings)}
OF_A_PHASE |= {
    "lr": "learning_rate",
    "rate": "learning_rate",
    "steps": "epochs",
    "iterations": "epochs",
    "opt": "optimizer",
}


def unknown_setting(key: str, words: list[str]) -> str:
    """The line for a key that is no setting; names the closest one."""
    typed = next((word for word in words if word.lstrip("+~").split("=")[0] == key), key)
    if key in OF_A_PHASE:
        value = typed.partition("=")[2] or "..."
        place = f"schedule.phases.0.{OF_A_PHASE[key]}={value}"
        return f"{typed}: no such setting, expected {place} for the first phase, phases.1 for the second"
    if key == "points.path":
        return f"{typed}: no such setting, expected function=samples function.path={typed.partition('=')[2]}"
    known = [*CHOICES, *setting_names()]
    return f"{typed}: no such setting{close(key, known)} (`triangle run --help` lists them)"


def files_of(group: str) -> list[str]:
    """The names of the package's own files in conf/GROUP."""
    folder = resources.files("triangle_cli.conf") / group
    if not folder.is_dir():
        return []
    return sorted(
        entry.name.removesuffix(".yaml") for entry in folder.iterdir() if entry.name.endswith(".yaml")
    )


@cache
def setting_names() -> tuple[str, ...]:
    """Every setting as typed on the command line, such as `points.train`."""
    return tuple(_names(Composed, ""))


def _names(kind: type, prefix: str) -> Iterator[str]:
    hints = get_type_hints(kind)
    for field in fields(kind):
        inner = _without_none(hints[field.name])
        yield prefix + field.name
        if isinstance(inner, type) and is_dataclass(inner):
            yield from _names(inner, f"{prefix}{field.name}.")


def setting_values(key: str) -> list[str]:
    """The words that a setting takes, as typed on the command line; none where it takes numbers, names or lists."""
    kind: Any = Composed
    words: tuple[str, ...] = ()
    for name in key.split("."):
        if not is_dataclass(kind):
            kind, words = next(iter(get_args(kind)), None), ()  # of a list
            continue
        words = {part.name: part.metadata.get("choices", ()) for part in fields(kind)}.get(name, ())
        kind = _without_none(get_type_hints(kind).get(name))
    if kind is bool:
        return ["true", "false"]
    if isinstance(kind, type) and issubclass(kind, Enum):
        return [member.name for member in kind]
    return list(words)


def _without_none(kind: Any) -> Any:
    """The type in an Optional; any other type as it is."""
    inner = get_args(kind)
    return inner[0] if len(inner) == 2 and inner[1] is type(None) else kind
