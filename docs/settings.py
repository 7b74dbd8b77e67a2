"""Print the tables of docs/settings.md: every setting, and the words that each group takes.

A word is a file of conf/, described by the comment at its top. The type of a setting is from triangle_cli/settings, its
default what Hydra composes, its meaning the comment behind it in triangle_cli/settings or else in conf/.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass
from enum import Enum
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

import yaml
from hydra import compose, initialize_config_module
from omegaconf import OmegaConf

from triangle_cli.cli.run import register
from triangle_cli.settings.names import setting_names, setting_values
from triangle_cli.settings.run import DATA_GROUPS, FUNCTION_GROUPS, Composed
from triangle_cli.settings.schedule import PhaseSettings

CONF = Path(__file__).parents[1] / "conf"
PHASE = "schedule.phases.0"  # how the settings of a phase are typed
OTHERS = {"function.x": "text, or list of texts", "points.test": "number"}  # what has no one type
WITH_DATA = "csv"  # the word whose defaults are shown for data= and model=


@dataclass(frozen=True)
class Setting:
    """A row of a table."""

    name: str
    type: str
    default: str
    meaning: str


def words(group: str) -> Iterator[tuple[str, str]]:
    """The words of a group, each with the comment at the top of its file."""
    for path in sorted((CONF / group).glob("*.yaml")):
        lines = []
        for line in path.read_text(encoding="utf-8").splitlines():
            if not line.startswith("#"):
                break
            if "@package" not in line:
                lines.append(line.lstrip("# ").rstrip())
        yield path.stem, " ".join(lines)


def comments_in_yaml(path: Path) -> dict[str, str]:
    """The comments behind the values of a YAML file, by dotted path."""
    found: dict[str, str] = {}
    parents: list[tuple[int, str]] = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if not (key := re.match(r"( *)([\w.]+):(.*)", line)):
            continue
        parents = [parent for parent in parents if parent[0] < len(key[1])]
        parents.append((len(key[1]), key[2]))
        if comment := re.search(r"\s# (.*)", key[3]):
            found[".".join(name for _, name in parents)] = comment[1]
    return found


def comments_in_class(kind: type) -> dict[str, str]:
    """The comments behind the fields of a dataclass and of those it is made of, by name."""
    found = {}
    for part in reversed(kind.__mro__[:-1]):
        for line in inspect.getsource(part).splitlines():
            if comment := re.match(r"    (\w+): .*?  # (?!noqa)([^#]*)", line):
                found[comment[1]] = comment[2].rstrip()
    return found


def meanings() -> dict[str, str]:
    """What each setting is, by its name on the command line."""
    found = comments_in_yaml(CONF / "from_data.yaml")
    for group in (*FUNCTION_GROUPS, *DATA_GROUPS, "init", "schedule"):
        for path in sorted((CONF / group).glob("*.yaml")):
            inside = {key.removeprefix(f"{group}."): text for key, text in comments_in_yaml(path).items()}
            found = {f"{group}.{key}": text for key, text in inside.items()} | found
    found |= comments_in_yaml(CONF / "config.yaml")
    for prefix, kind in kinds(Composed):
        found |= {f"{prefix}{key}": text for key, text in comments_in_class(kind).items()}
    return found | {f"{PHASE}.{key}": text for key, text in comments_in_class(PhaseSettings).items()}


def kinds(kind: type, prefix: str = "") -> Iterator[tuple[str, type]]:
    """The dataclasses that settings are made of, with what their fields' names begin with."""
    yield prefix, kind
    for name, hint in get_type_hints(kind).items():
        inner = without_none(hint)
        if isinstance(inner, type) and is_dataclass(inner):
            yield from kinds(inner, f"{prefix}{name}.")


def without_none(hint: Any) -> Any:
    """The type in an Optional; any other as it is."""
    inner = [part for part in get_args(hint) if part is not type(None)]
    return inner[0] if len(inner) == 1 and get_origin(hint) is not list else hint


