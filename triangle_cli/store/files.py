"""What may stand where a file is expected: only regular files are read, and devices are written to, not replaced."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO


def require_regular(path: Path) -> None:
    """Raise OSError, without opening it, for what is no file on a disk: a pipe waits, a device never ends.

    Raises:
        OSError: there is nothing, or a folder, a pipe, a device; the reason says which.
    """
    mode = path.stat().st_mode
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(21, "Is a directory", str(path))
    if not stat.S_ISREG(mode):
        kind = "a pipe" if stat.S_ISFIFO(mode) else "a socket" if stat.S_ISSOCK(mode) else "a device"
        raise OSError(22, f"is {kind}, expected a file", str(path))


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """A regular file, open to be read; errors as of `require_regular`."""
    require_regular(path)
    with path.open("rb") as file:
        yield file


def read_bytes(path: Path) -> bytes:
    """The content of a regular file; errors as of `require_regular`."""
    with opened(path) as file:
        return file.read()


def read_text(path: Path) -> str:
    """The text, in UTF-8, of a regular file. Raises ValueError for other bytes; else errors as of `require_regular`."""
    return read_bytes(path).decode("utf-8")


OTHER = "damaged, or another format"


def looks_like(path: Path) -> str:
    """What a regular file is that no reader could read: empty, text, or whatever else."""
    with opened(path) as file:
        start = file.read(512)
    if not start:
        return "empty"
    is_text = all(byte >= 32 or byte in b"\t\n\r\f" for byte in start)
    with contextlib.suppress(UnicodeDecodeError):
        start[: start.rfind(b"\n") + 1 or None].decode("utf-8")
        return "text" if is_text else OTHER
    return OTHER


def require_arrays(arrays: dict[str, Any]) -> None:
    """Raise ValueError for what a zip holds beside arrays, which numpy hands out as bytes."""
    for name, array in arrays.items():
        if isinstance(array, bytes):
            raise ValueError(f"a zip with {name}, which is no array")


def numpy_reason(error: BaseException) -> str:
    """Why numpy could not load a file, in a line; never its advice to allow pickles, which could run code."""
    text = str(error).partition("\n")[0] or type(error).__name__
    if text.startswith("Object arrays"):
        return "Python objects, no numbers"
    return "another format" if "pickle" in text else text


def followed(path: Path) -> Path:
    """Where links lead: the file to be replaced, or one that is to be."""
    path.exists()  # raises OSError for links that go round in a circle
    return Path(os.path.realpath(path)) if path.is_symlink() else path


def is_replaceable(path: Path) -> bool:
    """Whether a file can take the place of what is there: a regular file, or nothing; not what is open as stdout."""
    if _descriptor(path) is not None:
        return False
    try:
        mode = path.stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return True
    return stat.S_ISREG(mode) or stat.S_ISDIR(mode)  # the system says what is wrong with a folder


def require_own(path: Path) -> None:
    """Raise OSError where a file of the package's own cannot stand: a pipe waits for a reader, a device keeps nothing.

    Raises:
        OSError: there is a folder, a pipe, a device; the reason says which.
    """
    if not is_replaceable(path):
        require_regular(path)


def write_through(path: Path, write: Callable[[Path], object]) -> None:
    """Let `write` fill a file, then copy it into the device, pipe or open file that `path` names.

    Raises:
        OSError: it takes no bytes.
    """
    with tempfile.TemporaryDirectory(prefix="triangle-") as folder:
        made = Path(folder) / path.with_suffix(path.suffix or ".out").name
        write(made)
        number = _descriptor(path)
        target = os.dup(number) if number is not None else os.open(path, os.O_WRONLY)
        with made.open("rb") as source, os.fdopen(target, "wb") as sink:
            shutil.copyfileobj(source, sink)


def _descriptor(path: Path) -> int | None:
    """The number of the open file that names such as /dev/stdout lead to; None for other names."""
    for _ in range(40):  # as many links as the system itself follows
        if path.name.isdecimal() and str(path.parent.resolve()) == f"/proc/{os.getpid()}/fd":
            return int(path.name)
        if not path.is_symlink():
            return None
        path = path.parent / path.readlink()
    return None
