"""The cells of a partition themselves: vertices, half-spaces, volumes, and the affine map on each."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from functools import cached_property, partial
from typing import Any

import numpy as np

from triangle_cli.regions.space.adjacency import adjacent, are_alone
from triangle_cli.regions.space.arena import CORNERS, LEAVES, Arena, hash_keys
from triangle_cli.regions.space.counting import Found, MoreDigits, dead_neurons, labels_of, walk_all
from triangle_cli.regions.space.exact import Exact
from triangle_cli.regions.space.forms import UNIT
from triangle_cli.regions.space.leaves import FAR
from triangle_cli.regions.space.scaling import scaled, unscaled
from triangle_cli.regions.space.sizes import Sizes
from triangle_cli.regions.space.volumes import volumes
from triangle_cli.regions.telling import Tell

NARROW = 2.0**-20  # of its distance from 0: a box whose corners are looked at more closely


class _Collector:
    """Takes the leaves of a walk a buffer at a time, and puts what is made of them into columns."""

    def __init__(
        self,
        weights: list,
        biases: list,
        box: np.ndarray,
        linear: list[np.ndarray] | None,
        with_cells: bool,
        with_adjacency: bool = False,
    ) -> None:
        self.weights, self.biases, self.box, self.linear = weights, biases, box, linear
        self.with_cells, self.with_adjacency = with_cells, with_adjacency
        self.scaled = scaled(weights, biases, box)
        self.shift = self.scaled[3][0]
        width = float((self.scaled[2][:, 1] - self.scaled[2][:, 0]).min())
        self.is_narrow, self.far = width < NARROW, FAR * min(1.0, width)
        self.columns: dict[str, list[np.ndarray]] = {}

    def take(self, a: Arena) -> None:
        """A buffer of leaves."""
        leaves, corners = int(a.control[LEAVES]), int(a.control[CORNERS])
        sizes, facets = a.leaf_size[:leaves].copy(), a.leaf_facets[:corners]
        pointer = np.concatenate([[0], np.cumsum(sizes)])
        from_low = self._place(a, sizes, facets)
        on = a.leaf_on[:leaves, : sum(len(bias) for bias in self.biases[:-1])].view(bool)
        made = {
            "on": on.copy() if self.with_cells else np.packbits(on, axis=1),
            "turn": a.leaf_turn[:leaves].copy(),
        }
        made |= {"volume": volumes(from_low, facets, pointer)}
        made["place"] = np.ldexp(
            np.add.reduceat(a.leaf_place[:corners], pointer[:-1]) / sizes[:, None],
            -self.shift.astype(np.int32),
        )
        if self.with_cells:
            made |= {
                "vertices": np.ldexp(a.leaf_place[:corners], -self.shift.astype(np.int32)),
                "sizes": sizes,
            }
            made |= self._forms(a, made["on"], facets, pointer)
        for name, column in made.items():
            self.columns.setdefault(name, []).append(column)

    def _place(self, a: Arena, sizes: np.ndarray, facets: np.ndarray) -> np.ndarray:
        """Compute in integers the corners of a buffer of leaves of which it is not known where they are.

        Returns all corners; in a narrow box, in which floats tell few places apart, as seen from its lowest.
        """
        doubtful = np.flatnonzero(a.leaf_doubt[: len(facets)] > self.far)
        places = a.leaf_place[: len(facets)]
        if self.is_narrow:
            places = places - self.scaled[2][:, 0]
        owners = np.repeat(np.arange(len(sizes)), sizes)[doubtful]
        for corner, cell in zip(doubtful.tolist(), owners.tolist()):
            mask = int(facets[corner])
            labels = tuple(int(a.leaf_label[cell, b]) for b in range(64) if mask >> b & 1)
            vertex = self.exact.vertex(labels, a.leaf_on[cell].tobytes())
            at = [x * Fraction(2) ** int(k) for x, k in zip(vertex, self.shift)]
            a.leaf_place[corner] = list(map(float, at))
            a.leaf_doubt[corner] = UNIT
            if self.is_narrow:
                places[corner] = [float(x - Fraction(low)) for x, low in zip(at, self.scaled[2][:, 0])]
        return places

    @cached_property
    def exact(self) -> Exact:
        """The network in integers."""
        return Exact(self.weights, self.biases, self.box, self.linear)

    def _forms(self, a: Arena, on: np.ndarray, facets: np.ndarray, pointer: np.ndarray) -> dict:
        """Half-spaces and affine maps of a buffer of leaves."""
        n = len(self.box)
        hidden, outputs = self._maps(on)
        used = np.bitwise_or.reduceat(facets, pointer[:-1])
        cell, bit = np.nonzero(used[:, None] >> np.arange(64, dtype=np.uint64) & np.uint64(1))
        is_facet = _are_facets(facets, pointer, cell, bit)
        cell, bit = cell[is_facet], bit[is_facet]
        label = a.leaf_label[cell, bit]
        rows = np.zeros((len(cell), n + 1))
        inner = label >= 0
        sign = np.where(on[cell[inner], label[inner]], 1.0, -1.0)
        rows[inner] = hidden[cell[inner], label[inner]] * sign[:, None]
        side = -1 - label[~inner]
        outer = np.flatnonzero(~inner)
        rows[outer, side // 2] = np.where(side % 2, -1.0, 1.0)
        rows[outer, n] = np.where(side % 2, 1.0, -1.0) * self.box[side // 2, side % 2]
        made = {}
        if self.with_adjacency:
            made["alone"] = self._alone(a, on, facets, pointer, cell, bit)
        return made | {
            "normals": rows[:, :n],
            "constants": rows[:, n],
            "half_space_neuron": np.where(inner, label, -1).astype(np.int64),
            "half_spaces": np.bincount(cell, minlength=len(on)),
            "gradient": outputs[:, :, :n],
            "intercept": outputs[:, :, n],
        }

    def _maps(self, on: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """`_maps` of the network; where numbers are beyond floats, by the scaled network.

        Hidden neurons' are then multiples, of the same half-spaces.
        """
        found = _maps(self.weights, self.biases, on, len(self.box))
        if all(np.isfinite(maps).all() for maps in found):
            return found
        weights, biases, _, (below, *_, above) = self.scaled
        hidden, outputs = _maps(weights, biases, on, len(below))
        hidden = unscaled(hidden, below, np.zeros(hidden.shape[1], np.int64))
        outputs = unscaled(outputs, below, above)
        fits = np.isfinite(found[0]).all(axis=2, keepdims=True)
        return np.where(fits, found[0], hidden), np.where(np.isfinite(found[1]), found[1], outputs)

    def _alone(
        self,
        a: Arena,
        on: np.ndarray,
        facets: np.ndarray,
        pointer: np.ndarray,
        cell: np.ndarray,
        bit: np.ndarray,
    ) -> np.ndarray:
        """Whether surely no other neuron is 0 all over a facet: `adjacency.are_alone`.

        By values of the scaled network, in which absolute terms sum to at most 1 for inputs of at most 1.
        """
        weights, biases, ends, _ = self.scaled
        n, corners = len(ends), int(pointer[-1])
        owner = np.repeat(np.arange(len(pointer) - 1), np.diff(pointer))
        forms = _maps(weights, biases, on, n)[0][owner]
        values = np.einsum("vkj,vj->vk", forms[:, :, :n], a.leaf_place[:corners]) + forms[:, :, n]
        rounding = 4 * UNIT * (forms.shape[1] + n + 16 * len(weights))
        # inputs go up to 1/2 at least: by a distance of 1 a value changes by 2 at most
        return are_alone(facets, pointer, cell, bit, values, rounding + 2 * a.leaf_doubt[:corners])


def _maps(weights: list, biases: list, on: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Affine maps (cells, .., n + 1) of the hidden neurons and of the outputs on cells with patterns `on`."""
    maps = np.broadcast_to(np.eye(n, n + 1), (len(on), n, n + 1))
    forms, first = [np.empty((len(on), 0, n + 1))], 0
    with np.errstate(all="ignore"):
        for weight, bias in zip(weights, biases):
            maps = weight @ maps
            maps[:, :, n] += bias
            forms.append(maps)
            states = on[:, first : first + len(bias)]
            first += len(bias)
            if len(forms) <= len(weights):
                maps = maps * states[:, :, None]
    outputs = forms.pop()
    return np.concatenate(forms, axis=1), outputs


