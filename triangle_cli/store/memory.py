"""Memory that there is, asked for before it is taken."""

from __future__ import annotations

import os
import resource
import zipfile
from pathlib import Path


def free_memory() -> int:
    """Bytes that this process may still ask for: of the machine's memory, and of its own limit (ulimit -v)."""
    page = os.sysconf("SC_PAGE_SIZE")
    free = os.sysconf("SC_PHYS_PAGES") * page
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit == resource.RLIM_INFINITY:
        return free
    try:
        taken = int(Path("/proc/self/statm").read_text().split()[0]) * page
    except (OSError, ValueError):  # no such file on this system
        taken = 0
    return min(free, limit - taken)


def require_memory(label: str, wanted: int) -> None:
    """Raise ValueError, before it is taken, for memory that is not there."""
    free = free_memory()
    if wanted > free:
        raise ValueError(
            f"{label}: needs about {wanted / 1e9:.3g} GB of memory, {free / 1e9:.3g} GB are free"
        )


def unpacked_size(path: Path) -> int:
    """Bytes of all parts of an archive, such as torch.save and numpy.savez write; 0 for what is no archive."""
    try:
        with zipfile.ZipFile(path) as parts:
            return sum(part.file_size for part in parts.infolist())
    except (zipfile.BadZipFile, NotImplementedError, EOFError):
        return 0
