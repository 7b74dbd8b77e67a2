"""`triangle show` and `compare`: finished runs, looked at. They answer without Hydra."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

from triangle_cli.cli.options import Parser, runs_parser
from triangle_cli.store import index, run_folder
from triangle_cli.store.record import RunRecord

FIGURES = ("mse_min", "mse_mean", "mse_median", "test_mse_mean", "regions_min", "regions_max")
FIGURES += ("floor_ratio_min", "test_mse_sd", "test_r2_mean", "train_accuracy_mean", "test_accuracy_mean")
FIGURES += ("test_accuracy_sd", "test_loss_mean", "diverged")


def show_parser() -> Parser:
    """The words of `triangle show`."""
    parser = runs_parser("show", "Settings, tables and picture of a run.")
    parser.add_argument("run", help="its folder, its hash, or a part of its path")
    return parser


def show(words: list[str]) -> int:
    """`triangle show RUN`: where it comes from, its settings, its tables. Exits with 1 if a file is damaged."""
    chosen = show_parser().parse_args(words)
    folder = index.locate(chosen.run, chosen.outputs)
    record, damage = run_folder.check_run(folder)
    if damage:
        raise ValueError(damage)
    versions = " ".join(f"{name} {version}" for name, version in record.versions.items())
    print(f"{folder}")
    print(f"{record.started}, {record.seconds['total']:.1f} s on {record.device}, {record.dtype}")
    print(f"commit {record.git_commit or 'unknown'}\n{versions}\n")
    print((folder / run_folder.CONFIG).read_text(encoding="utf-8"))
    _print_tables(folder, record)
    print(
        f"\npicture: {folder / run_folder.PICTURE}\nagain:   triangle run --from {shlex.quote(str(folder))}"
    )
    return 0


def _print_tables(folder: Path, record: RunRecord) -> None:
    import pandas as pd

    from triangle_cli.runs import perform, report

    errors = pd.read_csv(folder / run_folder.ERRORS)
    report.print_run(perform.Run(folder, record, errors, reused=False))
    if run_folder.REGIONS not in record.files:
        return
    regions = pd.read_csv(folder / run_folder.REGIONS)
    counts = regions.groupby(["phase", "epoch"], sort=False)[["linear_regions", "dead_neurons"]]
    print("\nregions and dead neurons on the way, over the restarts")
    print(counts.agg(["min", "max"]).to_string())


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
    checked = [run_folder.check_run(folder) for folder in folders]
    for _, damage in checked:
        if damage:
            raise ValueError(damage)
    first, second = (index.flat(record.settings, deep=True) for record, _ in checked)
    differing = [key for key in {**first, **second} if first.get(key) != second.get(key)]
    print(f"A  {folders[0]}\nB  {folders[1]}\n")
    settings = [(key, _plain(first.get(key)), _plain(second.get(key))) for key in differing]
    _print_columns([("setting", "A", "B"), *settings] if settings else [("the same settings",)])
    print()
    _print_columns([("figure", "A", "B", "B / A"), *_figures(*(record for record, _ in checked))])
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
        numbers = all(isinstance(x, int | float) for x in (a, b)) and a
        lines.append((name, *shown, f"{b / a:.3g}" if numbers else ""))
    a, b = first.seconds["total"], second.seconds["total"]
    return [*lines, ("seconds", f"{a:.1f}", f"{b:.1f}", f"{b / a:.3g}")]


def _print_columns(lines: list[tuple[str, ...]]) -> None:
    widths = [max(map(len, column)) for column in zip(*lines)]
    for line in lines:
        print("  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip())
