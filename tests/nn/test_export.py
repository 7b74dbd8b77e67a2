"""Models with triangle layers as plain ReLU networks: the same function, and the regions that the construction says."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from triangle_cli.nn.export import plain_layers
from triangle_cli.nn.layer import TriangleLayer, release
from triangle_cli.regions import count_regions, restrict


def plain_model(weights, biases):
    """The layers as torch's own."""
    layers = []
    for weight, bias in zip(weights, biases, strict=True):
        linear = nn.Linear(weight.shape[1], len(weight)).double()
        linear.weight.data, linear.bias.data = weight, bias
        layers += [linear, nn.ReLU()]
    return nn.Sequential(*layers[:-1])


@given(
    depth=st.integers(1, 5),
    units=st.integers(1, 6),
    interval=st.sampled_from([(-1.0, 1.0), (-0.25, 3.0)]),
    released=st.booleans(),
    free_scales=st.booleans(),
    seed=st.integers(0, 2**16),
)
def test_the_plain_network_is_the_same_function(depth, units, interval, released, free_scales, seed):
    torch.manual_seed(seed)
    words = {"depth": depth, "interval": interval, "free_scales": free_scales, "dtype": torch.float64}
    model = nn.Sequential(
        nn.Linear(3, 4).double(),
        nn.ReLU(),
        TriangleLayer(4, units, **words),
        nn.Dropout(0.5),
        TriangleLayer(units, 2, bias=False, **words),
        nn.Linear(2, 2).double(),
    ).eval()
    if released:
        release(model)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.05 * torch.randn_like(parameter)
    x = 4 * torch.randn(200, 3, dtype=torch.float64)
    assert torch.allclose(plain_model(*plain_layers(model))(x), model(x), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("depth", range(1, 9))
def test_one_unit_has_two_to_the_depth_regions_wherever_it_is_looked_at(depth):
    layer = TriangleLayer(1, 1, depth, dtype=torch.float64)
    layer.linear.weight.data.fill_(1.0)
    layer.linear.bias.data.zero_()
    for box in ([-1.0, 1.0], [-5.0, 5.0]):
        assert int(count_regions(*plain_layers(nn.Sequential(layer)), [box]).linear_regions) == 2**depth


def test_along_a_line_units_add_their_breakpoints():
    torch.manual_seed(1)
    units, depth = 5, 3
    layer = TriangleLayer(2, units, depth, dtype=torch.float64)
    weights, biases = plain_layers(nn.Sequential(layer, nn.Linear(units, 1).double()))
    direction = torch.tensor([0.3, 1.0], dtype=torch.float64)
    slopes, starts = (layer.linear.weight @ direction).detach(), layer.linear.bias.detach()
    reach = float(((1 + starts.abs()) / slopes.abs()).max()) + 1  # every unit's interval lies within
    ends = torch.stack([-reach * direction, reach * direction])
    counts = count_regions(*restrict(weights, biases, ends.tolist()), [[0.0, 1.0]])
    assert int(counts.linear_regions) == units * (2**depth - 1) + 1


@pytest.mark.parametrize(
    ("model", "complaint"),
    [
        (nn.Linear(2, 2), "Linear: expected a Sequential"),
        (nn.Sequential(nn.ReLU()), "expected at least one Linear"),
        (
            nn.Sequential(nn.Linear(2, 2), nn.Tanh()),
            "1: is Tanh, expected Linear, ReLU, a triangle or a limit layer",
        ),
    ],
)
def test_other_models_are_refused_by_name(model, complaint):
    with pytest.raises(ValueError, match=complaint):
        plain_layers(model)
