"""Fill the pages: run every `$ triangle ...` command of their console blocks and write down what it printed.

python docs/readme.py              README.md and docs/regions.md
python docs/readme.py FILE ..      only these
"""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
PAGES = [HERE.parent / "README.md", HERE / "regions.md"]
BLOCK = re.compile(r"```console\n\$ (?P<command>[^\n]+)\n(?P<output>.*?)```", re.DOTALL)


def run(command: str, folder: Path) -> str:
    """What a `triangle ...` command prints, run in `folder`."""
    program, *words = shlex.split(command)
    path = Path(sys.executable).with_name(program)
    done = subprocess.run([path, *words], cwd=folder, capture_output=True, text=True, check=True)
    return "".join(f"{line.rstrip()}\n" for line in done.stdout.splitlines() if "[HYDRA]" not in line)


def fill(page: Path) -> None:
    """Rewrite the console blocks of a page, from commands in a folder that starts with docs/examples."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copytree(HERE / "examples", folder, dirs_exist_ok=True)

        def block(found: re.Match[str]) -> str:
            return f"```console\n$ {found['command']}\n{run(found['command'], folder)}```"

        page.write_text(BLOCK.sub(block, page.read_text()))


if __name__ == "__main__":
    for page in [Path(word) for word in sys.argv[1:]] or PAGES:
        fill(page)
