"""The pages of the documentation, and what stands in their blocks of code."""

import importlib.util
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
TABLES = ROOT / "docs" / "tables"  # what commands write
spec = importlib.util.spec_from_file_location("readme", ROOT / "docs" / "readme.py")
readme = importlib.util.module_from_spec(spec)
spec.loader.exec_module(readme)

PAGES = [
    ROOT / "README.md",
    *(page for page in sorted((ROOT / "docs").rglob("*.md")) if page.parent != TABLES),
]
FENCED = re.compile(r"^```(?P<language>\w*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
# what a block that is a file begins with
FILE = re.compile(r"(# @package _global_\n)?# (?P<path>(?:mine|conf|triangle_cli)/[\w/.]+)\n")


def name(page: Path) -> str:
    """A page as it is called from the repository's root."""
    return str(page.relative_to(ROOT))


def files(page: Path) -> dict[Path, str]:
    """The files that a page shows, by path."""
    texts = [block["text"] for block in FENCED.finditer(page.read_text())]
    return {Path(first["path"]): text for text in texts if (first := FILE.match(text))}


def write_files(page: Path, folder: Path) -> None:
    """Write the files that a page shows under a folder."""
    for path, text in files(page).items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)


def commands(page: Path) -> Iterator[list[str]]:
    """The words of every `triangle` command in a page's blocks, in order; of console blocks what stands after $."""
    for block in FENCED.finditer(page.read_text()):
        for line in block["text"].splitlines():
            start = re.match(r"\$ triangle " if block["language"] == "console" else r"(\$ )?triangle ", line)
            if start:
                yield shlex.split(line[start.end() :], comments=True)


def without_code(text: str) -> str:
    """The text without its blocks of code."""
    return FENCED.sub("", text)


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", without_code(page.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
