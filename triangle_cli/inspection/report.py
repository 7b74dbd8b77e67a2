"""The numbers of `triangle regions` for one network: counts beside what its architecture allows."""

from __future__ import annotations

import contextlib
import math
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from triangle_cli.formats.network import LoadedNetwork
from triangle_cli.regions import (
    Pieces,
    Polygons,
    ceiling,
    count_some,
    expected_random,
    random_slices,
    sizes,
)
from triangle_cli.regions.arrays import Layers
from triangle_cli.regions.counting import count_rows, piece_arrays, polygon_arrays
from triangle_cli.regions.line.counting import few_arrays
from triangle_cli.regions.slices import SEGMENT, TRIANGLE, sliced
from triangle_cli.regions.space.sizes import WIDE

COUNTS = (
    "linear_regions",
    "activation_regions",
    "dead_neurons",
    "wide_linear_regions",
    "wide_activation_regions",
)
MOST_VOLUMES = 2**20  # where the walk counts: beyond, volumes would take memory for each region
MOST_PIECES = 2**22  # beyond, the pieces themselves, a line each, would fill the memory
FIRST = 5.0  # seconds of counting after which it is said how far it is
RESOLUTION = 2.0**-50  # of the box: what two float64 coordinates can tell apart

AT_LEAST = "a lower bound: the count was stopped by --limit; each of these regions is one"
AVERAGE = "an average over random {kind}s, not a count of the network; on each of them the count is exact"


def guarantee(dtype: str, exact: bool, kind: str | None) -> str:
    """What may be relied on: in words, for a box or for a `kind` of slice."""
    return (
        f"exact: the counts of the network with precisely these {dtype} weights"
        + (f", on precisely this {kind}; " if kind else "; ")
        + ("all decided in integers" if exact else "decided in float64 beyond error bounds, else in integers")
    )


def assumption(network: LoadedNetwork) -> dict[str, Any]:
    """What the file does not say and the counts rest on; nothing where it says it all."""
    return {"assumed": "; ".join(network.assumed)} if network.assumed else {}


def architecture(network: LoadedNetwork, dimensions: int) -> dict[str, Any]:
    """What the shape of a network says about its regions in a box of so many dimensions."""
    widths, carried = network.layers.neurons, network.layers.carried
    return {
        "inputs": network.inputs,
        "outputs": network.outputs,
        "hidden_widths": network.hidden_widths,
        "dtype": network.dtype,
        "restart": network.restart,
        "stage": network.stage,
        "dimensions": dimensions,
        "ceiling": ceiling(widths, dimensions, carried),
        "expected_random": expected_random(widths, dimensions),
    }


