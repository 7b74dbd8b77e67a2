"""The names of the settings, as typed on the command line."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import MISSING, fields, is_dataclass
from enum import Enum
from functools import cache
from importlib import resources
from typing import Any, get_args, get_origin, get_type_hints

from triangle_cli.settings.require import NAME, close
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
    known = [name for name in (*CHOICES, *setting_names()) if name != key]
    return f"{typed}: no such setting{close(key, known)} (`triangle run --help` lists them)"


def files_of(group: str) -> list[str]:
    """The names of the package's own files in conf/GROUP."""
    folder = resources.files("triangle_cli.conf") / group
    if not folder.is_dir():
        return []
    return sorted(
        entry.name.removesuffix(".yaml") for entry in folder.iterdir() if entry.name.endswith(".yaml")
    )


def one_of(group: str, word: str, options: list[str] | None = None) -> str:
    """What may stand in the place of a word that is no file of a group: those of conf/, or of a user's own."""
    options = files_of(group) if options is None else options
    own = f"; a file of your own, {group}/{word}.yaml, is found by --config-dir FOLDER"
    return f"one of {', '.join(options)}{close(word, options) or (own if re.fullmatch(NAME, word) else '')}"


@cache
def setting_names() -> tuple[str, ...]:
    """Every setting as typed on the command line, such as `points.train`."""
    return tuple(_types())


@cache
def _types() -> dict[str, Any]:
    return dict(_types_of(Composed, ""))


def _types_of(kind: type, prefix: str) -> Iterator[tuple[str, Any]]:
    """The settings of a class and of those inside it, each with its type without None."""
    hints = get_type_hints(kind)
    for field in fields(kind):
        inner = _without_none(hints[field.name])
        yield prefix + field.name, inner
        if isinstance(inner, type) and is_dataclass(inner):
            yield from _types_of(inner, f"{prefix}{field.name}.")


@cache
def lists_of_values() -> tuple[str, ...]:
    """The settings that are lists of numbers or of words."""
    return tuple(
        name
        for name, kind in _types().items()
        if get_origin(kind) is list and get_args(kind)[0] in _IN_A_LIST
    )


def setting_values(key: str) -> list[str]:
    """The words that a setting takes, as typed on the command line; none where it takes numbers, names or lists."""
    kind, words = _type_of(key.split("."))
    if kind is bool:
        return ["true", "false"]
    if isinstance(kind, type) and issubclass(kind, Enum):
        return [member.name for member in kind]
    return list(words)


def accepted(key: str, value: str = "", of: type = Composed) -> str | None:
    """What a setting takes by its type, in words; None where its type says nothing, or it is no setting.

    Args:
        key: as typed, such as `schedule.phases.0.epochs`.
        value: what was given instead; a list is shown with it where it could be the only one in it.
        of: the class that has the setting.
    """
    kind, words = _type_of(key.split("."), of)
    if words:
        return f"one of {', '.join(words)}"
    if isinstance(kind, type) and issubclass(kind, Enum):
        return f"one of {', '.join(member.name for member in kind)}"
    if get_origin(kind) is list:
        (inner,) = get_args(kind)
        if is_dataclass(inner):
            needed = [part.name for part in fields(inner) if part.default is MISSING]
            return f"a list, such as {key}=[{{{', '.join(f'{name}: ..' for name in needed)}}}]"
        alone = value if inner is str and re.fullmatch(r"[\w.+-]+", value) else _IN_A_LIST[inner][1]
        return f"a list{_IN_A_LIST[inner][0]}, such as {key}=[{alone}]"
    if is_dataclass(kind):
        own = ", ".join(f"{key}.{part.name}=.." for part in fields(kind))
        return f"its settings by their names: {own}"
    return _KINDS.get(kind)


_KINDS = {
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    str: "a word, or text in quotes",
}
_IN_A_LIST = {int: (" of whole numbers", "1,2"), float: (" of numbers", "0.1,0.9"), str: ("", "a,b")}


def _type_of(path: list[str], of: Any = Composed) -> tuple[Any, tuple[str, ...]]:
    """The type of a setting, without None, and its words where it takes only some; None for what is no setting."""
    kind, words = of, ()
    for name in path:
        if not is_dataclass(kind):
            kind, words = next(iter(get_args(kind)), None), ()  # of a list
            continue
        words = {part.name: part.metadata.get("choices", ()) for part in fields(kind)}.get(name, ())
        kind = _without_none(get_type_hints(kind).get(name))
    return kind, words


def _without_none(kind: Any) -> Any:
    """The type in an Optional; any other type as it is."""
    inner = get_args(kind)
    return inner[0] if len(inner) == 2 and inner[1] is type(None) else kind
