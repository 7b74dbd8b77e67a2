"""One clear line for whatever was wrong with the words that were typed."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import get_type_hints

from triangle_cli.settings import Settings


def explain(error: BaseException, words: list[str]) -> str:
    """The line to print: the culprit, its value, and what would be accepted.

    Args:
        error: what Hydra, omegaconf or a run raised.
        words: what the user typed, to quote the override that failed.
    """
    text = str(error)
    for cause in _chain(error):
        # ranges are ours, and already in one line
        if type(cause) is ValueError:
            return _one_line(str(cause))
    if missing := re.search(r"Could not find '([^']+)/([^'/]+)'\s+Available options in '[^']+':\s*(.*?)\n(?:Config|$)", text, re.S):
        group, word, options = missing[1], missing[2], missing[3].split()
        return f"{group}={word}: expected one of {', '.join(options)}{_close(word, options)}"
    if unknown := re.search(r"Could not override '([^']+)'|Could not find '([^'/]+)'|Key '([^']+)' not in", text):
        key = next(name for name in unknown.groups() if name)
        keys = list(setting_names())
        return f"{_typed(key, words)}: no such setting{_close(key, keys)} (`triangle run --help` lists them)"
    if "Error merging override" in text or "could not be converted" in text or "Invalid value" in text:
        return _wrong_type(text, words)
    return _one_line(text)


def setting_names(kind: type = Settings, prefix: str = "") -> Iterator[str]:
    """Every setting as typed on the command line, such as `points.train`."""
    hints = get_type_hints(kind)
    for field in fields(kind):
        inner = hints[field.name]
        yield prefix + field.name
        if is_dataclass(inner):
            yield from setting_names(inner, f"{prefix}{field.name}.")


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _wrong_type(text: str, words: list[str]) -> str:
    key = re.search(r"full_key: (\S+)", text)
    reason = next((line for line in text.splitlines() if "Value" in line or "value" in line), text)
    override = re.search(r"Error merging override (\S+)", text)
    typed = override[1] if override else _typed(key[1], words) if key else "settings"
    expected = re.search(r"expected one of \[(.*)\]", reason)
    if expected:
        return f"{typed}: expected one of {expected[1]}"
    wanted = re.search(r"could not be converted to (\w+)", reason)
    return f"{typed}: expected {_KINDS.get(wanted[1], wanted[1])}" if wanted else f"{typed}: {_one_line(reason)}"


_KINDS = {"Integer": "a whole number", "Float": "a number", "Boolean": "true or false"}


def _typed(key: str, words: list[str]) -> str:
    """The override with this key as the user typed it."""
    return next((word for word in words if word.lstrip("+~").split("=")[0] == key), key)


def _close(word: str, choices: list[str]) -> str:
    close = difflib.get_close_matches(word, choices, 1)
    return f"; did you mean {close[0]}?" if close else ""


def _one_line(text: str) -> str:
    return " ".join(text.split())
