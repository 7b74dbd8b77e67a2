"""How a setting is refused: one line with its name, its value and what is accepted."""

from __future__ import annotations

from typing import Any


def require(holds: bool, key: str, value: Any, expected: str) -> None:
    """Raise ValueError with one line that names the setting, its value and what is accepted."""
    if not holds:
        raise ValueError(f"{key}={value}: expected {expected}")


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
