"""One clear line for whatever was wrong with the words that were typed."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import fields, is_dataclass

from triangle_cli import console
from triangle_cli.settings.names import accepted, files_of, one_of, setting_names, unknown_setting
from triangle_cli.settings.run import DATA_GROUPS, FUNCTION_GROUPS

_NO_SUCH_OPTION = re.compile(
    r"Could not find '([^']+)/([^'/]*)'\s+Available options in '[^']+':\s*(.*?)\nConfig", re.S
)

SWEEPERS = {"optuna": "optuna", "list": "hydra-list-sweeper"}  # extra, as in setup.cfg -> what it installs


def explain(error: BaseException, words: list[str]) -> str:
    """The line to print: the culprit, its value, and what would be accepted.

    Args:
        error: what Hydra, omegaconf or a run raised.
        words: what the user typed, to quote the override that failed.
    """
    text = "\n".join(str(cause) for cause in _chain(error))
    if missing := _NO_SUCH_OPTION.search(text):
        return _no_such_option(missing[1], missing[2], missing[3].split(), words)
    if unknown := re.search(r"Could not override '([^']+)'|Key '([^']+)' (?:is )?not in", text):
        return _no_such_inner(error, words) or unknown_setting(unknown[1] or unknown[2], words)
    if there := re.search(r"Could not append to config. An item is already at '([^']+)'", text):
        plain = next((word[1:] for word in words if word.startswith(f"+{there[1]}=")), f"{there[1]}=..")
        return f"+{plain}: expected {plain}, without the +"
    for cause in _chain(error):
        if (override := getattr(cause, "override", None)) is not None:
            return _one_line(_not_understood(override, str(cause)))
    if several := re.search(r"Ambiguous value for argument '([^']*)'", text):
        return f"{several[1]}: several values make a sweep, expected -m before them: triangle run -m {several[1]}"
    if "Unexpected type for root: NoneType" in text:
        return _inside_nothing(words)
    if nothing := re.search(r"'NoneType' object has no attribute.*full_key: ([\w.]+)", text, re.S):
        return _braces_for_nothing(nothing[1], words)
    if place := re.search(
        r"invalid literal for int\(\) with base 10: '([^']+)'|Index '([^']+)' \(str\)", text
    ):
        named = place[1] or place[2]
        if typed := next((word for word in words if f".{named}" in word.split("=")[0]), None):
            return f"{typed}: expected a place in a list, counted from 0, for {named}"
    if wrong := re.search(
        r"Invalid value '(.*?)', expected one of \[(.*?)\].*?full_key: ([\w.\[\]]+)", text, re.S
    ):
        key = wrong[3].replace("[", ".").replace("]", "")
        return f"{key}={wrong[1]}: expected one of {wrong[2]}"
    if broken := getattr(error, "problem_mark", None):  # of YAML
        return f"{broken.name}: line {broken.line + 1}: {getattr(error, 'problem', None)}"
    if "dict is not a subclass of PhaseSettings" in text:
        return f"{_merged(text)}: expected a phase of the schedule, counted from 0"
    if "Error merging override" in text:
        return _wrong_type(error, text)
    if "raised while resolving interpolation" in text:  # of the folder's name, from the settings: ours
        return _one_line(
            next((str(cause) for cause in _chain(error) if type(cause) is ValueError), _last(error))
        )
    if isinstance(error, OSError):
        return _one_line(console.reason(error))
    return _one_line(str(error).split(" See https")[0].split("\nSee https")[0]) or type(error).__name__


def _no_such_option(group: str, word: str, options: list[str], words: list[str]) -> str:
    """The line for `group=word` where the folder has no such file."""
    if group == "hydra/sweeper" and word in SWEEPERS:
        typed = next((typed for typed in words if typed.endswith(f"={word}")), f"{group}={word}")
        return f"{typed}: expected {SWEEPERS[word]} (pip install '.[{word}]')"
    if group == "hydra/launcher" and word in files_of("launcher"):
        return f"{group}={word}: expected launcher={word}"
    if group == "function" and re.search(r"\.(csv|tsv|txt|dat|parquet|pq|np[yz])$", word):
        return f"{group}={word}: expected function=samples function.path={word}"
    if group == "function" and not re.fullmatch(r"[A-Za-z_]\w*", word):
        return _formula(f"{group}={word}", word)
    return f"{group}={word}: expected {one_of(group, word, options)}"


def _not_understood(typed: str, reason: str) -> str:
    """The line for a word that Hydra's grammar does not take."""
    key, sign, value = typed.partition("=")
    if not sign or not re.fullmatch(r"[+~]*[A-Za-z_][\w./@$:-]*", key, re.ASCII):
        return f"{typed}: expected KEY=VALUE (`triangle run --help` lists the keys)"
    if key == "function" and value.count("(") == value.count(")"):
        return _formula(typed, value)
    if re.search(r"\s\+*[A-Za-z_][\w./]*=", value):
        return f"{typed}: expected each KEY=VALUE as a word of its own, without quotes around several"
    if value.startswith("~"):
        return f"{typed}: expected $HOME in the place of ~"
    if "while evaluating" in reason and "Unknown function" not in reason:  # range(2,x)
        return f"{typed}: {reason.split(': ', 1)[1].split('See https')[0]}"
    if any(value.count(left) != value.count(right) for left, right in ("()", "[]", "{}")):
        return f"{typed}: expected a bracket closed for each one opened"
    if re.search(r"(^|,)\s*(,|$)", value):
        return f"{typed}: expected a value on both sides of each comma"
    escaped = value.replace('"', '\\"')
    quoted = shlex.quote(f'{key}="{escaped}"')
    return f"{typed}: expected such a value in quotes inside the quotes: {quoted}"


