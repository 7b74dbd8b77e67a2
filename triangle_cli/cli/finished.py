"""`triangle show` and `compare`: finished runs, looked at. They answer without Hydra."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

from triangle_cli import console
from triangle_cli.cli.options import Parser, runs_parser
from triangle_cli.store import files, index, run_folder, sweeps
from triangle_cli.store.record import RunRecord

FIGURES = (
    "mse_min",
    "mse_mean",
    "mse_median",
    "test_mse_mean",
    "regions_min",
    "regions_max",
    "floor_ratio_best",
    "test_mse_sd",
    "test_r2_mean",
    "train_accuracy_mean",
    "test_accuracy_mean",
    "test_accuracy_sd",
    "test_loss_mean",
    "diverged",
)


def show_parser() -> Parser:
    """The words of `triangle show`."""
    parser = runs_parser("show", "Settings, tables and picture of a run.")
    parser.add_argument("run", help="its folder, its hash, or a part of its path; or a sweep's")
    parser.add_argument("--stage", metavar="S", help="init, peaks, weights, ..: the networks kept of it")
    return parser


def show(words: list[str]) -> int:
    """`triangle show RUN`: where it comes from, its settings, its tables. Exits with 1 if a file is damaged."""
    chosen = show_parser().parse_args(words)
    if _show_sweep(chosen.run, chosen.outputs):
        return 0
    folder = index.locate(chosen.run, chosen.outputs)
    record = run_folder.whole_run(folder)
    versions = " ".join(f"{name} {version}" for name, version in record.versions.items())
    console.say(f"{folder}")
    console.say(f"{record.started}, {record.seconds['total']:.1f} s on {record.device}, {record.dtype}")
    console.say(f"commit {record.git_commit or 'unknown'}\n{versions}\n")
    console.say(files.read_text(folder / run_folder.CONFIG))
    _print_tables(folder, record)
    console.say(_networks(folder, record, chosen.stage))
    console.say(
        f"\npicture: {_picture(folder, record)}\nagain:   triangle run --from {shlex.quote(str(folder))}"
    )
    return 0


def _picture(folder: Path, record: RunRecord) -> Path | str:
    """The picture of a run, drawn where the run was one of too many to draw each."""
    path = folder / run_folder.PICTURE
    if not path.exists():
        from triangle_cli.runs import pictures
        from triangle_cli.settings.compose import recorded_settings

        settings = recorded_settings(record.hash, record.settings, record.threads)
        pictures.draw_missing(folder, record, settings)
    return path if path.exists() else "none (it could not be drawn)"


def _show_sweep(name: str, outputs: Path) -> bool:
    """Print the table of a sweep of that name, or in that folder; whether there is one."""
    folder = sweeps.find(name, outputs)
    if folder is None:
        return False
    from triangle_cli.sweeps import collect

    collect.print_summary(folder, collect.read_jobs(folder))
    return True


def _networks(folder: Path, record: RunRecord, stage: str | None) -> str:
    """The best network of a stage, or of all, and where it is."""
    kept = record.stage(stage)
    best = "all diverged" if kept.best_restart is None else f"the best is restart {kept.best_restart}"
    others = ", ".join(other.name for other in record.stages if other.name != kept.name)
    more = f" (--stage shows others: {others})" if others else ""
    return f"\nnetworks after {kept.name}: {folder / kept.file}, {best}{more}".replace(
        "after init", "at the start"
    )


def _print_tables(folder: Path, record: RunRecord) -> None:
    from triangle_cli.runs import perform, report
    from triangle_cli.store.stages import read_table

    report.print_run(perform.Run(folder, record, reused=False))
    if run_folder.REGIONS not in record.files:
        return
    numbers = ("linear_regions", "dead_neurons", "epoch")
    regions = read_table(folder / run_folder.REGIONS, numbers, ("phase",))
    counts = regions.groupby(["phase", "epoch"], sort=False)[["linear_regions", "dead_neurons"]]
    console.say("\nregions and dead neurons on the way, over the restarts")
    console.say(counts.agg(["min", "max"]).to_string())


def compare_parser() -> Parser:
    """The words of `triangle compare`."""
    parser = runs_parser("compare", "The settings in which two runs differ, then their figures.")
    for name in ("a", "b"):
        parser.add_argument(
            name, metavar=name.upper(), help="a run: its folder, its hash, or a part of its path"
        )
    return parser


def compare(words: list[str]) -> int:
    """`triangle compare A B`: the settings that differ, then the figures of each stage."""
    chosen = compare_parser().parse_args(words)
    folders = [index.locate(run, chosen.outputs) for run in (chosen.a, chosen.b)]
    records = [run_folder.whole_run(folder) for folder in folders]
    first, second = (index.flat(record.settings, deep=True) for record in records)
    differing = [key for key in {**first, **second} if first.get(key) != second.get(key)]
    console.say(f"A  {folders[0]}\nB  {folders[1]}\n")
    settings = [(key, _plain(first.get(key)), _plain(second.get(key))) for key in differing]
    _print_columns([("setting", "A", "B"), *settings] if settings else [("the same settings",)])
    console.say()
    _print_columns([("figure", "A", "B", "B / A"), *_figures(*records)])
    return 0


def _plain(value: Any) -> str:
    return "-" if value is None else str(value)


def _figures(first: RunRecord, second: RunRecord) -> list[tuple[str, ...]]:
    lines = []
    for name in ("stage", *FIGURES):
        if name not in {**first.summary, **second.summary}:
            continue
        a, b = first.summary.get(name), second.summary.get(name)
        shown = (f"{x:.3e}" if isinstance(x, float) else _plain(x) for x in (a, b))
        ratio = f"{b / a:.3g}" if isinstance(a, int | float) and isinstance(b, int | float) and a else ""
        lines.append((name, *shown, ratio))
    a, b = first.seconds["total"], second.seconds["total"]
    return [*lines, ("seconds", f"{a:.1f}", f"{b:.1f}", f"{b / a:.3g}")]


def _print_columns(lines: list[tuple[str, ...]]) -> None:
    widths = [max(map(len, column)) for column in zip(*lines)]
    for line in lines:
        console.say("  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip())
