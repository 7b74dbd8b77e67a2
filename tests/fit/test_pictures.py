"""What pictures of a run show."""

import pytest
import torch

from triangle_cli.fit.functions import Target
from triangle_cli.fit.pictures import STRETCH, stretch_around

KINKS = torch.arange(1, 200, dtype=torch.float64) / 200
TARGET = Target("x2", "x**2", (0.0, 1.0))


@pytest.mark.parametrize("where", [0.0, 0.004, 0.5, 0.97, 1.0])
def test_a_stretch_has_as_many_pieces_wherever_it_is(where):
    low, high = stretch_around(KINKS, where, TARGET)
    assert low <= where <= high
    inside = ((low < KINKS) & (high > KINKS)).sum().item()
    assert inside + 1 == STRETCH
