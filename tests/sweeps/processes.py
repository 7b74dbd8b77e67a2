"""The processes of a sweep that a test started."""

import subprocess


def group_of(process: subprocess.Popen) -> list[int]:
    """The processes of a sweep: it and its workers."""
    listed = subprocess.run(
        ["ps", "-A", "-o", "pid=,pgid="], capture_output=True, text=True, check=True
    ).stdout
    pairs = [tuple(map(int, line.split())) for line in listed.splitlines()]
    return [pid for pid, group in pairs if group == process.pid and pid != process.pid]


def words_of(pid: int) -> str:
    return subprocess.run(["ps", "-ww", "-o", "args=", "-p", str(pid)], capture_output=True, text=True).stdout
