"""Layers of infinite depth: what they compute, what becomes of them at a finite depth, and how far that is off."""

import copy
import math
from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from triangle_cli.deepening.tail import limit
from triangle_cli.nn import LimitActivation, LimitLayer, convert, plain_layers, unroll, unrolled_bound
from triangle_cli.nn.forms import LIMIT
from triangle_cli.nn.units import by_limit, evaluate, sides
from triangle_cli.regions import count_regions, random_slices, restrict

F32, F64 = torch.float32, torch.float64
INTERVAL = (-0.75, 1.5)


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


def moved(model, size=0.3):
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += size * torch.randn_like(parameter)
    return model


def mlp(*sizes, size=0.3):
    hidden = [LimitLayer(a, b, dtype=F64) for a, b in pairwise(sizes[:-1])]
    return moved(nn.Sequential(*hidden, nn.Linear(sizes[-2], sizes[-1], dtype=F64)), size)


def one_unit(skew=0.0, bend=None):
    """A unit on x itself."""
    model = nn.Sequential(LimitLayer(1, 1, dtype=F64))
    with torch.no_grad():
        model[0].linear.weight.fill_(1.0)
        model[0].linear.bias.zero_()
        model[0].activation.curves[0, 2] = skew
        if bend is not None:
            model[0].activation.curves[0, 1] = bend
    return model


@pytest.mark.parametrize("interval", [(-1.0, 1.0), (-0.5, 2.0)])
def test_the_start_is_relu_outside_and_a_smooth_bend_inside(interval):
    lo, hi = interval
    unit = LimitActivation(1, interval=interval, dtype=F64)
    z = torch.linspace(lo - 5, hi + 5, 4001, dtype=F64).unsqueeze(1)
    y = unit(z)
    outside = (z <= lo) | (z >= hi)
    assert torch.allclose(y[outside], z[outside].relu(), atol=1e-12)
    assert (y.diff(dim=0).diff(dim=0) > -1e-12).all()
    rise, fall = (side.item() for side in sides(unit.curves.detach()[:, 2], interval))
    bend, width = unit.curves[0, 1].item(), hi - lo
    # R'' = -2 (rise fall width)^2 / (p + q)^3, and p + q goes from fall width to rise width
    sharpest = 2 * abs(bend) * max(rise, fall) ** 2 / (min(rise, fall) * width)
    # at a kink: of its first power
    assert y.diff(dim=0).diff(dim=0).max() <= sharpest * (z[1] - z[0]) ** 2 + 1e-12
    if interval == (-1.0, 1.0):
        inside = z[~outside]
        assert torch.allclose(y[~outside], (1 + inside) ** 2 / 4, atol=1e-12)


def test_it_is_the_limit_of_the_tents():
    unit = moved(LimitActivation(4, interval=INTERVAL, dtype=F64))
    z = 6 * torch.rand(200, 4, dtype=F64) - 3
    slope, bend, skew = unit.curves.detach().T
    rise, fall = sides(skew, INTERVAL)
    tail = torch.from_numpy(limit((rise * (z + 0.75)).numpy(), (fall * (1.5 - z)).numpy()))
    offset = 0.75 * 1.5 / 2.25
    assert torch.allclose(unit(z), offset + slope * z + bend * tail, atol=1e-12)


@settings(deadline=None, max_examples=30)
@given(
    n=st.integers(0, 9),
    count=st.integers(1, 150),
    seed=st.integers(0, 1000),
    dtype=st.sampled_from([F32, F64]),
)
def test_the_compiled_pass_says_what_the_formula_says(n, count, seed, dtype):
    generator = torch.Generator().manual_seed(seed)
    z = (6 * torch.rand(n, count, generator=generator, dtype=dtype) - 3).requires_grad_()
    curves = torch.randn(count, 3, generator=generator, dtype=dtype).requires_grad_()
    y, expected = evaluate(z, curves, INTERVAL, LIMIT), by_limit(z, curves, INTERVAL)
    room = 1e3 * torch.finfo(dtype).eps
    assert y.grad_fn.name() == "_CompiledBackward"
    assert torch.allclose(y, expected, rtol=room, atol=room)
    towards = torch.randn(y.shape, generator=generator, dtype=dtype)
    for found, wanted in zip(*(torch.autograd.grad(value, (z, curves), towards) for value in (y, expected))):
        assert torch.allclose(
            found, wanted, rtol=room, atol=room * (1 + wanted.abs().max().item() if n else 1)
        )