def _are_facets(facets: np.ndarray, pointer: np.ndarray, cell: np.ndarray, bit: np.ndarray) -> np.ndarray:
    """Whether each (cell, bit) is a facet: no other one contains all its vertices."""
    sizes = np.diff(pointer)[cell]
    start = np.repeat(pointer[cell] - np.concatenate([[0], np.cumsum(sizes)])[:-1], sizes)
    masks = facets[start + np.arange(sizes.sum())]
    own = np.uint64(1) << bit.astype(np.uint64)
    masks = np.where(masks & np.repeat(own, sizes), masks, ~np.uint64(0))
    return np.bitwise_and.reduceat(masks, np.concatenate([[0], np.cumsum(sizes)])[:-1]) == own


def _collected(
    collect: Callable[[], _Collector], tell: Tell | None, threads: int = 1, **options: Any
) -> tuple[Found, list[_Collector]]:
    """What a walk has found, and what has taken the leaves of each thread."""
    most = 0

    def note(cells: int) -> None:
        nonlocal most
        most = max(most, cells)
        if tell is not None:
            tell(most)

    finer = 0
    while True:
        collectors = [collect() for _ in range(threads)]
        one = collectors[0]
        options |= {"linear": one.linear, "takes": [each.take for each in collectors], "finer": finer}
        try:
            found = walk_all(one.weights, one.biases, one.box, threads=threads, tell=note, **options)
        except MoreDigits:
            finer = 2 * finer + 1  # few times anew, however many are needed
        else:
            return found, collectors


