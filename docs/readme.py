"""Fill README.md: run every `$ triangle ...` command of its console blocks and write down what it printed.

python docs/readme.py            run the commands and rewrite README.md
"""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

README = Path(__file__).parent.parent / "README.md"
BLOCK = re.compile(r"```console\n\$ (?P<command>[^\n]+)\n(?P<output>.*?)```", re.DOTALL)


def run(command: str, folder: Path) -> str:
    """What a `triangle ...` command prints, run in `folder`."""
    program, *words = shlex.split(command)
    path = Path(sys.executable).with_name(program)
    done = subprocess.run([path, *words], cwd=folder, capture_output=True, text=True, check=True)
    return "".join(f"{line.rstrip()}\n" for line in done.stdout.splitlines() if "[HYDRA]" not in line)


def main() -> None:
    """Rewrite the console blocks of README.md, from runs in a folder that starts empty."""
    with tempfile.TemporaryDirectory() as folder:

        def fill(block: re.Match[str]) -> str:
            return f"```console\n$ {block['command']}\n{run(block['command'], Path(folder))}```"

        README.write_text(BLOCK.sub(fill, README.read_text()))


if __name__ == "__main__":
    main()
