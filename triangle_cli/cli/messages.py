"""One clear line for whatever was wrong with the words that were typed."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator

from triangle_cli import console
from triangle_cli.settings.names import files_of, setting_names, unknown_setting
from triangle_cli.settings.require import close
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
        return unknown_setting(unknown[1] or unknown[2], words)
    for cause in _chain(error):
        if (typed := getattr(cause, "override", None)) is not None:
            return _one_line(_not_understood(typed, str(cause)))
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
    if missing := re.search(r"missing mandatory value: \w+.*?full_key: ([\w.]+)", text, re.S):
        return f"{missing[1]}: expected a value (the file chosen by {missing[1].split('.')[0]}= has none)"
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
        return _wrong_type(text)
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
    own = f"; a file of your own, {group}/{word}.yaml, is found by --config-dir FOLDER" if word else ""
    return f"{group}={word}: expected one of {', '.join(options)}{close(word, options) or own}"


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


def _wrong_type(text: str) -> str:
    typed = _merged(text)
    if "is not Optional" in text:
        return f"{typed}: expected a value, not null"
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


def _one_line(text: str) -> str:
    return " ".join(text.split())
