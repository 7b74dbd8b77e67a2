"""What the tables of a run say of each stage: statistics over the restarts, and how they are shown."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from triangle_cli.store import files, run_folder


def stage_summary(errors: pd.DataFrame) -> pd.DataFrame:
    """errors.csv -> a row per stage, in order: statistics over the restarts that did not diverge, NaN without one.

    A column at a time in numpy: groups of pandas' cost a short run a tenth of its time.
    """
    figures = next(figures for column, figures in FIGURES.items() if column in errors)
    stage, whole = errors["stage"].to_numpy(object), ~errors["diverged"].to_numpy(bool)
    order = list(dict.fromkeys(stage))
    rows = {name: np.flatnonzero(whole & (stage == name)) for name in order}
    table: dict[str, list[Any]] = {"stage": order}
    needed = {column for column, _ in figures.values()}
    known = {column: _known(errors[column], rows.values()) for column in needed}
    for name, (column, statistic) in figures.items():
        table[name] = [STATISTICS[statistic](some) if len(some) else np.nan for some in known[column]]
    # the best restart's own: a collapsed network is near the floor of its one piece
    if "floor_ratio" in errors:
        error, ratio = errors["mse_train"].to_numpy(), errors["floor_ratio"].to_numpy()
        best = [places[np.argmin(error[places])] if len(places) else None for places in rows.values()]
        table["floor_ratio_best"] = [np.nan if place is None else ratio[place] for place in best]
    # the points are those of every stage
    if "floor_kind" in errors:
        table["floor_kind"] = [errors["floor_kind"].iloc[0]] * len(order)
    table["diverged"] = [int((~whole & (stage == name)).sum()) for name in order]
    return pd.DataFrame(table)


def _known(column: pd.Series, rows: Iterable[np.ndarray]) -> list[np.ndarray]:
    """The numbers of a column at the places of each of these rows, (n,), without those that are missing."""
    there = ~column.isna().to_numpy()
    numbers = column.to_numpy(np.int64, na_value=0) if column.dtype == "Int64" else column.to_numpy()
    return [numbers[places[there[places]]] for places in rows]


# of some numbers, one or more; the standard deviation of one is not known
STATISTICS: dict[str, Callable[[np.ndarray], Any]] = {
    "min": np.min,
    "max": np.max,
    "mean": np.mean,
    "median": np.median,
    "std": lambda values: np.std(values, ddof=1) if len(values) > 1 else np.nan,
}


def read_table(path: Path, numbers: tuple[str, ...], words: tuple[str, ...]) -> pd.DataFrame:
    """A CSV file of a run.

    Args:
        path: the file.
        numbers: columns of numbers or truth values that it must have.
        words: columns of text that it must have.

    Raises:
        ValueError: it is no such table; the line names the file.
        OSError: it cannot be read.
    """
    with files.opened(path) as file:
        try:
            table = pd.read_csv(file)
        except (ValueError, OverflowError) as error:  # pandas' own are ValueErrors
            raise ValueError(f"{path}: not a table ({str(error).splitlines()[0]})") from None
    for column in (*numbers, *words):
        if column not in table:
            raise ValueError(f"{path}: not written by a run (no column {column})")
    if table.empty:
        raise ValueError(f"{path}: not written by a run (no rows)")
    for column in numbers:
        if not pd.api.types.is_numeric_dtype(table[column]):
            raise ValueError(f"{path}: not written by a run (no numbers in {column})")
    if table[list(words)].isna().any(axis=None):
        raise ValueError(f"{path}: not written by a run (a stage without name)")
    return table.astype({column: str for column in words})


def read_errors(folder: Path) -> pd.DataFrame:
    """errors.csv of a run; errors as of `read_table`."""
    path = folder / run_folder.ERRORS
    with files.opened(path) as file:
        heading = file.readline(2**16).decode(errors="replace").strip().split(",")
    kind = next((column for column in FIGURES if column in heading), "linear_regions")
    numbers = {column for column, _ in FIGURES[kind].values()}
    errors = read_table(path, ("restart", *sorted(numbers)), ("stage",))
    if errors.get("diverged", pd.Series()).dtype != bool:
        raise ValueError(f"{path}: not written by a run (diverged says neither True nor False)")
    return errors


TRAIN_MSE = {f"mse_{name}": ("mse_train", name) for name in ("min", "mean", "median")}


TEST_MSE = {"test_mse_mean": ("mse_test", "mean")}


# a column that only one kind of errors.csv has -> what is said of it
FIGURES: dict[str, dict[str, tuple[str, str]]] = {
    "mse_integral": {
        **TRAIN_MSE,
        **TEST_MSE,
        "integral_mse_min": ("mse_integral", "min"),
        "integral_mse_median": ("mse_integral", "median"),
        "regions_min": ("linear_regions", "min"),
        "regions_max": ("linear_regions", "max"),
        "floor_ratio_min": ("floor_ratio", "min"),
    },
    "linear_regions": {
        **TRAIN_MSE,
        **TEST_MSE,
        "regions_min": ("linear_regions", "min"),
        "regions_max": ("linear_regions", "max"),
    },
    "accuracy_test": {
        "train_accuracy_mean": ("accuracy_train", "mean"),
        "test_accuracy_mean": ("accuracy_test", "mean"),
        "test_accuracy_sd": ("accuracy_test", "std"),
        "test_accuracy_min": ("accuracy_test", "min"),
        "test_loss_mean": ("loss_test", "mean"),
    },
    "r2_test": {
        **TRAIN_MSE,
        **TEST_MSE,
        "test_mse_sd": ("mse_test", "std"),
        "test_r2_mean": ("r2_test", "mean"),
        "test_r2_sd": ("r2_test", "std"),
    },
}


def stage_cells(row: pd.Series | dict[str, Any]) -> dict[str, str]:
    """A row of `stage_summary` as it is shown: heading -> text. KeyError: a figure is not there."""
    if "test_accuracy_mean" in row:
        return {
            "mean train accuracy": _percent(row["train_accuracy_mean"]),
            "mean test accuracy": _percent(row["test_accuracy_mean"]),
            "standard deviation": _percent(row["test_accuracy_sd"]),
            "least test accuracy": _percent(row["test_accuracy_min"]),
            "mean test loss": _number(row["test_loss_mean"], ".3g"),
        }
    if "integral_mse_min" in row:
        return {
            "min MSE (integral)": _number(row["integral_mse_min"], ".2e"),
            "median MSE (integral)": _number(row["integral_mse_median"], ".2e"),
            "min MSE (points)": _number(row["mse_min"], ".2e"),
            "linear regions": span(row["regions_min"], row["regions_max"]),
            "best / floor (points)": _ratio(row, "floor_ratio_min"),
        }
    cells = {
        "min MSE": _number(row["mse_min"], ".2e"),
        "mean MSE": _number(row["mse_mean"], ".2e"),
        "median MSE": _number(row["mse_median"], ".2e"),
        "mean test MSE": _number(row["test_mse_mean"], ".2e"),
    }
    if "test_r2_mean" in row:
        return cells | {
            "standard deviation": _number(row["test_mse_sd"], ".2e"),
            "mean test R2": _number(row["test_r2_mean"], ".3f"),
        }
    return cells | {
        "linear regions": span(row["regions_min"], row["regions_max"]),
        "best / floor": _ratio(row, "floor_ratio_best"),
    }


def _ratio(row: pd.Series | dict[str, Any], name: str) -> str:
    """A multiple of the floor, `~` where that is the asymptote for too many points to look for it."""
    text = _number(row[name], ".3g")
    return f"~{text}" if row.get("floor_kind") == "asymptotic" and text != "-" else text


def _number(value: float, form: str) -> str:
    return "-" if pd.isna(value) else format(value, form)


def _percent(share: float) -> str:
    return "-" if pd.isna(share) else f"{100 * share:.2f} %"


def span(low: float, high: float) -> str:
    """`32`, or `9-14`; a dash where nothing was counted."""
    if pd.isna(low):
        return "-"
    return f"{low:.0f}" if low == high else f"{low:.0f}-{high:.0f}"


def first_columns(table: pd.DataFrame, columns: list[str]) -> pd.DataFrame:
    """The table with these columns first, its rows numbered anew."""
    return table[[*columns, *(column for column in table if column not in columns)]].reset_index(drop=True)


def best_of(errors: pd.DataFrame) -> pd.Series | None:
    """The row of errors.csv with the least training error; None where all diverged."""
    place = _best_place(errors, ~errors["diverged"].to_numpy(bool))
    return None if place is None else errors.iloc[place]


def best_restart(errors: pd.DataFrame, stage: str) -> int | None:
    """The restart with the least training error after a stage; None where all diverged."""
    of_stage = errors["stage"].to_numpy(object) == stage
    place = _best_place(errors, of_stage & ~errors["diverged"].to_numpy(bool))
    return None if place is None else int(errors["restart"].iloc[place])


def _best_place(errors: pd.DataFrame, chosen: np.ndarray) -> int | None:
    """Where, of the chosen rows, that with the least training error is; None where none is chosen."""
    places = np.flatnonzero(chosen)
    column = "loss_train" if "loss_train" in errors else "mse_train"
    return int(places[np.nanargmin(errors[column].to_numpy()[places])]) if len(places) else None


def plain_row(row: pd.Series | None) -> dict[str, Any]:
    """A row as JSON takes it, without what is missing; nothing for no row."""
    if row is None:
        return {}
    items = ((str(key), value.item() if hasattr(value, "item") else value) for key, value in row.items())
    return {key: value for key, value in items if not pd.isna(value)}


def stage_errors(errors: pd.DataFrame, stage: str) -> pd.DataFrame:
    """The rows of errors.csv for one stage, one per restart."""
    return errors[errors["stage"] == stage]


def restarts_of(errors: pd.DataFrame, stage: str) -> list[int]:
    """The restarts that errors.csv has of a stage."""
    return errors["restart"].to_numpy()[errors["stage"].to_numpy(object) == stage].tolist()


def last_stage(errors: pd.DataFrame) -> pd.DataFrame:
    """The rows of errors.csv for the last stage, one per restart."""
    return errors[errors["stage"] == errors["stage"].iloc[-1]]


def counted_through(table: pd.DataFrame) -> pd.DataFrame:
    """history.csv or regions.csv with a column `total`: epochs counted through all phases."""
    last = table.groupby("phase", sort=False)["epoch"].max()
    return table.assign(total=table["epoch"] + table["phase"].map(last.cumsum() - last))
