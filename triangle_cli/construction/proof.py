"""That a triangle network has exactly 2^d linear regions, decided layer by layer in rationals, without enumeration.

Let v_i be the pre-activation of t1 in hidden layer i and T_i the triangle that this layer's t1 and t2 make of it.
By induction, v_i runs on each of 2^i pieces of the interval, monotonely, between a low in [bottom, bottom'] and a
high, the top, which is the peak of the triangle before and so the same on all of them. If

    0 <= bottom,  bottom' < peak < top,  and the two slopes of T_i differ in sign,

then each piece has the peak inside and becomes two, on which v_{i+1} runs between T_i of an end and T_i(peak). At the
end there are 2^d patterns of the hidden neurons. They are 2^d linear regions if the output bends at each peak: how
much it does per unit of v_i depends on i alone, since behind a top lie the falling side of the next triangle and
the rising sides of all later ones. So d exact comparisons of each kind suffice. Where they hold only down to layer k,
there are at least 2^k patterns.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import NamedTuple

from torch import Tensor

Rows = list[list[Fraction]]


class Proof(NamedTuple):
    """What is proven of a network's regions on an interval."""

    layers: int  # k, of at least 2^k activation regions
    is_whole: bool  # whether there are just 2^k, as many linear regions, and no dead neuron


NOTHING = Proof(0, False)


def prove(weights: Sequence[Tensor], biases: Sequence[Tensor], lo: float, hi: float) -> Proof:
    """What the layers of one network prove of its regions on (lo, hi).

    Args:
        weights: (out, in) of each layer of one network as `Triangle.network` makes it: neurons sum, t1, t2, bias.
            Of others nothing is proven.
        biases: (out,) of each layer.
        lo, hi: the interval; the weights of the first layer stretch [0, 1] to it, or to more.
    """
    layers = [[[Fraction(value) for value in row] for row in weight.double().tolist()] for weight in weights]
    constants = [[Fraction(value) for value in bias.double().tolist()] for bias in biases]
    if not _is_triangle(layers, constants):
        return NOTHING
    depth = len(layers) - 1
    (slope,), (scale,), (scale_2,), (nothing,) = layers[0]
    base, shift, shift_2, carried = constants[0]
    if scale != scale_2 or scale <= 0 or nothing != 0 or carried <= 0:
        return NOTHING
    ends = [scale * Fraction(end) + shift for end in (lo, hi)]
    bottom, bottom_2, top = ends[0], ends[0], ends[1]
    # the least that the sum neuron can be
    sums = min(slope * Fraction(lo) + base, slope * Fraction(hi) + base)
    peak = shift - shift_2
    signs, rises, falls = set(), [], []
    for layer in range(depth):
        signed, unsigned = (
            layers[layer + 1][0][1:3],
            layers[layer + 1][min(1, len(layers[layer + 1]) - 1)][1:3],
        )
        sign = 1 if signed[0] > 0 else -1
        rise, fall = sign * signed[0], sign * (signed[0] + signed[1])  # the slopes of the two sides
        is_triangle = rise > 0 > fall and (
            layer == depth - 1 or [sign * value for value in unsigned] == signed
        )
        if not (is_triangle and 0 <= bottom <= bottom_2 < peak < top and sums > 0):
            return Proof(layer, False)
        signs.add(sign)
        rises.append(rise)
        falls.append(fall)
        crest = rise * peak
        far = crest + fall * (top - peak)  # behind the top
        bottom, bottom_2, top = min(rise * bottom, far), max(rise * bottom_2, far), crest
        sums += bottom if sign > 0 else -top
        if layer < depth - 1:
            drop, step = layers[layer + 1][2][3], layers[layer + 1][3][3]
            peak, carried = -drop * carried, step * carried
            if carried <= 0:
                return Proof(layer + 1, False)
    return Proof(depth, len(signs) == 1 and _bends_everywhere(signs.pop(), rises, falls))


def _bends_everywhere(sign: int, rises: list[Fraction], falls: list[Fraction]) -> bool:
    """Whether the output's slope changes at every peak. At the peak of T_i, v_{i+1} is at its top."""
    rising = falling = Fraction(0)  # d output / d v_{i+1} where it is low, and where it is at its top
    for rise, fall in zip(reversed(rises), reversed(falls)):
        if sign + falling == 0:
            return False
        rising, falling = rise * (sign + rising), fall * (sign + rising)
    return True


def _is_triangle(layers: list[Rows], constants: list[list[Fraction]]) -> bool:
    """Whether the layers have the zeros and ones of `Triangle.network`, whatever its numbers."""
    widths = [len(constant) for constant in constants]
    if len(layers) < 2 or widths != [4] * (len(layers) - 1) + [1] or len(layers[0][0]) != 1:
        return False
    if layers[-1][0][0] != 1 or layers[-1][0][3] != 0:
        return False
    for rows, constant in zip(layers[1:-1], constants[1:-1]):
        total, first, second, carried = rows
        zeros = [*constant, total[3], first[0], first[3], second[0], *carried[:3]]
        if any(zeros) or total[0] != 1 or first[1:3] != second[1:3]:
            return False
    return True
