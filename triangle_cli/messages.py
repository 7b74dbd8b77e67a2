"""One clear line for whatever was wrong with the words that were typed."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator
from dataclasses import fields, is_dataclass
from typing import Any, get_args, get_type_hints

from triangle_cli.settings import Settings

_NO_SUCH_OPTION = re.compile(
    r"Could not find '([^']+)/([^'/]+)'\s+Available options in '[^']+':\s*(.*?)\nConfig", re.S
)


CHOICES = ("method", "experiment", "launcher", "hparams_search")  # groups of conf/ that only choose settings


def explain(error: BaseException, words: list[str]) -> str:
    """The line to print: the culprit, its value, and what would be accepted.

    Args:
        error: what Hydra, omegaconf or a run raised.
        words: what the user typed, to quote the override that failed.
    """
    text = "\n".join(str(cause) for cause in _chain(error))
    if missing := re.search(
        r"Could not find '([^']+)/([^'/]+)'\s+Available options in '[^']+':\s*(.*?)\nConfig", text, re.S
    ):
        group, word, options = missing[1], missing[2], missing[3].split()
        hint = (
            close(word, options)
            or f"; a file of your own, {group}/{word}.yaml, is found by --config-dir FOLDER"
        )
        return f"{group}={word}: expected one of {', '.join(options)}{hint}"
    if unknown := re.search(r"Could not override '([^']+)'|Key '([^']+)' (?:is )?not in", text):
        return unknown_setting(unknown[1] or unknown[2], words)
    if bare := re.search(r"Error parsing override '([^'=]*)'\s+missing EQUAL", text):
        return f"{bare[1]}: expected KEY=VALUE (`triangle run --help` lists the keys)"
    if several := re.search(r"Ambiguous value for argument '([^']*)'", text):
        return f"{several[1]}: several values make a sweep, expected -m before them: triangle run -m {several[1]}"
    if "Error merging override" in text:
        return _wrong_type(text)
    if (
        "raised while resolving interpolation" in text
    ):  # the folder's name is resolved from the settings: ours
        return _one_line(next((str(cause) for cause in _chain(error) if type(cause) is ValueError), text))
    if isinstance(error, OSError) and error.filename:
        return f"{error.filename}: {error.strerror}"
    return _one_line(str(error).split(" See https")[0].split("\nSee https")[0]) or type(error).__name__


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


def _without_none(kind: Any) -> Any:
    """The type in an Optional; any other type as it is."""
    inner = get_args(kind)
    return inner[0] if len(inner) == 2 and inner[1] is type(None) else kind


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _wrong_type(text: str) -> str:
    typed = re.search(r"Error merging override (\S*)", text)[1]
    if choices := re.search(r"expected one of \[(.*?)\]", text):
        return f"{typed}: expected one of {choices[1]}"
    if "is not a ListConfig" in text:
        return f"{typed}: expected a list, such as {typed.split('=')[0]}=[{typed.split('=')[-1]}]"
    wanted = re.search(r"could not be converted to (\w+)|is not a valid (\w+)", text)
    kind = _KINDS.get((wanted[1] or wanted[2]).lower()) if wanted else None
    reason = next((line for line in text.splitlines()[1:] if line and typed not in line), "not accepted")
    return f"{typed}: expected {kind}" if kind else f"{typed}: {_one_line(reason)}"


_KINDS = {
    "integer": "a whole number",
    "float": "a number",
    "boolean": "true or false",
    "bool": "true or false",
}


def close(word: str, choices: Iterable[str]) -> str:
    """`; did you mean x?` where a choice is close to the word, else nothing."""
    found = difflib.get_close_matches(word, list(choices), 1)
    return f"; did you mean {found[0]}?" if found else ""


def _one_line(text: str) -> str:
    return " ".join(text.split())
