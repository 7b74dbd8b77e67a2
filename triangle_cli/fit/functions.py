"""Target functions: a formula typed by the user becomes a torch callable, and its shape is found out.

>>> target = Target("x3", "x**3", (0.0, 1.0))
>>> target(torch.tensor([0.5]))
tensor([0.1250])
>>> target.curvature
'convex'
"""

from __future__ import annotations

import ast
import math
import operator
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import torch
from torch import Tensor

FUNCTIONS = (
    *("sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh", "sigmoid", "erf"),
    *("exp", "expm1", "log", "log1p", "log2", "sqrt", "abs", "relu", "minimum", "maximum", "where"),
)
CALLABLE: dict[str, Callable] = {name: getattr(torch, name) for name in FUNCTIONS}
CALLABLE["softplus"] = torch.nn.functional.softplus
CONSTANTS = {"pi": math.pi, "e": math.e}
# what others call these functions
SYNONYMS = {
    "ln": "log",
    "fabs": "abs",
    "arcsin": "asin",
    "arccos": "acos",
    "arctan": "atan",
    "power": "**",
    "pow": "**",
}
ALLOWED_NODES = (
    *(ast.Expression, ast.BinOp, ast.UnaryOp, ast.Call, ast.Name, ast.Load, ast.Constant, ast.Compare),
    *(ast.Add, ast.Sub, ast.Mult, ast.Div, ast.Pow, ast.USub, ast.UAdd, ast.Lt, ast.LtE, ast.Gt, ast.GtE),
)
OPERATIONS = {
    **{ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul},
    **{ast.Div: operator.truediv, ast.Pow: operator.pow},
}
LONGEST = 10_000  # characters of a formula
SHOWN = 200  # of them, in a line that refuses it
TOO_LONG = "too long, expected fewer terms, or brackets inside each other"
SHAPE_GRID = 513  # points on which the sign of the second difference is looked at
VARIABLES = ("x", "y")


def parse_formula(formula: str, variables: tuple[str, ...] = ("x",)) -> Callable[..., Tensor]:
    """Turn a formula such as `exp(-x) * x**2` into a callable on tensors, one argument per variable.

    Arithmetic, comparisons, numbers, `pi`, `e`, the variables and the functions in `CALLABLE` are allowed,
    and nothing else, so that a YAML file from a stranger cannot run code.

    Raises:
        ValueError: the formula does not parse, or uses a name or a construct that is not allowed.
    """
    tree = _parsed(formula)
    known = {*variables, *CONSTANTS, *CALLABLE}
    called = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    for node in ast.walk(tree):
        if meant := _meant(node):
            raise ValueError(f"{_quoted(formula)}: expected {meant}")
        if not isinstance(node, ALLOWED_NODES):
            raise ValueError(
                f"{_quoted(formula)}: {type(node).__name__} is not allowed, "
                "expected arithmetic on numbers, variables and functions"
            )
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and node.id not in known:
            raise ValueError(
                f"{_quoted(formula)}: unknown name {node.id!r}, expected one of {', '.join(sorted(known))}"
            )
        if isinstance(node, ast.Name) and (id(node) in called) != (node.id in CALLABLE):
            accepted = f"{node.id}(...)" if node.id in CALLABLE else f"no brackets after {node.id}"
            raise ValueError(f"{_quoted(formula)}: expected {accepted}")
        if isinstance(node, ast.Call) and not isinstance(node.func, ast.Name):
            raise ValueError(
                f"{_quoted(formula)}: expected an arithmetic sign before each bracket but a function's"
            )
        if isinstance(node, ast.Compare) and len(node.ops) > 1:
            raise ValueError(f"{_quoted(formula)}: expected one comparison at a time")
        if isinstance(node, ast.Constant) and type(node.value) not in (int, float):
            raise ValueError(f"{_quoted(formula)}: {node.value!r} is not a number")
    try:
        tree = ast.fix_missing_locations(_Numbers(formula).visit(tree))
        code = compile(tree, "<formula>", "eval")
    except (RecursionError, MemoryError):
        raise ValueError(f"{_quoted(formula)}: {TOO_LONG}") from None

    def evaluate(*arguments: Tensor) -> Tensor:
        x = arguments[0]
        called = {name: partial(_call, function, x) for name, function in CALLABLE.items()}
        scope = {"__builtins__": {}, **CONSTANTS, **called}
        value = eval(code, scope, dict(zip(variables, arguments, strict=True)))
        if isinstance(value, Tensor) and value.ndim:
            return value.to(x.dtype)
        return torch.full_like(x, value)

    return evaluate


