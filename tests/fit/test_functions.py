"""Formulas and what is found out about them."""

import math

import pytest
import torch

from triangle_cli.fit.functions import Target, parse_formula


@pytest.mark.parametrize(
    ("formula", "interval", "curvature"),
    [
        ("x**2", (0, 1), "convex"),
        ("-x**2", (0, 1), "concave"),
        ("sin(x)", (0, 1), "concave"),
        ("sin(x)", (0, 4), "neither convex nor concave"),
        ("x**3 - x", (-1, 1), "neither convex nor concave"),
        ("2 * x - 3", (-5, 7), "a straight line"),
        ("4", (0, 1), "a straight line"),
        ("abs(x)", (-1, 1), "convex"),
        ("where(x < 0, x**2, x**3)", (-1, 1), "convex"),
        ("1e9 + x**2", (0, 1), "convex"),
    ],
)
def test_curvature_is_found_from_the_target(formula, interval, curvature):
    assert Target("f", formula, interval).curvature == curvature


def test_end_slopes_are_per_unit_of_the_interval():
    low, high = Target("f", "x**3", (1.0, 3.0)).end_slopes
    assert (low, high) == pytest.approx((2 * 3.0, 2 * 27.0))


def test_an_infinite_end_slope_becomes_a_finite_secant():
    low, high = Target("circle", "sqrt(1 - x**2)", (-1.0, 1.0)).end_slopes
    assert math.isfinite(low)
    assert low == pytest.approx(-high)
    assert low > 10


@pytest.mark.parametrize(
    ("formula", "complaint"),
    [
        ("x.__class__", "Attribute is not allowed"),
        ("__import__('os')", "unknown name '__import__'"),
        ("(lambda: x)()", "Lambda is not allowed"),
        ("x**", "not a formula"),
        ("'a' * x", "'a' is not a number"),
        ("y + x", "unknown name 'y'"),
    ],
)
def test_only_formulas_are_evaluated(formula, complaint):
    with pytest.raises(ValueError, match="formula=") as error:
        parse_formula(formula)
    assert complaint in str(error.value)


@pytest.mark.parametrize(
    ("formula", "interval", "complaint"),
    [
        ("1 / x", (0, 1), "not finite at x=0"),
        ("log(x)", (-1, 1), "not finite at x=-1"),
        ("x", (1, 0), "the lower first"),
        ("x", (0, math.inf), "finite numbers"),
        ("sin(x, x)", (0, 1), "sin"),
        ("sin", (0, 1), "sin"),
    ],
)
def test_a_target_that_cannot_be_fitted_is_refused(formula, interval, complaint):
    with pytest.raises(ValueError, match="function") as error:
        Target("f", formula, interval)
    assert complaint in str(error.value)


def test_values_follow_the_formula():
    x = torch.linspace(-2, 2, 101, dtype=torch.float64)
    expected = torch.tanh(3 * x) / (1 + torch.exp(-x)) ** 2
    assert torch.equal(parse_formula("tanh(3*x) / (1 + exp(-x))**2")(x), expected)


@pytest.mark.parametrize(
    ("formula", "at_half"),
    {
        "sqrt(2)*x**2": 2**0.5 / 4,
        "exp(1)": math.e,
        "maximum(x,0)": 0.5,
        "minimum(1, 2) + x": 1.5,
        "where(x > 0.25, 1, 0)": 1.0,
        "x**(1/2)": 0.5**0.5,
        "x + pi**2/6": 0.5 + math.pi**2 / 6,
        "2**10*x": 512.0,
    }.items(),
)
def test_numbers_are_tensors_where_functions_take_them(formula, at_half):
    target = Target("f", formula, (0.0, 1.0))
    for dtype, near in ((torch.float64, 1e-15), (torch.float32, 1e-6)):
        found = target(torch.tensor([0.5, 0.5], dtype=dtype))
        assert found.dtype == dtype
        assert found.tolist() == pytest.approx([at_half] * 2, rel=near)


@pytest.mark.parametrize(
    ("formula", "said"),
    {
        "1/0": "1/0 is not a finite number",
        "10.0**400": "10.0\\*\\*400 is not a finite number",
        "9**9**9**9": "9\\*\\*9\\*\\*9 is not a finite number",
        "(-8)**(1/3)": "is not a finite number",
        "1e999*x": "1e999 is not a finite number",
        "+".join(["x"] * 2000): "too long, expected fewer terms",
        "x" + "*x" * 5000: "too long, expected fewer terms",
        "-" * 9000 + "x": "too long, expected fewer terms",
        "erf(erf)": "expected erf",
        "1(x)": "expected an arithmetic sign",
        "0<x<1": "expected one comparison at a time",
        "exp(x, x)": "takes 1 positional argument but 2 were given",
    }.items(),
)
def test_what_is_no_number_is_refused_in_one_line(formula, said):
    with pytest.raises(ValueError, match=said) as refused:
        Target("f", formula, (0.0, 1.0))
    assert str(refused.value).startswith("function.formula='")
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < 500
