"""The files of a run: their names, and how they appear whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # `triangle ls` does not wait for pandas
    import pandas as pd

from triangle_cli import console, interrupts
from triangle_cli.store import files
from triangle_cli.store.record import RunRecord

ERRORS = "errors.csv"
REGIONS = "regions.csv"
HISTORY = "history.csv"
NETWORK = "network.pt"
CONFIG = "config.yaml"
PICTURE = "fit.png"
LOSS_PICTURE, REGIONS_PICTURE = "loss.png", "regions.png"  # drawn once a single run is whole
STAGE_NETWORK = "network-{}.pt"  # of the stages before the last
RUN = "run.json"  # written last: it marks a finished run, and holds the digests of the other files
NEEDED = (ERRORS, NETWORK, CONFIG)  # what other commands read of every run
LFS = b"version https://git-lfs"  # how the text begins that stands for a file
UNFINISHED = ".unfinished-"  # begins the names of what a long run keeps on the way
STAGING = ".new-"  # a folder inside the run's, whose files are moved out once all of them are there


def stage_files(stages: Iterable[str]) -> dict[str, str]:
    """The file of each stage's networks, by stage: network.pt is the last one's."""
    names = list(stages)
    return {name: NETWORK if name == names[-1] else STAGE_NETWORK.format(name) for name in names}


def is_network(name: str) -> bool:
    """Whether a file of a run holds the networks of one of its stages."""
    before, after = STAGE_NETWORK.split("{}")
    return name == NETWORK or (name.startswith(before) and name.endswith(after))


def write_whole(path: Path, write: Callable[[Path], object]) -> None:
    """Let `write` fill a file beside `path`, then rename it to `path`: readers see all of it or nothing.

    A link is followed. What is no regular file, such as /dev/stdout or a pipe, is not replaced but written to.

    Raises:
        OSError: the disk is full, or the folder cannot be written; what was at `path` is still there.
    """
    with _naming(path):
        if not files.is_replaceable(path):
            files.write_through(path, write)
            return
        prefix, path = f".{path.stem}-", files.followed(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(prefix=prefix, suffix=path.suffix, dir=path.parent)
        os.close(descriptor)
        beside = Path(name)
        try:
            write(beside)
            beside.chmod(0o666 & ~_umask())
            _to_disk(beside)
            beside.replace(path)
        finally:
            beside.unlink(missing_ok=True)


def _write_unseen(path: Path, write: Callable[[Path], object]) -> None:
    """Let `write` make a file where nobody looks yet, so that it need not appear whole."""
    with _naming(path):
        write(path)
        _to_disk(path)


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Name the file in an error that came without, or names the one beside it.

    A full disk is noticed while writing, not while opening.
    """
    try:
        yield
    except OSError as error:
        name = error.filename and Path(error.filename).name
        if error.errno is not None and (name is None or name.startswith(f".{path.stem}-")):
            raise OSError(error.errno, error.strerror, str(path)) from error
        raise


def is_lfs_pointer(path: Path) -> bool:
    """Whether a file is the text that Git LFS leaves in the place of a file that was not fetched."""
    with path.open("rb") as file:
        return file.read(len(LFS)) == LFS


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _to_disk(path: Path) -> None:
    """Wait until a file's content, or a folder's list of names, would survive a power cut."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_text(path: Path, text: str) -> None:
    """Write a text file, whole or not at all."""
    write_whole(path, lambda beside: beside.write_text(text, encoding="utf-8"))


def remember(path: Path, name: str, asked: dict[str, Any], compute: Callable[[], Any]) -> Any:
    """What `compute` gives, kept under `name` in a JSON file; read back as long as the same is asked."""
    try:
        kept = json.loads(files.read_text(path))
        if kept["asked"] == asked:
            return kept[name]
    except (FileNotFoundError, ValueError, TypeError, KeyError, RecursionError):
        pass
    found = compute()
    write_text(path, json.dumps({"asked": asked, name: found}, indent=2) + "\n")
    return found


def write_table(path: Path, table: pd.DataFrame) -> None:
    """Write a table as CSV, floats with all their digits, whole or not at all."""
    write_whole(path, lambda beside: table.to_csv(beside, index=False))


def publish(
    folder: Path,
    writers: Mapping[str, Callable[[Path], object]],
    record: RunRecord,
    extras: Mapping[str, Callable[[Path], object]] | None = None,
) -> list[str]:
    """Write a finished run: all files to a folder of their own, then into `folder`, run.json last.

    Whoever is interrupted before the last rename leaves an unfinished run, or the one that was there before.
    The caller holds the run's lock.

    Args:
        folder: the run's.
        writers: for each file name, what writes it to a path.
        record: what run.json says besides the names and digests of the files.
        extras: like `writers`, of files such as pictures, which cost no run where they fail.

    Returns:
        A line for each of the extras that failed.

    Raises:
        OSError: the disk is full, or the folder cannot be written; a run that was there before is still whole.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for leftover in folder.glob(f"{STAGING}*"):  # of a process that was killed
        shutil.rmtree(leftover)
    with _naming(folder):
        staging = Path(tempfile.mkdtemp(prefix=STAGING, dir=folder))
    try:
        for name, write in writers.items():
            _write_unseen(staging / name, write)
        failed = {
            name: line for name, write in (extras or {}).items() if (line := tried(staging / name, write))
        }
        written = [*writers, *(name for name in extras or {} if name not in failed)]
        digests = {name: _digest(staging / name) for name in written}
        record = replace(record, files=written, sha256=digests)
        text = json.dumps(record.to_json(), indent=2) + "\n"
        _write_unseen(staging / RUN, lambda path: path.write_text(text, encoding="utf-8"))
        (folder / RUN).unlink(missing_ok=True)  # from here on the folder is not finished
        pictures = (folder / name for name in (PICTURE, LOSS_PICTURE, REGIONS_PICTURE))
        for earlier in (*folder.glob(STAGE_NETWORK.format("*")), *pictures):
            earlier.unlink(missing_ok=True)
        for name in (*written, RUN):
            (staging / name).replace(folder / name)
        for leftover in folder.glob(f"{UNFINISHED}*"):
            leftover.unlink(missing_ok=True)
        _to_disk(folder)
    except OSError as error:
        if error.filename:  # name the file that the user knows
            error.filename = str(folder / Path(error.filename).name)
        raise
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return [f"{folder / name}: {line}" for name, line in failed.items()]


