"""The region counter on the line: what it refuses."""

import doctest
import os
import subprocess
import sys

import pytest
import torch
from regions.line_networks import (
    sawtooth,
)

from triangle_cli.regions.line import counting
from triangle_cli.regions.line.counting import count_regions, pieces

WEIGHTS, BIASES = sawtooth(2)
ERRORS = {
    "box of no size": (WEIGHTS, BIASES, (1, 1), r"box is \[1.0, 1.0\]"),
    "box upside down": (WEIGHTS, BIASES, (1, 0), r"box is \[1.0, 0.0\]"),
    "endless box": (WEIGHTS, BIASES, (0, float("inf")), r"box is \[0.0, inf\]"),
    "box of two dimensions": (WEIGHTS, BIASES, [[0, 1], [0, 1]], r"box has shape \(2, 2\)"),
    "no layers": ([], [], (0, 1), r"0 and 0 layers"),
    "a bias missing": (WEIGHTS, BIASES[:1], (0, 1), r"3 and 1 layers"),
    "two inputs": (
        [torch.ones(1, 2)],
        [torch.ones(1)],
        (0, 1),
        r"weights\[0\]: shape \(1, 2\), expected \(1, 1\)",
    ),
    "layers that do not fit": (
        [torch.ones(3, 1), torch.ones(1, 2)],
        [torch.ones(3), torch.ones(1)],
        (0, 1),
        r"weights\[1\]",
    ),
    "bias that does not fit": (
        [torch.ones(3, 1)],
        [torch.ones(2)],
        (0, 1),
        r"biases\[0\]: shape \(2,\), expected \(3,\)",
    ),
    "another batch": ([torch.ones(2, 3, 1)], [torch.ones(3, 3)], (0, 1), r"biases\[0\]: shape \(3, 3\)"),
    "no neurons": (
        [torch.ones(0, 1), torch.ones(1, 0)],
        [torch.ones(0), torch.ones(1)],
        (0, 1),
        r"weights\[0\]",
    ),
    "NaN": ([torch.tensor([[float("nan")]])], [torch.ones(1)], (0, 1), r"weights\[0\]: contains nan"),
    "infinity": ([torch.ones(1, 1)], [torch.tensor([-float("inf")])], (0, 1), r"biases\[0\]: contains -inf"),
    "integers": (
        [torch.ones(1, 1, dtype=torch.int64)],
        [torch.ones(1)],
        (0, 1),
        r"weights\[0\]: dtype torch.int64",
    ),
    "not a tensor": ([[[1.0]]], [torch.ones(1)], (0, 1), r"weights\[0\]: list"),
}


@pytest.mark.parametrize("function", [count_regions, pieces])
@pytest.mark.parametrize("name", ERRORS)
def test_bad_input_is_refused_by_name(name, function):
    weights, biases, box, message = ERRORS[name]
    with pytest.raises(ValueError, match=message):
        function(weights, biases, box)


def test_pieces_of_a_batch_are_refused():
    with pytest.raises(ValueError, match="expected one network"):
        pieces([torch.ones(3, 1, 1)], [torch.ones(3, 1)], (0, 1))


def test_the_examples_of_the_documentation_hold():
    assert doctest.testmod(counting).attempted > 3
    assert doctest.testmod(counting).failed == 0


def test_importing_does_not_load_the_compiler():
    code = "import sys, triangle_cli.regions; sys.exit('numba' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, env=dict(os.environ))
