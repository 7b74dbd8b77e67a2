# mypy: allow-untyped-defs, no-check-untyped-defs
"""The arena as compiled code sees it: the address of a table that says where each array is and how long.

Eighty arrays passed on by value are some five hundred numbers a call. Nothing in the table changes while the walk runs,
which the loads from it say (invariant.load), so that loops need not look there again.

Behind the arrays are the addresses of functions (`apart`). Numba would link a function into each that calls it, and
optimise it again there, and so on upwards; one that is called by its address is compiled once.
"""

# ruff: noqa: ANN001, ANN201
from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from llvmlite import ir
from numba import typeof, types
from numba.core import cgutils
from numba.core.typing.templates import AbstractTemplate, AttributeTemplate, infer_global
from numba.extending import (
    infer_getattr,
    intrinsic,
    lower_builtin,
    lower_getattr_generic,
    models,
    register_model,
)
from numba.np.arrayobj import make_array, populate_array

from triangle_cli.compiling import njit
from triangle_cli.regions.space.arena import Arena, new_arena

WORD = ir.IntType(64)
_small = new_arena(
    [np.ones((1, 1))] * 2, [np.ones(1)] * 2, np.array([[0.0, 1.0]]), exact=False, emitting=False
)
KINDS: dict[str, Any] = {name: typeof(array) for name, array in _small._asdict().items()}
DTYPES = [(array.dtype, array.ndim) for array in _small]
STARTS: list[int] = np.cumsum([0, *(1 + kind.ndim for kind in KINDS.values())]).tolist()
PLACES: dict[str, int] = dict(zip(KINDS, STARTS))
FUNCTIONS: list[tuple[Any, Any]] = []  # dispatchers and their signatures


def table(arena: Arena) -> np.ndarray:
    """For each array its address and its shape, then the functions' addresses, int64; the arena has to outlive it.

    Raises:
        TypeError: an array of another kind than the walk is compiled for.
    """
    words: list[int] = []
    for (name, kind), (dtype, axes), array in zip(KINDS.items(), DTYPES, arena):
        if array.dtype != dtype or array.ndim != axes or not array.flags.c_contiguous:
            raise TypeError(f"{name}: {typeof(array)}, expected {kind}")
        words += array.__array_interface__["data"][0], *array.shape
    return np.array(words + _addresses(), np.int64)


@cache
def _addresses() -> list[int]:
    """Where the functions are, compiled or loaded."""
    found = []
    for dispatcher, signature in FUNCTIONS:
        dispatcher.compile(signature)
        made = dispatcher.overloads[signature.args]
        found.append(made.library.get_pointer_to_function(made.fndesc.mangled_name))
    return found


class HandleType(types.Type):
    """Numba's type of a table's address, with the arrays as attributes."""

    def __init__(self) -> None:
        super().__init__(name="Handle")


handle = HandleType()
floats = types.Array(types.float64, 1, "C")
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


def apart(signature: Any) -> Callable[[Callable], Callable]:
    """A function compiled by itself for one signature, the handle first, and called by its address in the table."""

    def wrap(function: Callable) -> Callable:
        number = STARTS[-1] + len(FUNCTIONS)
        dispatcher = njit(cache=True, error_model="numpy", fastmath={"contract"}, _nrt=False, nogil=True)(
            function
        )
        FUNCTIONS.append((dispatcher, signature))

        def call(*_arguments: object) -> None:
            """Stands for the function in compiled code."""

        class _Call(AbstractTemplate):
            key = call

            def generic(self, _arguments, _words):
                return signature

        infer_global(call, types.Function(_Call))

        @lower_builtin(call, types.VarArg(types.Any))
        def _lower(context, builder, _signature, arguments):
            convention = context.call_conv
            kind = convention.get_function_type(signature.return_type, signature.args)
            place = builder.inttoptr(_word(builder, arguments[0], number), kind.as_pointer())
            _, result = convention.call_function(
                builder, place, signature.return_type, signature.args, arguments
            )
            return result

        return call

    return wrap


@intrinsic
def arena_at(_typing_context, address):
    """The handle of the table at an address."""

    def generate(context, builder, signature, arguments):
        return builder.inttoptr(arguments[0], context.get_value_type(handle))

    return handle(types.int64), generate


@intrinsic
def view(typing_context, array, start, size):
    """array[start : start + size] of a flat array, where that is known to be inside."""
    kind = array.copy(layout="C")

    def generate(context, builder, signature, arguments):
        whole = make_array(array)(context, builder, arguments[0])
        data = builder.gep(whole.data, [arguments[1]])
        return _array(context, builder, kind, data, [arguments[2]])

    return kind(array, types.int64, types.int64), generate