def tried(path: Path, write: Callable[[Path], object]) -> str | None:
    """Write a file whole or not at all; what went wrong, if anything did."""
    try:
        write_whole(path, write)
    except Exception as error:  # of whatever library draws
        interrupts.check()
        return " ".join(console.reason(error).split()) or type(error).__name__
    return None


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    with files.opened(path) as file:
        while block := file.read(2**20):
            digest.update(block)
    return digest.hexdigest()


def unfinished_file(folder: Path, name: str) -> Path:
    """Where a long run keeps what it has on the way; `publish` removes it."""
    return folder / f"{UNFINISHED}{name}"


def read_run(folder: Path) -> RunRecord | None:
    """What `run.json` of a finished run says; None where there is no finished run, or a file of it is damaged."""
    return check_run(folder)[0]


def whole_run(folder: Path) -> RunRecord:
    """What `run.json` of a finished run says.

    Raises:
        ValueError: no run was finished there, or a file of it is damaged or missing; says which.
    """
    record, damage = check_run(folder)
    if record is None:
        raise ValueError(damage or f"{folder}: not a finished run, expected a folder with {RUN}")
    return record


def check_run(folder: Path) -> tuple[RunRecord | None, str | None]:
    """What `run.json` of a finished run says, or what is wrong with the folder; neither where no run was finished."""
    try:
        record = read_record(folder)
    except ValueError as error:
        return None, str(error)
    if record is None:
        return None, None
    if missing := [name for name in NEEDED if name not in record.sha256]:
        return None, f"{folder / RUN}: not written by a finished run (no digest of {', '.join(missing)})"
    for name, digest in record.sha256.items():
        try:
            if _digest(folder / name) != digest:
                return None, f"{folder / name}: not what the run wrote"
        except OSError as error:
            return None, f"{folder / name}: {error.strerror}"
    return record, None


def read_record(folder: Path) -> RunRecord | None:
    """What run.json says, without a look at the other files; None where there is none.

    Raises:
        ValueError: it cannot be read, or is not what a run writes.
    """
    path = folder / RUN
    try:
        content = json.loads(files.read_text(path))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise ValueError(f"{path}: {error.strerror}") from None
    except (ValueError, RecursionError):  # of json, or of UTF-8
        raise ValueError(f"{path}: not JSON, or cut off") from None
    try:
        record = RunRecord.from_json(content)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
    if RUN in record.sha256:
        raise ValueError(f"{path}: not written by a finished run (sha256)")
    return record


def require_writable(folder: Path) -> None:
    """Raise OSError where this folder could not be made, or no file made in it; nothing is made here."""
    there = next(path for path in (folder, *folder.parents) if path.exists())
    if not there.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(there))
    if not os.access(there, os.W_OK | os.X_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(there))


def missing_folders(folder: Path) -> list[Path]:
    """This folder and those above it that are not there yet, the innermost first."""
    return [path for path in (folder, *folder.parents) if not path.exists()]


def remove_empty(folders: list[Path]) -> None:
    """Remove folders, the innermost first, in which nothing came to be."""
    for folder in folders:
        with contextlib.suppress(OSError):
            folder.rmdir()
