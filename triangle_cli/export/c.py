"""A network, or its pieces, as one C header without dependencies: numbers are written in hexadecimal, exactly."""

from __future__ import annotations

import re
from collections.abc import Iterable

import numpy as np

from triangle_cli.export.forward import ORDER, Layers
from triangle_cli.settings.require import require

A_LINE = 4  # numbers
KEYWORDS = frozenset(
    [
        "auto",
        "break",
        "case",
        "char",
        "const",
        "continue",
        "default",
        "do",
        "double",
        "else",
        "enum",
        "extern",
        "float",
        "for",
        "goto",
        "if",
        "inline",
        "int",
        "long",
        "register",
        "restrict",
        "return",
        "short",
        "signed",
        "sizeof",
        "static",
        "struct",
        "switch",
        "typedef",
        "union",
        "unsigned",
        "void",
        "volatile",
        "while",
        "main",
    ]
)
GUARD = """\
#if defined(__FAST_MATH__)
#error "compile without -ffast-math: it reorders sums, and the pieces of the function move"
#endif
#if defined(__FLT_EVAL_METHOD__) && __FLT_EVAL_METHOD__ == 2
#error "expected arithmetic in float and double, not in long double: on x86 -msse2 -mfpmath=sse"
#endif
"""
NETWORK = """\
static inline void {name}_layer(const {type} *weights, const {type} *biases, int outputs, int inputs, int is_last,
                                const {type} *in, {type} *out)
{{
    int i, j;
    for (i = 0; i < outputs; i++) {{
        {type} sum = biases[i];
        for (j = 0; j < inputs; j++) {{
            volatile {type} product = weights[i * inputs + j] * in[j]; /* rounded: no fused multiply-add */
            sum = sum + product;
        }}
        out[i] = !is_last && sum < 0 ? 0 : sum;
    }}
}}
"""
LOOKUP = """\
static inline {type} {name}({type} x)
{{
    int low = 0, high = {count}, middle;
    while (high - low > 1) {{
        middle = low + (high - low) / 2;
        if (x < {name}_left[middle]) high = middle; else low = middle;
    }}
    return {name}_y[low] + {name}_slope[low] * (x - {name}_left[low]);
}}
"""


def require_identifier(name: str) -> None:
    """Raise ValueError for what C takes for no name of a function."""
    plain = re.fullmatch("[A-Za-z_][A-Za-z0-9_]{0,50}", name) is not None and name not in KEYWORDS
    require(plain, "--name", name, "a name for a C function: letters, digits and _, such as f")


def network_header(layers: Layers, name: str, title: str) -> str:
    """A function `type name(type x)`: of arrays for several inputs, or into an array for several outputs.

    Args:
        layers: of float64 or float32, whose C types it takes.
        name: of the function; see `require_identifier`.
        title: lines that say what it is.
    """
    kind = _type(layers.weights[0].dtype)
    inputs, outputs, widest = layers.inputs, layers.outputs, max(layers.widths, default=1)
    arrays, calls = [], []
    source = "&x" if inputs == 1 else "x"
    for place, (weight, bias) in enumerate(zip(layers.weights, layers.biases)):
        arrays.append(_array(f"{name}_w{place}", weight.ravel(), kind))
        arrays.append(_array(f"{name}_b{place}", bias, kind))
        last = place == len(layers.weights) - 1
        target = ("&y" if outputs == 1 else "y") if last else ("here", "there")[place % 2]
        sizes = f"{weight.shape[0]}, {weight.shape[1]}, {int(last)}"
        calls.append(f"    {name}_layer({name}_w{place}, {name}_b{place}, {sizes}, {source}, {target});")
        source = target
    x = f"{kind} x" if inputs == 1 else f"const {kind} x[{inputs}]"
    head = f"{kind} {name}({x})" if outputs == 1 else f"void {name}({x}, {kind} y[{outputs}])"
    hidden = f"    {kind} here[{widest}], there[{widest}];\n" if len(layers.weights) > 1 else ""
    unused = "    (void)there;\n" if len(layers.weights) == 2 else ""
    own, back = (f"    {kind} y;\n", "    return y;\n") if outputs == 1 else ("", "")
    body = f"static inline {head}\n{{\n{hidden}{own}{unused}" + "\n".join(calls) + f"\n{back}}}\n"
    said = f"{title}\nEvaluated as: {ORDER}."
    return _header(name, said, [GUARD, *arrays, NETWORK.format(name=name, type=kind), body])


def lookup_header(left: np.ndarray, y: np.ndarray, slope: np.ndarray, name: str, title: str) -> str:
    """A function `type name(type x)` that looks its piece up: y + slope (x - left); arrays (n,) of one dtype."""
    kind = _type(left.dtype)
    arrays = [
        _array(f"{name}_{word}", values, kind)
        for word, values in (("left", left), ("y", y), ("slope", slope))
    ]
    return _header(name, title, [*arrays, LOOKUP.format(name=name, type=kind, count=len(left))])


def _header(name: str, title: str, parts: Iterable[str]) -> str:
    said = "\n".join(f" * {line}".rstrip() for line in title.replace("*/", "* /").splitlines())
    guard = f"TRIANGLE_{name.upper()}_H"
    inside = "\n".join(parts)
    return f"/*\n{said}\n */\n#ifndef {guard}\n#define {guard}\n\n{inside}\n#endif\n"


def _type(dtype: np.dtype) -> str:
    return "float" if dtype == np.float32 else "double"


def _array(name: str, values: np.ndarray, kind: str) -> str:
    suffix = "f" if kind == "float" else ""
    numbers = [f"{float(value).hex()}{suffix}" for value in values]
    lines = [", ".join(numbers[k : k + A_LINE]) for k in range(0, len(numbers), A_LINE)]
    return f"static const {kind} {name}[{len(numbers)}] = {{\n    " + ",\n    ".join(lines) + "\n};\n"
