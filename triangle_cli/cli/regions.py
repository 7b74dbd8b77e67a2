"""`triangle regions`: the linear regions of a network from a file, counted exactly. Imports torch only to count."""

from __future__ import annotations

import argparse
import json
import math
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from triangle_cli import console
from triangle_cli.cli import region_files
from triangle_cli.cli.options import Parser

if TYPE_CHECKING:
    from triangle_cli.formats.network import LoadedNetwork
    from triangle_cli.regions.arrays import Layers

DESCRIPTION = """Count the linear regions of a ReLU network, exactly: not a sample of points, no tolerance.

FILE is one of
  a run folder, or its network.pt     the best network of all stages, or of the last; on the run's interval
  *.json   {"layers": [{"weight": [[..], ..], "bias": [..]}, ..], "box": [[lo, hi], ..]}
  *.onnx   any piecewise linear network: Gemm, Conv, Relu, LeakyRelu, MaxPool, Add, .. (extra: '.[onnx]')
  *.nnet   ACAS Xu's format, with its normalization; on the box of its minima and maxima
  else     a state_dict of Linear layers, by torch.save, *.safetensors (extra: '.[safetensors]') or *.npz; it
           does not say what stands between them: ReLU is assumed, and the counts say so
--info shows how it was read, --check runs it beside. Models in Python: triangle_cli.count_regions(model, box)

A linear region is a maximal connected set on which all outputs together are one affine map; an activation
region is the set of inputs with one on/off pattern of the hidden neurons. Both strictly inside the box."""

EPILOG = """examples:
  triangle regions outputs/x2/d8-triangle-paper-1a2b3c4d
  triangle regions outputs/x2/d8-triangle-paper-1a2b3c4d --restart 3 --breakpoints pieces.csv --picture fit.png
  triangle regions outputs/x2/d8-triangle-paper-1a2b3c4d --stage peaks    before the weights were set free
  triangle regions model.pt --box -1 1                  a state_dict; one or two inputs, each from -1 to 1
  triangle regions model.onnx --box 0 1 -2 2 --json     two inputs, each with a box of its own
  triangle regions mnist.pt --line @first.csv @second.csv --picture between.png
  triangle regions mnist.pt --lines 100 --box 0 1       mean over random lines, with its standard error
  triangle regions net3.json --box -1 1 --threads 2     three inputs and more: the whole box, on both cores
  triangle regions net3.json --cells cells.npz          corners, half-spaces and affine map of every region
  triangle regions acas.onnx --box -0.1 0.1 --limit 1000000
  triangle regions net3.json --picture net3.html --boundary       a page to turn and slice, for a browser
  triangle regions net3.json --plane 0,0,0 1,0,0 0,-1,1
  triangle regions acas.onnx --info --check  how it was read, and whether onnxruntime agrees

Numbers of a vector are set apart by commas; @FILE reads them from a .json list or from text."""

NEGATIVE = re.compile(r"-(?:[\d.]|inf|nan)", re.IGNORECASE)
CELLS = (".npz", ".parquet")
SLICES = ("line", "plane", "lines", "planes")
PICTURES = (".png", ".pdf", ".svg", ".html")


def main(words: list[str]) -> int:
    """Count, print, write; returns the exit code.

    Raises:
        ValueError: a file or an option that does not fit; no file has been written then.
        OSError: a file cannot be read or written.
    """
    options = parser().parse_args([f" {word}" if NEGATIVE.match(word) else word for word in words])
    _check_options(options)
    from triangle_cli.formats import network_files

    layers = options.layers and options.layers.split(",")
    network = network_files.load(options.file, options.restart, options.stage, layers)
    if options.info or options.check:
        return _tell(network, options)
    if options.lines or options.planes:
        _average(network, options)
    else:
        _count(network, options)
    return 0


