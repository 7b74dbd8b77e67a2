"""What `triangle regions --info` and `--check` say of a file: how it was read, and whether its runtime agrees."""

from __future__ import annotations

from typing import Any

from triangle_cli.formats.check import Agreement
from triangle_cli.formats.network import LoadedNetwork, sizes_text

AGREES = 1e-3  # of the largest output: float32 runtimes add in orders of their own


def info(network: LoadedNetwork) -> dict[str, Any]:
    """How a file was read, layer by layer."""
    layers = network.layers
    return {
        "inputs": network.inputs,
        "input_shape": list(network.shape),
        "outputs": network.outputs,
        "dtype": network.dtype,
        "parameters": network.parameters,
        "box": network.box,
        "restart": network.restart,
        "stage": network.stage,
        "steps": [
            {"name": step.name, "kind": step.kind, "shape": list(step.shape), "lowered": step.lowered}
            for step in network.steps
        ],
        "counted": [{"relu": relu, "linear": linear} for relu, linear in zip(layers.neurons, layers.carried)],
        "assumed": list(network.assumed),
    }


def info_text(file: str, network: LoadedNetwork) -> str:
    """The same for people."""
    rows = [(s.name, s.kind, sizes_text(s.shape), s.lowered) for s in network.steps]
    widths = [max(len(row[i]) for row in rows) for i in range(3)] if rows else []
    table = ["  " + "  ".join([*(f"{c:{w}}" for c, w in zip(row, widths)), row[3]]).rstrip() for row in rows]
    layers = network.layers
    counted = [
        f"{relu:,} ReLU" + (f" + {linear:,} without" if linear else "")
        for relu, linear in zip(layers.neurons, layers.carried)
    ]
    ends = f"{network.inputs:,} inputs ({sizes_text(network.shape)}), {network.outputs:,} outputs"
    lines = [f"{file}: {ends}, {network.parameters:,} parameters, {network.dtype}", "", *table, ""]
    lines.append(f"counted as {len(counted)} hidden layers: {', '.join(counted) or 'none'}")
    if network.box is not None:
        lines.append("box: " + " x ".join(f"[{lo:g}, {hi:g}]" for lo, hi in network.box))
    lines += [f"assumed: {line}" for line in network.assumed] or ["nothing was assumed, nothing was rounded"]
    return "\n".join(lines)


def check_record(found: Agreement) -> dict[str, Any]:
    """How far the runtime was from our reading."""
    return {
        "runtime": found.runtime,
        "points": found.points,
        "largest_difference": found.difference,
        "largest_output": found.largest,
        "agrees": agrees(found),
    }


def agrees(found: Agreement) -> bool:
    """Whether the difference is that of rounding."""
    return found.difference <= AGREES * max(found.largest, 1e-30)


def check_text(found: Agreement) -> str:
    """The same in a line."""
    verdict = "agrees with" if agrees(found) else "DIFFERS from"
    return (
        f"{found.runtime} {verdict} this reading: largest difference {found.difference:.3g} at {found.points} random "
        f"points, where outputs are up to {found.largest:.3g}"
    )
