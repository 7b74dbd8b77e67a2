"""How a method is called and drawn: the `paper:` part of its file in conf/method/, or in a folder of one's own."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import yaml

from triangle_cli import colours

PACKAGED = Path(str(resources.files("triangle_cli.conf")))
DASHES = ("-", "--", "-.", ":")
MARKERS = ("o", "s", "^", "D", "v", "<", ">", "*")


@dataclass(frozen=True)
class Method:
    """A method's title, and what tells it apart: in colour, in grey and for the colour-blind."""

    title: str
    colour: str
    dash: Any  # as matplotlib takes it
    marker: str


def read_paper(group: str, name: str, config_dir: Path | None) -> dict[str, Any] | None:
    """The `paper:` part of a file of conf/, or of a folder of one's own; None where there is no such file.

    Raises:
        ValueError: the file is no YAML, or that part is no mapping.
    """
    for folder in (config_dir, PACKAGED):
        path = folder / group / f"{name}.yaml" if folder else None
        if path is None or not path.is_file():
            continue
        try:
            part = (yaml.safe_load(path.read_text(encoding="utf-8")) or {}).get("paper") or {}
        except (yaml.YAMLError, AttributeError) as error:
            raise ValueError(f"{path}: {' '.join(str(error).split())}") from None
        if not isinstance(part, dict):
            raise ValueError(f"{path}: paper={part}: expected table: NAME, figures: [NAME, ..] and the like")
        return part
    return None


def experiment_names() -> list[str]:
    """The experiments that come with the package."""
    return sorted(path.stem for path in (PACKAGED / "experiment").glob("*.yaml"))


def read_method(name: str, config_dir: Path | None = None, number: int = 0) -> Method:
    """A method by the word that chose it. What its file does not say is made up: `number` tells methods apart."""
    part = read_paper("method", name, config_dir) or {}
    shades = list(colours.BY_NAME.values())
    colour = str(part.get("colour", shades[number % len(shades)]))
    dash = part.get("dash", DASHES[number % len(DASHES)])
    return Method(
        title=str(part.get("title", name.replace("_", " "))),
        colour=colours.BY_NAME.get(colour, colour),
        dash=(dash[0], tuple(dash[1])) if isinstance(dash, list) else dash,
        marker=str(part.get("marker", MARKERS[number % len(MARKERS)])),
    )
