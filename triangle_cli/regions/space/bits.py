# mypy: allow-untyped-defs, no-check-untyped-defs
"""Sets of facets as the bits of one integer, and numbers by fours, for compiled code."""

# ruff: noqa: ANN001, ANN201
import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from triangle_cli.compiling import inside

# Without Numba's runtime arrays are not reference-counted; nothing compiled with this may allocate one.
# Contraction to fused multiply-adds only makes results more accurate: the bounds hold with and without.
compiled = inside(fastmath={"contract"}, _nrt=False, forceinline=True)
summing = inside(fastmath={"contract", "reassoc"}, _nrt=False, forceinline=True)  # in any order

WORD = ir.IntType(64)
NONE = np.uint64(0)
ONE = np.uint64(1)


@intrinsic
def size(typing_context, mask):
    """How many bits are set."""

    def generate(context, builder, signature, arguments):
        kind = ir.FunctionType(WORD, [WORD])
        return builder.call(cgutils.get_or_insert_function(builder.module, kind, "llvm.ctpop.i64"), arguments)

    return types.int64(types.uint64), generate


@intrinsic
def lowest(typing_context, mask):
    """The number of the lowest bit that is set; 64 if none is."""

    def generate(context, builder, signature, arguments):
        kind = ir.FunctionType(WORD, [WORD, ir.IntType(1)])
        function = cgutils.get_or_insert_function(builder.module, kind, "llvm.cttz.i64")
        return builder.call(function, [arguments[0], ir.Constant(ir.IntType(1), 0)])

    return types.int64(types.uint64), generate


@compiled
def bit(number):
    """The set of one facet."""
    return ONE << np.uint64(number)


@compiled
def four(numbers, at, end):
    """Four entries from `at` on; for those not before `end` the first again."""
    first = numbers[at]
    return (
        first,
        numbers[at + 1] if at + 1 < end else first,
        numbers[at + 2] if at + 2 < end else first,
        numbers[at + 3] if at + 3 < end else first,
    )


@compiled
def four_factors(values, numbers, at, end):
    """The values of these four; 0 for those not before `end`."""
    return (
        values[numbers[at]],
        values[numbers[at + 1]] if at + 1 < end else 0.0,
        values[numbers[at + 2]] if at + 2 < end else 0.0,
        values[numbers[at + 3]] if at + 3 < end else 0.0,
    )
