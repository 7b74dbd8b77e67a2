"""Names as in print: x**3 is x³, mse_min the least MSE of the restarts."""

from __future__ import annotations

import ast
import re
import warnings
from typing import Any

LABELS = {
    "mse_min": "least MSE of the restarts",
    "mse_mean": "mean MSE of the restarts",
    "mse_median": "median MSE of the restarts",
    "test_mse_mean": "mean MSE on the test points",
    "test_r2_mean": "mean $R^2$ on test examples",
    "accuracy": "mean accuracy on test examples",
    "best_mse": "MSE of the best network",
    "mse_train": "MSE on the training points",
    "mse_test": "MSE on the test points",
    "mse_integral": "MSE (integral)",
    "accuracy_test": "accuracy on test examples",
    "max_error": "largest error",
    "loss": "training loss",
    "regions": "most linear regions of a restart",
    "regions_min": "fewest linear regions of a restart",
    "linear_regions": "linear regions",
    "activation_regions": "activation regions",
    "dead_neurons": "dead neurons",
    "floor_ratio": "MSE / floor",
    "floor_ratio_best": "MSE of the best restart / floor",
    "init": "start",
    "init.name": "start",
    "schedule.name": "schedule",
}
FUNCTIONS = {name: f"\\{name}" for name in ("sin", "cos", "tan", "sinh", "cosh", "tanh", "exp", "log")}
FUNCTIONS |= {
    "asin": "\\arcsin",
    "acos": "\\arccos",
    "atan": "\\arctan",
    "minimum": "\\min",
    "maximum": "\\max",
}
SUM, BARE, PRODUCT, POWER, ATOM = range(5)  # how tightly the parts of a formula hold together; bare: sin x
LONGEST = 60  # characters of a formula that is set as mathematics
RAISED = str.maketrans("0123456789+-xy()", "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ˣʸ⁽⁾")


def label(column: str) -> str:
    """What stands beside an axis for a column."""
    return LABELS.get(column) or plain(column)


def plain(text: Any) -> str:
    """Text of a user's for matplotlib: in one line, and no dollar begins mathematics."""
    return " ".join(str(text).split()).replace("$", r"\$")


def power(value: float, digits: int = 2) -> str:
    """A number as matplotlib and TeX set it: $1.63 \\cdot 10^{-7}$."""
    mantissa, _, exponent = f"{value:.{digits - 1}e}".partition("e")
    return rf"${mantissa} \cdot 10^{{{int(exponent)}}}$" if exponent else mantissa  # such as nan


def math(formula: str) -> str:
    """A formula as matplotlib and TeX set it, `$x^{3}$`; as it is typed where it is long, or no such formula."""
    written = _written(formula)
    return plain(formula) if written is None else f"${written}$"


def text(formula: str) -> str:
    """A formula in a line of text, x³; as it is typed where it is long, or no such formula."""
    written = _written(formula)
    if written is None:
        return " ".join(formula.split())
    powers = re.compile(r"\^\{([0-9+\-xy]+)\}")
    line = powers.sub(lambda found: found[1].translate(RAISED), written)
    line = line.replace(r" \cdot ", " · ").replace(r"\pi ", "π").replace(r"\sqrt", "√").replace(r"\,", " ")
    line = re.sub(r"\\mathrm\{(\w+)\}", r"\1", line)
    line = re.sub(r"\\(left|right)|\\", "", line)
    return line.replace("^{", "^(").replace("{", "(").replace("}", ")").replace("√(x)", "√x")


def _written(formula: str) -> str | None:
    if len(formula) > LONGEST:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _set(ast.parse(formula.strip(), mode="eval").body)[0]
    except (SyntaxError, ValueError, KeyError, RecursionError):
        return None


def _set(node: ast.expr) -> tuple[str, int]:
    """A part of a formula in TeX, and how tightly it holds together. Raises KeyError for what is not set."""
    if isinstance(node, ast.Name):
        return {"pi": r"\pi "}.get(node.id, node.id if len(node.id) == 1 else rf"\mathrm{{{node.id}}}"), ATOM
    if isinstance(node, ast.Constant):
        return _number(node.value)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return f"-{_in(node.operand, PRODUCT)}", SUM
    if isinstance(node, ast.BinOp):
        return _operation(node)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and not node.keywords:
        return _call(node.func.id, node.args)
    raise KeyError(type(node).__name__)


def _in(node: ast.expr, holds: int) -> str:
    """A part inside another that holds so tightly: in brackets where it would come apart."""
    written, own = _set(node)
    return written if own >= holds else rf"\left({written}\right)"


def _operation(node: ast.BinOp) -> tuple[str, int]:
    left, right = node.left, node.right
    if isinstance(node.op, ast.Pow):
        return f"{_in(left, ATOM)}^{{{_set(right)[0]}}}", POWER
    if isinstance(node.op, ast.Mult):
        a, (b, holds) = _in(left, PRODUCT), (_in(right, BARE), _set(right)[1])
        dot = r" \cdot " if re.match(r"[\d.]", b) else r"\," if holds == BARE else ""
        return f"{a}{dot}{b}", min(holds, PRODUCT) if holds else PRODUCT
    if isinstance(node.op, ast.Div):
        return f"{_in(left, PRODUCT)} / {_in(right, POWER)}", PRODUCT
    sign = {ast.Add: "+", ast.Sub: "-"}[type(node.op)]
    return f"{_in(left, SUM)} {sign} {_in(right, PRODUCT if sign == '-' else SUM)}", SUM


def _call(name: str, arguments: list[ast.expr]) -> tuple[str, int]:
    inner = [_set(argument) for argument in arguments]
    written = ", ".join(part for part, _ in inner)
    if name == "sqrt":
        return rf"\sqrt{{{written}}}", ATOM
    if name == "abs":
        return f"|{written}|", ATOM
    if name == "exp" and len(written) <= 8:
        return f"e^{{{written}}}", POWER
    called = FUNCTIONS.get(name, rf"\mathrm{{{name}}}")
    if name in FUNCTIONS and len(inner) == 1 and re.fullmatch(r"[\d.]*(\\pi )?[a-z]?", written):
        return rf"{called}\,{written}", BARE
    return rf"{called}\left({written}\right)", POWER


def _number(value: Any) -> tuple[str, int]:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise KeyError(value)
    mantissa, _, exponent = f"{value:.6g}".partition("e")
    if not exponent:
        return mantissa, ATOM
    power = f"10^{{{int(exponent)}}}"
    return (power, POWER) if mantissa == "1" else (rf"{mantissa} \cdot {power}", PRODUCT)