@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
def test_derivatives_first_and_second_and_transforms_are_right():
    unit = moved(LimitActivation(2, interval=INTERVAL, dtype=F64))
    z = (4 * torch.rand(5, 2, dtype=F64) - 2).requires_grad_()
    curves = unit.curves.detach().requires_grad_()

    def values(z, curves):
        return evaluate(z, curves, INTERVAL, LIMIT)

    assert torch.autograd.gradcheck(values, (z, curves), check_forward_ad=True, check_batched_grad=True)
    assert torch.autograd.gradgradcheck(values, (z, curves))
    jacobians = torch.func.vmap(torch.func.jacrev(unit))(z)
    assert torch.allclose(jacobians.diagonal(dim1=1, dim2=2), torch.autograd.grad(unit(z).sum(), z)[0])
    compiled = torch.compile(unit, backend="aot_eager", fullgraph=True)
    assert torch.allclose(compiled(z), unit(z))


@pytest.mark.parametrize("shape", [(), (1,), (0,), (2, 3, 4)])
def test_any_batch_shape_precision_and_copies(shape):
    layer = moved(LimitLayer(5, 6, dtype=F64))
    x = torch.randn(*shape, 5, dtype=F64)
    y = layer(x)
    assert y.shape == (*shape, 6)
    assert torch.equal(copy.deepcopy(layer)(x), y)
    single = copy.deepcopy(layer).float()
    assert torch.allclose(single(x.float()).double(), y, atol=1e-4)
    with torch.autocast("cpu", torch.bfloat16):
        half = single(x.float())
    assert half.dtype == torch.bfloat16
    assert torch.allclose(half.double(), y, atol=0.1, rtol=0.05)


def test_infinity_and_nan_go_through_as_through_relu():
    z = torch.tensor([[-math.inf], [math.inf], [math.nan]], dtype=F64)
    assert LimitActivation(1, dtype=F64)(z).flatten().tolist()[:2] == [0.0, math.inf]
    assert LimitActivation(1, dtype=F64)(z)[2].isnan()


def test_a_state_brings_its_interval(tmp_path):
    saved, fresh = LimitLayer(3, 4, interval=INTERVAL), LimitLayer(3, 4)
    moved(saved)
    torch.save(saved.state_dict(), tmp_path / "state.pt")
    fresh.load_state_dict(torch.load(tmp_path / "state.pt", weights_only=True))
    x = torch.randn(9, 3)
    assert fresh.activation.interval == INTERVAL
    assert torch.equal(fresh(x), saved(x))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_cuda_agrees_with_the_processor():
    layer, x = moved(LimitLayer(5, 6, dtype=F64)), torch.randn(40, 5, dtype=F64)
    assert torch.allclose(copy.deepcopy(layer).cuda()(x.cuda()).cpu(), layer(x), atol=1e-10)


@pytest.mark.parametrize("depth", [1, 2, 3, 7, 11])
@pytest.mark.parametrize("skew", [0.0, 1.3, -6.0])
def test_unrolled_it_has_two_to_the_depth_pieces_and_a_line_beyond_each_end(depth, skew):
    layers = plain_layers(unroll(one_unit(skew), depth))
    assert len(layers[0]) == depth + 1
    assert int(count_regions(*layers, [[-1.0, 1.0]]).linear_regions) == 2**depth  # no sliver at the ends
    counts = count_regions(*layers, [[-5.0, 5.0]])
    assert int(counts.linear_regions) == int(counts.activation_regions) == 2**depth + 2


