"""Fill the pages with what commands print and what tables say; nothing in them is typed.

make readme                        builds the tables first, then fills README.md and the pages in docs/
make benchmark                     fills docs/benchmarks.md
python docs/readme.py FILE ..      only these pages

A block ```console with a line `$ triangle ...` gets the output of that command, run in a folder that starts with
docs/examples; any other, such as `$ python ...`, is run in the repository. Between <!-- table NAME --> and
<!-- end --> goes docs/tables/NAME.md, fresh from outputs/tables; between <!-- output COMMAND --> and <!-- end --> the
Markdown that the command prints. Pictures in docs/figures are fresh from outputs/figures.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
TABLES, FIGURES = HERE / "tables", HERE / "figures"
README = HERE.parent / "README.md"
MEASURED = HERE / "benchmarks.md"  # on a quiet machine only: make benchmark
PAGES = [
    README,
    *(page for page in sorted(HERE.rglob("*.md")) if TABLES not in page.parents and page != MEASURED),
]
BUILT = HERE.parent / "outputs"
BLOCK = re.compile(r"```console\n\$ (?P<command>[^\n]+)\n(?P<output>.*?)```", re.DOTALL)
TABLE = re.compile(r"<!-- table (?P<name>\w+) -->\n(?P<content>.*?)<!-- end -->", re.DOTALL)
OUTPUT = re.compile(r"<!-- output (?P<command>[^\n]+) -->\n(?P<content>.*?)<!-- end -->", re.DOTALL)


def run(command: str, folder: Path) -> str:
    """What a command prints, run in `folder` by a shell, which expands *."""
    path = shlex.quote(str(Path(sys.executable).parent))
    words = ["bash", "-c", f"PATH={path}:$PATH; {command}"]
    # else a make inside make tells of the folder it is in
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("MAKE", "MFLAGS"))}
    done = subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, check=True)
    return "".join(f"{line.rstrip()}\n" for line in done.stdout.splitlines())


def with_tables(text: str) -> str:
    """A page's text with its tables as they are in docs/tables/."""

    def table(found: re.Match[str]) -> str:
        content = (TABLES / found["name"]).with_suffix(".md").read_text()
        return f"<!-- table {found['name']} -->\n{content}<!-- end -->"

    return TABLE.sub(table, text)


def with_outputs(text: str) -> str:
    """A page's text with the Markdown that commands of the repository print."""

    def output(found: re.Match[str]) -> str:
        printed = run(found["command"], HERE.parent)
        return f"<!-- output {found['command']} -->\n{printed}<!-- end -->"

    return OUTPUT.sub(output, text)


def fill(page: Path) -> None:
    """Rewrite the tables, the console blocks and the Markdown of a page."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copytree(HERE / "examples", folder, dirs_exist_ok=True)

        def block(found: re.Match[str]) -> str:
            where = folder if found["command"].startswith("triangle") else HERE.parent
            return f"```console\n$ {found['command']}\n{run(found['command'], where)}```"

        page.write_text(BLOCK.sub(block, with_outputs(with_tables(page.read_text()))))


def main() -> None:
    """Copy tables, and figures that pages show, as they were built, then fill the pages named as words, or all."""
    TABLES.mkdir(exist_ok=True)
    for path in [*(BUILT / "tables").glob("*.md"), *(BUILT / "tables").glob("*.csv")]:
        shutil.copy(path, TABLES)
    for shown in FIGURES.glob("*"):
        if (BUILT / "figures" / shown.name).exists():
            shutil.copy(BUILT / "figures" / shown.name, shown)
    for page in [Path(word) for word in sys.argv[1:]] or PAGES:
        fill(page)


if __name__ == "__main__":
    main()
