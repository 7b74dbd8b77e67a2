# mypy: allow-untyped-defs, no-check-untyped-defs
"""Numba's type of an array without gaps whose indices are never negative.

At every index that has a sign numba adds the length where it is negative: three instructions more at each access, and
loops that cannot be told to run through memory in one go.
"""

# ruff: noqa: ANN001, ANN201
from __future__ import annotations

import operator
from collections.abc import Callable

from numba import types
from numba.extending import lower_builtin, models, register_model


class Plain(types.Array):
    """An array of so many axes; rows and slices of it are of this type too."""

    def __init__(self, kind: types.Type, axes: int) -> None:
        super().__init__(kind, axes, "C", name=f"Plain({kind}, {axes})")

    def copy(self, dtype=None, ndim=None, layout=None, readonly=None):
        """The type with something changed."""
        if layout not in (None, "C") or readonly:
            return super().copy(dtype, ndim, layout, readonly)
        return Plain(self.dtype if dtype is None else dtype, self.ndim if ndim is None else ndim)


register_model(Plain)(models.ArrayModel)


def _unsigned(context, builder, kind, index):
    """The type and value of an integer, or of a tuple of integers, without a sign; of another index as they are."""
    if isinstance(kind, types.Integer):
        new = types.uintp
    elif isinstance(kind, types.BaseTuple) and all(isinstance(one, types.Integer) for one in kind):
        new = types.UniTuple(types.uintp, len(kind))
    else:
        return kind, index
    return new, context.cast(builder, index, kind, new)


def _by_unsigned(operation: Callable) -> Callable:
    """Numba's own way to get or set items of arrays, with indices without signs."""

    def lower(context, builder, signature, arguments):
        array, index, *value = signature.args
        kind, number = _unsigned(context, builder, index, arguments[1])
        usual = types.Array(array.dtype, array.ndim, "C")
        found = context.get_function(operation, signature.return_type(usual, kind, *value))
        return found(builder, (arguments[0], number, *arguments[2:]))

    return lower


for _index in (types.Integer, types.BaseTuple):
    lower_builtin(operator.getitem, Plain, _index)(_by_unsigned(operator.getitem))
lower_builtin(operator.setitem, Plain, types.Any, types.Any)(_by_unsigned(operator.setitem))
