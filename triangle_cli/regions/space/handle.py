# mypy: allow-untyped-defs, no-check-untyped-defs
"""The arena as compiled code sees it: the address of a table that says where each array is and how long.

Eighty arrays passed on by value are some five hundred numbers a call. Nothing in the table changes while the walk runs,
which the loads from it say (invariant.load), so that loops need not look there again.
"""

# ruff: noqa: ANN001, ANN201
from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import typeof, types
from numba.core import cgutils
from numba.core.typing.templates import AttributeTemplate
from numba.extending import (
    infer_getattr,
    intrinsic,
    lower_getattr_generic,
    models,
    register_model,
)
from numba.np.arrayobj import make_array, populate_array

from triangle_cli.compiling import apart
from triangle_cli.regions.space.arena import Arena, new_arena
from triangle_cli.regions.space.plain import Plain

WORD = ir.IntType(64)
_small = new_arena(
    [np.ones((1, 1))] * 2, [np.ones(1)] * 2, np.array([[0.0, 1.0]]), exact=False, emitting=False
)
KINDS: dict[str, Any] = {
    name: Plain(typeof(array).dtype, array.ndim) for name, array in _small._asdict().items()
}
DTYPES = [(array.dtype, array.ndim) for array in _small]
STARTS: list[int] = np.cumsum([0, *(1 + kind.ndim for kind in KINDS.values())]).tolist()
PLACES: dict[str, int] = dict(zip(KINDS, STARTS))


def table(arena: Arena) -> np.ndarray:
    """For each array its address and its shape, int64; the arena has to outlive it.

    Raises:
        TypeError: an array of another kind than the walk is compiled for.
    """
    words: list[int] = []
    for i, array in enumerate(arena):
        words += _entry(i, array)
    return np.array(words, np.int64)


def refill(words: np.ndarray, arena: Arena, before: Arena) -> None:
    """Put into the table of the arena `before` what is another array in this one; errors as of `table`."""
    for i, (array, old) in enumerate(zip(arena, before)):
        if array is not old:
            words[STARTS[i] : STARTS[i + 1]] = _entry(i, array)


def _entry(i: int, array: np.ndarray) -> tuple[int, ...]:
    dtype, axes = DTYPES[i]
    if array.dtype != dtype or array.ndim != axes or not array.flags.c_contiguous:
        name = Arena._fields[i]
        raise TypeError(f"{name}: {typeof(array)}, expected {KINDS[name]}")
    # as array.ctypes.data, which takes several times as long
    return ctypes.addressof(ctypes.c_char.from_buffer(array.data)) if array.size else 0, *array.shape


class HandleType(types.Type):
    """Numba's type of a table's address, with the arrays as attributes."""

    def __init__(self) -> None:
        super().__init__(name="Handle")


handle = HandleType()
floats = Plain(types.float64, 1)


def stage(*arguments: Any) -> Callable[[Callable], Callable]:
    """A function of the handle and of arguments of these types, compiled by itself and called by its address."""
    return apart(handle, *arguments, error_model="numpy", fastmath={"contract"}, _nrt=False)


register_model(HandleType)(models.OpaqueModel)


@infer_getattr
class _Attributes(AttributeTemplate):
    key = HandleType

    def generic_resolve(self, _value, name):
        return KINDS.get(name)


@lower_getattr_generic(HandleType)
def _attribute(context, builder, _type, value, name):
    kind, place = KINDS[name], PLACES[name]
    shape = [_word(builder, value, place + 1 + axis) for axis in range(kind.ndim)]
    return _array(context, builder, kind, _word(builder, value, place), shape)


def _word(builder, value, number):
    """A word of the table at the address `value`."""
    words = builder.bitcast(value, WORD.as_pointer())
    loaded = builder.load(cgutils.gep_inbounds(builder, words, number))
    loaded.set_metadata("invariant.load", builder.module.add_metadata([]))
    return loaded


def _array(context, builder, kind, address, shape):
    """An array without gaps of this shape at an address."""
    array = make_array(kind)(context, builder)
    item = context.get_constant(types.intp, context.get_abi_sizeof(context.get_data_type(kind.dtype)))
    strides = [item]
    for length in shape[:0:-1]:
        strides.insert(0, builder.mul(strides[0], length))
    data = address if isinstance(address.type, ir.PointerType) else builder.inttoptr(address, array.data.type)
    populate_array(array, data=data, shape=shape, strides=strides, itemsize=item, meminfo=None)
    return array._getvalue()


@intrinsic
def arena_at(_typing_context, address):
    """The handle of the table at an address."""

    def generate(context, builder, signature, arguments):
        return builder.inttoptr(arguments[0], context.get_value_type(handle))

    return handle(types.int64), generate


@intrinsic
def view(typing_context, array, start, size):
    """array[start : start + size] of a flat array, where that is known to be inside."""
    kind = Plain(array.dtype, 1)

    def generate(context, builder, signature, arguments):
        whole = make_array(array)(context, builder, arguments[0])
        data = builder.gep(whole.data, [arguments[1]])
        return _array(context, builder, kind, data, [arguments[2]])

    return kind(array, types.int64, types.int64), generate


@intrinsic
def is_first(typing_context, taken, number):
    """Whether this thread is the first of all that share `taken` to ask for a number: taken[number] becomes 1."""

    def generate(context, builder, signature, arguments):
        data = make_array(taken)(context, builder, arguments[0]).data
        before = builder.atomic_rmw("xchg", builder.gep(data, [arguments[1]]), WORD(1), "monotonic")
        return builder.icmp_unsigned("==", before, WORD(0))

    return types.boolean(taken, types.int64), generate