@pytest.mark.parametrize("depth", [1, 3, 6, 20])
def test_unrolled_it_meets_the_limit_at_its_breakpoints_and_stays_within_the_known_distance(depth):
    model = one_unit(bend=1.0)
    network = unroll(model, depth)
    x = torch.linspace(-3, 3, 6 * 2**10 + 1, dtype=F64).unsqueeze(1)
    above = (model(x) - network(x)).detach()  # R - R_T, as c = 1
    assert above.min() > -1e-13
    assert above.max() < 2 / 4 ** (depth + 1) + 1e-13
    if depth <= 6:
        assert above.max() > 0.99 * 2 / 4 ** (depth + 1)  # p + q = 2 in the middle
        dyadic = torch.linspace(-1, 1, 2**depth + 1, dtype=F64).unsqueeze(1)
        assert torch.allclose(network(dyadic), model(dyadic), atol=1e-13)
    assert torch.allclose(network(x[x.abs() > 1, None]), model(x[x.abs() > 1, None]), atol=1e-13)


@pytest.mark.parametrize("sizes", [(2, 8, 1), (2, 8, 8, 1), (3, 10, 10, 2), (1, 6, 6, 6, 1)])
def test_the_bound_is_never_passed_and_near_what_is_seen(sizes):
    model = mlp(*sizes)
    x = 2 * torch.rand(20_000, sizes[0], dtype=F64) - 1
    with torch.no_grad():
        for depth in (1, 4, 8, 20):
            seen = (unroll(model, depth)(x) - model(x)).abs().amax(0)
            bound = unrolled_bound(model, depth, (-1, 1))
            assert (seen <= bound).all()
            if depth < 10:  # beyond, rounding is all there is
                assert (bound <= 100 * seen).all()


def test_the_bound_holds_on_lines_that_are_known_piece_by_piece():
    model, depth = one_unit(0.8, bend=-1.5), 3
    network = unroll(model, depth)
    x = torch.linspace(-2, 2, 400_001, dtype=F64).unsqueeze(1)
    seen = (network(x) - model(x)).abs().max()
    bound = unrolled_bound(model, depth, [[-2, 2]])
    assert seen <= bound[0] < 3 * seen
    slope, bend, _ = model[0].activation.curves[0].tolist()
    terms = 0.5 + 4 * (abs(slope) + abs(bend) * 2 * math.cosh(0.8)) * (3 + 2)  # z up to 3, an interval of 2
    # beyond the interval only rounding is left
    assert unrolled_bound(model, depth, [[2, 3]])[0] < 80 * 2.0**-53 * terms


def test_relus_and_other_layers_may_stand_between():
    model = nn.Sequential(
        nn.Flatten(), nn.Linear(2, 5), nn.ReLU(), nn.Dropout(), LimitLayer(5, 4), nn.Linear(4, 1)
    )
    model = model.double().eval()
    x = 2 * torch.rand(1000, 2, dtype=F64) - 1
    seen = (unroll(model, 3)(x) - model(x)).abs().max()
    assert seen <= unrolled_bound(model, 3)[0] <= 100 * seen


