"""README.md and the pages in docs/ show what their commands print."""

import re
import shutil

import pytest
from docs.pages import ROOT, readme

from triangle_cli.cli import completion, main

NUMBER = re.compile(r"\d+(?:\.\d+)?(?:e[-+]?\d+)?(?: s\b)?")
TEXT = readme.README.read_text()


def skeleton(text):
    """The text without its numbers, folders' hashes and the white space that aligns it."""
    return re.sub(r"\s+", " ", NUMBER.sub("#", re.sub(r"-[0-9a-f]{8}\b", "-HASH", text)))


def numbers(text):
    """The numbers in the text that say nothing of time."""
    found = NUMBER.findall(re.sub(r"-[0-9a-f]{8}\b", "", text))
    return [float(number) for number in found if not number.endswith(" s")]


def printed_and_shown(page, folder):
    """A page's `triangle` commands in order, as its reader would run them: command, what it prints, what is shown."""
    shutil.copytree(ROOT / "docs" / "examples", folder, dirs_exist_ok=True)
    for block in readme.BLOCK.finditer(page.read_text()):
        if block["command"].startswith("triangle "):
            yield block["command"], readme.run(block["command"], folder), block["output"]


def test_the_commands_of_readme_print_what_it_shows(tmp_path):
    commands = list(printed_and_shown(readme.README, tmp_path))
    for command, printed, shown in commands:
        assert skeleton(printed) == skeleton(shown), command
    command, printed, shown = commands[0]
    assert command == "triangle run function=x2 depth=8"
    # other processors round otherwise, and a thousand steps of Adam amplify it
    assert numbers(printed) == pytest.approx(numbers(shown), rel=0.5)


@pytest.mark.slow
@pytest.mark.parametrize("page", ["layers", "data", "paper", "depth"])
def test_the_commands_of_a_page_print_what_it_shows(page, tmp_path):
    for command, printed, shown in printed_and_shown(ROOT / "docs" / f"{page}.md", tmp_path):
        assert skeleton(printed) == skeleton(shown), command


def test_readme_stays_short():
    assert len(TEXT.encode()) <= 9000


def test_the_python_in_readme_runs():
    (block,) = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    exec(block, {})


def test_every_command_is_in_the_help_and_the_completion():
    for command in main.COMMANDS:
        if not command.startswith("-"):
            assert f"\n  {command} " in main.help_text()
            assert command in completion.script("bash")
