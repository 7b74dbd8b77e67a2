"""`triangle export`: a trained network as a file for another program. Imports torch only to read the network."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from triangle_cli import console
from triangle_cli.cli.networks import meant, network_parser
from triangle_cli.cli.options import Parser

if TYPE_CHECKING:
    from triangle_cli.export.files import Format
    from triangle_cli.export.forward import Layers

DESCRIPTION = """Write a trained network for another program. TO is one of

  c        one C header without dependencies, `double f(double)`; --float32: `float f(float)`
  numpy    a Python module that needs numpy alone, `f(x)`
  json     {"layers": [{"weight": .., "bias": ..}, ..], "box": ..}, as `triangle regions` reads it
  pieces   the linear regions as a table (.csv), or as a function in C that looks them up (--out NAME.h)
  torch    a state_dict of Sequential(Linear, ReLU, .., Linear), float64
  onnx     Gemm and Relu in float64 (needs the extra: pip install '.[onnx]')

c, numpy and json give the network's values to the bit: the order of operations is stated in the file. What runs
onnx and torch adds in an order of its own; how far that can be off is printed."""

EPILOG = """examples:
  triangle export 1a2b3c4d --to c                         f.h: double f(double)
  triangle export 1a2b3c4d --to c --float32 --stage peaks   for a microcontroller, all 2^d linear regions
  triangle export 1a2b3c4d --to pieces --out lookup.h     breakpoints and slopes, looked up
  triangle export 1a2b3c4d --to onnx --out curve.onnx"""

POINTS = 10_001  # on which float32 is compared with float64
TO = ("onnx", "c", "numpy", "torch", "json", "pieces")


def parser() -> Parser:
    """The words of `triangle export`."""
    words = network_parser("export", DESCRIPTION)
    words.epilog, words.formatter_class = EPILOG, argparse.RawDescriptionHelpFormatter
    words.add_argument("--to", required=True, choices=TO, metavar="TO", help=", ".join(TO))
    words.add_argument("--out", type=Path, metavar="FILE", help="default: the name of what was fitted")
    words.add_argument("--name", default="f", help="of the function in C and numpy; default: f")
    words.add_argument("--float32", action="store_true", help="c, pieces, torch and onnx in float32")
    return words


def main(words: list[str]) -> int:
    """Write the file; returns the exit code.

    Raises:
        ValueError: there is no such network, or this kind of file cannot hold it. Nothing has been written then.
        OSError: the network cannot be read, or the file not be written.
    """
    options = parser().parse_args(words)
    from triangle_cli.export.c import require_identifier
    from triangle_cli.export.files import FORMATS, kind_of, write_network

    require_identifier(options.name)
    network = meant(options)
    out = options.out or Path(network.name + FORMATS[options.to].suffixes[0])
    kind_of(out, options.to)
    title = f"{network.where}: {_shape(network.layers)}"
    layers, kept = write_network(network.layers, out, options.to, options.name, options.float32, title)
    said = f"{_shape(layers)}; {kept}{_distance(network.layers, layers)}" if kept else _shape(layers)
    exact = _exactness(layers, FORMATS[options.to], options.to, out.suffix)
    console.say(f"{network.where}: {said}\n{exact}\n-> {out}")
    return 0


def _distance(double: Layers, single: Layers) -> str:
    """How far the values in float32 are from those in float64, measured."""
    import numpy as np

    if double.box is None or double.inputs != 1 or double.outputs != 1:
        return ""
    x = np.linspace(*double.box[0], POINTS).astype(np.float32)
    inside = x[(x >= double.box[0][0]) & (x <= double.box[0][1])]
    apart = np.abs(single(inside).astype(float) - double(inside.astype(float))).max()
    return f"; values within {apart:.1e} of float64's on {len(inside):,} points"


def _shape(layers: Layers) -> str:
    inputs, outputs, widths = layers.inputs, layers.outputs, layers.widths
    shown = ", ".join(map(str, sorted(set(widths))))
    hidden = f"{len(widths)} hidden layer{'s' if len(widths) != 1 else ''} of {shown}"
    box = "" if layers.box is None else " on " + " x ".join(f"[{lo:g}, {hi:g}]" for lo, hi in layers.box)
    several = f"{inputs} input{'s' if inputs > 1 else ''}, {outputs} output{'s' if outputs > 1 else ''}"
    return f"{several}, {hidden}, {layers.weights[0].dtype}{box}"


def _exactness(layers: Layers, kind: Format, to: str, suffix: str) -> str:
    """What can be relied on, and what was measured."""
    from triangle_cli.export.forward import ORDER, rounding_bound

    dtype = layers.weights[0].dtype
    if to == "pieces":
        return "ends, values and slopes of the pieces, each rounded" + (
            "" if suffix == ".csv" else f" to {dtype}"
        )
    if not kind.reorders:
        return f"equal to the bit to the network's {dtype} forward: {ORDER}"
    if layers.box is None:
        return "the runtime adds in an order of its own; the file names no box on which to bound what that changes"
    bound = rounding_bound(layers, layers.box)
    return f"the runtime adds in an order of its own: within {bound:.1e} of the stated order, anywhere in the box"
