"""The words of `triangle run` before Hydra reads them: their order, and what Hydra would take for something else."""

from __future__ import annotations

from typing import Any

from triangle_cli.settings.names import CHOICES, GROUPS, accepted, one_of, setting_names
from triangle_cli.settings.run import require_outputs

# Hydra's options that take the next word
VALUED = (
    "--cfg",
    "-c",
    "--package",
    "-p",
    "--config-path",
    "-cp",
    "--config-name",
    "-cn",
    "--config-dir",
    "-cd",
    "--experimental-rerun",
)
INFO, INFO_CHOICES = (
    ("--info", "-i"),
    ("all", "config", "defaults", "defaults-tree", "plugins", "searchpath"),
)


def split(words: list[str]) -> tuple[list[str], list[str]]:
    """The options with their values, then the other words: argparse refuses options among those."""
    options: list[str] = []
    others: list[str] = []
    left = list(words)
    while left:
        word = left.pop(0)
        if not word.startswith("-") or (_means(word, VALUED) and not left):
            others.append(word)
            continue
        options.append(word)
        if _means(word, VALUED):
            options.append(left.pop(0))
        elif _means(word, INFO):  # which may stand alone
            options.append(left.pop(0) if left and left[0] in INFO_CHOICES else "all")
    return options, others


def _means(word: str, options: tuple[str, ...]) -> bool:
    """Whether a word is one of these options; argparse lets `--config-d` stand for --config-dir."""
    return word in options or (len(word) > 2 and any(option.startswith(word) for option in options))


def check(settings: list[str]) -> None:
    """Raise ValueError for a word that Hydra would refuse in words of its own, or in each job of a sweep."""
    for word in settings:
        key, _, value = word.partition("=")
        name = key.lstrip("+~")
        if not name:
            raise ValueError(f"{word}: expected KEY=VALUE (`triangle run --help` lists the keys)")
        if key.startswith("~") and name.split(".")[0].split("/")[0] != "hydra":
            raise ValueError(f"{word}: expected KEY=VALUE, settings cannot be removed")
        if key == "outputs":
            require_outputs(value.strip("'\""))  # here: a sweep's first steps would not stop at it
        if name in GROUPS or name.startswith("hydra/"):
            _check_choice(word, name)
        if (name in GROUPS and key.startswith("+")) or (key == f"+{name}" and accepted(name)):
            raise ValueError(f"{word}: expected {name}={value}, without the +")


def _check_choice(word: str, group: str) -> None:
    """Raise ValueError for a word that chooses files of a group by anything but their names."""
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.core.override_parser.types import ChoiceSweep, Glob, QuotedString
    from hydra.errors import HydraException

    try:
        override = OverridesParser.create().parse_override(word)
        value: Any = override.value()
    except HydraException:  # said when Hydra reads it
        return
    if isinstance(value, Glob) or override.is_delete():
        return
    if isinstance(value, dict) and group in GROUPS and group not in CHOICES:
        _check_braces(word, group, list(value))
        return
    choices = value.list if isinstance(value, ChoiceSweep) else [value]
    if group not in GROUPS:  # Hydra's, which take lists as well
        choices = [name for some in choices for name in (some if isinstance(some, list) else [some])]
    for choice in choices:
        if isinstance(choice, list) and choice and all(isinstance(name, str) for name in choice):
            several = ",".join(choice)
            raise ValueError(f"{word}: expected one word, or with -m several: {group}={several}")
        text = choice.text if isinstance(choice, QuotedString) else choice
        if not isinstance(text, str) or text == "???" or "${" in text:
            raise ValueError(f"{word}: expected {one_of(group, '')}")


def _check_braces(word: str, group: str, keys: list[Any]) -> None:
    """Raise ValueError for `group={key: value, ..}` with no key, or one that the group does not have."""
    if not keys:
        raise ValueError(f"{word}: expected settings in the braces, as in {group}={{key: value}}")
    own = [name.removeprefix(f"{group}.") for name in setting_names() if name.startswith(f"{group}.")]
    for key in keys:
        if key not in own:
            raise ValueError(f"{word}: {group} has no setting {key}, expected {', '.join(own)}")
