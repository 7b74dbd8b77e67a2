"""The compiled pass over a layer's units: it says what the formulas say, and steps aside where they are needed."""

import subprocess
import sys

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.func import functional_call, grad, jacfwd, jacrev, jvp, vmap
from torch.fx.experimental.proxy_tensor import make_fx

from triangle_cli.nn import units_threads
from triangle_cli.nn.layer import TriangleActivation
from triangle_cli.nn.units import by_peaks, by_weights, evaluate, without_end

F32, F64 = torch.float32, torch.float64
# torch's own forward mode uses it
LEGACY = pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
BOTH = pytest.mark.parametrize("released", [False, True])
INTERVAL = (-0.75, 1.5)


def problem(n, count, depth, released, dtype=F64, seed=0, spread=3.0):
    """z (n, count) and the numbers of networks that were moved away from their start, where neurons sit on kinks."""
    generator = torch.Generator().manual_seed(seed)

    def moved(tensor):
        return tensor.detach() + 0.05 * torch.randn(tensor.shape, generator=generator, dtype=dtype)

    unit = TriangleActivation(count, depth, interval=INTERVAL, dtype=dtype)
    if released:
        unit.release()
    numbers = moved(unit.weights if released else unit.numbers())
    z = spread * (2 * torch.rand(n, count, generator=generator, dtype=dtype) - 1)
    return z.requires_grad_(), numbers.requires_grad_()


def formula(z, numbers, released):
    return (by_weights if released else by_peaks)(z, numbers, INTERVAL)


def derivatives(y, z, numbers, seed=1):
    towards = torch.randn(y.shape, generator=torch.Generator().manual_seed(seed), dtype=y.dtype)
    return torch.autograd.grad(y, (z, numbers), towards, retain_graph=True)


def is_compiled(y):
    return y.grad_fn.name() == "_CompiledBackward"


def close(found, expected, dtype=F64):
    return torch.allclose(
        found, expected, rtol=0, atol=(1e3 * torch.finfo(dtype).eps) * (1 + expected.abs().max().item())
    )


@settings(deadline=None, max_examples=60)
@given(
    n=st.integers(1, 9),
    count=st.integers(1, 200),
    depth=st.integers(1, 7),
    released=st.booleans(),
    seed=st.integers(0, 1000),
)
def test_values_and_derivatives_are_those_of_the_formula(n, count, depth, released, seed):
    z, numbers = problem(n, count, depth, released, seed=seed)
    y, expected = evaluate(z, numbers, INTERVAL, released), formula(z, numbers, released)
    assert is_compiled(y)
    assert not is_compiled(expected)
    assert close(y, expected)
    for found, wanted in zip(derivatives(y, z, numbers), derivatives(expected, z, numbers)):
        assert found.shape == wanted.shape
        assert close(found, wanted)


@BOTH
def test_single_precision_too_and_sums_over_many_rows_stay_sharp(released):
    z, numbers = problem(50_000, 3, 4, released, F32)
    y, expected = evaluate(z, numbers, INTERVAL, released), formula(z, numbers, released)
    assert is_compiled(y)
    assert y.dtype == F32
    assert close(y, expected, F32)
    tenth = torch.full_like(y, 0.1)
    _, by_numbers = torch.autograd.grad(y, (z, numbers), tenth)
    by_offset = by_numbers[:, -3 if released else 0].double()  # one after the other in float32: 5e-4 off
    assert torch.allclose(by_offset, tenth.double().sum(0), rtol=1e-5)


@BOTH
def test_no_rows_and_no_gaps_between_them(released):
    z, numbers = problem(0, 5, 3, released)
    y = evaluate(z, numbers, INTERVAL, released)
    assert y.shape == (0, 5)
    by_z, by_numbers = torch.autograd.grad(y.sum(), (z, numbers))
    assert by_z.shape == (0, 5)
    assert (by_numbers == 0).all()

    z, numbers = problem(6, 70, 3, released)
    expected = evaluate(z, numbers, INTERVAL, released)
    spread, turned = z.repeat_interleave(2, 1)[:, ::2], z.T.contiguous().T
    for strided in (spread, turned):
        y = evaluate(strided, numbers.T.contiguous().T, INTERVAL, released)
        assert is_compiled(y)
        assert torch.equal(y, expected)
        for found, wanted in zip(derivatives(y, z, numbers), derivatives(expected, z, numbers)):
            assert torch.equal(found, wanted)


@LEGACY
@BOTH
def test_second_derivatives_forward_ones_and_many_at_once(released):
    z, numbers = problem(3, 2, 2, released)

    def values(z, numbers):
        return evaluate(z, numbers, INTERVAL, released)

    assert torch.autograd.gradcheck(values, (z, numbers), check_forward_ad=True, check_batched_grad=True)
    assert torch.autograd.gradgradcheck(values, (z, numbers))
    assert torch.autograd.gradgradcheck(lambda z: values(z, numbers.detach()), (z,))


@BOTH
def test_a_second_derivative_counts_no_path_twice(released):
    z, numbers = problem(4, 2, 2, released)

    def values(z):
        return evaluate(z, numbers.detach() + 0.01 * z.sum().sin(), INTERVAL, released)

    (once,) = torch.autograd.grad(values(z).sum(), z)
    (again,) = torch.autograd.grad(values(z).sum(), z, create_graph=True)
    assert torch.allclose(again, once)
    assert torch.autograd.gradgradcheck(values, (z,))


