"""Layers for any model: what they compute, where they go on, and that they stand where Linear and ReLU stood."""

import copy
import math
import re
from pathlib import Path

import pytest
import torch
from torch import nn

from triangle_cli.construction import triangle as construction
from triangle_cli.nn.convert import convert
from triangle_cli.nn.layer import TriangleActivation, TriangleLayer, outer_slopes, release
from triangle_cli.regions import count_regions
from triangle_cli.training.spaces import PeakSpace

F64 = torch.float64
DEPTHS = [1, 2, 4, 7]


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def activation(depth=4, units=6, released=False, **settings):
    made = TriangleActivation(units, depth, dtype=F64, **settings)
    if released:
        made.release()
    return made


def pre_activations(*shape, spread=3.0):
    return spread * (2 * torch.rand(*shape, dtype=F64) - 1)


@pytest.mark.parametrize("depth", DEPTHS)
@pytest.mark.parametrize("interval", [(-1.0, 1.0), (-0.5, 2.0)])
def test_the_start_is_relu_outside_and_a_convex_bend_inside(depth, interval):
    unit = activation(depth, interval=interval)
    lo, hi = interval
    z = torch.linspace(lo - 5, hi + 5, 4001, dtype=F64).unsqueeze(1).expand(-1, 6)
    y = unit(z)
    outside = (z[:, 0] <= lo) | (z[:, 0] >= hi)
    assert torch.allclose(y[outside], z[outside].relu(), atol=1e-12)
    assert (y >= z.relu() - 1e-12).all()
    assert (y.diff(dim=0).diff(dim=0) > -1e-12).all()
    if depth == 1:
        assert torch.allclose(y, z.relu(), atol=1e-12)
    else:
        assert ((y - z.relu()).amax(0) > 0.02).all()


@pytest.mark.parametrize("depth", DEPTHS)
@pytest.mark.parametrize("free_scales", [False, True])
def test_inside_it_is_the_construction_with_two_to_the_depth_regions(depth, free_scales):
    unit = activation(depth, free_scales=free_scales)
    triangle = unit.space.triangle(unit.peaks.detach())
    z = torch.linspace(-1, 1, 1001, dtype=F64)
    expected = triangle(z).T  # (n, units)
    assert torch.allclose(unit(z.unsqueeze(1).expand(-1, 6)), expected, atol=1e-12)
    network = triangle.network()
    counts = count_regions(network.weights, network.biases, (-1.0, 1.0))
    assert counts.linear_regions.tolist() == [2**depth] * 6


@pytest.mark.parametrize("depth", DEPTHS)
def test_release_changes_no_value_inside_or_outside(depth):
    unit = activation(depth, free_scales=True)
    with torch.no_grad():
        unit.peaks += 0.1 * torch.randn_like(unit.peaks)
    z = pre_activations(50, 6)
    before = unit(z)
    unit.release()
    assert unit.released
    assert unit.weights.shape == (6, 20 * depth - 5)
    assert torch.allclose(unit(z), before, atol=1e-11)
    unit.release()  # once more changes nothing
    assert torch.allclose(unit(z), before, atol=1e-11)


@pytest.mark.parametrize("released", [False, True])
def test_outside_the_interval_the_outermost_pieces_go_on(released):
    unit = activation(released=released)
    with torch.no_grad():
        for parameter in unit.parameters():
            parameter += 0.05 * torch.randn_like(parameter)
    z = torch.tensor([-7.0, -4.0, -1.0, 1.0, 4.0, 7.0], dtype=F64).unsqueeze(1).expand(-1, 6)
    slopes = unit(z).diff(dim=0) / 3
    assert torch.allclose(slopes[0], slopes[1])
    assert torch.allclose(slopes[3], slopes[4])
    if not released:
        expected = outer_slopes(unit.space.triangle(unit.peaks))
        assert torch.allclose(slopes[[0, 4]], expected)
    edges = torch.tensor([-1.0, 1.0], dtype=F64).unsqueeze(1).expand(-1, 6)
    assert torch.allclose(unit(edges - 1e-9), unit(edges + 1e-9), atol=1e-7)  # no jump


@pytest.mark.parametrize("released", [False, True])
def test_derivatives_are_right(released):
    unit = activation(depth=3, units=2, released=released)
    z = pre_activations(5, 2)
    name, parameter = next(iter(unit.named_parameters()))
    parameter.data += 0.01 * torch.randn_like(parameter)  # a start has neurons that stand on their kink

    def values(z, parameter):
        return torch.func.functional_call(unit, {name: parameter}, z)

    assert torch.autograd.gradcheck(values, (z.requires_grad_(), parameter))


