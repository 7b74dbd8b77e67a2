"""Formulas as in print, known by hand."""

import matplotlib.mathtext
import pytest
from hypothesis import given
from hypothesis import strategies as st

from triangle_cli.drawing import names

PRINTED = {
    "x**3": (r"$x^{3}$", "x³"),
    "x**11": (r"$x^{11}$", "x¹¹"),
    "sin(2 * pi * x)": (r"$\sin\,2\pi x$", "sin 2πx"),
    "tanh(3 * x)": (r"$\tanh\,3x$", "tanh 3x"),
    "exp(-x)": ("$e^{-x}$", "e⁻ˣ"),
    "2*3*x": (r"$2 \cdot 3x$", "2 · 3x"),
    "sin(x)*x": (r"$\left(\sin\,x\right)x$", "(sin x)x"),
    "(x - 1)**2": (r"$\left(x - 1\right)^{2}$", "(x - 1)²"),
    "1 - (x - 2)": (r"$1 - \left(x - 2\right)$", "1 - (x - 2)"),
    "softplus(x)": (r"$\mathrm{softplus}\left(x\right)$", "softplus(x)"),
    "where(x < 0, x, 1)": ("where(x < 0, x, 1)", "where(x < 0, x, 1)"),
    "cost: 3$": (r"cost: 3\$", "cost: 3$"),
}


@pytest.mark.parametrize("formula", PRINTED)
def test_formulas_are_set_as_in_print(formula):
    assert (names.math(formula), names.text(formula)) == PRINTED[formula]


def combined(inner):
    operation = st.tuples(inner, st.sampled_from(["+", "-", "*", "/", "**"]), inner)
    call = st.tuples(st.sampled_from(["sin", "exp", "sqrt", "abs", "softplus", "-"]), inner)
    return st.one_of(operation.map("({0[0]}{0[1]}{0[2]})".format), call.map("{0[0]}({0[1]})".format))


@given(st.recursive(st.sampled_from(["x", "y", "pi", "2", "0.5", "1e-7", "3e20"]), combined, max_leaves=6))
def test_what_is_set_can_be_drawn(formula):
    matplotlib.mathtext.MathTextParser("agg").parse(names.math(formula))


@given(st.text(alphabet="a$\\ ^_"))
def test_no_name_of_a_users_begins_mathematics(text):
    assert not matplotlib.cbook.is_math_text(names.plain(text))


def test_powers_of_ten():
    assert names.power(1.634e-7, 3) == r"$1.63 \cdot 10^{-7}$"
    assert names.power(float("nan")) == "nan"