@LEGACY
@BOTH
def test_transformations_of_functions_see_the_formula(released):
    z, numbers = (tensor.detach() for tensor in problem(4, 3, 3, released))

    def total(evaluated):
        return lambda z, numbers: evaluated(z, numbers).square().sum()

    def compiled(z, numbers):
        return evaluate(z, numbers, INTERVAL, released)

    def plain(z, numbers):
        return formula(z, numbers, released)

    for transform in (
        lambda f: grad(total(f), (0, 1))(z, numbers),
        lambda f: vmap(f, (0, None))(z.unsqueeze(1), numbers),
        lambda f: vmap(grad(total(f), 1), (0, None))(z.unsqueeze(1), numbers),  # one for each row
        lambda f: jacrev(f, 1)(z, numbers),
        lambda f: jacfwd(f, 1)(z, numbers),
        lambda f: jvp(f, (z, numbers), (torch.ones_like(z), torch.ones_like(numbers))),
    ):
        found, expected = transform(compiled), transform(plain)
        pairs = zip(found, expected) if isinstance(found, tuple) else [(found, expected)]
        assert all(torch.allclose(one, other) for one, other in pairs)


@LEGACY
@pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning")  # the check of the shape is not traced
@BOTH
def test_tracers_see_operations(released):
    unit = TriangleActivation(6, 3, dtype=F64)
    if released:
        unit.release()
    z, other = torch.randn(2, 5, 6, dtype=F64)
    assert torch.allclose(torch.jit.trace(unit, z)(other), unit(other))
    state = dict(unit.named_parameters())
    traced = make_fx(lambda z: functional_call(unit, state, z))(z)
    assert torch.allclose(traced(other), unit(other))


@BOTH
def test_nan_and_infinity_are_where_the_formula_has_them(released):
    z, numbers = problem(5, 70, 3, released)
    with torch.no_grad():
        z[1, 2], z[2, 68], z[3, 4] = float("nan"), float("inf"), -float("inf")
        numbers[9, 3] = float("nan")
    y, expected = (
        evaluate(z, numbers, INTERVAL, released),
        formula(without_end(z, INTERVAL), numbers, released),
    )
    assert torch.allclose(y, expected, equal_nan=True)
    odd = ~y.isfinite()
    assert (odd.sum(0) > 0).nonzero().flatten().tolist() == [2, 9, 68]  # -inf is where a unit is flat
    assert odd.sum() == 2 + 5
    _, by_numbers = derivatives(y, z, numbers)
    touched = by_numbers.isnan().any(1).nonzero().flatten().tolist()
    assert set(touched) >= {2, 9}
    assert set(touched) <= {2, 9, 68}


def test_on_a_peak_both_sides_have_half():
    unit = TriangleActivation(4, 2, dtype=F64)  # over (-1, 1) the first peak stands at z = 0
    numbers = unit.numbers().detach().requires_grad_()
    z = torch.zeros(1, 4, dtype=F64, requires_grad=True)
    y, expected = evaluate(z, numbers, (-1.0, 1.0), False), by_peaks(z, numbers, (-1.0, 1.0))
    for found, wanted in zip(derivatives(y, z, numbers), derivatives(expected, z, numbers)):
        assert torch.allclose(found, wanted)
    assert (derivatives(y, z, numbers)[1][:, 2:4] != 0).all()


@BOTH
@pytest.mark.parametrize("threads", [2, 5, 64])
def test_threads_change_no_bit(released, threads, monkeypatch):
    z, numbers = problem(300, 333, 3, released, F32)

    def everything():
        y = evaluate(z, numbers, INTERVAL, released)
        return y.detach(), *derivatives(y, z, numbers)

    alone = everything()
    monkeypatch.setattr(units_threads, "SHARE", 1)
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    assert all(torch.equal(found, expected) for found, expected in zip(everything(), alone))


@BOTH
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_is_left_to_the_formula(released, dtype):
    z, numbers = (tensor.detach().to(dtype).requires_grad_() for tensor in problem(3, 2, 2, released))
    y = evaluate(z, numbers, INTERVAL, released)
    assert y.dtype == dtype
    assert not is_compiled(y)


@BOTH
def test_only_what_needs_a_derivative_gets_one(released):
    z, numbers = problem(3, 2, 2, released)
    by_z, by_numbers = derivatives(evaluate(z, numbers, INTERVAL, released), z, numbers)
    for wanted, expected in ((z, by_z), (numbers, by_numbers)):
        inputs = [tensor if tensor is wanted else tensor.detach() for tensor in (z, numbers)]
        y = evaluate(*inputs, INTERVAL, released)
        towards = torch.randn(y.shape, generator=torch.Generator().manual_seed(1), dtype=F64)
        for create_graph in (False, True):
            (found,) = torch.autograd.grad(y, wanted, towards, retain_graph=True, create_graph=create_graph)
            assert torch.allclose(found, expected)


def test_an_import_compiles_nothing():
    code = "import sys, triangle_cli.nn; sys.exit('numba' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
