"""Networks in .nnet, the text format of Stanford's NNet and of ACAS Xu, with its normalization.

Source of the format and of the formula: https://github.com/sisl/NNet (Julian, 2016).
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np

from triangle_cli.formats.graph import Graph
from triangle_cli.formats.network import LoadedNetwork, Step, network_of
from triangle_cli.formats.operations import linear, reciprocals
from triangle_cli.store import files
from triangle_cli.store.memory import require_memory

SHAPE = "a .nnet file: sizes, minima, maxima, means and ranges, then weights and biases, numbers set apart by commas"
CLIPPED = "inputs lie within the file's minima and maxima, to which NNet clips them"


class _Lines:
    """The numbers of a file, line by line."""

    def __init__(self, path: Path) -> None:
        self.path = path
        lines = files.read_text(path).splitlines()
        self.lines = [(number, line) for number, line in enumerate(lines, 1) if not line.startswith("//")]
        self.place = 0

    def numbers(self, count: int | None, what: str) -> np.ndarray:
        """The next line; count: how many numbers it has to hold."""
        if self.place >= len(self.lines):
            raise ValueError(f"{self.path}: ends before {what}, expected {SHAPE}")
        number, line = self.lines[self.place]
        self.place += 1
        try:
            found = np.array([float(word) for word in line.split(",") if word.strip()])
        except ValueError:
            found = np.array([np.nan])
        if not np.isfinite(found).all():
            raise ValueError(f"{self.path}: line {number} holds no finite numbers, expected {what}")
        if count is not None and len(found) != count:
            raise ValueError(f"{self.path}: line {number} has {len(found)} numbers, expected {count}: {what}")
        return found


def read_nnet(path: Path) -> LoadedNetwork:
    """The network from its inputs to its outputs as they are outside of the normalization, on the file's box.

    Raises:
        ValueError: not such a file; the line names the line.
        OSError: the file cannot be read.
    """
    try:
        lines = _Lines(path)
    except UnicodeDecodeError:
        raise ValueError(f"{path}: not text, expected {SHAPE}") from None
    depth, inputs, outputs, *_ = (int(x) for x in [*lines.numbers(None, "the number of layers"), 0, 0, 0])
    if depth < 1 or inputs < 1 or outputs < 1:
        raise ValueError(f"{path}: {depth} layers, {inputs} inputs and {outputs} outputs, expected {SHAPE}")
    if depth > len(lines.lines):
        raise ValueError(f"{path}: {depth} layers in {len(lines.lines)} lines, expected {SHAPE}")
    sizes = [int(size) for size in lines.numbers(depth + 1, "the size of each layer")]
    if sizes[0] != inputs or sizes[-1] != outputs or min(sizes) < 1:
        raise ValueError(f"{path}: layers of {sizes}, expected {inputs} first and {outputs} last")
    lines.numbers(None, "a flag")
    low, high = (lines.numbers(inputs, f"the {name} of the inputs") for name in ("minima", "maxima"))
    means, ranges = (
        lines.numbers(inputs + 1, f"{name} of inputs and outputs") for name in ("means", "ranges")
    )
    graph, assumed = Graph(str(path)), [CLIPPED]
    if not (low < high).all():
        bad = int(np.flatnonzero(~(low < high))[0])
        raise ValueError(
            f"{path}: input {bad} from {low[bad]:g} to {high[bad]:g}, expected a minimum below it"
        )
    value = graph.input((inputs,))
    steps = [Step("", "input", value.shape, "the inputs")]
    before = graph.neurons, len(graph.groups)
    value = value.shifted(-means[:-1]).times(reciprocals(ranges[:-1], assumed))
    steps.append(Step.of("normalization", "Sub, Div", value, before))
    for layer, (fan_in, fan_out) in enumerate(pairwise(sizes)):
        require_memory(str(path), 8 * fan_in * fan_out)
        name = f"layer {layer}"
        weight = np.array([lines.numbers(fan_in, f"a row of weights of {name}") for _ in range(fan_out)])
        bias = np.concatenate([lines.numbers(1, f"a bias of {name}") for _ in range(fan_out)])
        before = graph.neurons, len(graph.groups)
        value = linear(value, weight, bias)
        if layer < depth - 1:
            value = value.relu()
        steps.append(Step.of(name, "Linear" if layer == depth - 1 else "Linear, ReLU", value, before))
    before = graph.neurons, len(graph.groups)
    value = value.times(np.full(value.shape, ranges[-1])).shifted(np.full(value.shape, means[-1]))
    steps.append(Step.of("normalization of outputs", "Mul, Add", value, before))
    network = network_of(value, "float64", steps, assumed)
    return replace(network, box=list(zip(low.tolist(), high.tolist())))
