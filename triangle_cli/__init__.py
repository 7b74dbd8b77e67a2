"""triangle: ReLU networks that are forced to use their depth, trained and counted from the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from triangle_cli.formats import count_regions as count_regions
    from triangle_cli.formats import load as load
    from triangle_cli.formats import lower as lower

__version__ = "0.1.0"
__all__ = ["__version__", "count_regions", "load", "lower"]


def __getattr__(name: str) -> Any:
    """The public functions, imported when they are asked for: `import triangle_cli` stays cheap."""
    if name in __all__:
        from triangle_cli import formats

        return getattr(formats, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
