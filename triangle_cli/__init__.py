"""triangle: ReLU networks that are forced to use their depth, trained and counted from the command line or from Python.

>>> import triangle_cli as tri
>>> fit = tri.fit(x, y, depth=6)  # or tri.fit("exp(-x**2)", interval=(0.8, 3)), or tri.load(RUN)

What is named here is imported when it is first asked for: `import triangle_cli` itself takes no time.
"""

import importlib
import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from triangle_cli import nn, regions
    from triangle_cli.api.estimator import TriangleRegressor
    from triangle_cli.api.fits import Fit, fit, load
    from triangle_cli.formats import count_regions, lower

__version__ = "0.1.0"
__all__ = ["Fit", "TriangleRegressor", "count_regions", "fit", "load", "lower", "nn", "regions"]

_PLACES = {
    "Fit": "api.fits",
    "load": "api.fits",
    "TriangleRegressor": "api.estimator",
    "count_regions": "formats",
    "lower": "formats",
}
_ROOMS = ("nn", "regions")  # those that are meant for users


class _Library(ModuleType):
    """This package. `fit` is the function, not the folder of that name, which importing would put there."""

    @property
    def fit(self) -> Any:
        """See `triangle_cli.api.fits.fit`."""
        return importlib.import_module(f"{__name__}.api.fits").fit

    @fit.setter
    def fit(self, folder: ModuleType) -> None:
        """Imports find the folder without it."""


sys.modules[__name__].__class__ = _Library


def __getattr__(name: str) -> Any:
    if name in _ROOMS:
        return importlib.import_module(f"{__name__}.{name}")
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_PLACES[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*__all__, *(name for name in globals() if name.startswith("__"))])