class SoFar:
    """Says on stderr, from 5 s on, how far a count is; every 30 s if that is no terminal, and when a new part begins.

    A context manager that is called with each new number. What it says comes from a thread of its own, however long
    the counter is silent.
    """

    def __init__(self) -> None:
        self.start = time.monotonic()
        self.done = 0
        self.doing = "{:,} activation regions so far"
        self.is_terminal = sys.stderr.isatty()
        self.has_spoken = self._has_ended = False
        self._news = threading.Event()
        self._speaker = threading.Thread(target=self._speak, name="triangle-so-far", daemon=True)

    def __call__(self, done: int) -> None:
        """Called now and then by the counter."""
        self.done = done

    def then(self, doing: str) -> None:
        """What is done from now on; "{:,}" in it is the number last told, of this part."""
        self.done, self.doing = 0, doing
        self._news.set()

    def _speak(self) -> None:
        pause = FIRST
        while True:
            self._news.wait(pause)
            self._news.clear()
            if self._has_ended:
                return
            passed = time.monotonic() - self.start
            pause = FIRST - passed
            if pause <= 0.0:
                pause = 0.5 if self.is_terminal else 30.0
                self._say(passed)

    def _say(self, seconds: float) -> None:
        self.has_spoken = True
        is_silent = self.done == 0 and self.doing.startswith("{")
        text = "counting" if is_silent else self.doing.format(self.done)
        start, end = ("\r", "\033[K") if self.is_terminal else ("", "\n")
        with contextlib.suppress(OSError, ValueError):  # stderr is gone: the count goes on
            print(f"{start}{text}, {seconds:.0f} s", end=end, file=sys.stderr, flush=True)

    def __enter__(self) -> SoFar:
        self._speaker.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Take the line back."""
        self._has_ended = True
        self._news.set()
        self._speaker.join()
        if self.has_spoken and self.is_terminal:
            with contextlib.suppress(OSError, ValueError):
                print("\r\033[K", end="", file=sys.stderr, flush=True)


def count(
    network: Layers, box: Sequence, exact: bool, threads: int = 1, maps: bool = True
) -> tuple[dict[str, Any], Pieces | Polygons | None]:
    """Counts, narrowest and widest linear region, seconds of all these; and the pieces or polygons, unless too many.

    maps: False leaves out the affine maps of polygons, and the polygons where the walk counts.
    """
    start = time.perf_counter()
    few = _of(few_arrays, network, box) if len(box) == 1 and not exact else None
    if few is not None:
        times = {"seconds": time.perf_counter() - start, "loading_seconds": 0.0}
        found: Pieces | Polygons | None = Pieces(*few[1])
        return dict(zip(COUNTS, few[0], strict=True)) | _extreme_pieces(Pieces(*few[1])) | times, found
    loading = _load_compiled_code(network, box, maps)
    start = time.perf_counter()
    with SoFar() as so_far:
        record, found = _figures(network, box, exact, threads, maps, so_far)
        seconds = time.perf_counter() - start
        if found is None and maps and len(box) == 2 and record["activation_regions"] <= MOST_PIECES:
            found = _pieces_or_polygons(network, box, exact, maps)  # for the picture
    return record | {"seconds": seconds, "loading_seconds": loading}, found


def _figures(
    network: Layers, box: Sequence, exact: bool, threads: int, maps: bool, so_far: SoFar
) -> tuple[dict[str, Any], Pieces | Polygons | None]:
    """Counts, narrowest and widest linear region; and the pieces or polygons that these are found among, if any."""
    wide = len(box) == 1  # of more inputs they are counted below, if there are not too many
    record = _counts(network, box, exact=exact, wide=wide, threads=threads, tell=so_far)
    regions = record["activation_regions"]
    if record["wide_linear_regions"] < 0:
        if regions > MOST_VOLUMES:
            none = ("wide_linear_regions", "wide_activation_regions", "narrowest", "widest")
            return record | dict.fromkeys(none), None
        so_far.then(f"sizes of {regions:,} activation regions, {{:,}} done")
        return record | _sizes(network, box, exact=exact, threads=threads, tell=so_far), None
    if regions > MOST_PIECES:
        return record | {"narrowest": None, "widest": None}, None
    so_far.then(f"{regions:,} activation regions counted, the narrowest and widest are looked for")
    found = _pieces_or_polygons(network, box, exact, maps)
    return record | (_extreme_pieces(found) if isinstance(found, Pieces) else _extreme_polygons(found)), found


def _pieces_or_polygons(network: Layers, box: Sequence, exact: bool, maps: bool) -> Pieces | Polygons:
    """The pieces of a network of one input, or the polygons of one of two."""
    if len(box) == 1:
        return Pieces(*_of(piece_arrays, network, box, exact=exact))
    return Polygons(*_of(polygon_arrays, network, box, exact=exact, maps=maps))


def _of(function: Callable[..., Any], network: Layers, box: Sequence, **options: Any) -> Any:
    """What a function of weights, biases, a box and the neurons without ReLU says of a network."""
    return function(network.weights, network.biases, box, linear=network.linear, **options)


def _counts(network: Layers, box: Sequence, **options: Any) -> dict[str, Any]:
    _, rows = _of(count_rows, network, box, **options)
    return dict(zip(COUNTS, rows[0].tolist(), strict=True))


def _sizes(network: Layers, box: Sequence, **options: Any) -> dict[str, Any]:
    """How many regions are wide, the narrowest and the widest of those that the walk counts."""
    found = _of(sizes, network, box, **options)

    def describe(i: int) -> dict[str, Any]:
        share = found.linear[i].item()
        volume = _part_of(box, share)
        return {
            "area" if len(box) == 2 else "volume": volume,
            "share": share,
            "is_resolved": share > RESOLUTION and _is_told(volume),
            "at": found.place[i].tolist(),
        }

    return {
        "wide_linear_regions": int((found.linear > WIDE).sum()),
        "wide_activation_regions": int((found.activation > WIDE).sum()),
        "narrowest": describe(int(found.linear.argmin())),
        "widest": describe(int(found.linear.argmax())),
    }


def count_up_to(network: Layers, box: Sequence, limit: int) -> dict[str, Any]:
    """At least how many activation regions there are, stopping at `limit`."""
    start = time.perf_counter()
    _of(count_some, _one_kink(network, box), box, limit=limit)
    loading = time.perf_counter() - start
    start = time.perf_counter()
    with SoFar() as so_far:
        found, is_complete = _of(count_some, network, box, limit=limit, tell=so_far)
    times = {"seconds": time.perf_counter() - start, "loading_seconds": loading}
    return {"activation_regions": found, "is_complete": is_complete, "limit": limit} | times


def _load_compiled_code(network: Layers, box: Sequence, maps: bool) -> float:
    """Seconds of finding the figures of a network of the same shape but with one breakpoint."""
    start = time.perf_counter()
    kink = _one_kink(network, box)
    record = _counts(kink, box, wide=len(box) == 1)
    if (
        record["wide_linear_regions"] < 0
    ):  # the code for sizes is the same for all networks, and slow for many inputs
        _of(sizes, Layers.of([np.ones((1, 1))] * 2, [np.zeros(1)] * 2), [(-1.0, 1.0)])
    else:
        _pieces_or_polygons(kink, box, False, maps)
    return time.perf_counter() - start


def _one_kink(network: Layers, box: Sequence) -> Layers:
    """A network of the same shape with one breakpoint: counting it loads the compiled code that this one needs."""
    weights, biases = (
        [np.zeros_like(layer) for layer in layers] for layers in (network.weights, network.biases)
    )
    weights[0][0, 0], biases[0][0] = 1.0, -(box[0][0] / 2 + box[0][1] / 2)
    return Layers(weights, biases, network.linear)


def _part_of(box: Sequence, share: float) -> float:
    """A share of a box's volume, which is infinite where it leaves the range of floats."""
    size, shift = 1.0, 0
    for lo, hi in box:
        size, more = math.frexp(size * (hi / 2 - lo / 2))
        shift += more + 1
    part, more = math.frexp(share)
    return _shifted(part * size, shift + more)


