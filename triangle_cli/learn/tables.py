"""Examples from tables: those that scikit-learn brings along, and CSV files of one's own."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import pandas as pd

from triangle_cli.settings.learn import DataSettings, Source, Task
from triangle_cli.store.run_folder import is_lfs_pointer

LARGEST = 1e100  # the squares of such values, and their sums, are still numbers
LEAST_SPREAD = 1e-140  # of values to be told
MOST_WORDS = 20  # in a column of text that is taken: each becomes a column of zeros and ones


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
        ValueError: the file is missing, empty or no table; or a column has no name, values missing, cannot be read as
            numbers, never varies, or is not there.
    """
    if data.source is Source.sklearn:
        frame, target = _sklearn(data)
        pictures = data.table == "digits"  # pixels that are always white stay
        key = f"data.table={data.table}"
    else:
        assert data.target is not None, "a CSV file comes with one"
        frame, target, pictures, key = _csv(data), data.target, False, f"data.path={data.path}"
    for column in data.drop:
        _require_column("data.drop", column, frame)
    frame = frame.drop(columns=data.drop)
    _require_column("data.target", target, frame)
    least = 2 * data.table_folds
    if len(frame) < least:
        raise ValueError(f"{key}: {len(frame)} rows, expected {least} or more for data.folds={data.folds}")
    if len(frame.columns) < 2:
        raise ValueError(f"{key}: expected columns beside the target {target}")
    for column in frame:
        advice = "" if column == target else f" (data.drop=[{column}] leaves it out)"
        _check_column(key, frame[column], column == target or not pictures, advice)
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


OTHER_TABLES = (".npz", ".npy", ".parquet", ".pq", ".xls", ".xlsx")  # by the ends of their names


def _csv(data: DataSettings) -> pd.DataFrame:
    path = data.location
    key = f"data.path={data.path}"
    if path.is_file() and is_lfs_pointer(path):
        raise ValueError(f"{key}: a Git LFS pointer, not the file itself, expected `git lfs pull` first")
    if path.suffix in OTHER_TABLES:
        raise ValueError(f"{key}: expected a CSV file, a line of column names and lines of values")
    try:
        # whole columns at once: by pieces, a 1 among numbers and a 1 among words may come to be two values
        frame = pd.read_csv(path, skipinitialspace=True, low_memory=False)
        names = pd.read_csv(path, skipinitialspace=True, header=None, nrows=1, dtype=str).iloc[0]
    except OSError as error:
        raise ValueError(f"{key}: {error.strerror}, expected a CSV file") from None
    except pd.errors.EmptyDataError:
        raise ValueError(f"{key}: empty, expected a line of column names and lines of values") from None
    except UnicodeDecodeError:
        raise ValueError(f"{key}: not text in UTF-8, expected a CSV file that is") from None
    except pd.errors.ParserError as error:
        reason = " ".join(str(error).removeprefix("Error tokenizing data. C error: ").split())
        raise ValueError(
            f"{key}: expected a CSV file, as many values in every line as names ({reason})"
        ) from None
    if len(frame.columns) == 1 and re.search("[;\t|]", str(frame.columns[0])):
        raise ValueError(
            f"{key}: one column named {frame.columns[0]!r}, expected columns separated by commas"
        )
    if frame.empty:
        raise ValueError(f"{key}: no lines of values, expected some below the column names")
    if not isinstance(frame.index, pd.RangeIndex):  # pandas takes the first values for names of the rows
        raise ValueError(
            f"{key}: more values in a line than the {len(names)} names, expected a name for each column"
        )
    twice = names[names.duplicated()]
    if len(twice) and not names.isna().any():
        raise ValueError(f"{key}: two columns named {twice.iloc[0]}, expected a name of its own for each")
    for column in frame:
        if str(column).startswith("Unnamed: ") and column not in data.drop:
            raise ValueError(
                f"{key}: a column without a name, expected a name for each (data.drop=['{column}'] leaves it out)"
            )
    return frame


def _require_column(key: str, column: str, frame: pd.DataFrame) -> None:
    if column not in frame:
        raise ValueError(f"{key}={column}: no such column, expected one of {', '.join(map(str, frame))}")


def _check_column(key: str, column: pd.Series, must_vary: bool, advice: str) -> None:
    """Raise ValueError for a column with values missing, or with one value; `advice` is what might be done."""
    missing = column.index[column.isna()]
    if len(missing):
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise ValueError(
            f"{key}: column {column.name} has no value in row {missing[0] + 1}{more}, expected all{advice}"
        )
    if must_vary and column.nunique() == 1:
        raise ValueError(
            f"{key}: column {column.name} is {column.iloc[0]} throughout, expected it to vary{advice}"
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
    if not _is_number(column) or _odd(column) is not None:
        raise ValueError(
            f"{key}: column {column.name} has values such as {_odd(column)}, expected numbers within "
            f"+-{LARGEST:g} (data.task=classification for classes)"
        )
    spread = float(column.max()) - float(column.min())
    if spread < LEAST_SPREAD:  # its square, in units of which errors are told, would be 0
        raise ValueError(
            f"{key}: column {column.name} spreads over {spread:g}, expected {LEAST_SPREAD:g} or more: other units"
        )
    return column.to_numpy(np.float64, copy=True), None


def _numbers(key: str, frame: pd.DataFrame) -> np.ndarray:
    """Numbers as they are; a column of few words becomes a column of zeros and ones for each."""
    for name, column in frame.items():
        leaves_out = f"(data.drop=[{name}] leaves it out)"
        if _is_number(column):
            if _odd(column) is not None:
                raise ValueError(
                    f"{key}: column {name} has values such as {_odd(column)}, expected numbers within +-{LARGEST:g} "
                    f"{leaves_out}"
                )
        elif column.nunique() > MOST_WORDS:  # of words, or true and false
            raise ValueError(
                f"{key}: column {name} has values such as {_odd(column)}, expected numbers, or at most {MOST_WORDS} "
                f"different words {leaves_out}"
            )
    return pd.get_dummies(frame, dtype=float).to_numpy(np.float64)


def _is_number(column: pd.Series) -> bool:
    return pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)


def _odd(column: pd.Series) -> object:
    """A value that is no number within +-LARGEST, and the row where it stands; None if there is none.

    Of text that reads as numbers, such as names of classes, the first.
    """
    if pd.api.types.is_bool_dtype(column):
        return column.iloc[0]
    numbers = pd.to_numeric(column, errors="coerce").astype(float)
    odd = column[~(numbers.abs() <= LARGEST)]
    if odd.empty and not _is_number(column):
        odd = column
    return f"{odd.iloc[0]} (row {odd.index[0] + 1})" if len(odd) else None
