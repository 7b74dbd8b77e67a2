"""`depth=auto`: a sweep over depths, and which of them is best where nothing was learned."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from triangle_cli.store import run_folder
from triangle_cli.sweeps.collect import choices, read_jobs

DEPTHS = (2, 3, 4, 5, 6, 7, 8)
ASKED = "depth=auto"


def as_sweep(settings: list[str]) -> list[str]:
    """The words with the depths that `depth=auto` tries."""
    return [f"depth={','.join(map(str, DEPTHS))}" if word == ASKED else word for word in settings]


def least(errors: Iterable[tuple[int, float | None]]) -> int | None:
    """The depth with the least held-out error, the smaller of two alike; None where nothing was held out."""
    known = [(error, depth) for depth, error in errors if error is not None]
    return min(known)[1] if known else None


def lines(folder: Path) -> Iterator[str]:
    """For each combination of a sweep's other words: the depth whose best network has the least held-out error.

    Raises:
        ValueError: nothing was held out.
    """
    groups: dict[str, list[tuple[int, float | None, str]]] = {}
    for job in read_jobs(folder):
        chosen = choices(job)
        depth = int(chosen.pop("depth"))
        record = run_folder.read_record(Path(job.folder)) if job.folder else None
        if record is not None:
            words = " ".join(f"{key}={value}" for key, value in chosen.items())
            groups.setdefault(words, []).append((depth, record.best.get("mse_test"), str(job.folder)))
    for words, found in groups.items():
        best = least((depth, error) for depth, error, _ in found)
        if best is None:
            raise ValueError(f"{ASKED}: expected samples that are held out, points.test above 0")
        error, where = next((error, where) for depth, error, where in found if depth == best)
        several = f"{words}: " if len(groups) > 1 else ""
        yield f"{several}depth={best} has the least held-out error, MSE {error:.2e}\n-> {where}"