def type_in_words(name: str, hint: Any) -> str:
    """The type of a setting: the words it takes, or what kind of value."""
    inner = without_none(hint)
    plain = {int: "whole number", float: "number", str: "text", bool: "`true` `false`"}
    plain |= {list[int]: "list of whole numbers", list[float]: "list of numbers", list[str]: "list of texts"}
    if isinstance(inner, type) and issubclass(inner, Enum):
        said = " ".join(f"`{member.name}`" for member in inner)
    elif choices := setting_values(name):
        said = " ".join(f"`{word}`" for word in choices)
    else:
        said = plain.get(inner, "list of phases" if get_origin(inner) is list else OTHERS.get(name, "text"))
    return said if inner is hint else f"{said}, or `null`"


def default_in_words(value: Any) -> str:
    """A default as typed on the command line."""
    if value == "???":
        return "to be given"
    if isinstance(value, str) and value.startswith("${hydra:runtime.choices"):
        return "the word"
    if isinstance(value, bool) or value is None:
        return f"`{str(value).lower() if value is not None else 'null'}`"
    if isinstance(value, list):
        return (
            f"`[{','.join(map(str, value))}]`"
            if not value or not isinstance(value[0], dict)
            else "the word's"
        )
    return f"`{value}`"


def settings() -> list[Setting]:
    """Every setting that is a value."""
    register("settings", [])
    with initialize_config_module("triangle_cli.conf", version_base="1.3"):
        fitting, learning = compose("config"), compose("config", overrides=[f"data={WITH_DATA}"])
        deepening = compose("config", overrides=["schedule=deepening"])
    meaning = meanings()
    hints = {
        f"{prefix}{key}": hint
        for prefix, kind in kinds(Composed)
        for key, hint in get_type_hints(kind).items()
    }
    hints |= {f"{PHASE}.{key}": hint for key, hint in get_type_hints(PhaseSettings).items()}
    found = []
    for name in [*setting_names(), *(f"{PHASE}.{part.name}" for part in fields(PhaseSettings))]:
        if name == "paper" or is_dataclass(without_none(hints[name])):
            continue
        config = learning if name.split(".")[0] in DATA_GROUPS else fitting
        if name.startswith("schedule.deepening."):  # which other schedules have not
            config = deepening
        value: Any = OmegaConf.to_container(config, resolve=False)
        for key in name.split("."):
            value = value[int(key) if isinstance(value, list) else key]
        value = value.name if isinstance(value, Enum) else value
        found.append(
            Setting(name, type_in_words(name, hints[name]), default_in_words(value), meaning.get(name, ""))
        )
    return found


def launcher_settings() -> Iterator[Setting]:
    """What `hydra.launcher.` takes, by launcher."""
    for path in sorted((CONF / "hydra" / "launcher").glob("triangle_*.yaml")):
        comments = comments_in_yaml(path)
        for key, value in yaml.safe_load(path.read_text(encoding="utf-8")).items():
            if key in ("_target_", "backend", "cluster"):
                continue
            word = path.stem.removeprefix("triangle_")
            yield Setting(
                f"hydra.launcher.{key}", f"`{word}`", default_in_words(value), comments.get(key, "")
            )


def cell(text: str) -> str:
    """Text that stays in its cell."""
    return text.replace("|", "\\|")


def print_table(heads: list[str], rows: list[list[str]]) -> None:
    """A table in Markdown."""
    print(
        "\n".join(f"| {' | '.join(map(cell, row))} |" for row in [heads, ["---"] * len(heads), *rows]),
        end="\n\n",
    )


def main() -> None:
    """Print everything, a section a group."""
    every = settings()
    heads = ["setting", "type", "default", "meaning"]

    def table(prefix: str) -> None:
        def inside(name: str) -> bool:
            return name.startswith(prefix) if prefix else name.split(".")[0] not in groups

        rows = [[f"`{s.name}=`", s.type, s.default, s.meaning] for s in every if inside(s.name)]
        print_table(heads, rows)

    groups = (*FUNCTION_GROUPS, "init", "schedule", *DATA_GROUPS)
    print("## Of every run\n")
    table("")
    for group in (*groups, "method", "experiment", "launcher", "hparams_search"):
        print(f"## `{group}=`\n")
        print_table(["word", "what it is"], [[f"`{word}`", said] for word, said in words(group)])
        if group in groups:
            table(f"{group}.")
        if group == "launcher":
            rows = [[f"`{s.name}=`", s.type, s.default, s.meaning] for s in launcher_settings()]
            print_table(["setting", "of", "default", "meaning"], rows)


if __name__ == "__main__":
    main()
