"""The style of all pictures, the user's own before it; their sizes and formats; what tells lines apart."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache, partial
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib
import matplotlib.artist
import matplotlib.style

from triangle_cli import console

if TYPE_CHECKING:
    from matplotlib.figure import Figure

KINDS = ("png", "pdf", "svg", "pgf")  # of files
SIZES = {"column": (3.4, 2.6), "page": (7.0, 3.4)}  # inches: of a paper in two columns, as ICML's
LARGEST = 40.0  # inches
PACKED = 3  # of 9: PNG files a tenth larger than at 6, which is usual, in three quarters of the time
DASHES: tuple[Any, ...] = ("-", "--", "-.", ":", (0, (5, 1)), (0, (3, 1, 1, 1, 1, 1)))
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
HATCHES = ("", "////", "....", "\\\\\\\\", "xxxx", "----", "||||", "++++")
TEX = ("xelatex", "pdflatex", "lualatex")  # what a PGF file is measured with
UNDATED = {"pdf": {"CreationDate": None}, "svg": {"Date": None}}  # the same picture is the same file

# in a command nobody asks for help() on matplotlib, and writing that takes a quarter of its import
if console.talkative:
    matplotlib.artist.kwdoc = lambda artist: ""


@contextmanager
def ours(own: str | None = None) -> Iterator[None]:
    """Draw and save in our style; what the user's matplotlibrc sets stays, and `own` comes before both.

    Args:
        own: a style of matplotlib's by name, or the path of a style file.

    Raises:
        ValueError: there is no such style.
    """
    with matplotlib.rc_context(_ours()):
        if own:
            try:
                matplotlib.style.use(own)
            except OSError:
                known = ", ".join(matplotlib.style.available[-6:])
                raise ValueError(f"--style {own}: expected a style file, or one of {known}, ..") from None
        yield


@cache
def _ours() -> Any:
    """Settings of matplotlib's, by their names."""
    sheet = files("triangle_cli.drawing") / "triangle.mplstyle"
    style: dict[Any, Any] = dict(matplotlib.rc_params_from_file(str(sheet), use_default_template=False))
    theirs = Path(matplotlib.matplotlib_fname())
    if theirs.parent != Path(matplotlib.get_data_path()):
        for key in matplotlib.rc_params_from_file(theirs, use_default_template=False):
            style.pop(key, None)
    return style


def looks(count: int) -> list[dict[str, Any]]:
    """What tells `count` lines apart, in colour and in grey: colour, dash and marker of each.

    Past the colours of the style, shades of its colour map.
    """
    cycle = matplotlib.rcParams["axes.prop_cycle"].by_key()
    colours = cycle.get("color", ["C0"])
    if count > len(colours):
        shades = matplotlib.colormaps[matplotlib.rcParams["image.cmap"]]
        colours = [shades(0.9 * i / (count - 1)) for i in range(count)]
    dashes, markers = cycle.get("linestyle", DASHES), cycle.get("marker", MARKERS)
    ways = zip(*map(itertools.cycle, (colours, dashes, markers)))
    keys = ("color", "linestyle", "marker")
    return [dict(zip(keys, way)) for way in itertools.islice(ways, count)]


def inches(size: str) -> tuple[float, float]:
    """Width and height: of a name in SIZES, or as in `3.4x2.6`.

    Raises:
        ValueError: it is neither.
    """
    if size in SIZES:
        return SIZES[size]
    try:
        width, height = map(float, size.lower().split("x"))
        if not (1 <= width <= LARGEST and 1 <= height <= LARGEST):
            raise ValueError
    except ValueError:
        raise ValueError(
            f"--size {size}: expected {', '.join(SIZES)}, or inches such as 3.4x2.6 (1 to {LARGEST:g} each)"
        ) from None
    return width, height


def require_kind(option: str, path: Path) -> None:
    """Raise ValueError for a file whose name does not end as a picture's, or that this machine cannot make."""
    kind = path.suffix.lstrip(".").lower()
    if kind not in KINDS:
        ends = ", ".join(f".{end}" for end in KINDS)
        raise ValueError(f"{option} {path}: expected a name that ends in one of {ends}")
    if kind == "pgf" and not any(map(shutil.which, TEX)):
        raise ValueError(
            f"{option} {path}: expected one of {', '.join(TEX)} on this machine, which measures text"
        )


def save_drawn_once(figure: Figure, path: Path) -> None:
    """Write a figure as PNG. It is laid out before: else matplotlib draws it twice, first to lay it out."""
    engine = figure.get_layout_engine()
    if engine is not None:
        if matplotlib.rcParams["savefig.dpi"] != "figure":
            figure.set_dpi(matplotlib.rcParams["savefig.dpi"])
        engine.execute(figure)
        figure.set_layout_engine(None)
    figure.savefig(path, pil_kwargs={"compress_level": PACKED})


def save(figure: Figure, path: Path) -> None:
    """Write a figure in the format that its name ends in, all at once; without a date, so that it can be compared."""
    from triangle_cli.store import run_folder

    kind = path.suffix.lstrip(".").lower()
    if kind == "pgf":
        matplotlib.rcParams["pgf.texsystem"] = next(filter(shutil.which, TEX))
    dates: dict[str, Any] = {"metadata": UNDATED[kind]} if kind in UNDATED else {}
    run_folder.write_whole(path, partial(figure.savefig, format=kind, **dates))