def _is_told(size: float) -> bool:
    """Whether a float can hold this size, of a region that has one."""
    return 0.0 < size < math.inf


def _extreme_pieces(found: Pieces) -> dict[str, dict[str, Any]]:
    left, right = np.asarray(found.left), np.asarray(found.right)
    scale = 1.0 if math.isfinite(right[-1].item() - left[0].item()) else 0.5
    width = right * scale - left * scale
    box = right[-1] * scale - left[0] * scale

    def describe(i: int) -> dict[str, Any]:
        size = width[i].item() / scale
        is_apart = bool(width[i] > RESOLUTION * scale * max(abs(left[i]), abs(right[i])))
        return {
            "width": size,
            "share": (width[i] / box).item(),
            "is_resolved": is_apart and _is_told(size),
            "left": left[i].item(),
            "right": right[i].item(),
        }

    return {"narrowest": describe(int(width.argmin())), "widest": describe(int(width.argmax()))}


def _shifted(area: float, shift: int) -> float:
    """area 2^shift, infinite where it leaves the range of floats."""
    try:
        return math.ldexp(area, shift)
    except OverflowError:
        return math.inf


def _extreme_polygons(found: Polygons) -> dict[str, dict[str, Any]]:
    every = np.asarray(found.vertices)
    _, exponents = np.frexp(np.abs(every).max(0))  # so that no area leaves float64
    vertices = np.ldexp(every, -exponents)
    shift = int(exponents.sum())
    area = polygon_areas(replace(found, vertices=vertices))
    region = np.bincount(found.linear_region, area)
    smallest_told_apart = RESOLUTION * np.ptp(vertices, axis=0).max()  # of at most 1 x 1

    def describe(i: int) -> dict[str, Any]:
        largest = np.where(found.linear_region == i, area, -1.0).argmax()
        corners = every[found.offsets[largest] : found.offsets[largest + 1]]
        area_of_region = _shifted(region[i].item(), shift)
        return {
            "area": area_of_region,
            "share": (region[i] / region.sum()).item(),
            "is_resolved": bool(region[i] > smallest_told_apart) and _is_told(area_of_region),
            "at": corners.mean(0).tolist(),
        }

    return {"narrowest": describe(int(region.argmin())), "widest": describe(int(region.argmax()))}


def polygon_areas(found: Polygons) -> np.ndarray:
    """The area of each polygon, (n,) float64, by the shoelace formula about its own first corner."""
    offsets, vertices = np.asarray(found.offsets), np.asarray(found.vertices)
    size = np.diff(offsets)
    first = np.repeat(offsets[:-1], size)
    following = np.arange(1, len(vertices) + 1)
    following[offsets[1:] - 1] = offsets[:-1]
    a, b = vertices - vertices[first], vertices[following] - vertices[first]
    twice = a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]
    return np.abs(np.bincount(np.repeat(np.arange(len(size)), size), twice)) / 2


def average(
    network: LoadedNetwork, box: Sequence, points: int, slices: int, seed: int, exact: bool
) -> dict[str, Any]:
    """Mean, standard error, least and most of each count over random lines (2 points) or planes (3)."""
    layers = network.layers
    cut = Layers([layers.weights[0][:, : points - 1], *layers.weights[1:]], layers.biases, layers.linear)
    start = time.perf_counter()
    some = SEGMENT * (points - 1)
    _counts(_one_kink(cut, some), some)
    loading = time.perf_counter() - start
    start = time.perf_counter()
    rows = []
    for corners in random_slices(box, points, slices, seed):
        domain = SEGMENT if points == 2 else TRIANGLE
        rows.append(_of(count_rows, sliced(layers, corners.tolist()), domain, exact=exact)[1][0])
    table = np.array(rows, float)  # (slices, counts)
    error = table.std(0, ddof=min(1, slices - 1)) / slices**0.5
    record: dict[str, Any] = {}
    for name, mean, deviation, column in zip(COUNTS, table.mean(0), error, table.T, strict=True):
        record[name] = {
            "mean": mean.item(),
            "standard_error": deviation.item() if slices > 1 else None,
            "min": int(column.min()),
            "max": int(column.max()),
        }
    seconds = time.perf_counter() - start
    return record | {"slices": slices, "seed": seed, "seconds": seconds, "loading_seconds": loading}
