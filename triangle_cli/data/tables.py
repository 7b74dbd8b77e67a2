"""Examples from tables: those that scikit-learn brings along, and CSV files of one's own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from triangle_cli.data.settings import DataSettings, Source, Task

MOST_WORDS = (
    20  # different words in a column of text that is still taken, a column of zeros and ones for each
)


@dataclass(frozen=True)
class Table:
    """Examples as numbers.

    Attributes:
        x: (n, features), float64.
        y: (n,), float64 values; or class numbers, int64.
        classes: the classes' names; None where y are values.
    """

    x: np.ndarray
    y: np.ndarray
    classes: list[str] | None


def read_table(data: DataSettings) -> Table:
    """The examples of a table.

    Raises:
        ValueError: the file is missing, empty or no table; or a column has values missing, cannot be read as numbers,
            never varies, or is not there.
    """
    if data.source is Source.sklearn:
        frame, target = _sklearn(data)
        pictures = data.table == "digits"  # pixels that are always white stay
        key = f"data.table={data.table}"
    else:
        frame, target, pictures, key = _csv(data), data.target, False, f"data.path={data.path}"
    for column in data.drop:
        _require_column("data.drop", column, frame)
    frame = frame.drop(columns=data.drop)
    _require_column("data.target", target, frame)
    if len(frame) < data.folds:
        raise ValueError(f"{key}: {len(frame)} rows, expected data.folds={data.folds} or more")
    if len(frame.columns) < 2:
        raise ValueError(f"{key}: expected columns beside the target {target}")
    for column in frame:
        _check_column(key, frame[column], column == target or not pictures)
    y, classes = _targets(key, frame[target], data.task)
    return Table(_numbers(key, frame.drop(columns=target)), y, classes)


def _sklearn(data: DataSettings) -> tuple[pd.DataFrame, str]:
    try:
        from sklearn import datasets
    except ImportError:
        raise ValueError(f"data={data.name}: expected scikit-learn (pip install '.[data]')") from None
    tables = {
        name.removeprefix("load_"): getattr(datasets, name)
        for name in ("load_breast_cancer", "load_diabetes", "load_digits", "load_iris", "load_wine")
    }
    if data.table not in tables:
        raise ValueError(f"data.table={data.table}: expected one of {', '.join(tables)}")
    loaded = tables[data.table](as_frame=True)
    frame, own = loaded.frame, loaded.target.name
    if data.target is None or data.target == own:
        if "target_names" in loaded:
            frame[own] = [str(loaded.target_names[number]) for number in frame[own]]
        return frame, own
    return frame.drop(columns=own), data.target  # the class would tell much of it


def _csv(data: DataSettings) -> pd.DataFrame:
    path = Path(data.path)
    key = f"data.path={data.path}"
    try:
        frame = pd.read_csv(path, skipinitialspace=True)
    except FileNotFoundError:
        raise ValueError(f"{key}: no such file, expected a CSV file with a line of column names") from None
    except pd.errors.EmptyDataError:
        raise ValueError(f"{key}: empty, expected a line of column names and lines of values") from None
    except (pd.errors.ParserError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())
        raise ValueError(f"{key}: expected a CSV file ({reason})") from None
    if frame.empty:
        raise ValueError(f"{key}: no lines of values, expected some below the column names")
    return frame


def _require_column(key: str, column: str, frame: pd.DataFrame) -> None:
    if column not in frame:
        raise ValueError(f"{key}={column}: no such column, expected one of {', '.join(map(str, frame))}")


def _check_column(key: str, column: pd.Series, must_vary: bool) -> None:
    missing = int(column.isna().sum())
    if missing:
        raise ValueError(
            f"{key}: column {column.name} has {missing} values missing, expected none "
            f"(data.drop=[{column.name}] leaves it out)"
        )
    if must_vary and column.nunique() == 1:
        raise ValueError(
            f"{key}: column {column.name} is {column.iloc[0]} throughout, expected columns that vary "
            f"(data.drop=[{column.name}] leaves it out)"
        )


def _targets(key: str, column: pd.Series, task: Task) -> tuple[np.ndarray, list[str] | None]:
    if task is Task.classification:
        classes = sorted(column.unique())
        numbers = column.map({value: number for number, value in enumerate(classes)})
        if len(classes) > len(column) // 2:
            raise ValueError(
                f"{key}: column {column.name} has {len(classes)} classes in {len(column)} rows, expected fewer "
                "(data.task=regression for values)"
            )
        return numbers.to_numpy(np.int64, copy=True), [str(name) for name in classes]
    if not pd.api.types.is_numeric_dtype(column) or not np.isfinite(column.to_numpy(float)).all():
        raise ValueError(
            f"{key}: column {column.name} has values such as {_odd(column)}, expected finite numbers "
            "(data.task=classification for classes)"
        )
    return column.to_numpy(np.float64, copy=True), None


def _numbers(key: str, frame: pd.DataFrame) -> np.ndarray:
    """Numbers as they are; a column of few words becomes a column of zeros and ones for each."""
    for name, column in frame.items():
        if pd.api.types.is_numeric_dtype(column):
            if not np.isfinite(column.to_numpy(float)).all():
                raise ValueError(
                    f"{key}: column {name} has values such as {_odd(column)}, expected finite numbers"
                )
        elif column.nunique() > MOST_WORDS:
            raise ValueError(
                f"{key}: column {name} has {column.nunique()} different words such as {_odd(column)}, expected "
                f"numbers, or {MOST_WORDS} words at most (data.drop=[{name}] leaves it out)"
            )
    return pd.get_dummies(frame, dtype=float).to_numpy(np.float64)


def _odd(column: pd.Series) -> object:
    """A value that is no finite number."""
    numbers = pd.to_numeric(column, errors="coerce")
    return column[~np.isfinite(numbers.astype(float))].iloc[0]