def test_auto_finds_the_least_depth_that_is_proven():
    model = mlp(2, 8, 8, 1)
    network = unroll(model, "auto", error=1e-6)
    depth = (len(network) // 2) // 2
    assert unrolled_bound(model, depth).max() <= 1e-6 < unrolled_bound(model, depth - 1).max()
    with pytest.raises(ValueError, match=r"error=1e-30: expected .* or more, the least that is proven"):
        unroll(model, "auto", error=1e-30)


def test_regions_along_lines_are_those_of_the_integers():
    model = mlp(2, 10, 10, 1, size=0.1)  # wide enough for the walk by levels
    layers = plain_layers(unroll(model, 3))
    for points in random_slices([[-2.0, 2.0]] * 2, 2, 2, 0):
        line = restrict(*layers, points.tolist())
        fast, exact = (count_regions(*line, [[0.0, 1.0]], exact=exact) for exact in (False, True))
        assert fast.linear_regions == exact.linear_regions
        assert fast.activation_regions == exact.activation_regions


class Calls(nn.Module):
    """ReLUs of all kinds, called in `forward`."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(1, 3, 3)
        self.block = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU())
        self.second, self.third, self.last = nn.Linear(4, 5), nn.Linear(5, 5), nn.Linear(5, 2)
        self.act = nn.ReLU()

    def forward(self, x):
        x = self.block(F.relu(self.first(x))).mean((2, 3))
        x = self.act(self.second(x))
        return self.last(self.third(x).relu())


def test_relus_that_are_called_are_found_by_tracing():
    model, x = Calls(), torch.randn(2, 1, 8, 8)
    expected = model(x)
    made = convert(model, kind="limit", interval=(-1e-5, 1e-5))
    units = {
        name: module.units for name, module in made.named_modules() if isinstance(module, LimitActivation)
    }
    assert sorted(units.values()) == [3, 4, 5, 5]
    assert torch.allclose(made(x), expected, atol=1e-4)
    assert not any(isinstance(module, LimitActivation) for module in model.modules())
    assert {*model.state_dict()} <= {*made.state_dict()}
    triangles = convert(model, "second", depth=2)
    assert triangles.second_activation.units == 5


def test_convolutions_in_a_sequential_are_converted_in_place():
    model = nn.Sequential(nn.Conv2d(1, 3, 3), nn.ReLU(), nn.Conv2d(3, 2, 3))
    x = torch.randn(2, 1, 8, 8)
    expected = model(x)
    assert convert(model, kind="limit", interval=(-1e-5, 1e-5)) is model
    assert model[1].units == 3
    assert torch.allclose(model(x), expected, atol=1e-4)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: LimitLayer(2, 3, interval=(-1e-45, 1e-45)),
            r"interval=\(-1e-45, 1e-45\): expected a length",
        ),
        (lambda: LimitLayer(2, 3, interval=(1, 2)), r"interval=\(1, 2\): expected \(lo, hi\) with 0"),
        (lambda: LimitLayer(0, 3), "in_features=0: expected a whole number"),
        (lambda: LimitActivation(3, dim=1), "dim=1: expected a negative"),
        (
            lambda: LimitActivation(3, dim=-3)(torch.zeros(4, 5)),
            r"z: shape \(4, 5\), expected \(..., 3, :, :\)",
        ),
        (lambda: unroll(mlp(2, 3, 1), 0), "depth=0: expected a whole number, 1 to 64"),
        (lambda: unroll(mlp(2, 3, 1), 10_000), "depth=10000: expected a whole number, 1 to 64"),
        (lambda: unrolled_bound(mlp(2, 3, 1), 2.0), "depth=2.0: expected a whole number"),
        (lambda: unroll(nn.Sequential(nn.Linear(2, 2)), 3), "expected a model with a LimitLayer"),
        (lambda: unroll(nn.Linear(2, 2), 3), "Linear: expected a Sequential"),
        (lambda: unroll(mlp(2, 3, 1), "auto", error=-1), "error=-1: expected a positive number"),
        (
            lambda: unrolled_bound(mlp(2, 3, 1), 2, [[0, 1]]),
            r"box=\[\[0, 1\]\]: expected \[lo, hi\] for each of 2",
        ),
        (lambda: unrolled_bound(mlp(2, 3, 1), 2, (1, 0)), r"box=\(1, 0\): expected \[lo, hi\]"),
        (lambda: plain_layers(mlp(2, 3, 1)), r"0.activation: is of infinite depth, expected unroll"),
        (
            lambda: convert(nn.Sequential(nn.Linear(2, 2), nn.ReLU()), kind="limits"),
            "kind=limits: expected one of",
        ),
        (
            lambda: convert(nn.Linear(2, 2), kind="limit"),
            "expected a Linear or a Conv2d followed by a ReLU, but",
        ),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(call, message):
    with pytest.raises(ValueError, match=message) as refused:
        call()
    assert "\n" not in str(refused.value)