def _quoted(formula: str) -> str:
    shown = formula if len(formula) <= SHOWN else f"{formula[:SHOWN]}.. ({len(formula)} characters)"
    return f"function.formula={shown!r}"


def _parsed(formula: str) -> ast.Expression:
    """The tree of a formula; ValueError where it is none, or is longer than can be gone through."""
    if len(formula) > LONGEST:
        raise ValueError(f"{_quoted(formula)}: {TOO_LONG}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of Python's, such as for 1(x)
            return ast.parse(formula.strip(), mode="eval")
    except (SyntaxError, ValueError) as error:
        raise ValueError(
            f"{_quoted(formula)}: not a formula ({error.args[0]}), expected one such as exp(-x**2)"
        ) from None
    except (RecursionError, MemoryError):
        raise ValueError(f"{_quoted(formula)}: {TOO_LONG}") from None


def _call(function: Callable, like: Tensor, *arguments: Tensor | float) -> Tensor:
    """A function of torch's, which takes tensors only; numbers become such."""
    return function(*(a if isinstance(a, Tensor) else like.new_tensor(a) for a in arguments))


def _as_float(node: ast.Constant) -> float:
    value: Any = node.value  # what is no number is refused where formulas are looked through
    return float(value)


class _Numbers(ast.NodeTransformer):
    """Replaces arithmetic on numbers alone by its value, in floats: in whole numbers 9**9**9**9 would never end."""

    def __init__(self, formula: str) -> None:
        self.formula = formula

    def visit_Constant(self, node: ast.Constant) -> ast.Constant:
        return self._number(node, lambda: _as_float(node))

    def visit_Name(self, node: ast.Name) -> ast.AST:
        return self._number(node, lambda: CONSTANTS[node.id]) if node.id in CONSTANTS else node

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.AST:
        self.generic_visit(node)
        inner = node.operand
        if not isinstance(inner, ast.Constant):
            return node
        return self._number(node, lambda: (-1 if isinstance(node.op, ast.USub) else 1) * _as_float(inner))

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        self.generic_visit(node)
        left, right = node.left, node.right
        if not (isinstance(left, ast.Constant) and isinstance(right, ast.Constant)):
            return node
        return self._number(node, lambda: OPERATIONS[type(node.op)](_as_float(left), _as_float(right)))

    def _number(self, node: ast.AST, compute: Callable[[], float]) -> ast.Constant:
        """A whole number as such, which torch raises to faster; refused where it is not real and finite."""
        try:
            value = compute()
        except (ArithmeticError, ValueError):
            value = math.nan
        if isinstance(value, complex) or not math.isfinite(value):
            part = ast.get_source_segment(self.formula.strip(), node) or self.formula
            raise ValueError(f"{_quoted(self.formula)}: {part[:SHOWN]} is not a finite number")
        return ast.copy_location(ast.Constant(int(value) if _is_whole(value) else value), node)


def _is_whole(value: float) -> bool:
    return float(value).is_integer() and abs(value) < 2**53


def _meant(node: ast.AST) -> str:
    """What is to be written where a formula is another language's, or names a module; else nothing."""
    if isinstance(node, ast.BitXor):
        return "** for a power, not ^"
    if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
        written, name = f"{node.value.id}.{node.attr}", SYNONYMS.get(node.attr, node.attr)
        if name in (*CALLABLE, *CONSTANTS):
            return f"{name} alone, not {written}"
    if isinstance(node, ast.Name) and node.id in SYNONYMS:
        return f"{SYNONYMS[node.id]}, not {node.id}"
    return ""


@dataclass(frozen=True)
class Target:
    """A function of x on an interval [lo, hi], or of x and y, each in it, where the formula speaks of y.

    Raises:
        ValueError: the formula is not allowed, the interval is empty or not finite, or the function is not
            finite on it.
    """

    name: str
    formula: str
    interval: tuple[float, float]

    def __post_init__(self) -> None:
        lo, hi = self.interval
        if not (math.isfinite(lo) and math.isfinite(hi) and lo < hi):
            raise ValueError(f"function.interval=[{lo}, {hi}]: expected two finite numbers, the lower first")
        x = self._grid()
        try:
            finite = self(x).isfinite()
        except RecursionError:
            raise ValueError(f"{_quoted(self.formula)}: {TOO_LONG}") from None
        except (TypeError, RuntimeError, IndexError, ArithmeticError) as error:
            reason = str(error).splitlines()[0].split(" - got")[0]
            raise ValueError(f"{_quoted(self.formula)}: {reason}") from None
        if not finite.all():
            raise ValueError(
                f"{_quoted(self.formula)}: not finite at {self._place(x[~finite][0])}, "
                f"expected finite values on [{lo:g}, {hi:g}]{self._move_the_end(x, finite)}"
            )

    def _move_the_end(self, x: Tensor, finite: Tensor) -> str:
        """What to type where only an end of the interval is at fault."""
        if self.inputs == 2 or not finite[1:-1].all():
            return ""
        lo, hi = self.interval
        step = (hi - lo) / 1000
        lower, upper = (lo if finite[0] else lo + step), (hi if finite[-1] else hi - step)
        return f"; an end can be moved, such as function.interval=[{lower:g},{upper:g}]"

    @staticmethod
    def _place(point: Tensor) -> str:
        return ", ".join(f"{name}={value:g}" for name, value in zip(VARIABLES, point.reshape(-1).tolist()))

    @cached_property
    def inputs(self) -> int:
        """1, or 2 where the formula speaks of y."""
        try:
            tree = _parsed(self.formula)
        except ValueError:  # `parse_formula` says it too
            return 1
        return 2 if any(isinstance(node, ast.Name) and node.id == "y" for node in ast.walk(tree)) else 1

    @cached_property
    def is_constant(self) -> bool:
        """Whether the formula speaks of no variable."""
        tree = _parsed(self.formula)
        return not any(isinstance(node, ast.Name) and node.id in VARIABLES for node in ast.walk(tree))

    @cached_property
    def range(self) -> tuple[float, float]:
        """The least and the greatest value on an even grid."""
        values = self(self._grid())
        return values.min().item(), values.max().item()

    def _grid(self) -> Tensor:
        x = torch.linspace(*self.interval, SHAPE_GRID, dtype=torch.float64)
        return torch.cartesian_prod(x[::8], x[::8]) if self.inputs == 2 else x

    @property
    def box(self) -> tuple[tuple[float, float], ...]:
        """The interval of each input."""
        return (self.interval,) * self.inputs

    @cached_property
    def _evaluate(self) -> Callable[..., Tensor]:
        return parse_formula(self.formula, VARIABLES[: self.inputs])

    def __call__(self, x: Tensor) -> Tensor:
        """The values at x, any shape; returns the same shape. Of x and y: at (..., 2), returns (...)."""
        return self._evaluate(*x.unbind(-1)) if self.inputs == 2 else self._evaluate(x)

    @cached_property
    def curvature(self) -> str:
        """'convex', 'concave', 'a straight line' or 'neither convex nor concave'; of x and y: 'in the plane'.

        Found from the signs of second differences on an even grid.
        """
        if self.inputs == 2:
            return "in the plane"
        x = torch.linspace(*self.interval, SHAPE_GRID, dtype=torch.float64)
        y = self(x)
        bend = y[:-2] - 2 * y[1:-1] + y[2:]
        rounding = 8 * torch.finfo(torch.float64).eps * max(y.abs().max().item(), 1e-300)
        up, down = bool((bend > rounding).any()), bool((bend < -rounding).any())
        return {(True, False): "convex", (False, True): "concave", (False, False): "a straight line"}.get(
            (up, down), "neither convex nor concave"
        )

    @cached_property
    def end_slopes(self) -> tuple[float, float]:
        """The slopes at lo and hi per unit of (x - lo) / (hi - lo); a secant where a slope is not finite."""
        lo, hi = self.interval
        x = torch.tensor([lo, hi], dtype=torch.float64, requires_grad=True)
        (slopes,) = torch.autograd.grad((self(x) + 0 * x).sum(), x)  # 0 * x: a constant has a slope too
        step = (hi - lo) / (SHAPE_GRID - 1)
        near = self(torch.tensor([lo, lo + step, hi - step, hi], dtype=torch.float64))
        secants = torch.stack([near[1] - near[0], near[3] - near[2]]) / step
        slopes = torch.where(slopes.isfinite(), slopes, secants) * (hi - lo)
        return slopes[0].item(), slopes[1].item()