def _formula(typed: str, formula: str) -> str:
    """The line for a formula in the place of a function's name."""
    quoted = formula.strip("'\"")
    return f"{typed}: expected a name; a formula of your own is 'function.formula=\"{quoted}\"'"


def _inside_nothing(words: list[str]) -> str:
    """The line for `group.key=value` where the group, or `setting.0=value` where the setting, is null."""
    keys = {word: word.lstrip("+~").split("=")[0].split(".") for word in words}
    from_data = any(word.startswith("data=") for word in words)
    # in this order: an experiment chose
    absent = FUNCTION_GROUPS if from_data else (*DATA_GROUPS, *FUNCTION_GROUPS)
    for group in absent:
        for word, path in keys.items():
            if path[0] == group and len(path) > 1:
                return f"{word}: expected {'data=... with it' if group in DATA_GROUPS else 'nothing with data=...'}"
    known = set(setting_names())
    typed, path = next(pair for pair in keys.items() if ".".join(pair[1][:-1]) in known)
    return f"{typed}: expected the whole of it, {'.'.join(path[:-1])}=[...]"


def _braces_for_nothing(key: str, words: list[str]) -> str:
    """The line for `key={..}` where that setting is null, and so has no settings of its own."""
    typed = next((word for word in words if word.lstrip("+~").split("=")[0] == key), f"{key}={{..}}")
    group = key.split(".")[0]
    names = ", ".join(files_of(group))
    return f"{typed}: {key} is null, expected {group}=NAME of a file that sets it first: {names}"


def _last(error: BaseException) -> str:
    *_, first_cause = _chain(error)
    return console.reason(first_cause)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _merged(text: str) -> str:
    """The KEY=VALUE that did not fit, typed or from conf/."""
    return text.partition("Error merging override ")[2].partition("\n")[0]


def _wrong_type(error: BaseException, text: str) -> str:
    """The line for a value whose type is not the setting's."""
    typed = _merged(text)
    if "is not Optional" in text:
        return f"{typed}: expected a value, not null"
    key, _, value = typed.lstrip("+").partition("=")
    for inner, kind in _refused_inside(error):  # of braces: a setting of a phase, say
        if inner != key.split(".")[-1] and (wanted := accepted(inner, of=kind)):
            return f"{typed}: expected {wanted} for {inner}"
    wanted = accepted(key, value)
    return f"{typed}: expected {wanted}" if wanted else unknown_setting(key, [typed])


def _no_such_inner(error: BaseException, words: list[str]) -> str | None:
    """The line for `key={inner: value}` where the setting `key` has none called so; None for another mistake."""
    for inner, kind in _refused_inside(error):
        typed = next((word for word in words if re.search(rf"=.*\b{re.escape(inner)}\s*:", word)), None)
        if typed:
            return f"{typed}: no setting {inner}, expected some of {', '.join(part.name for part in fields(kind))}"
    return None


def _refused_inside(error: BaseException) -> Iterator[tuple[str, type]]:
    """What omegaconf did not take: the name of each setting, and the class of settings that it was meant for."""
    for cause in _chain(error):
        inner, kind = getattr(cause, "key", None), getattr(cause, "object_type", None)
        if isinstance(inner, str) and isinstance(kind, type) and is_dataclass(kind):
            yield inner, kind


def _one_line(text: str) -> str:
    return " ".join(text.split())
