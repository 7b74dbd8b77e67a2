"""Four float64 side by side as one Numba value, so that compiled loops use the vector unit.

LLVM vectorises loops over a few neurons badly; here the same scalar source (two_sum, ..) is compiled for
`Lanes`. Arrays are read and written four neighbours at a time; their last dimension has to be a multiple of
`LANES`.
"""

# ruff: noqa: ANN001, ANN201
# mypy: allow-untyped-defs, no-check-untyped-defs
import hashlib
import inspect
import math
import operator
from types import ModuleType

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, models, overload, register_model

LANES = 4


def digest(*modules: ModuleType) -> str:
    """A fingerprint of the modules' sources."""
    return hashlib.sha256("".join(map(inspect.getsource, modules)).encode()).hexdigest()


class LanesType(types.Type):
    """Numba's type of four float64."""

    def __init__(self) -> None:
        super().__init__(name="Lanes")


lanes = LanesType()
_vector = ir.VectorType(ir.DoubleType(), LANES)


@register_model(LanesType)
class LanesModel(models.PrimitiveModel):
    """Represented by LLVM's own vector."""

    def __init__(self, manager, fe_type) -> None:
        super().__init__(manager, fe_type, _vector)


def _constant(value: float) -> ir.Constant:
    return ir.Constant(_vector, [value] * LANES)


def _call(builder, name: str, *arguments):
    kind = ir.FunctionType(_vector, [_vector] * len(arguments))
    return builder.call(
        cgutils.get_or_insert_function(builder.module, kind, f"llvm.{name}.v{LANES}f64"), arguments
    )


def _binary(emit):
    @intrinsic
    def operation(typing_context, a, b):
        def codegen(context, builder, signature, arguments):
            return emit(builder, *arguments)

        return lanes(lanes, lanes), codegen

    return operation


_add = _binary(lambda builder, a, b: builder.fadd(a, b))
_subtract = _binary(lambda builder, a, b: builder.fsub(a, b))
_multiply = _binary(lambda builder, a, b: builder.fmul(a, b))
_divide = _binary(lambda builder, a, b: builder.fdiv(a, b))
_maximum = _binary(lambda builder, a, b: builder.select(builder.fcmp_ordered("<", b, a), a, b))


def _overload_pair(operation, implementation) -> None:
    @overload(operation, inline="always")
    def overloaded(a, b):
        if isinstance(a, LanesType) and isinstance(b, LanesType):
            return lambda a, b: implementation(a, b)
        return None


_overload_pair(operator.add, _add)
_overload_pair(operator.iadd, _add)
_overload_pair(operator.sub, _subtract)
_overload_pair(operator.mul, _multiply)
_overload_pair(operator.truediv, _divide)
_overload_pair(max, _maximum)


@intrinsic
def _negate(typing_context, a):
    return lanes(lanes), lambda context, builder, signature, arguments: builder.fneg(arguments[0])


@intrinsic
def _magnitude(typing_context, a):
    return lanes(lanes), lambda context, builder, signature, arguments: _call(builder, "fabs", arguments[0])


@overload(operator.neg, inline="always")
def _overload_negate(a):
    return (lambda a: _negate(a)) if isinstance(a, LanesType) else None


@overload(abs, inline="always")
def _overload_abs(a):
    return (lambda a: _magnitude(a)) if isinstance(a, LanesType) else None


@intrinsic
def fma(typing_context, a, b, c):
    """a * b + c, rounded once; of float64 or of Lanes."""
    kind = a if isinstance(a, LanesType) else types.float64

    def codegen(context, builder, signature, arguments):
        if kind is lanes:
            return _call(builder, "fma", *arguments)
        return builder.fma(*arguments)

    return kind(kind, kind, kind), codegen


@intrinsic
def broadcast(typing_context, value):
    """The same float64 in every lane."""

    def codegen(context, builder, signature, arguments):
        vector = ir.Constant(_vector, ir.Undefined)
        for lane in range(LANES):
            vector = builder.insert_element(vector, arguments[0], ir.Constant(ir.IntType(32), lane))
        return vector

    return lanes(types.float64), codegen


@intrinsic
def least_nonzero(typing_context, a, b, c):
    """The smallest magnitude among the twelve lanes that are not 0; infinity if there is none."""

    def codegen(context, builder, signature, arguments):
        least = _constant(math.inf)
        for vector in arguments:
            zero = builder.fcmp_ordered("==", vector, _constant(0.0))
            size = builder.select(zero, _constant(math.inf), _call(builder, "fabs", vector))
            least = builder.select(builder.fcmp_ordered("<", size, least), size, least)
        lane = [builder.extract_element(least, ir.Constant(ir.IntType(32), i)) for i in range(LANES)]
        while len(lane) > 1:
            x, y = lane.pop(), lane.pop()
            lane.insert(0, builder.select(builder.fcmp_ordered("<", x, y), x, y))
        return lane[0]

    return types.float64(lanes, lanes, lanes), codegen


@intrinsic
def total(typing_context, value):
    """The sum of the four lanes."""

    def codegen(context, builder, signature, arguments):
        lane = [builder.extract_element(arguments[0], ir.Constant(ir.IntType(32), i)) for i in range(LANES)]
        return builder.fadd(builder.fadd(lane[0], lane[1]), builder.fadd(lane[2], lane[3]))

    return types.float64(lanes), codegen


def _pointer(context, builder, array_type, array, index_type, index):
    struct = context.make_array(array_type)(context, builder, array)
    indices = cgutils.unpack_tuple(builder, index, count=len(index_type))
    indices = [context.cast(builder, i, kind, types.intp) for i, kind in zip(indices, index_type)]
    item = cgutils.get_item_pointer(context, builder, array_type, struct, indices, wraparound=False)
    return builder.bitcast(item, _vector.as_pointer())


@intrinsic
def load(typing_context, array, index):
    """Four neighbours of a C-ordered float64 array, from a tuple of indices on."""

    def codegen(context, builder, signature, arguments):
        pointer = _pointer(context, builder, signature.args[0], arguments[0], signature.args[1], arguments[1])
        return builder.load(pointer, align=8)

    return lanes(array, index), codegen


@intrinsic
def store(typing_context, array, index, value):
    """Write four neighbours of a C-ordered float64 array, from a tuple of indices on."""

    def codegen(context, builder, signature, arguments):
        pointer = _pointer(context, builder, signature.args[0], arguments[0], signature.args[1], arguments[1])
        builder.store(arguments[2], pointer, align=8)
        return context.get_dummy_value()

    return types.none(array, index, value), codegen
