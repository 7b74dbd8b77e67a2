"""What `paper:` in a file of conf/experiment/ can ask for: tables and figures by name.

A table is a function with `@table(NAME)`, a figure one with `@figure(NAME)`, in a module of this room.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from triangle_cli.paper.collection import Collected
    from triangle_cli.paper.tables import Table


class Builder(Protocol):
    """Makes the table of an experiment from its runs; options are what else `paper:` says."""

    def __call__(self, name: str, runs: list[Collected], **options: str) -> Table: ...


# the end of a file's name, and the figure
Drawer = Callable[[list["Collected"]], Iterator[tuple[str, "Figure"]]]

TABLES: dict[str, Callable[..., Table]] = {}
FIGURES: dict[str, Drawer] = {}


def table(name: str) -> Callable[[Callable[..., Table]], Callable[..., Table]]:
    """Register what makes a table."""

    def register(build: Callable[..., Table]) -> Callable[..., Table]:
        TABLES[name] = build
        return build

    return register


def figure(name: str) -> Callable[[Drawer], Drawer]:
    """Register what draws figures."""

    def register(draw: Drawer) -> Drawer:
        FIGURES[name] = draw
        return draw

    return register