@pytest.mark.parametrize("released", [False, True])
def test_units_do_not_feel_each_other(released):
    unit = activation(units=11, released=released)
    z = pre_activations(13, 11)
    whole = unit(z)
    with torch.no_grad():
        for parameter in unit.parameters():
            parameter[5] += 0.1
    changed = (unit(z) != whole).any(0)
    assert changed.nonzero().flatten().tolist() == [5]


@pytest.mark.parametrize("released", [False, True])
@pytest.mark.parametrize("shape", [(), (1,), (0,), (7,), (2, 3, 4)])
def test_any_batch_shape(released, shape):
    layer = TriangleLayer(5, 6, depth=3, dtype=F64)
    if released:
        layer.release()
    x = torch.randn(*shape, 5, dtype=F64)
    y = layer(x)
    assert y.shape == (*shape, 6)
    alone = [layer(row) for row in x.reshape(-1, 5)]
    if alone:
        assert torch.allclose(y.reshape(-1, 6), torch.stack(alone), atol=1e-12)


@pytest.mark.parametrize("saved_released", [False, True])
@pytest.mark.parametrize("fresh_released", [False, True])
def test_a_saved_state_loads_into_any_layer(saved_released, fresh_released, tmp_path):
    saved, fresh = (nn.Sequential(TriangleLayer(5, 6, depth=3)) for _ in range(2))
    if saved_released:
        release(saved)
    if fresh_released:
        release(fresh)
    torch.save(saved.state_dict(), tmp_path / "state.pt")
    fresh.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
    x = torch.randn(9, 5)
    assert torch.equal(fresh(x), saved(x))
    assert fresh[0].activation.released == saved_released
    assert [name for name, _ in fresh.named_parameters()] == [name for name, _ in saved.named_parameters()]


@pytest.mark.parametrize("released", [False, True])
def test_what_is_frozen_stays_frozen(released):
    layer, other = TriangleLayer(5, 6, depth=3).requires_grad_(False), TriangleLayer(5, 6, depth=3)
    if released:
        layer.release()
    else:
        other.release()
    layer.load_state_dict(other.state_dict())
    assert layer.activation.released != released
    assert not any(parameter.requires_grad for parameter in layer.parameters())
    layer.activation.reset_parameters()
    assert not any(parameter.requires_grad for parameter in layer.parameters())
    assert all(parameter.requires_grad for parameter in other.parameters())


@pytest.mark.parametrize("released", [False, True])
def test_shapes_alone_go_through(released):
    with torch.device("meta"):
        layer = TriangleLayer(5, 6, depth=3, interval=(-0.3, 0.7))
        if released:
            layer.release()
        assert layer(torch.empty(2, 3, 5)).shape == (2, 3, 6)
    layer.to_empty(device="cpu").load_state_dict(TriangleLayer(5, 6, depth=3).state_dict())
    assert layer(torch.randn(2, 3, 5)).isfinite().all()


def test_a_release_without_derivatives_leaves_nothing_behind_that_later_ones_trip_over():
    construction._hidden_pattern.cache_clear()
    with torch.inference_mode():
        TriangleLayer(5, 6, depth=3).release()
    theta = torch.randn(2, 7, dtype=torch.float32, requires_grad=True)
    PeakSpace(3, -1.0, (0.0, 1.0)).decode(theta).flatten().sum().backward()
    assert theta.grad.isfinite().all()


def test_a_state_of_another_depth_is_refused_and_an_empty_one_is_missed():
    layer = TriangleLayer(5, 6, depth=3)
    with pytest.raises(RuntimeError, match="size mismatch"):
        layer.load_state_dict(TriangleLayer(5, 6, depth=4).state_dict())
    with pytest.raises(RuntimeError, match=r"activation\.peaks"):
        layer.load_state_dict(nn.Linear(5, 6).state_dict())


@pytest.mark.parametrize("released", [False, True])
def test_single_and_half_precision_stay_near_double(released):
    layer = TriangleLayer(5, 6, depth=4, dtype=F64)
    if released:
        layer.release()
    x = torch.randn(40, 5, dtype=F64)
    expected = layer(x)
    single = copy.deepcopy(layer).float()
    assert single(x.float()).dtype == torch.float32
    assert torch.allclose(single(x.float()).double(), expected, atol=1e-5)
    with torch.autocast("cpu", torch.bfloat16):
        half = single(x.float())
    assert half.dtype == torch.bfloat16  # as Linear and ReLU would return
    assert torch.allclose(half.double(), expected, atol=0.05)