def cells(
    weights: list[np.ndarray],
    biases: list[np.ndarray],
    box: np.ndarray,
    *,
    exact: bool = False,
    adjacency: bool = False,
    tell: Tell | None = None,
    linear: list[np.ndarray] | None = None,
) -> dict[str, np.ndarray]:
    """The fields of `Cells` of one network: weights[l] (out, in), biases[l] (out,), box (n, 2)."""
    collect = partial(_Collector, weights, biases, box, linear, with_cells=True, with_adjacency=adjacency)
    found, (collector,) = _collected(collect, tell, exact=exact)
    get = collector.columns
    on = np.concatenate(get["on"])
    others = ("sizes", "half_spaces", "place", "alone", "turn")
    made = {name: np.concatenate(get[name]) for name in get if name not in others}
    made["offsets"] = np.concatenate([[0], np.cumsum(np.concatenate(get["sizes"]))])
    made["half_space_offsets"] = np.concatenate([[0], np.cumsum(np.concatenate(get["half_spaces"]))])
    made["linear_region"] = labels_of(hash_keys(on.shape[1]), np.packbits(on, axis=1), found.joins)
    made["volume"] = np.ldexp(made["volume"], -int(collector.shift.sum()))
    if adjacency:
        cell = np.repeat(np.arange(len(on)), np.concatenate(get["half_spaces"]))
        inner = made["half_space_neuron"] >= 0
        facets = cell[inner], made["half_space_neuron"][inner], np.concatenate(get["alone"])[inner]
        made["adjacency"] = adjacent(on, *facets, (weights, biases, box, linear))
    return made


def sizes(
    weights: list[np.ndarray],
    biases: list[np.ndarray],
    box: np.ndarray,
    *,
    exact: bool = False,
    threads: int = 1,
    tell: Tell | None = None,
    linear: list[np.ndarray] | None = None,
) -> Sizes:
    """The volumes of all regions of one network, the same for any number of threads; arguments as `cells`."""
    collect = partial(_Collector, weights, biases, box, linear, with_cells=False)
    found, collectors = _collected(collect, tell, threads, exact=exact)
    names = ("turn", "on", "volume", "place")
    turn, on, volume, at = (
        np.concatenate([part for one in collectors for part in one.columns.get(name, ())]) for name in names
    )
    if threads > 1:
        order = np.argsort(turn, kind="stable")
        volume, at = volume[order], at[order]
        on = (
            on[order] if len(found.joins) else on
        )  # else no two cells are one region, whatever their patterns
    ends = collectors[0].scaled[2]
    share = volume / np.prod(ends[:, 1] - ends[:, 0])
    region = labels_of(hash_keys(sum(map(len, biases[:-1]))), on, found.joins)
    together = np.bincount(region, share)
    place = np.empty((len(together), len(box)))
    order = np.argsort(share, kind="stable")
    place[region[order]] = at[order]
    return Sizes(share, together, place, dead_neurons(found, weights))
