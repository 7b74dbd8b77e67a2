"""Fill README.md with what commands print and what tables say; nothing in it is typed.

    make readme      builds the tables first, then runs this

A block ```console with a line `$ triangle ...` gets the output of that command, run in a folder that starts
empty. A pair of comments <!-- table NAME --> ... <!-- end --> gets docs/tables/NAME.md, fresh from outputs/tables/.
"""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
TABLES = ROOT / "docs" / "tables"
BLOCK = re.compile(r"```console\n\$ (?P<command>[^\n]+)\n(?P<output>.*?)```", re.DOTALL)
TABLE = re.compile(r"<!-- table (?P<name>\w+) -->\n(?P<content>.*?)<!-- end -->", re.DOTALL)


def run(command: str, folder: Path) -> str:
    """What a `triangle ...` command prints, run in `folder`."""
    program, *words = shlex.split(command)
    path = Path(sys.executable).with_name(program)
    done = subprocess.run([path, *words], cwd=folder, capture_output=True, text=True, check=True)
    return "".join(f"{line.rstrip()}\n" for line in done.stdout.splitlines())


def with_tables(text: str) -> str:
    """README's text with its tables as they are in docs/tables/."""
    return TABLE.sub(
        lambda found: (
            f"<!-- table {found['name']} -->\n{(TABLES / found['name']).with_suffix('.md').read_text()}<!-- end -->"
        ),
        text,
    )


def main() -> None:
    """Rewrite README.md and docs/tables/."""
    TABLES.mkdir(exist_ok=True)
    for path in [*(ROOT / "outputs" / "tables").glob("*.md"), *(ROOT / "outputs" / "tables").glob("*.csv")]:
        shutil.copy(path, TABLES)
    with tempfile.TemporaryDirectory() as folder:

        def fill(block: re.Match[str]) -> str:
            return f"```console\n$ {block['command']}\n{run(block['command'], Path(folder))}```"

        README.write_text(BLOCK.sub(fill, with_tables(README.read_text())))


if __name__ == "__main__":
    main()
