"""What `triangle regions` prints for people: a table of counts beside what the architecture allows."""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any

TOO_MANY = "not looked for among so many"


def limited_text(record: dict[str, Any]) -> str:
    """A count that was to stop at a limit."""
    found = _number(record["activation_regions"])
    rows = [("activation regions", found if record["is_complete"] else f">= {found}", ""), *_bounds(record)]
    return "\n".join([*_heading(record), _place(record), "", *_aligned(rows), "", record["exact"]])


def count_text(record: dict[str, Any]) -> str:
    """The counts of one network on its box, line or plane."""
    neurons = sum(record["hidden_widths"])
    rows = [
        ("linear regions", _number(record["linear_regions"]), ""),
        ("activation regions", _number(record["activation_regions"]), ""),
        *_bounds(record),
        ("dead neurons", _number(record["dead_neurons"]), f"of {neurons:,}, off on the whole box"),
    ]
    for kind in ("linear", "activation"):
        wide = record[f"wide_{kind}_regions"]
        note = "wider than 1e-9 of the box" if wide is not None else TOO_MANY
        rows.append((f"wide {kind} regions", "-" if wide is None else _number(wide), note))
    for name in ("narrowest", "widest"):
        rows.append((f"{name} linear region", *_extreme(record[name])))
    lines = [*_heading(record), _place(record), "", *_aligned(rows), "", *_claims(record)]
    return "\n".join([*lines, _seconds(record)])


def average_text(record: dict[str, Any]) -> str:
    """The means over random lines or planes."""
    rows = []
    for name, label in (
        ("linear_regions", "linear regions"),
        ("activation_regions", "activation regions"),
        ("dead_neurons", "neurons dead on the slice"),
    ):
        found = record[name]
        error = "" if found["standard_error"] is None else f" +- {found['standard_error']:.2g}"
        rows.append((label, f"{found['mean']:.6g}{error}", f"from {found['min']:,} to {found['max']:,}"))
    where = f"mean +- standard error over {record['slices']:,} {record['average_over']} {_box_text(record['box'])}"
    lines = [*_heading(record), f"{where}, seed {record['seed']}", "", *_aligned([*rows, *_bounds(record)])]
    return "\n".join([*lines, "", *_claims(record), _seconds(record)])


def _claims(record: dict[str, Any]) -> list[str]:
    """What may be relied on, and what it rests on."""
    return [record["exact"], *([f"assumed: {record['assumed']}"] if "assumed" in record else [])]


def _heading(record: dict[str, Any]) -> list[str]:
    hidden = record["hidden_widths"]
    same = hidden and set(hidden) == {hidden[0]}
    shape = (
        f"{_plural(len(hidden), 'hidden layer')} of width {hidden[0]}" if same else f"hidden widths {hidden}"
    )
    restart = "" if record["restart"] is None else f", restart {record['restart']}"
    restart += f" after {record['stage']}" if record["stage"] not in (None, "init") else ""
    restart += " at the start" if record["stage"] == "init" else ""
    ends = f"{_plural(record['inputs'], 'input')}, {_plural(record['outputs'], 'output')}"
    return [f"{record['file']}{restart}: {ends}, {shape if hidden else 'no hidden layer'}, {record['dtype']}"]


def _place(record: dict[str, Any]) -> str:
    if "line" in record:
        return f"on the line from {_short(record['line'][0])} to {_short(record['line'][1])}"
    if "plane" in record:
        return "in the parallelogram P, Q, R = " + ", ".join(map(_short, record["plane"]))
    return _box_text(record["box"])


def _box_text(box: list[list[float]]) -> str:
    sides = [f"[{lo:g}, {hi:g}]" for lo, hi in box]
    if len(set(sides)) == 1 and len(sides) > 2:
        return f"in {sides[0]}^{len(sides)}"
    return "in " + " x ".join(sides[:4] + ["..."] * (len(sides) > 4))


def _bounds(record: dict[str, Any]) -> list[tuple[str, str, str]]:
    n = record["dimensions"]
    parts = ["width + 1", "1 + width + width (width - 1) / 2"]
    ceiling = parts[n - 1] if n <= 2 else f"C(width, 0) + .. + C(width, {n})"
    guess = ["neurons", "neurons^2 / 2"][n - 1] if n <= 2 else f"neurons^{n} / {n}!"
    return [
        (
            "ceiling",
            _number(record["ceiling"]),
            f"for the architecture: {ceiling}, multiplied over the layers",
        ),
        (
            "random start, about",
            _number(round(record["expected_random"])),
            f"{guess} (Hanin and Rolnick 2019)",
        ),
    ]


def _extreme(found: dict[str, Any] | None) -> tuple[str, str]:
    if found is None:
        return "-", TOO_MANY
    kind = next(name for name in ("width", "area", "volume") if name in found)
    size = found[kind]
    text = f"{size:.4g}" if found["is_resolved"] else "beyond float64" if math.isinf(size) else "under 1e-15"
    if "width" in found:
        return text, f"from {found['left']:.8g} to {found['right']:.8g}"
    return text, f"in {kind}, at ({', '.join(f'{x:.6g}' for x in found['at'])})"


def _aligned(rows: list[tuple[str, str, str]]) -> list[str]:
    left, middle = (max(len(row[i]) for row in rows) for i in (0, 1))
    return [f"  {name:{left}}  {value:>{middle}}  {note}".rstrip() for name, value, note in rows]


def _number(value: int) -> str:
    return f"{value:,}" if value < 10**12 else f"{Decimal(value):.3e}"


def _seconds(record: dict[str, Any]) -> str:
    what = "loading compiled code"
    if record["loading_seconds"]:
        from triangle_cli import compiling  # which the count has imported

        if compiling.seconds() > compiling.SILENCE:
            what = "compiling, once after installation for each kind of network"
    return f"counted in {record['seconds']:.3g} s, after {record['loading_seconds']:.1f} s for {what}"


def _plural(count: int, name: str) -> str:
    return f"{count} {name}" if count == 1 else f"{count} {name}s"


def _short(point: list[float]) -> str:
    shown = [f"{value:g}" for value in point[:4]] + ["..."] * (len(point) > 4)
    return f"({', '.join(shown)})"