def _tell(network: LoadedNetwork, options: argparse.Namespace) -> int:
    """What was read, or whether the file's own runtime agrees; nothing is counted. Returns the exit code."""
    from triangle_cli.inspection import about

    record: dict[str, Any] = {"file": str(options.file)}
    lines, code = [], 0
    if options.info:
        record |= about.info(network)
        lines.append(about.info_text(str(options.file), network))
    if options.check:
        from triangle_cli.formats.check import compare

        has_box = options.box or network.box is not None
        box = _box(network, options) if has_box else [[-1.0, 1.0]] * network.inputs
        found = compare(options.file, network, box, options.seed)
        record["check"] = about.check_record(found)
        lines.append(about.check_text(found))
        code = 0 if about.agrees(found) else 1
    console.say(json.dumps(record, indent=2) if options.json else "\n".join(lines))
    return code


def parser() -> Parser:
    """The words of `triangle regions`."""
    words = Parser(
        prog="triangle regions",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    words.add_argument("file", metavar="FILE", type=Path)
    words.add_argument(
        "--box", nargs="+", type=float, metavar="X",
        help="LO HI for every input, or LO HI LO HI .. for each; default: the file's own",
    )  # fmt: skip
    words.add_argument(
        "--restart", type=int, metavar="K", help="network K of a run, from 0; default: the best"
    )
    words.add_argument(
        "--stage", metavar="S", help="of a run: init, peaks, weights, ..; default: that of its best network"
    )
    words.add_argument(
        "--layers",
        metavar="A,B,..",
        help="the layers of a state_dict in their order, where names leave a doubt",
    )
    words.add_argument(
        "--info", action="store_true", help="how the file was read, layer by layer; nothing is counted"
    )
    words.add_argument(
        "--check", action="store_true",
        help="run the file's own runtime (onnxruntime, torch) at random inputs beside; exit code 1 if they differ",
    )  # fmt: skip
    words.add_argument("--json", action="store_true", help="print one JSON object")
    words.add_argument(
        "--exact", action="store_true",
        help="take every decision in integers: the same counts, slowly (a check, not a need)",
    )  # fmt: skip
    words.add_argument(
        "--breakpoints", type=Path, metavar="CSV",
        help="write each linear region in one dimension: its ends, y there, slope, intercept",
    )  # fmt: skip
    words.add_argument(
        "--cells", type=Path, metavar="FILE",
        help="write each activation region to .npz or .parquet: corners, half-spaces, affine map, linear region",
    )  # fmt: skip
    words.add_argument(
        "--limit",
        type=int,
        metavar="N",
        help="stop at N activation regions: a lower bound, and said to be one",
    )
    words.add_argument(
        "--threads", type=int, default=1, metavar="N",
        help="count with so many at once, from three inputs on and most networks of two (small ones take a moment), "
        "but not with --exact or --limit; the counts are the same; default: %(default)s",
    )  # fmt: skip
    words.add_argument(
        "--picture", type=Path, metavar="FILE",
        help="draw the function with its breakpoints, or the partition of the plane and the gradients (.png, .pdf, "
        ".svg); .html: two inputs to zoom and point at, three to turn and slice (extra: '.[report]')",
    )  # fmt: skip
    words.add_argument(
        "--adjacency", action="store_true", help="in --cells and --picture *.html, which cells share a facet"
    )
    words.add_argument(
        "--boundary", action="store_true",
        help="in --cells and --picture *.html, where the largest output changes (of one output, its sign)",
    )  # fmt: skip
    slices = words.add_argument_group("slices, of any number of inputs").add_mutually_exclusive_group()
    slices.add_argument(
        "--line", nargs=2, metavar=("FROM", "TO"), help="exactly, along the segment between two points"
    )
    slices.add_argument(
        "--plane", nargs=3, metavar=("P", "Q", "R"),
        help="exactly, in the parallelogram P + s (Q - P) + t (R - P) with s and t in [0, 1]",
    )  # fmt: skip
    slices.add_argument(
        "--lines", type=int, metavar="N", help="mean over N segments between two uniform points of the box"
    )
    slices.add_argument(
        "--planes", type=int, metavar="N", help="mean over N triangles of three uniform points of the box"
    )
    words.add_argument(
        "--seed",
        type=int,
        metavar="N",
        help="of what --lines, --planes and --check draw at random; default: 0",
    )
    return words


def _check_options(options: argparse.Namespace) -> None:
    for name in ("lines", "planes"):
        number = getattr(options, name)
        if number is not None and number < 1:
            raise ValueError(f"--{name} {number}: expected 1 or more")
        for wanted in ("breakpoints", "picture", "cells", "limit"):
            if number is not None and getattr(options, wanted):
                raise ValueError(f"--{wanted}: expected one network on one line or plane, not --{name}")
    for name in ("limit", "threads"):
        number = getattr(options, name)
        if number is not None and number < 1:
            raise ValueError(f"--{name} {number}: expected 1 or more")
    if options.cells and options.cells.suffix not in CELLS:
        raise ValueError(f"--cells {options.cells}: expected a name in {', '.join(CELLS)}")
    is_page = options.picture and options.picture.suffix == ".html"
    for name in ("adjacency", "boundary"):
        if getattr(options, name) and not (options.cells or is_page):
            raise ValueError(f"--{name}: expected --cells FILE or --picture FILE.html, which it is part of")
    if options.limit:
        for wanted in ("breakpoints", "picture", "cells", "exact"):
            if getattr(options, wanted):
                raise ValueError(f"--limit: expected no --{wanted}, which is of all regions")
    if options.info or options.check:
        for name in ("breakpoints", "cells", "picture", "limit", "exact", *SLICES):
            if getattr(options, name):
                raise ValueError(f"--{name}: expected neither --info nor --check, which count nothing")
    if options.seed is None:
        options.seed = 0
    elif options.seed < 0:
        raise ValueError(f"--seed {options.seed}: expected 0 or more")
    elif not (options.lines or options.planes or options.check):
        raise ValueError(
            f"--seed {options.seed}: expected --lines N, --planes N or --check, which draw at random"
        )
    if options.box and (options.line or options.plane):
        raise ValueError("--box: expected none, --line and --plane say where to count")
    if options.picture and options.picture.suffix not in PICTURES:
        raise ValueError(f"--picture {options.picture}: expected a name in {', '.join(PICTURES)}")


def _box(network: LoadedNetwork, options: argparse.Namespace) -> list[list[float]]:
    """One [lo, hi] per input, from the words or else the file."""
    inputs = network.inputs
    if options.box:
        numbers = options.box * inputs if len(options.box) == 2 else options.box
        if len(numbers) != 2 * inputs:
            pairs = "LO HI" if inputs == 1 else f"LO HI, or {inputs} times LO HI"
            raise ValueError(f"--box: {len(options.box)} numbers for {inputs} inputs, expected {pairs}")
        box = [list(numbers[i : i + 2]) for i in range(0, len(numbers), 2)]
    elif network.box is None:
        raise ValueError(f"{options.file}: has no box of its own, expected --box LO HI")
    else:
        box = [list(side) for side in network.box]
    if len(box) != inputs or any(len(side) != 2 for side in box):
        raise ValueError(f"{options.file}: box {box} for {inputs} inputs, expected one [lo, hi] per input")
    for lo, hi in box:
        if not (math.isfinite(lo) and math.isfinite(hi) and lo < hi):
            raise ValueError(f"box [{lo:g}, {hi:g}]: expected two finite numbers, the lower first")
    return box


def _vector(word: str, inputs: int) -> list[float]:
    """A point from `1,2,3` or `@file`."""
    from triangle_cli.store import files

    text = word.strip()
    try:
        if text.startswith("@"):
            content = files.read_text(Path(text[1:]))
            numbers = (
                json.loads(content)
                if text.endswith(".json")
                else re.split(r"[\s,]+", content.strip(", \n\r\t"))
            )
        else:
            numbers = text.split(",")
        point = [float(number) for number in numbers]
    except (ValueError, TypeError, OverflowError, RecursionError):
        raise ValueError(
            f"{text}: expected {inputs} numbers, such as {','.join(['0'] * min(inputs, 4))}"
        ) from None
    if len(point) != inputs or not all(map(math.isfinite, point)):
        raise ValueError(f"{text}: {len(point)} numbers, expected {inputs} finite ones, one per input")
    return point


def _as_json(record: dict[str, Any]) -> str:
    """A record as JSON, which has no infinity: a volume beyond float64 is null."""

    def plain(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: plain(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [plain(item) for item in value]
        return None if isinstance(value, float) and not math.isfinite(value) else value

    return json.dumps(plain(record), indent=2)


def _count(network: LoadedNetwork, options: argparse.Namespace) -> None:
    from triangle_cli.inspection import report, terminal

    where, box, layers = _domain(network, options)
    if options.breakpoints and len(box) > 1:
        raise ValueError("--breakpoints: expected a network of one input, or --line; --cells is for more")
    if options.picture:
        _check_picture(options.picture, len(box))
    record = {"file": str(options.file)} | where | report.architecture(network, len(box))
    _note_threads(options)
    if options.limit:
        record |= {"box": box} | report.count_up_to(layers, box, options.limit)
        done = report.guarantee(record["dtype"], False, next(iter(where), None))
        record["exact"] = done if record["is_complete"] else report.AT_LEAST
        print(_as_json(record) if options.json else terminal.limited_text(record))
        return
    threads = 1 if options.exact else options.threads
    counts, found = report.count(layers, box, options.exact, threads, maps=bool(options.picture))
    record |= {"box": box} | counts
    record["exact"] = report.guarantee(record["dtype"], options.exact, next(iter(where), None))
    record |= report.assumption(network)
    try:
        region_files.write_files(options, record, found, layers)
    finally:  # a file that cannot be written loses no count
        console.say(_as_json(record) if options.json else terminal.count_text(record))


def _note_threads(options: argparse.Namespace) -> None:
    for name in ("exact", "limit"):
        if options.threads > 1 and getattr(options, name):
            console.note(f"--threads {options.threads}: unused by --{name}, which has one thread")


def _check_picture(path: Path, inputs: int) -> None:
    if path.suffix == ".html" and inputs not in (2, 3):
        other = "; .png draws one input" if inputs == 1 else ", or --plane"
        raise ValueError(f"--picture {path}: {inputs} inputs, expected two or three{other}")
    if path.suffix != ".html" and inputs > 2:
        more = "; .html shows three" if inputs == 3 else ""
        raise ValueError(f"--picture: {inputs} inputs, expected one or two, or --line or --plane{more}")


def _domain(network: LoadedNetwork, options: argparse.Namespace) -> tuple[dict[str, Any], list, Layers]:
    """The line or plane if there is one, then the box and the layers of what is counted."""
    from triangle_cli.regions.slices import PARALLELOGRAM, SEGMENT, sliced

    if words := options.line or options.plane:
        points = [_vector(word, network.inputs) for word in words]
        box = SEGMENT if options.line else PARALLELOGRAM
        return {"line" if options.line else "plane": points}, box, sliced(network.layers, points)
    return {}, _box(network, options), network.layers


def _average(network: LoadedNetwork, options: argparse.Namespace) -> None:
    from triangle_cli.inspection import report, terminal

    points, slices = (2, options.lines) if options.lines else (3, options.planes)
    box = _box(network, options)
    if network.inputs < points - 1:
        raise ValueError(f"--planes {slices}: {network.inputs} input, expected 2 or more")
    found = report.average(network, box, points, slices, options.seed, options.exact)
    kind = "line" if points == 2 else "plane"
    record = {"file": str(options.file)} | report.architecture(network, points - 1)
    record |= {"box": box, "average_over": f"random {kind}s"} | found
    record["exact"] = report.AVERAGE.format(kind=kind)
    record |= report.assumption(network)
    console.say(_as_json(record) if options.json else terminal.average_text(record))
