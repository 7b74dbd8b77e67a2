"""Tables of numbers from files of one's own: CSV, TSV, Parquet, npy, npz. What is wrong is said with row and column."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from triangle_cli.store import files
from triangle_cli.store.run_folder import is_lfs_pointer

KINDS = ".csv, .tsv, .parquet, .npy or .npz"
SEPARATORS = {".tsv": "\t", ".tab": "\t"}
PARQUET = (".parquet", ".pq")
# the nearest float64 to what is written, which pandas reads by itself from 3.1 on
PRECISE: dict[str, Any] = {"float_precision": "round_trip"} if pd.__version__ < "3.1" else {}
LARGEST = 1e100  # the squares of such values, and their sums, are still numbers


def read_table(path: Path, key: str) -> pd.DataFrame:
    """The columns of a table as they are; what has no names is numbered from 1.

    Args:
        path: the file; its suffix says which kind it is, and what is none of `KINDS` is read as CSV.
        key: what named the file, such as function.path, which begins the line that refuses it.

    Raises:
        ValueError: there is no such file, or it is no table.
    """
    label = f"{key}={path}"
    try:
        files.require_regular(path)
        if is_lfs_pointer(path):
            raise ValueError(
                f"{label}: a Git LFS pointer, not the file itself, expected `git lfs pull` first"
            )
        if path.suffix in PARQUET:
            return _parquet(path, label)
        if path.suffix in (".npy", ".npz"):
            return _numpy(path, label)
        return _text(files.read_bytes(path), SEPARATORS.get(path.suffix), label)
    except OSError as error:
        raise ValueError(f"{label}: {error.strerror}, expected a file, {KINDS}") from None


def numbers(column: pd.Series, label: str) -> np.ndarray:
    """A column as float64, (n,); dates are seconds since 1970.

    Raises:
        ValueError: a value is missing, no number or not finite; the line names row and column.
    """
    name = f"column {column.name}"
    missing = np.flatnonzero(column.isna().to_numpy())
    if len(missing):
        raise ValueError(
            f"{label}: row {missing[0] + 1}, {name}: no value{_more(missing)}, expected a number"
        )
    if pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column):
        values = column.to_numpy(np.float64, copy=True)
    else:
        dates = _dates(column)
        if dates is not None:
            values = dates
        else:
            values = pd.to_numeric(column, errors="coerce").to_numpy(np.float64, copy=True)
            odd = (
                np.flatnonzero(np.isnan(values)) if not pd.api.types.is_bool_dtype(column) else np.array([0])
            )
            if len(odd):
                found = str(column.iloc[odd[0]])[:40]
                raise ValueError(
                    f"{label}: row {odd[0] + 1}, {name}: {found!r}{_more(odd)}, expected a number, or dates throughout"
                )
    odd = np.flatnonzero(~(np.abs(values) <= LARGEST))
    if len(odd):
        raise ValueError(
            f"{label}: row {odd[0] + 1}, {name}: {values[odd[0]]:g}{_more(odd)}, expected numbers within +-{LARGEST:g}"
        )
    return values


def _more(rows: np.ndarray) -> str:
    return f" (and {len(rows) - 1} more rows)" if len(rows) > 1 else ""


def _dates(column: pd.Series) -> np.ndarray | None:
    """Dates as seconds since 1970, UTC where they name no zone; None where one of them is none."""
    if not pd.api.types.is_datetime64_any_dtype(column):
        if not isinstance(column.iloc[0], str) or _is_number(column.iloc[0]):
            return None
        column = pd.to_datetime(column, errors="coerce", utc=True, format="ISO8601")
    elif column.dt.tz is not None:
        column = column.dt.tz_convert("UTC")
    if column.isna().any():
        return None
    return column.dt.tz_localize(None).astype("datetime64[ns]").to_numpy().astype(np.int64) / 1e9


def _is_number(text: Any) -> bool:
    try:
        float(text)
    except (TypeError, ValueError):
        return False
    return True


def _text(content: bytes, separator: str | None, label: str) -> pd.DataFrame:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ValueError(f"{label}: not text in UTF-8, expected a table, {KINDS}") from None
    first = next((line for line in text.splitlines() if line.strip()), "")
    if not first:
        raise ValueError(f"{label}: empty, expected lines of numbers")
    if separator is None:
        separator = next((mark for mark in ",;\t" if mark in first), ",")
    unnamed = all(_is_number(cell) for cell in first.split(separator))
    try:
        table = pd.read_csv(
            io.StringIO(text),
            sep=separator,
            header=None if unnamed else 0,
            skipinitialspace=True,
            low_memory=False,
            **PRECISE,
            index_col=False,
        )
    except (pd.errors.ParserError, pd.errors.ParserWarning, ValueError) as error:
        reason = " ".join(str(error).removeprefix("Error tokenizing data. C error: ").split())
        raise ValueError(f"{label}: expected as many values in every line ({reason})") from None
    table.columns = (
        [str(i + 1) for i in range(table.shape[1])] if unnamed else [str(c) for c in table.columns]
    )
    return table


def _parquet(path: Path, label: str) -> pd.DataFrame:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        raise ValueError(f"{label}: expected pyarrow to read it (pip install '.[parquet]')") from None
    try:
        table = pyarrow.parquet.read_table(io.BytesIO(files.read_bytes(path))).to_pandas()
    except (pyarrow.ArrowException, ValueError) as error:
        raise ValueError(f"{label}: not a Parquet file ({str(error).splitlines()[0]})") from None
    table.columns = [str(column) for column in table.columns]
    return table.reset_index(drop=True)


def _numpy(path: Path, label: str) -> pd.DataFrame:
    try:
        loaded = np.load(path, allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            return _array(loaded, "", label)
        with loaded:
            arrays = {name: loaded[name] for name in loaded.files}
        files.require_arrays(arrays)
        parts = [_array(array, name, label) for name, array in arrays.items()]
    except (ValueError, zipfile.BadZipFile, EOFError) as error:
        if str(error).startswith(label):
            raise
        raise ValueError(f"{label}: not arrays of numbers ({files.numpy_reason(error)})") from None
    lengths = {len(part) for part in parts}
    if len(lengths) != 1:
        found = ", ".join(f"{name} {len(part)}" for name, part in zip(loaded.files, parts)) or "nothing"
        raise ValueError(f"{label}: holds {found}, expected arrays of one length")
    return pd.concat(parts, axis=1)


def _array(array: np.ndarray, name: str, label: str) -> pd.DataFrame:
    """An array (n,) or (n, k) as columns: `name`, or numbered after it; of a structured one its fields."""
    if array.dtype.names:
        return pd.DataFrame({field: array[field] for field in array.dtype.names})
    if array.ndim not in (1, 2) or array.dtype.kind not in "fiuM":
        found = f"{array.dtype} of shape {array.shape}"
        raise ValueError(f"{label}: {name or 'the array'} is {found}, expected numbers, (n,) or (n, columns)")
    rows = array.reshape(len(array), -1)
    one = array.ndim == 1 and name
    return pd.DataFrame({name if one else f"{name}{i + 1}": rows[:, i] for i in range(rows.shape[1])})
