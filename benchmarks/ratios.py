"""What was made fast, beside what was there before or what one would write first: seconds of both, and their ratio.

Both run here, in turns, on the same numbers; the least of a few tries counts, since what disturbs a try only adds to
it. One thread, seconds of the processor. The ratios are compared with those of ratios.json:

    python benchmarks/ratios.py           the table; exit code 1 where a ratio is less than half of what it was
    python benchmarks/ratios.py --write   keep these ratios as those to compare with
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from plain import best_cuts, plain_loop
from planning import planning

from triangle_cli.construction.blocks import side_by_side
from triangle_cli.construction.tents import Tents
from triangle_cli.fit.floors import Floors
from triangle_cli.fit.functions import Target
from triangle_cli.fit.points import even_points
from triangle_cli.fit.starts import random as starts_random
from triangle_cli.fit.starts import triangle as starts_triangle
from triangle_cli.training.loop import make_optimizer
from triangle_cli.training.problem import Problem
from triangle_cli.training.spaces import PeakSpace, WeightSpace
from triangle_cli.training.tent_space import TentSpace

KEPT = Path(__file__).with_name("ratios.json")
MARGIN = 2.0  # times slower than it was before it is said to be
TARGET = Target("x3", "x**3", (0.0, 1.0))
EPOCHS = 200
Case = tuple[str, Callable[[], float], Callable[[], float]]  # what, then seconds before and after


def timed(run: Callable[[], object]) -> float:
    """Seconds of the processor."""
    began = time.process_time()
    run()
    return time.process_time() - began


def problem(kind: str, restarts: int = 30, depth: int = 5, dtype: torch.dtype = torch.float64):
    """A problem in a space, and where its restarts start: 500 points."""
    points = even_points(TARGET, 500, dtype, "cpu")
    start = starts_triangle.triangle(
        TARGET, starts_triangle.draw_peaks(depth, 0.3, 0.7, 0, restarts).to(dtype), points.x, points.y
    )
    if kind == "peaks":
        space = PeakSpace.of(start, free_scales=False)
        return Problem(space, points.x, points.y), space.encode(start), start.network()
    if kind == "tents":
        tents = Tents.of(start)
        moved = TentSpace(depth, tents.sign, tents.interval)
        return Problem(moved, points.x, points.y), moved.encode(tents), start.network()
    network, blocks = start.network(), None
    if kind.startswith("width"):
        width = int(kind.removeprefix("width "))
        network = starts_random.random(depth, width, TARGET.interval, 0, restarts, dtype)
    if kind == "two blocks":
        network = side_by_side(starts_random.random(depth, 4, TARGET.interval, 0, 2 * restarts, dtype), 2)
        blocks = 2
    weights = WeightSpace(network, blocks)
    return Problem(weights, points.x, points.y), weights.encode(network), network


def against_the_plain_loop(name: str, kind: str, dtype: torch.dtype = torch.float64) -> Case:
    """An epoch of all restarts, beside a loop over them."""
    fitted, theta, network = problem(kind, dtype=dtype)
    before, epochs = plain_loop(network, fitted.x, fitted.y), EPOCHS

    def after() -> float:
        optimizer = make_optimizer("adam", fitted, theta, learning_rate=1e-3)
        return timed(lambda: optimizer.advance(epochs)) / epochs

    return f"Adam, {name}, an epoch", before, after


def against_torch(name: str, kind: str, steps: int = 2) -> Case:
    """Levenberg-Marquardt: the compiled pass beside batches in torch."""
    fitted, theta, _ = problem(kind)

    def run(compiled: bool) -> float:
        optimizer = make_optimizer("levenberg_marquardt", fitted, theta)
        if not compiled:
            optimizer.model = None
        return timed(lambda: optimizer.advance(steps)) / steps

    return f"Levenberg-Marquardt, {name}, a step", lambda: run(False), lambda: run(True)


def against_all_cuts(n: int, pieces: int) -> Case:
    """A floor beside the plain dynamic program, which finds those of fewer pieces on the way."""
    x = np.linspace(0, 1, n)
    return (
        f"floor of {pieces} pieces, {n} points",
        lambda: timed(lambda: best_cuts(x, x**3, pieces)),
        lambda: timed(lambda: Floors(x, x**3)(pieces)),
    )


def cases() -> Iterator[Case]:
    """Everything that is compared."""
    yield against_the_plain_loop("weights", "weights")
    yield against_the_plain_loop("peaks", "peaks")
    yield against_the_plain_loop("tents", "tents")
    yield against_the_plain_loop("weights, float32", "weights", torch.float32)
    yield against_the_plain_loop("peaks, float32", "peaks", torch.float32)
    yield against_the_plain_loop("width 8", "width 8")
    yield against_the_plain_loop("width 32", "width 32")
    yield against_the_plain_loop("two blocks", "two blocks")
    yield from (against_torch(kind, kind) for kind in ("weights", "peaks", "tents"))
    yield against_all_cuts(500, 32)
    yield against_all_cuts(2000, 256)
    yield ("planning a job of a sweep", *planning())


def measured(before: Callable[[], float], after: Callable[[], float]) -> tuple[float, float]:
    """The least seconds of each, in turns; the first try of `after` compiles, or loads what was compiled."""
    after()
    first, second = before(), after()
    for _ in range(4):
        second = min(second, after())
        if first < 1.0:
            first = min(first, before())
    return first, second


def main() -> int:
    """Print the table, and compare."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", help="keep these ratios")
    options = parser.parse_args()
    torch.set_num_threads(1)
    kept = json.loads(KEPT.read_text()) if KEPT.exists() else {}
    found = {}
    print(f"{'milliseconds':<42}{'before':>10}{'after':>10}{'ratio':>8}", flush=True)
    for name, before, after in cases():
        seconds = measured(before, after)
        found[name] = seconds[0] / seconds[1]
        slower = found[name] * MARGIN < kept.get(name, 0)
        said = f"  slower: it was {kept[name]:.0f}" if slower else ""
        print(
            f"{name:<42}{seconds[0] * 1e3:>10.3g}{seconds[1] * 1e3:>10.3g}{found[name]:>8.0f}{said}",
            flush=True,
        )
    if options.write:
        KEPT.write_text(json.dumps({name: round(ratio, 1) for name, ratio in found.items()}, indent=2) + "\n")
        return 0
    return int(any(found[name] * MARGIN < kept.get(name, 0) for name in found))


if __name__ == "__main__":
    sys.exit(main())
