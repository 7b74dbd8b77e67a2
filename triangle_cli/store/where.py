"""`--where`: an expression over the columns of a table, such as `depth >= 6 and init == 'triangle'`.

Only comparisons, arithmetic, lists and words of the table get through; nothing can be called.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable
from typing import Any

from triangle_cli.settings.require import close

MOST_SHOWN = 10  # columns, of the sixty and more that there are
_ALLOWED = (
    *(ast.Expression, ast.BoolOp, ast.And, ast.Or, ast.UnaryOp, ast.Not, ast.USub, ast.UAdd),
    *(ast.Compare, ast.Eq, ast.NotEq, ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.In, ast.NotIn),
    *(ast.BinOp, ast.Add, ast.Sub, ast.Mult, ast.Div, ast.List, ast.Tuple, ast.Load, ast.Constant, ast.Name),
)


def compile_filter(text: str, columns: Iterable[str]) -> Callable[[dict[str, Any]], bool]:
    """The test that an expression means for a row. A row that has no value where one is compared does not pass.

    Raises:
        ValueError: it is not such an expression, or names a column that does not exist. The test raises it too,
            for values that cannot be compared.
    """
    columns = list(columns)
    try:
        tree = ast.parse(text.strip(), mode="eval")
    except (SyntaxError, ValueError, RecursionError):
        hint = "; equality is ==" if "=" in text and "==" not in text else ""
        raise ValueError(f"--where {text!r}: expected an expression such as depth >= 6{hint}") from None
    names: dict[str, str] = {}  # the variable that stands for a column
    tree = ast.fix_missing_locations(_Columns(text, columns, names).visit(tree))
    for node in ast.walk(tree):
        if not isinstance(node, _ALLOWED):
            kind = type(node).__name__.lower()
            raise ValueError(f"--where {text!r}: {kind} is not accepted, expected comparisons of columns")
    code = compile(tree, "--where", "eval")

    def passes(row: dict[str, Any]) -> bool:
        values = {variable: row.get(column) for variable, column in names.items()}
        try:
            return bool(eval(code, {"__builtins__": {}}, values))  # of the node types above only
        except (TypeError, ArithmeticError) as error:
            if None in values.values() or isinstance(error, ArithmeticError):
                return False
            raise ValueError(f"--where {text!r}: {error}") from None

    return passes


class _Columns(ast.NodeTransformer):
    """Replaces `init.peak_low` and `depth` by variables, and refuses what is no column."""

    def __init__(self, text: str, columns: list[str], names: dict[str, str]) -> None:
        self.text, self.columns, self.names = text, columns, names

    def visit_Name(self, node: ast.Name) -> ast.Name:
        return self._variable(node.id)

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        parts = []
        inner: ast.AST = node
        while isinstance(inner, ast.Attribute):
            parts.append(inner.attr)
            inner = inner.value
        return self._variable(".".join([inner.id, *parts[::-1]])) if isinstance(inner, ast.Name) else node

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        for side in (node.left, node.right):
            if isinstance(side, ast.Constant) and isinstance(side.value, (str, bytes)):
                raise ValueError(f"--where {self.text!r}: expected numbers around an arithmetic sign")
        return self.generic_visit(node)

    def _variable(self, column: str) -> ast.Name:
        require_column("--where", column, self.columns)
        variable = f"column_{self.columns.index(column)}"
        self.names[variable] = column
        return ast.Name(variable, ast.Load())


def require_column(option: str, column: str, columns: list[str]) -> None:
    """Raise ValueError for a column that a table does not have; names the closest."""
    if column not in columns:
        hint = close(column, columns) or f", expected one such as {', '.join(_likely(column, columns))}"
        raise ValueError(
            f"{option} {column}: no such column{hint} (`triangle ls --format csv` heads them all)"
        )


def _likely(column: str, columns: list[str]) -> list[str]:
    """Ten columns: those with the word in their name, then the first, which are asked for most."""
    return sorted(columns, key=lambda name: column.lower() not in name.lower())[:MOST_SHOWN]
