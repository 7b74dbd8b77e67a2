"""Models of PyTorch, lowered: the same values everywhere, and the counts that follow from what they are."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

import triangle_cli
from triangle_cli.formats import lower
from triangle_cli.nn import LimitLayer, TriangleLayer
from triangle_cli.regions import count_regions as count_layers


class Written(nn.Module):
    """A model whose forward is a function of itself and x."""

    def __init__(self, forward, **parts):
        super().__init__()
        for name, part in parts.items():
            setattr(self, name, part)
        self.function = forward

    def forward(self, x):
        return self.function(self, x)


def seeded(make):
    torch.manual_seed(0)
    return make().double().eval()


def normalized():
    """Batch normalization that has seen data."""
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.ReLU(), nn.Linear(4, 2))
    model[1].running_mean.normal_()
    model[1].running_var.uniform_(0.5, 2)
    nn.init.normal_(model[1].weight)
    return model


def residual(m, x):
    h = m.a(x).relu()
    h = h + m.b(h).relu_()
    return m.c(torch.cat([h, x], dim=1))


def in_place(m, x):
    h = m.a(x)
    y = F.relu(h, inplace=True)
    return y - 2 * h  # h is y by now


def arithmetic(m, x):
    a, b = m.a(x).chunk(2, dim=1)
    c = torch.maximum(a, b) - torch.minimum(a, -b).abs() / 4
    c += 0.1
    return (1 - c).clamp(-0.5, 0.25).sum(dim=1, keepdim=True) + F.leaky_relu(c, 0.3).mean(1, True)


def viewed(m, x):
    h = m.a(x).view(x.size(0), 2, -1)[:, :, 1:].permute(0, 2, 1).flatten(1)
    return h.unsqueeze(1).squeeze(1).amax(dim=1, keepdim=True)


def flat(*layers):
    return lambda: nn.Sequential(nn.Linear(3, 6), *layers, nn.Linear(6, 2))


def images(*layers, channels=1):
    return lambda: nn.Sequential(nn.Conv2d(channels, 2, 3, padding=1), nn.ReLU(), *layers, nn.Flatten())


MODELS = {
    "relu": (flat(nn.ReLU()), (3,)),
    "two linear": (flat(nn.Linear(6, 6), nn.ReLU()), (3,)),
    "leaky": (flat(nn.LeakyReLU(0.1)), (3,)),
    "leaky, a power of two": (flat(nn.LeakyReLU(0.25)), (3,)),
    "prelu": (flat(nn.PReLU(6)), (3,)),
    "hardtanh": (flat(nn.Hardtanh(-0.3, 0.7)), (3,)),
    "relu6": (flat(nn.ReLU6(), nn.Dropout(), nn.Identity()), (3,)),
    "batch norm": (normalized, (3,)),
    "residual": (lambda: Written(residual, a=nn.Linear(3, 4), b=nn.Linear(4, 4), c=nn.Linear(7, 2)), (3,)),
    "in place": (lambda: Written(in_place, a=nn.Linear(3, 4)), (3,)),
    "arithmetic": (lambda: Written(arithmetic, a=nn.Linear(3, 8)), (3,)),
    "views": (lambda: Written(viewed, a=nn.Linear(3, 8)), (3,)),
    "triangle": (lambda: nn.Sequential(TriangleLayer(3, 4, depth=3), nn.Linear(4, 1)), (3,)),
    "conv1d": (lambda: nn.Sequential(nn.Conv1d(2, 4, 3, stride=2, padding=1, groups=2), nn.ReLU()), (2, 7)),
    "conv2d": (images(nn.Conv2d(2, 3, (2, 3), dilation=(1, 2), stride=2)), (1, 6, 7)),
    "max pool": (images(nn.MaxPool2d(3, 2, padding=1, ceil_mode=True)), (1, 6, 6)),
    "average": (images(nn.AvgPool2d(2, ceil_mode=True), nn.AdaptiveAvgPool2d(1)), (1, 7, 7)),
    "average, padded": (images(nn.AvgPool2d(3, 2, 1, count_include_pad=False)), (1, 5, 5)),
    "same": (images(nn.Conv2d(2, 2, (3, 5), padding="same")), (1, 5, 5)),
}


@pytest.mark.parametrize("name", MODELS)
def test_values_are_the_models(name):
    make, shape = MODELS[name]
    model = seeded(make)
    network = lower(model, shape)
    x = torch.from_numpy(np.random.default_rng(1).uniform(-3, 3, (40, *shape)))
    with torch.no_grad():
        expected = model(x).flatten(1).numpy()
    found = network.layers.values_at(x.flatten(1).numpy())
    np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-11)
    assert all(step.lowered for step in network.steps)


def test_a_released_triangle_layer_is_read_too():
    layer = seeded(lambda: TriangleLayer(2, 3, depth=2))
    layer.release()
    x = torch.randn(50, 2, dtype=torch.float64) * 3
    found = lower(layer).layers.values_at(x.numpy())
    np.testing.assert_allclose(found, layer(x).detach().numpy(), atol=1e-12)


def test_nothing_is_rounded_on_the_way():
    """0.1 * 0.1 is no float: two layers stay two, and their ReLU is the same in one network and in two steps."""
    model = nn.Sequential(nn.Linear(1, 1), nn.Linear(1, 1), nn.ReLU()).double()
    with torch.no_grad():
        for layer, bias in ((model[0], 0.1), (model[1], -0.01)):
            layer.weight.fill_(0.1)
            layer.bias.fill_(bias)
    layers = lower(model).layers
    assert [w.tolist() for w in layers.weights[:2]] == [[[0.1]], [[0.1]]]
    assert [mask.tolist() for mask in layers.linear] == [[True], [False]]


def counted(model, *rest, **options):
    found = triangle_cli.count_regions(model, *rest, **options)
    return found.linear_regions.item(), found.activation_regions.item(), found.dead_neurons.item()


def identity(n):
    layer = nn.Linear(n, n, bias=False).double()
    nn.init.eye_(layer.weight)
    return layer


def test_counts_that_are_known():
    for n in (1, 2, 3):
        assert counted(nn.Sequential(identity(n), nn.LeakyReLU(0.1)), (-1, 1))[:2] == (2**n, 2**n)
        assert counted(nn.Sequential(identity(n), nn.Hardtanh(-0.5, 0.5)), [[-1, 1]] * n)[:2] == (3**n, 3**n)
    diamond = Written(lambda m, x: m.a(x).abs().sum(1, keepdim=True), a=identity(2))
    assert counted(diamond, (-1, 1)) == (4, 4, 0)
    largest = Written(lambda m, x: m.a(x).amax(1, keepdim=True), a=identity(3))
    assert counted(largest, (-1, 1))[0] == 3
    skip = Written(lambda m, x: x + F.relu(m.a(x)), a=identity(1))
    assert counted(skip, (-1, 1)) == (2, 2, 0)
    dead = Written(lambda m, x: F.relu(m.a(x) - 4), a=identity(2))
    assert counted(dead, (-1, 1)) == (1, 1, 2)
    pool = nn.MaxPool2d(2)
    assert counted(pool, (-1, 1), shape=(1, 2, 2), wide=False)[0] == 4


def test_a_leaky_network_has_the_activation_regions_of_its_relu_twin():
    torch.manual_seed(2)
    parts = [nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 1)]
    first = nn.Sequential(*parts[:2], parts[-1])
    leaky = nn.Sequential(parts[0], nn.LeakyReLU(0.01), parts[-1])
    assert counted(first, (-2, 2))[1] == counted(leaky, (-2, 2))[1]
    linear = [part for part in parts if isinstance(part, nn.Linear)]
    expected = count_layers([p.weight for p in linear], [p.bias for p in linear], [[-2, 2]] * 2)
    assert counted(nn.Sequential(*parts), (-2, 2))[:2] == (
        expected.linear_regions.item(),
        expected.activation_regions.item(),
    )


REFUSED = {
    "tanh": (nn.Sequential(nn.Linear(1, 1), nn.Tanh()), "1 is Tanh, which is not piecewise linear"),
    "softmax": (
        Written(lambda m, x: m.a(x).softmax(1), a=nn.Linear(1, 2)),
        "softmax is Softmax, which is not",
    ),
    "product": (Written(lambda m, x: m.a(x) * x, a=nn.Linear(1, 1)), "mul multiplies two values"),
    "branch": (Written(lambda m, x: x if x.sum() > 0 else m.a(x), a=nn.Linear(1, 1)), "cannot be traced"),
    "training": (nn.Sequential(nn.Linear(1, 2), nn.BatchNorm1d(2)), "expected model.eval()"),
    "no shape": (nn.Conv2d(1, 1, 1), "expected the shape of one input, such as shape="),
    "smooth": (LimitLayer(1, 2), "LimitLayer, which is smooth"),
    "recurrent": (
        nn.Sequential(nn.Linear(1, 2), nn.GRU(2, 2)),
        "1 is GRU, expected a layer of docs/regions.md",
    ),
    "constant": (
        Written(lambda m, x: m.a.weight, a=nn.Linear(1, 1)),
        "returns a Parameter, expected one tensor",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_read_is_refused_by_name(name):
    model, said = REFUSED[name]
    with pytest.raises(ValueError, match="expected") as error:
        lower(model.train(name == "training"))
    assert said in str(error.value)
    assert "\n" not in str(error.value)


def test_what_is_no_network_is_refused():
    with pytest.raises(ValueError, match="a dict, expected a trained fit, an nn"):
        triangle_cli.count_regions({}, (0, 1))
    with pytest.raises(ValueError, match="box: none"):
        triangle_cli.count_regions(nn.Linear(1, 1))
