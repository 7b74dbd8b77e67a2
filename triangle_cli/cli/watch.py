"""`triangle watch`: a running sweep, followed live. Reads its files only, so that it works from any machine."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from triangle_cli import console
from triangle_cli.cli.options import Parser, runs_parser

if TYPE_CHECKING:
    from rich.console import Group

    from triangle_cli.sweeps.live import State

SHOWN = 5  # jobs: of the best, of those that failed, of the last


def parser() -> Parser:
    """The words of `triangle watch`."""
    words = runs_parser(
        "watch",
        "A running sweep: its jobs, the best so far, the time left, until it ends. It is read from the sweep's "
        "folder, so that this works on any machine that sees it. Without a terminal: a line for each job that ends.",
    )
    words.add_argument(
        "sweep",
        nargs="?",
        metavar="SWEEP",
        help="its folder, or its name in outputs/sweeps; default: the last that began",
    )
    words.add_argument("--once", action="store_true", help="say how far it is, and end")
    words.add_argument("--every", type=float, default=1.0, metavar="SECONDS", help="default: %(default)g")
    return words


def main(words: list[str]) -> int:
    """Follow the sweep to its end; returns 1 where jobs of it failed."""
    chosen = parser().parse_args(words)
    if not 0.05 <= chosen.every <= 3600:
        raise ValueError(f"--every {chosen.every:g}: expected 0.05 to 3600 seconds")
    from triangle_cli.sweeps import live

    folder = _folder(chosen.sweep, chosen.outputs)
    state = live.read(folder)
    if state is None:
        raise ValueError(
            f"{folder}: expected a sweep that runs, or came to its end; its process may have been killed"
        )
    out = console.out()
    if chosen.once or state.whole:
        out.print(_shown(folder, state))
    elif out.is_terminal:
        state = _follow(folder, state, chosen.every)
    else:
        state = _tell(folder, state, chosen.every)
    return 1 if state.failed else 0


def _folder(name: str | None, outputs: Path) -> Path:
    from triangle_cli.store import sweeps
    from triangle_cli.sweeps import live

    if name is None:
        found = live.latest(outputs)
        if found is None:
            raise ValueError(
                f"{outputs}: expected a sweep that runs, there is none (`triangle ls --sweeps` lists others)"
            )
        return found
    for folder in (Path(name), outputs / sweeps.FOLDER / name):
        if folder.is_dir():
            return folder
    raise ValueError(f"{name}: expected a sweep: its folder, or its name in {outputs / sweeps.FOLDER}")


def _follow(folder: Path, state: State, every: float) -> State:
    """On a terminal: one view that changes."""
    from rich.live import Live

    from triangle_cli.sweeps import live

    with Live(_shown(folder, state), console=console.out(), auto_refresh=False) as view:
        while not state.whole and (now := live.read(folder)) is not None:
            state = now
            view.update(_shown(folder, state), refresh=True)
            if not state.whole:
                time.sleep(every)
    _say_if_gone(folder, state)
    return state


def _tell(folder: Path, state: State, every: float) -> State:
    """Into a file or a pipe: a line for each job that ends."""
    from triangle_cli.sweeps import live

    told = 0
    while True:
        for record in state.records[told:] if not state.whole else ():
            told += 1
            error = "" if record.mse_min is None else f", least MSE {record.mse_min:.2e}"
            console.say(
                f"[{told}/{state.jobs}] {' '.join(record.overrides)}: {record.reason or record.status}{error}"
            )
        now = live.read(folder)
        if state.whole or now is None:
            break
        state = now
        if not state.whole:
            time.sleep(every)
    if state.whole:
        console.out().print(_shown(folder, state))
    _say_if_gone(folder, state)
    return state


def _say_if_gone(folder: Path, state: State) -> None:
    if not state.whole:
        raise ValueError(
            f"{folder}: ended before its time, {len(state.records)} of {state.jobs} jobs done; "
            "the same command goes on from there"
        )


def _shown(folder: Path, state: State) -> Group:
    """A bar, the best so far, what failed, what ended last."""
    from rich.console import Group
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

    done = len(state.records)
    counts = {status: sum(record.status == status for record in state.records) for status in STATUS}
    told = ", ".join(f"{count} {STATUS[status]}" for status, count in counts.items() if count)
    head = Table.grid(padding=(0, 1))
    head.add_row(
        Text(folder.name, style="bold"),
        ProgressBar(total=state.jobs, completed=done, width=30),
        Text(f"{done} of {state.jobs} jobs{f': {told}' if told else ''}{_time(state)}"),
    )
    parts: list[Table | Text] = [head]
    best = sorted((r for r in state.records if r.mse_min is not None), key=lambda r: r.mse_min or 0.0)[:SHOWN]
    if best:
        table = Table(box=None, header_style="bold", pad_edge=False)
        table.add_column("best so far" if not state.whole else "best")
        table.add_column("least MSE", justify="right")
        table.add_column("seconds", justify="right")
        for record in best:
            seconds = f"{record.seconds:.1f}" if record.seconds else "from disk"
            table.add_row(" ".join(record.overrides), f"{record.mse_min:.2e}", seconds)
        parts.append(table)
    for record in state.failed[-SHOWN:]:
        parts.append(Text(f"failed: {record.failure}", style="red"))
    if state.records and not state.whole:
        last = state.records[-1]
        parts.append(Text(f"last: {' '.join(last.overrides)}"))
    return Group(*parts)


STATUS = {"finished": "computed", "reused": "from disk", "failed": "failed", "not started": "not started"}


def _time(state: State) -> str:
    if state.whole:
        return ""
    from triangle_cli.sweeps.estimate import in_words

    left = state.seconds_left
    where = f" on {state.host}" if state.host else ""
    return f", about {in_words(left)} left{where}" if left is not None else f"{where}"
