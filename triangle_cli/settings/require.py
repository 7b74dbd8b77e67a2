"""How a setting is refused: one line with its name, its value and what is accepted."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from typing import Any


def require(holds: bool, key: str, value: Any, expected: str) -> None:
    """Raise ValueError with one line that names the setting, its value and what is accepted."""
    if not holds:
        raise ValueError(f"{key}={value}: expected {expected}")


NAME = re.compile(r"[\w+-][\w.+-]*")
SWEEPS = "sweeps"
LONGEST_NAME = 100  # bytes: two names and more make the name of a folder, which may have 255


def is_name(value: str) -> bool:
    """Whether a word can be a part of a path and stays there: plain characters, no dot first."""
    return NAME.fullmatch(value) is not None and len(value.encode()) <= LONGEST_NAME


def name_of_file(path: str, otherwise: str) -> str:
    """What a folder is called after a file: its name without suffixes, in plain characters."""
    stem = path.rsplit("/", 1)[-1].lstrip(".").split(".")[0]
    plain = re.sub(r"[^\w+-]+", "_", stem)
    plain = plain.encode(errors="replace")[:LONGEST_NAME].decode(errors="ignore")
    return plain if plain not in ("", SWEEPS) and is_name(plain) else otherwise


def require_name(key: str, value: str) -> None:
    """Raise ValueError with one line for a name that could lead out of its folder, or hide in it."""
    shown = value if len(value) <= LONGEST_NAME else f"{value[:20]}... ({len(value)} characters)"
    accepted = f"letters, digits and . _ + -, no dot first, at most {LONGEST_NAME} bytes"
    require(is_name(value), key, shown, accepted)


def require_folder_name(key: str, value: str) -> None:
    """As `require_name`, for what names a folder beside that of the sweeps."""
    require_name(key, value)
    require(value != SWEEPS, key, value, f"another name: {SWEEPS} is the folder of the sweeps")


def require_one_of(value: str, key: str, choices: Iterable[str]) -> None:
    """Raise ValueError with one line for a word that is none of the choices; names a close one."""
    choices = list(choices)
    require(value in choices, key, value, f"one of {', '.join(choices)}{close(value, choices)}")


def close(word: str, choices: Iterable[str]) -> str:
    """`; did you mean x?` where a choice is close to the word, else nothing."""
    nearest = difflib.get_close_matches(word, list(choices), 1)
    return f"; did you mean {nearest[0]}?" if nearest else ""


def require_device(device: str) -> None:
    """Raise ValueError for a device that this machine does not have."""
    import torch

    try:
        torch.device(device)
    except RuntimeError:  # whose reason is a list of twenty names
        raise ValueError(f"device={device}: expected cpu, cuda or cuda:N") from None
    try:
        torch.zeros(1, device=device).item()  # device=meta has no numbers
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0].split(". ")[0]
        raise ValueError(f"device={device}: expected a device of this machine ({reason})") from None