@pytest.mark.parametrize("released", [False, True])
def test_a_compiler_sees_one_graph_with_the_same_values(released):
    layer = TriangleLayer(5, 6, depth=3, dtype=F64)
    if released:
        layer.release()
    compiled = torch.compile(layer, backend="aot_eager", fullgraph=True)
    x = torch.randn(8, 5, dtype=F64, requires_grad=True)
    assert torch.allclose(compiled(x), layer(x), atol=1e-12)
    (expected,) = torch.autograd.grad(layer(x).sum(), x)
    (found,) = torch.autograd.grad(compiled(x).sum(), x)
    assert torch.allclose(found, expected, atol=1e-12)


def test_a_compiler_may_be_shown_transforms():
    layer, x = TriangleLayer(2, 3, depth=2).double(), torch.randn(4, 5, 2, dtype=torch.float64)
    for transform in (torch.func.vmap, torch.func.jacrev):
        compiled = torch.compile(lambda x, transform=transform: transform(layer)(x), backend="aot_eager")
        assert torch.allclose(compiled(x), transform(layer)(x))


def test_what_a_compiler_sees_does_not_grow_with_depth():
    sizes = []

    def count(graph, inputs):
        sizes.append(len(graph.graph.nodes))
        return graph.forward

    for depth in (1, 4, 9):
        torch._dynamo.reset()
        torch.compile(TriangleLayer(2, 3, depth=depth), backend=count, fullgraph=True)(torch.randn(5, 2))
    assert len(set(sizes)) == 1


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("released", [False, True])
def test_cuda_agrees_with_the_processor(released):
    layer = TriangleLayer(5, 6, depth=4, dtype=F64)
    if released:
        layer.release()
    x = torch.randn(40, 5, dtype=F64)
    expected = layer(x)
    assert torch.allclose(copy.deepcopy(layer).cuda()(x.cuda()).cpu(), expected, atol=1e-10)


@pytest.mark.parametrize("released", [False, True])
def test_a_model_of_these_layers_learns(released):
    x = torch.rand(200, 2, dtype=F64) * 2 - 1
    y = (x[:, :1] * x[:, 1:]).sin()
    model = nn.Sequential(TriangleLayer(2, 8, depth=3), nn.Linear(8, 1)).double()
    if released:
        release(model)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    losses = []
    for _ in range(200):
        optimizer.zero_grad()
        loss = (model(x) - y).square().mean()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.05 * losses[0]


def test_nan_goes_through_where_it_came_in_and_nowhere_else():
    for unit in (activation(), activation(released=True)):
        z = pre_activations(3, 6)
        z[1, 2] = float("nan")
        assert unit(z).isnan().nonzero().tolist() == [[1, 2]]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"depth": 0}, "depth=0: expected a whole number, 1 to 64"),
        ({"units": 2.5}, "units=2.5: expected a whole number"),
        ({"interval": (0.0, 1.0)}, "expected \\(lo, hi\\) with 0"),
        ({"interval": (-1.0, float("inf"))}, "expected \\(lo, hi\\) with 0"),
        ({"peak_low": 0.8}, "peak_low=0.8, peak_high=0.7"),
    ],
)
def test_a_number_out_of_range_is_named(settings, message):
    with pytest.raises(ValueError, match=message):
        activation(**settings)


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ((3, 0), "out_features=0: expected a whole number, 1 or more"),
        ((3, "4"), "out_features='4': expected a whole number"),
        ((0, 3), "in_features=0: expected a whole number, 1 or more"),
        ((2.0, 3), "in_features=2.0: expected a whole number"),
    ],
)
def test_features_are_refused_before_a_linear_is_made(sizes, message):
    with pytest.raises(ValueError, match="^" + message):
        TriangleLayer(*sizes, depth=2)


def test_a_wrong_shape_is_named():
    with pytest.raises(ValueError, match=r"x: shape \(3, 4\), expected \(\.\.\., 5\)"):
        TriangleLayer(5, 6, depth=3)(torch.zeros(3, 4))
    with pytest.raises(ValueError, match=r"z: shape \(3, 4\), expected \(\.\.\., 6\)"):
        activation()(torch.zeros(3, 4))


