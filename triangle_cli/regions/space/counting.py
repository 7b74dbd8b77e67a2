"""Counting the regions of one network of n inputs: the compiled walk, its questions answered in integers."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from threading import Event, Thread
from typing import Any

import numpy as np

from triangle_cli.regions.components import components
from triangle_cli.regions.space import arena as state
from triangle_cli.regions.space.arena import Arena, grown, new_arena
from triangle_cli.regions.space.exact import Exact
from triangle_cli.regions.space.handle import refill, table
from triangle_cli.regions.space.tables import with_digits
from triangle_cli.regions.space.walk import walk
from triangle_cli.regions.telling import EVERY, Tell

Take = Callable[[Arena], None]
LONGEST = 0.3  # seconds of the walk between two looks around: Ctrl-C waits for them
FEWEST, MOST = 2_000, 200_000  # steps between them at first, and at most; as many as take less than that


class MoreDigits(Exception):
    """A walk that hands out cells wants numbers of more digits.

    It is to begin anew: places of corners, in their last bits, are those of the digits they were computed with.
    """


@dataclass
class Found:
    """What one walk has found: cells, neurons that are on somewhere, and pairs of cells with one map."""

    cells: int
    alive: np.ndarray  # (N,) bool
    joins: np.ndarray  # (.., 4) uint64: keys of both cells
    is_complete: bool
    questions: int


class Walker:
    """One walk through the cells of a network, or through one thread's part of them."""

    def __init__(
        self,
        weights: list[np.ndarray],
        biases: list[np.ndarray],
        box: np.ndarray,
        *,
        exact: bool = False,
        emitting: bool = False,
        part: int = 0,
        parts: int = 1,
        limit: int | None = None,
        finer: int = 0,
        linear: list[np.ndarray] | None = None,
    ) -> None:
        """finer: how often `with_digits` gives more digits before the walk; others as `arena.new_arena`."""
        options: dict[str, Any] = {"exact": exact, "emitting": emitting, "linear": linear}
        options |= {"part": part, "parts": parts, "limit": limit}
        if len(weights) == 1:  # no hidden layer: one neuron that is off changes nothing
            weights, biases = [np.zeros((1, len(box))), np.zeros((1, 1))], [-np.ones(1), np.zeros(1)]
            options["linear"] = linear = None
        self.arena: Arena = new_arena(weights, biases, box, **options)
        self.network = weights, biases, box, linear
        for _ in range(finer):
            self.arena = with_digits(self.arena, *self.network)
        self._exact: Exact | None = None
        self._looks: Exact | None = None
        self.joins: list[np.ndarray] = []
        self.questions = 0

    def run(self, tell: Tell | None = None, take: Take | None = None) -> Found:
        """Walk to the end. tell: called now and then with the cells so far; take: with full leaf buffers."""
        is_complete, budget = True, FEWEST
        arena, places = self.arena, table(self.arena)
        while True:
            if self.arena is not arena:
                refill(places, self.arena, arena)
                arena = self.arena
            arena.control[state.BUDGET], began = budget, time.monotonic()
            status = walk(places)
            took = time.monotonic() - began
            if took > LONGEST:
                budget = max(1, budget // 2)
            elif took < LONGEST / 4:
                budget = min(2 * budget, MOST)
            if tell is not None:
                tell(int(arena.control[state.CELLS]))
            if status == state.ASK:
                self._answer()
            elif status == state.GROW:
                self.arena = grown(self.arena)
            elif status == state.FINER:
                if arena.control[state.EMITTING]:
                    raise MoreDigits
                self.arena = with_digits(self.arena, *self.network)
            elif status == state.FLUSH:
                self._flush(take)
            elif status == state.CROWDED:
                raise ValueError(
                    "a cell with more than 64 facets on the way, one bit of a word each: expected a smaller box, "
                    "or a line or plane"
                )
            elif status in (state.DONE, state.LIMITED):
                is_complete = status == state.DONE
                break
        self._flush(take)
        joins = np.concatenate(self.joins) if self.joins else np.zeros((0, 4), np.uint64)
        cells = int(self.arena.control[state.CELLS])
        return Found(cells, self.arena.alive.astype(bool), joins, is_complete, self.questions)

    def _answer(self) -> None:
        """Answer the questions of the walk in integers."""
        a = self.arena
        if self._exact is None:
            self._exact = Exact(*self.network)
        asked = int(a.control[state.QUESTIONS])
        self.questions += asked
        frame = a.frame[:, a.control[state.DEPTH]]
        inherited = frame[state.ROW] + frame[state.COUNT]
        on, labels = a.on.tobytes(), a.label.tolist()
        for row, neuron, spot in a.questions[:asked].tolist():
            mask = int(a.facets[row])
            facets = [labels[b] for b in range(64) if mask >> b & 1]
            if row >= inherited:
                facets.append(int(frame[state.SPLITTER]))
            sign = self._exact.sign(tuple(facets), neuron, on)
            a.told[spot] = (state.ZERO, state.PLUS, state.MINUS)[sign]
        a.control[state.QUESTIONS] = 0

    def _flush(self, take: Take | None) -> None:
        a = self.arena
        if joins := int(a.control[state.JOINS]):
            self.joins.append(a.joins[:joins].copy())
        if looks := int(a.control[state.LOOKS]):
            self.joins.append(self._look(a.looks[:looks]))
        if take is not None and a.control[state.LEAVES]:
            take(a)
        a.control[[state.JOINS, state.LOOKS, state.LEAVES, state.CORNERS]] = 0

    def _look(self, looks: np.ndarray) -> np.ndarray:
        """Joins (.., 4) across those facets that do not change the map."""
        if self._looks is None:
            self._looks = Exact(*self.network)
        exact, pairs = self._looks, []
        for *on, neuron in looks.tolist():
            here = bytes(on)
            there = exact.across(here, neuron)
            if exact.same_map(here, there):
                pairs.append((here, there))
        if not pairs:
            return np.zeros((0, 4), np.uint64)
        both = np.frombuffer(b"".join(here + there for here, there in pairs), np.uint8)
        states = both.reshape(len(pairs), 2, -1, 1).astype(bool)
        return np.bitwise_xor.reduce(np.where(states, self.arena.hashes, np.uint64(0)), axis=2).reshape(-1, 4)


def walk_all(
    weights: list[np.ndarray],
    biases: list[np.ndarray],
    box: np.ndarray,
    *,
    threads: int = 1,
    takes: Sequence[Take] = (),
    tell: Tell | None = None,
    **options: Any,
) -> Found:
    """The whole partition, by so many threads; what is found does not depend on their number.

    takes: of each thread what takes its leaves, if they are to be handed out.

    Raises:
        MoreDigits: leaves are handed out, and are to be handed out anew.
    """
    options |= {"parts": threads, "emitting": bool(takes)}
    walkers = [Walker(weights, biases, box, part=i, **options) for i in range(threads)]
    if threads == 1:
        return walkers[0].run(tell, *takes)
    for walker in walkers[1:]:
        walker.arena = walker.arena._replace(dealt=walkers[0].arena.dealt)
    cells, ended = [0] * threads, Event()
    parts: dict[int, Found] = {}
    errors: list[BaseException] = []

    def run(i: int) -> None:
        def note(so_far: int) -> None:
            cells[i] = so_far
            if ended.is_set():
                raise KeyboardInterrupt

        try:
            parts[i] = walkers[i].run(note, *takes[i : i + 1])
        except BaseException as error:
            errors.append(error)
            ended.set()

    workers = [Thread(target=run, args=(i,), daemon=True) for i in range(threads)]
    for worker in workers:
        worker.start()
    try:
        for worker in workers:
            while worker.is_alive():
                worker.join(EVERY)
                if tell is not None:
                    tell(sum(cells))
    except BaseException:  # Ctrl-C, which comes here: nobody is to go on
        ended.set()
        raise
    if errors:
        raise errors[0]
    return Found(
        sum(part.cells for part in parts.values()),
        np.any([part.alive for part in parts.values()], axis=0),
        np.concatenate([parts[i].joins for i in range(threads)]),
        True,
        sum(part.questions for part in parts.values()),
    )


def joined(joins: np.ndarray) -> int:
    """By how many the joins (.., 4) lower the number of regions."""
    if not len(joins):
        return 0
    keys, names = np.unique(joins.reshape(-1, 2), axis=0, return_inverse=True)
    return len(keys) - int(components(len(keys), names.reshape(-1, 2)).max()) - 1


def labels_of(hashes: np.ndarray, on: np.ndarray, joins: np.ndarray) -> np.ndarray:
    """Linear region 0, 1, .. (cells,) of cells whose patterns are the bits of `on`, (cells, N / 8) uint8."""
    if not len(joins):
        return np.arange(len(on))
    own = np.zeros((len(on), 2), np.uint64)
    for i, key in enumerate(hashes):
        is_on = (on[:, i // 8] & (128 >> i % 8)) != 0
        own ^= np.where(is_on[:, None], key, np.uint64(0))
    _, names = np.unique(np.concatenate([own, joins.reshape(-1, 2)]), axis=0, return_inverse=True)
    names = names.reshape(-1)
    cell = np.empty(len(on), np.int64)
    cell[names[: len(on)]] = np.arange(len(on))
    return components(len(on), cell[names[len(on) :]].reshape(-1, 2))


def count(
    weights: list[np.ndarray], biases: list[np.ndarray], box: np.ndarray, **options: Any
) -> tuple[int, int, int]:
    """Linear regions, activation regions, dead neurons of one network."""
    found = walk_all(weights, biases, box, **options)
    return found.cells - joined(found.joins), found.cells, dead_neurons(found, weights)


def dead_neurons(found: Found, weights: list[np.ndarray]) -> int:
    """How many neurons of a network are on in no cell."""
    return int((~found.alive).sum()) if len(weights) > 1 else 0
