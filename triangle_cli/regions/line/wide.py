"""Wide networks: level by level, all pieces of a level at once, as matrix products.

As in the depth-first walk, a piece knows its neurons' values at its two ends, and every decision is a sign
at a point; but values are float64 with the a-priori bound of a matrix product, |error| <= gamma_n |W| |v|,
whatever the order of summation (Higham, Accuracy and Stability of Numerical Algorithms, section 3.5), and
the zeros within a piece are sorted. What the bounds leave open is decided in integers.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from triangle_cli.regions.bounds import Exhausted
from triangle_cli.regions.line.leaves import Leaves
from triangle_cli.regions.line.packing import PackedNetworks, Unresolved, rounded
from triangle_cli.regions.telling import Tell

CHUNK = 4096  # pieces worked on at a time
UNIT = 2.0**-53
ROOM = 1.0 + 2.0**-20  # covers the rounding of the bounds themselves
UNDERFLOW = 2.0**-1000


@dataclass
class Pieces:
    """n neighbouring pieces of a level and their n + 1 ends; signs are those of `values`, and exact."""

    x: np.ndarray  # (n + 1,)
    x_error: np.ndarray  # (n + 1,)
    births: np.ndarray  # (2, n + 1): level and neuron whose zero the point is; level 0: an end of the box
    values: np.ndarray  # (neurons, n + 1), before the ReLU
    errors: np.ndarray  # (neurons, n + 1)
    masks: list[np.ndarray]  # of the levels below: (neurons, n)

    def take(self, pieces: slice) -> "Pieces":
        """A run of neighbouring pieces."""
        ends = slice(pieces.start, min(pieces.stop, len(self.x) - 1) + 1)
        return Pieces(
            self.x[ends], self.x_error[ends], self.births[:, ends], self.values[:, ends], self.errors[:,
            ends], [mask[:, pieces] for mask in self.masks],
        )  # fmt: skip

    def at(self, points: np.ndarray) -> "Pieces":
        """Some of the points."""
        return replace(
            self,
            x=self.x[points],
            x_error=self.x_error[points],
            births=self.births[:, points],
            values=self.values[:, points],
            errors=self.errors[:, points],
        )

    def followed_by(self, block: "Pieces") -> "Pieces":
        """The last piece of these, then the next block's, whose first point is this one's last."""
        last = self.take(slice(len(self.x) - 2, len(self.x) - 1))
        joined = last.with_points(block, np.array([0, *range(2, 2 + len(block.x))]))
        return replace(joined, masks=[np.hstack(pair) for pair in zip(last.masks, block.masks)])

    def with_points(self, more: "Pieces", source: np.ndarray) -> "Pieces":
        """The points, then those of `more`, rearranged."""
        joined = Pieces(
            np.concatenate([self.x, more.x]),
            np.concatenate([self.x_error, more.x_error]),
            np.concatenate([self.births, more.births], axis=1),
            np.concatenate([self.values, more.values], axis=1),
            np.concatenate([self.errors, more.errors], axis=1),
            self.masks,
        )
        return joined.at(source)


class WideWalk:
    """Network i of a batch, level by level."""

    def __init__(self, packed: PackedNetworks, i: int, questions: int | None = None) -> None:
        if not packed.kept[i]:
            raise Unresolved
        self.depth = len(packed.widths) - 2
        self.exact = packed.exact
        self.index = i
        self.questions = questions  # that may be answered in integers before Exhausted is raised; None: all
        self.layers = [packed.layer(i, m) for m in range(self.depth + 1)]
        self.magnitudes = [np.abs(weight).astype(np.float32) for weight, _ in self.layers]
        self.ends = packed.ends[i]
        self.linear = packed.linear
        self.twins = [_twins(np.column_stack(layer), mask) for layer, mask in zip(self.layers, self.linear)]
        self.alive = [linear.copy() for linear in self.linear]

    def blocks(self) -> Iterator[tuple[Pieces, np.ndarray]]:
        """The activation regions from left to right in blocks, and where there are kinks.

        kinks: (n,), whether a linear region starts at the piece's left end.
        """
        box = Pieces(
            self.ends, np.zeros(2), np.array([[0, 0], [0, 1]]), self.ends[None], np.zeros((1, 2)),
            [],
        )  # fmt: skip
        last = None
        for block in self._descend(0, box, np.array([[True]])):
            yield block, self._kinks(last, block)
            last = block

    def _kinks(self, last: Pieces | None, block: Pieces) -> np.ndarray:
        """Where the outputs' slopes change: by differences of values, else by products, else by integers."""
        if last is not None:
            block = last.followed_by(block)
        length = np.diff(block.x)
        length_error = block.x_error[:-1] + block.x_error[1:]
        with np.errstate(all="ignore"):
            slopes = np.diff(block.values) / length
            errors = (block.errors[:, :-1] + block.errors[:, 1:] + np.abs(slopes) * length_error) / (
                length - length_error
            )
            errors = np.where(length > length_error, errors * ROOM + 4 * UNIT * np.abs(slopes), np.inf)
            kinks: np.ndarray = np.any(
                np.abs(np.diff(slopes)) * 0.999 > errors[:, :-1] + errors[:, 1:], axis=0
            )
        unclear = np.flatnonzero(~kinks)
        if len(unclear):
            slopes, errors = self._slopes([mask[:, np.stack([unclear, unclear + 1])] for mask in block.masks])
            gap = np.abs(slopes[:, 1] - slopes[:, 0])
            bound = errors[:, 1] + errors[:, 0]
            with np.errstate(invalid="ignore"):
                kinks[unclear] = (gap * 0.999 > bound).any(0)
            unclear = unclear[~kinks[unclear] & ~((gap == 0.0) & (bound == 0.0)).all(0)]
        self._ask(len(unclear))
        for i in unclear.tolist():
            network = self.exact(self.index)
            old, new = ([mask[:, k].tobytes() for mask in block.masks] for k in (i, i + 1))
            kinks[i] = network.affine(self.depth + 1, old)[0] != network.affine(self.depth + 1, new)[0]
        return kinks if last is not None else np.concatenate([[True], kinks])

    def _ask(self, questions: int) -> None:
        if self.questions is not None:
            self.questions -= questions
            if self.questions < 0:
                raise Exhausted

    def _slopes(self, masks: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """Slopes of the outputs and their error bounds, (outputs, ..), for on/off patterns (neurons, ..)."""
        shape = masks[0].shape[1:]
        slopes, errors = np.ones((1, masks[0][0].size)), np.zeros((1, masks[0][0].size))
        for level, on in enumerate(masks):
            slopes, errors = self._product(level, slopes, errors, on.reshape(len(on), -1))
        return slopes.reshape(-1, *shape), errors.reshape(-1, *shape)

    def _product(
        self, level: int, values: np.ndarray, errors: np.ndarray, on: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """W (on * values) and a bound on its error; the bound is 0 only where nothing was added up."""
        weight, magnitude = self.layers[level][0], self.magnitudes[level]
        used = on.any(1)
        if not used.all():
            weight, magnitude = weight[:, used], magnitude[:, used]
            values, errors, on = values[used], errors[used], on[used]
        values = np.where(on, values, 0.0)
        fan_in = weight.shape[1]
        gamma = fan_in + 4  # times UNIT, the unit of the bounds: they are computed in float32
        bounds = np.where(on, errors * (1 / UNIT), 0.0) + gamma * np.abs(values)
        touched = (weight != 0).any(1)[:, None] & (bounds != 0).any(0)
        room = UNIT * (1.0 + (fan_in + 8) * 2.0**-22)
        underflow = fan_in * 2.0**-120 * (1.0 + bounds.max(0, initial=0.0))  # as all |weights| are at most 1
        with np.errstate(over="ignore", invalid="ignore"):
            lost = ((magnitude @ bounds.astype(np.float32)).astype(float) + underflow * touched) * room
            result = weight @ values
        zero = result == 0.0  # of zeros alone a sum is exact: neurons that carry a value are often off
        rows, columns = np.flatnonzero(zero.any(1)), np.flatnonzero(zero.any(0))
        summands = (weight[rows] != 0).astype(np.float32) @ (bounds[:, columns] != 0).astype(np.float32)
        corner = np.ix_(rows, columns)
        lost[corner] = np.where(summands != 0, lost[corner], 0.0)
        return result, lost

    def _descend(self, level: int, pieces: Pieces, on: np.ndarray) -> Iterator[Pieces]:
        entered = self._enter(level, pieces, on)
        if level == self.depth:
            yield entered
            return
        split, on = self._split(level + 1, entered)
        self.alive[level] |= on.any(1)
        count = on.shape[1]
        for start in range(0, count, CHUNK):
            part = slice(start, min(start + CHUNK, count))
            yield from self._descend(level + 1, split.take(part), on[:, part])

    def _enter(self, level: int, pieces: Pieces, on: np.ndarray) -> Pieces:
        """Values at the next level, given which neurons of this one are on: (neurons, n)."""
        on_at = np.zeros(pieces.values.shape, bool)
        on_at[:, :-1] |= on
        on_at[:, 1:] |= on
        bias = self.layers[level][1][:, None]
        values, errors = self._product(level, pieces.values, pieces.errors, on_at)
        errors += (self.layers[level][0].shape[1] + 4) * UNIT * ROOM * np.abs(bias) * (errors > 0.0)
        return replace(pieces, values=values + bias, errors=errors, masks=[*pieces.masks, on])

    def place(self, pieces: Pieces, point: int, piece: int) -> Fraction:
        """x of a point, exactly, given a piece next to it."""
        masks = [mask[:, piece].tobytes() for mask in pieces.masks]
        level, neuron = pieces.births[:, point].tolist()
        return Fraction(*self.exact(self.index).breakpoint(level, neuron, masks))

    def _signs(self, level: int, pieces: Pieces, parents: np.ndarray) -> np.ndarray:
        """Signs of the values; one that its bound leaves open is replaced by the exact value, rounded.

        parents: (points,), a piece next to each point.
        """
        with np.errstate(invalid="ignore"):
            decided = np.abs(pieces.values) > pieces.errors
        decided |= (pieces.values == 0.0) & (pieces.errors == 0.0)
        decided |= self.linear[level - 1][:, None]
        self._ask(int((~decided).sum()))
        for neuron, point in np.argwhere(~decided).tolist():
            masks = [mask[:, parents[point]].tobytes() for mask in pieces.masks]
            born, cause = pieces.births[:, point].tolist()
            x = self.exact(self.index).breakpoint(born, cause, masks)
            high, _, _ = rounded(self.exact(self.index).values(level, masks, x)[neuron])
            pieces.values[neuron, point] = high
            pieces.errors[neuron, point] = abs(high) * 2 * UNIT
        signs = np.sign(pieces.values).astype(np.int8)
        signs[self.linear[level - 1]] = 1  # on, whatever the value
        return signs

    def _split(self, level: int, pieces: Pieces) -> tuple[Pieces, np.ndarray]:
        """Split pieces at the zeros of their neurons; which neurons are on in the new ones: (neurons, n)."""
        count = len(pieces.x) - 1
        signs = self._signs(level, pieces, np.minimum(np.arange(count + 1), count - 1))
        twins = self.twins[level - 1]
        first = twins == np.arange(len(twins))
        parent, neuron = np.nonzero((signs[:, :-1] * signs[:, 1:] < 0).T & first)
        if not len(parent):
            return pieces, signs[:, :-1] + signs[:, 1:] > 0
        share, wander = self._shares(pieces, parent, neuron)
        order = np.lexsort((share, parent))
        zeros = self._zeros(level, pieces, parent[order], neuron[order], share[order], wander[order])
        at_once = twins[:, None] == neuron[order]
        zeros.values[at_once], zeros.errors[at_once] = 0.0, 0.0
        zero_signs = self._signs(level, zeros, parent[order])
        kept = self._in_order(level, pieces, parent[order], neuron[order], signs, zero_signs)
        zeros, zero_signs, parent = zeros.at(kept), zero_signs[:, kept], parent[order][kept]

        spot = np.zeros(count + 1 + len(parent), bool)
        spot[parent + 1 + np.arange(len(parent))] = True
        source = np.empty(len(spot), int)  # of each new point, among the old points and then the zeros
        source[~spot] = np.arange(count + 1)
        source[spot] = count + 1 + np.arange(len(parent))
        merged = pieces.with_points(zeros, source)
        signs = np.hstack([signs, zero_signs])[:, source]
        above = np.repeat(np.arange(count), np.bincount(parent, minlength=count) + 1)
        split = replace(merged, masks=[mask[:, above] for mask in pieces.masks])
        return split, signs[:, :-1] + signs[:, 1:] > 0

    @staticmethod
    def _shares(pieces: Pieces, parent: np.ndarray, neuron: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """How far along its piece each neuron's zero lies, in (0, 1), and a bound on the error of that."""
        left, right = pieces.values[neuron, parent], pieces.values[neuron, parent + 1]
        left_error, right_error = pieces.errors[neuron, parent], pieces.errors[neuron, parent + 1]
        share = left / (left - right)
        length = np.abs(left - right) / ROOM - left_error - right_error
        wander = (share * right_error + (1.0 - share) * left_error) / length
        return share, wander * ROOM + 4 * UNIT

    @staticmethod
    def _zeros(
        level: int,
        pieces: Pieces,
        parent: np.ndarray,
        neuron: np.ndarray,
        share: np.ndarray,
        wander: np.ndarray,
    ) -> Pieces:
        """Every neuron's value at the zeros of some; `masks` are those of the pieces they lie in."""

        def between(values: np.ndarray, errors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            left, right = values[..., parent], values[..., parent + 1]
            left_error, right_error = errors[..., parent], errors[..., parent + 1]
            reach = np.abs(right - left) + np.maximum(left_error, right_error)
            carried = (1.0 - share) * left_error + share * right_error + wander * reach
            return left + share * (right - left), (carried + 4 * UNIT * (np.abs(left) + np.abs(right))) * ROOM

        x, x_error = between(pieces.x, pieces.x_error)
        values, errors = between(pieces.values, pieces.errors)
        errors += UNDERFLOW * (errors != 0.0)
        births = np.stack([np.full(len(neuron), level), neuron])
        return replace(pieces, x=x, x_error=x_error, births=births, values=values, errors=errors)

    def _in_order(
        self,
        level: int,
        pieces: Pieces,
        parent: np.ndarray,
        neuron: np.ndarray,
        signs: np.ndarray,
        zero_signs: np.ndarray,
    ) -> np.ndarray:
        """Indices of the zeros from left to right, each once: rounding may have swapped or parted some.

        The next neuron's sign at one zero is that at the piece's left end if and only if its own zero lies
        beyond.
        """
        beyond = zero_signs[neuron[1:], np.arange(len(neuron) - 1)] == signs[neuron[1:], parent[1:]]
        unclear = np.unique(parent[1:][~beyond & (parent[1:] == parent[:-1])])
        indices = np.arange(len(neuron))
        kept = np.ones(len(neuron), bool)
        for piece in unclear.tolist():
            run = np.flatnonzero(parent == piece)
            masks = [mask[:, piece].tobytes() for mask in pieces.masks]
            places = [Fraction(*self.exact(self.index).breakpoint(level, neuron[i], masks)) for i in run]
            ranked = sorted(range(len(run)), key=places.__getitem__)
            indices[run] = run[ranked]
            for before, after, spot in zip(ranked, ranked[1:], run[1:]):
                kept[spot] = places[before] != places[after]
        return indices[kept]


def _twins(rows: np.ndarray, linear: np.ndarray) -> np.ndarray:
    """For each row the first that is a power of two times it, up to sign: the two are 0 at the same places, exactly.

    Rows of `linear` neurons, which cut nothing, are alike no other. A value that takes either sign is often carried
    as relu(v) - relu(-v).
    """
    first = rows[np.arange(len(rows)), (rows != 0).argmax(1)]
    _, exponents = np.frexp(first)
    signed = rows * np.where(first < 0, -1.0, 1.0)[:, None]
    scaled = np.ldexp(signed, -exponents[:, None])
    lost = linear | (np.ldexp(scaled, exponents[:, None]) != signed).any(1)  # or underflown: alike no other
    known: dict[bytes, int] = {}
    keys = [b"%d" % j if lost[j] else (scaled[j] + 0.0).tobytes() for j in range(len(rows))]
    return np.array([known.setdefault(key, j) for j, key in enumerate(keys)])


def count_wide(
    packed: PackedNetworks, i: int, budget: tuple[int, int] | None = None, tell: Tell | None = None
) -> tuple[int, int, int, int, int]:
    """(linear, activation, dead, wide linear, wide activation) of network i; raises Unresolved.

    budget: how many regions there may be, and how many questions answered in integers, before Exhausted is raised;
    tell: called now and then with the activation regions so far.
    """
    walk = WideWalk(packed, i, budget and budget[1])
    threshold = 1e-9 * (walk.ends[1] - walk.ends[0])
    narrow = (Fraction(walk.ends[1]) - Fraction(walk.ends[0])) / 10**9
    linear = activation = wide_linear = wide_activation = 0

    def wider(old: Pieces, start: int, new: Pieces, end: int) -> bool:
        """Is point `end` farther than the threshold from point `start`, the left end of a piece?"""
        gap = new.x[end] - old.x[start]
        doubt = new.x_error[end] + old.x_error[start] + 4 * UNIT * (gap + threshold)
        if abs(gap - threshold) > doubt:
            return gap > threshold
        right = walk.place(new, end, min(end, len(new.x) - 2))
        return right - walk.place(old, start, start) > narrow

    begin: tuple[Pieces, int] | None = None
    for block, kinks in walk.blocks():
        count = len(kinks)
        activation += count
        if tell is not None:
            tell(activation)
        if budget is not None and activation > budget[0]:
            raise Exhausted
        linear += int(kinks.sum())
        wide_activation += sum(wider(block, k, block, k + 1) for k in range(count))
        for k in np.flatnonzero(kinks).tolist():
            if begin is not None:
                wide_linear += wider(*begin, block, k)
            begin = block, k
    assert begin is not None, "the first piece of all starts a linear region"
    wide_linear += wider(*begin, block, count)
    dead = sum(int((~alive).sum()) for alive in walk.alive)
    return linear, activation, dead, wide_linear, wide_activation


def wide_leaves(packed: PackedNetworks) -> Iterator[Leaves]:
    """The activation regions of a single network, from left to right, in blocks; raises Unresolved."""
    for block, kinks in WideWalk(packed, 0).blocks():
        yield Leaves(block.x[:-1], block.x[1:], kinks, block.masks)
