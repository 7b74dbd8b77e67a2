"""Networks in: files and models of PyTorch, lowered exactly to layers that `regions` counts."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from triangle_cli.formats.counting import count_regions
    from triangle_cli.formats.modules import lower
    from triangle_cli.formats.network import LoadedNetwork
    from triangle_cli.formats.network_files import load

__all__ = ["LoadedNetwork", "count_regions", "load", "lower"]
PLACES = {
    "LoadedNetwork": "network",
    "count_regions": "counting",
    "load": "network_files",
    "lower": "modules",
}


def __getattr__(name: str) -> Any:
    """The public names, imported when they are asked for: reading JSON needs no torch."""
    if name in PLACES:
        return getattr(importlib.import_module(f"{__name__}.{PLACES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
