"""YAML files that Hydra reads: one whose aliases unfold without end is refused before they do."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import yaml

MOST = 100_000  # values in a file, aliases unfolded


def guard_yaml() -> None:
    """Let Hydra, which reads all its files so, look at each before it loads it."""
    from omegaconf import OmegaConf

    load = OmegaConf.load
    if getattr(load, "is_guarded", False):
        return

    def guarded(file: Any) -> Any:
        if isinstance(file, io.TextIOBase):
            text = file.read()
            require_finite(text, Path(getattr(file, "name", "configuration")))
            named, file = file, io.StringIO(text)
            # what a parser says of a mistake begins with it
            file.name = getattr(named, "name", "configuration")
        return load(file)

    guarded.is_guarded = True  # type: ignore[attr-defined]
    OmegaConf.load = guarded  # type: ignore[assignment,method-assign]


def require_finite(text: str, path: Path) -> None:
    """Raise ValueError where a YAML file stands for too many values, or one holds itself.

    The tree shares what aliases stand for, so it is as small as the file. Raises yaml.YAMLError for what is no YAML.
    """
    if "&" not in text:  # nothing that an alias could stand for
        return
    try:
        root = yaml.compose(text, yaml.SafeLoader)
        size = _unfolded(root, {}) if root else 0
    except RecursionError:
        raise ValueError(f"{path}: nested too deep, or holds itself") from None
    if size > MOST:
        raise ValueError(
            f"{path}: stands for {float(size):.3g} values, expected at most {MOST:,} (see its aliases, *)"
        )


def _unfolded(node: yaml.Node, known: dict[int, int | None]) -> int:
    """How many nodes there are once every alias is unfolded; `known`: of those seen, None while they are open."""
    if id(node) in known:
        if (size := known[id(node)]) is None:
            raise RecursionError
        return size
    known[id(node)] = None
    inner = (
        [part for pair in node.value for part in pair] if isinstance(node, yaml.MappingNode) else node.value
    )
    size = 1 + (sum(_unfolded(part, known) for part in inner) if isinstance(inner, list) else 0)
    known[id(node)] = size
    return size
