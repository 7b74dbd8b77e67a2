"""README.md says what the commands and the tables say."""

import importlib.util
import re
import shutil
from pathlib import Path

import pytest

from triangle_cli.cli import main

ROOT = Path(__file__).parents[2]
CONF = ROOT / "conf" / "experiment"
spec = importlib.util.spec_from_file_location("readme", ROOT / "docs" / "readme.py")
readme = importlib.util.module_from_spec(spec)
spec.loader.exec_module(readme)

NUMBER = re.compile(r"\d+(?:\.\d+)?(?:e[-+]?\d+)?(?: s\b)?")
TEXT = readme.README.read_text()
BLOCKS = [(block["command"], block["output"]) for block in readme.BLOCK.finditer(TEXT)]


def skeleton(text):
    """The text without its numbers, folders' hashes and the white space that aligns it."""
    return re.sub(r"\s+", " ", NUMBER.sub("#", re.sub(r"-[0-9a-f]{8}\b", "-HASH", text)))


def numbers(text):
    """The numbers in the text that say nothing of time."""
    found = NUMBER.findall(re.sub(r"-[0-9a-f]{8}\b", "", text))
    return [float(number) for number in found if not number.endswith(" s")]


def test_the_tables_are_those_in_docs():
    assert readme.TABLE.search(TEXT)
    assert readme.with_tables(TEXT) == TEXT


def test_the_first_command_prints_what_readme_shows(triangle):
    command, shown = BLOCKS[0]
    assert command == "triangle run function=x2 depth=8"
    printed = triangle(*command.split()[1:]).stdout
    assert skeleton(printed) == skeleton(shown)
    # other processors round otherwise, and a thousand steps of Adam amplify it
    assert numbers(printed) == pytest.approx(numbers(shown), rel=0.5)


def check_commands(folder, chosen):
    """Run README's commands in order, as its reader would."""
    shutil.copytree(ROOT / "docs" / "examples", folder, dirs_exist_ok=True)
    for command, shown in BLOCKS:
        if chosen(command):
            assert skeleton(readme.run(command, folder)) == skeleton(shown), command


def test_the_commands_print_what_readme_shows(tmp_path):
    check_commands(tmp_path, lambda command: " -m " not in command)


@pytest.mark.slow
def test_the_sweeps_print_what_readme_shows(tmp_path):
    check_commands(tmp_path, lambda command: " -m " in command)


def test_the_python_in_readme_runs(triangle):
    assert (
        triangle(
            "run", "function=x2", "depth=2", "schedule=peaks_only", "schedule.phases.0.epochs=1"
        ).returncode
        == 0
    )
    (network,) = triangle.folder.rglob("network.pt")
    blocks = re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    assert len(blocks) == 2
    for block in blocks:
        exec(block.replace("network.pt", str(network)), {})


def test_every_make_target_in_readme_exists():
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"(?:`|^)make ([a-z0-9_-]+)", TEXT, re.MULTILINE):
        name = target.removeprefix("table-")
        assert re.search(rf"^{target}:", makefile, re.MULTILINE) or (CONF / f"{name}.yaml").is_file(), target


def test_every_command_is_in_the_help_and_the_completion():
    from triangle_cli.cli import completion

    for command in main.COMMANDS:
        if not command.startswith("-"):
            assert f"\n  {command} " in main.help_text()
            assert command in completion.script("bash")