class Classifier(nn.Module):
    """As torchvision's VGG: convolutions, then Linear, ReLU, Dropout, ..., Linear."""

    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU())
        self.classifier = nn.Sequential(
            *(nn.Linear(8, 6), nn.ReLU(True), nn.Dropout()),
            *(nn.Linear(6, 5), nn.ReLU(True), nn.Dropout()),
            nn.Linear(5, 3),
        )
        self.lone = nn.Linear(3, 3)

    def forward(self, x):
        return self.classifier(self.features(x).flatten(1))


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ((), ["classifier.0", "classifier.3"]),
        (("classifier.*",), ["classifier.0", "classifier.3"]),
        (("classifier.3",), ["classifier.3"]),
    ],
)
def test_chosen_pairs_are_replaced_and_the_rest_stays(names, expected):
    model = Classifier().eval()
    before = dict(model.state_dict())
    x = 10 * torch.randn(4, 1, 4, 4)
    plain = model(x)
    assert convert(model, *names, depth=3, interval=(-1e-6, 1e-6)) is model
    found = [name for name, module in model.named_modules() if isinstance(module, TriangleLayer)]
    assert found == expected
    after = {name.replace("linear.", ""): tensor for name, tensor in model.state_dict().items()}
    assert all(torch.equal(after[name], tensor) for name, tensor in before.items())
    assert torch.allclose(model(x), plain, atol=1e-4)  # so narrow a bend is ReLU


def test_a_sequential_is_converted_itself():
    model = convert(nn.Sequential(nn.Linear(2, 3), nn.ReLU(), nn.Linear(3, 1)).double(), depth=2)
    assert isinstance(model[0], TriangleLayer)
    assert isinstance(model[1], nn.Identity)
    assert model(torch.zeros(5, 2, dtype=F64)).shape == (5, 1)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "classifier.6",
            "classifier.6: it is Linear, expected a Linear followed by a ReLU, one of",
        ),
        ("features.0", "features.0: it is Conv2d, expected"),
        ("lone", "lone: it is Linear, expected"),
        ("head.*", r"head\.\*: expected a Linear followed .* one of classifier.0, classifier.3"),
    ],
)
def test_what_cannot_be_replaced_is_refused_by_name_and_nothing_is_done(name, message):
    model = Classifier()
    with pytest.raises(ValueError, match=message):
        convert(model, "classifier.0", name, depth=3)
    assert not any(isinstance(module, TriangleLayer) for module in model.modules())


def test_a_linear_that_stands_twice_is_refused():
    shared = nn.Linear(4, 4)
    model = nn.Sequential(shared, nn.ReLU(), shared, nn.ReLU())
    with pytest.raises(ValueError, match="0: is also 2"):
        convert(model, depth=2)


def test_a_place_is_no_name():
    with pytest.raises(ValueError, match="convert: 0: expected the name of a Linear, in quotes, such as '0'"):
        convert(nn.Sequential(nn.Linear(2, 2), nn.ReLU()), 0)


def test_a_model_without_pairs_says_so():
    with pytest.raises(ValueError, match="this model has none"):
        convert(nn.Linear(2, 2), depth=2)


def test_the_documentation_runs_as_written():
    text = (Path(__file__).parents[2] / "docs" / "layers.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    names: dict = {}
    for block in blocks:
        exec(block, names)
    assert names["y"].shape == (8, 10, 32)
    assert names["fresh"][0].activation.released
    assert isinstance(names["model"][0], TriangleLayer)


@pytest.mark.parametrize("released", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_what_is_no_finite_number_goes_through_as_through_a_relu(dtype, released):
    layer = TriangleActivation(3, depth=4, dtype=dtype)
    if released:
        layer.release()
    ends = torch.tensor([-math.inf, math.inf, math.nan], dtype=dtype)
    for z in (ends.clone().requires_grad_(), ends.clone()):
        y = layer(z) if z.requires_grad else torch.func.vmap(layer)(z.unsqueeze(0)).squeeze(0)
        assert y[0].abs() <= 100 * torch.finfo(dtype).eps
        assert y[1] == math.inf
        assert y[2].isnan()
        if z.requires_grad:
            (slopes,) = torch.autograd.grad(y.sum(), z)
            assert slopes[0] == 0


@pytest.mark.parametrize(
    ("dtype", "narrow", "wide"), [(torch.float32, 1e-36, 1e36), (torch.float64, 1e-305, 1e306)]
)
def test_an_interval_is_one_that_its_dtype_can_tell(dtype, narrow, wide):
    for length in (narrow / 1e6, wide * 1e6 if dtype is torch.float32 else 8e307):
        with pytest.raises(ValueError, match=r"interval=.*: expected a length from .* for torch.float"):
            TriangleActivation(1, 3, interval=(-length, length), dtype=dtype)
    for length in (10 * narrow, wide / 50):
        layer = TriangleActivation(1, 3, interval=(-length, length), dtype=dtype)
        for _ in range(2):
            y = layer(torch.tensor([[-2 * length], [length], [2 * length]], dtype=dtype)).squeeze(1)
            assert torch.allclose(y / length, torch.tensor([0.0, 1, 2], dtype=dtype), atol=1e-5)
            layer.release()
