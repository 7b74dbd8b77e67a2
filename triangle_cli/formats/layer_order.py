"""In which order a state_dict's layers follow each other, by their names, their shapes and their place in the file.

torch.save keeps the order in which a model was made, which is the order of the layers in nearly all models. Files
that were sorted, as all of .safetensors are, put layers.10 before layers.2: there only names and shapes tell.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import islice, pairwise

# what first and last layers are called, beside numbered ones
FIRST = ("in", "inp", "input", "first", "stem", "embed", "fc_in", "lin_in")
LAST = ("out", "output", "last", "final", "head", "classifier", "readout", "fc_out", "lin_out")
MOST_STEPS = 10_000  # of a search through orders; beyond it names and shapes leave too much open

Size = tuple[int, int]  # values that enter a layer, and that leave it


def order_layers(names: Sequence[str], sizes: Sequence[Size], is_sorted: bool) -> list[int] | None:
    """The layers' places in the order of the network; None where names and shapes leave a doubt.

    Args:
        names: of the layers, in the order of the file: `layers.0`, `out`.
        sizes: (in, out) of each layer.
        is_sorted: whether the file's order is that of the alphabet, and so says nothing.
    """
    in_file = list(range(len(names)))
    before = [[_numbered_before(a, b) or (is_sorted and _named_before(a, b)) for b in names] for a in names]
    by_name = _stable(before)
    if is_sorted:
        if all(before[a][b] for a, b in pairwise(by_name)):  # names say it all
            return by_name
        try:
            fitting = list(islice(_fitting(before, sizes), 2))
        except (_TooManyError, RecursionError):
            return None
        return None if len(fitting) > 1 else (fitting or [by_name])[0]
    if by_name == in_file:
        return in_file
    fitting = [order for order in (by_name, in_file) if _fit(order, sizes)]
    # what does not fit is refused, by its shapes
    return None if len(fitting) > 1 else (fitting or [by_name])[0]


class _TooManyError(Exception):
    """The search for an order was given up."""


def _fit(order: Sequence[int], sizes: Sequence[Size]) -> bool:
    return all(sizes[a][1] == sizes[b][0] for a, b in pairwise(order))


def _stable(before: list[list[bool]]) -> list[int]:
    """The order nearest to the file's in which names are obeyed."""
    order: list[int] = []
    left = list(range(len(before)))
    while left:
        following = next(place for place in left if not any(before[other][place] for other in left))
        order.append(following)
        left.remove(following)
    return order


def _fitting(before: list[list[bool]], sizes: Sequence[Size]) -> Iterator[list[int]]:
    """Every order in which names are obeyed and shapes fit."""
    steps = 0

    def extend(taken: list[int], left: list[int]) -> Iterator[list[int]]:
        nonlocal steps
        steps += 1
        if steps > MOST_STEPS:
            raise _TooManyError
        if not left:
            yield taken
        for place in left:
            fits = not taken or sizes[taken[-1]][1] == sizes[place][0]
            if fits and not any(before[other][place] for other in left):
                yield from extend([*taken, place], [other for other in left if other != place])

    yield from extend([], list(range(len(before))))


def _differing(first: str, second: str) -> tuple[str, str]:
    """The first parts in which two names differ: of h.2.a and h.10.b, 2 and 10."""
    pairs = zip(f"{first}.".split("."), f"{second}.".split("."))
    return next(((a, b) for a, b in pairs if a != b), ("", ""))


def _numbered_before(first: str, second: str) -> bool:
    """Whether names first differ in the same word with a smaller number: fc2 and fc10."""
    a, b = _differing(first, second)
    numbers = [[int(digits) for digits in re.findall(r"\d+", part)] for part in (a, b)]
    return re.sub(r"\d+", "#", a) == re.sub(r"\d+", "#", b) and numbers[0] < numbers[1]


def _named_before(first: str, second: str) -> bool:
    """Whether names first differ in words of which one is for a first layer, or one for a last."""
    a, b = _differing(first, second)
    return (a in FIRST) > (b in FIRST) or (b in LAST) > (a in LAST)
