"""Links lead somewhere, commands are understood, and nothing that can be typed is left out."""

import importlib
import re
import shutil

import pytest
from docs.pages import PAGES, ROOT, anchors, commands, files, name, readme, without_code, write_files
from hydra.core.override_parser.overrides_parser import OverridesParser
from settings.composed import settings_of

from triangle_cli.cli import overrides
from triangle_cli.cli.main import ANSWERS, COMMANDS
from triangle_cli.runs.perform import experiment_of

TEXTS = {page: page.read_text() for page in PAGES}
TYPED = [words for page in PAGES for words in commands(page)]
ASKS = ("--help", "--from", "--cfg")  # of run: answered before or beside any run, and tested with the command
RUNS = [words for words in TYPED if words[0] == "run" and not any(word in ASKS for word in words)]
OTHERS = [words for words in TYPED if words[0] not in ("run", *ANSWERS)]
NOT_HERE = re.compile(
    r"data\.path=data/\w+: no |device=cuda: expected a device of this machine"
    r"|function\.path=\w+\.\w+: expected a file of samples"
)
PLUGINS = {"hydra/launcher=ray": "hydra_ray_launcher", "hydra/sweeper=list": "hydra_list_sweeper"}
CHANGES = (ROOT / "docs" / "changelog.md").read_text()
MAKEFILE = (ROOT / "Makefile").read_text()
TARGETS = re.findall(r"^([a-z0-9_%-]+):.*##", MAKEFILE, re.MULTILINE)


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_link_leads_somewhere(page):
    for target in re.findall(r"\]\(([^)]+)\)", without_code(TEXTS[page])):
        if target.startswith("http"):
            continue
        path, _, anchor = target.partition("#")
        there = (page.parent / path).resolve() if path else page
        assert there.exists(), target
        assert not anchor or anchor in anchors(there), target


def test_every_page_is_linked_from_another():
    linked = set()
    for page, text in TEXTS.items():
        paths = [target.partition("#")[0] for target in re.findall(r"\]\(([^)]+)\)", without_code(text))]
        linked |= {(page.parent / path).resolve() for path in paths} - {page}
    assert {page for page in PAGES if page.name != "README.md"} <= linked


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """What the commands of the pages presume: the examples, files that pages show, folders of pictures."""
    folder = tmp_path_factory.mktemp("pages")
    shutil.copytree(ROOT / "docs" / "examples", folder, dirs_exist_ok=True)
    for page in PAGES:
        write_files(page, folder)
    for data in ("cifar10", "imagenet"):
        (folder / "data" / data).mkdir(parents=True)
    return folder


def missing(words):
    """Plugins of Hydra that these words need and that are not installed."""
    modules = {plugin for word in words if (plugin := PLUGINS.get(word))}
    return {plugin for plugin in modules if importlib.util.find_spec(f"hydra_plugins.{plugin}") is None}


def first_job(settings):
    """The words of a sweep's first job: of each list the first value, of what a search may choose the least."""
    for word, override in zip(settings, OverridesParser.create().parse_overrides(settings)):
        if override.is_discrete_sweep():
            yield f"{override.key_or_group}={next(override.sweep_string_iterator())}"
        elif override.is_sweep_override():
            yield f"{override.key_or_group}={override.value().start}"
        else:
            yield word


def refusal(settings):
    """What is wrong with the settings, as a run would be told before it starts; nothing where they are right."""
    settings = ["depth=2" if word == "depth=auto" else word for word in settings]  # a sweep, one job of it
    try:
        composed = settings_of(*settings)
        experiment_of(composed).check(composed)
    except ValueError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("words", dict.fromkeys(map(tuple, RUNS)), ids=" ".join)
def test_every_run_in_the_pages_is_understood(words, folder, monkeypatch):
    if absent := missing(words):
        pytest.skip(f"{absent} is not installed")
    monkeypatch.chdir(folder)
    options, settings = overrides.split(list(words[1:]))
    overrides.check(settings)
    assert set(options) <= {"-m", "--config-dir", "mine"}
    own = [f"hydra.searchpath=[file://{folder}/mine]"] if "mine" in options else []
    refused = refusal([*own, *first_job(settings)])
    assert not refused or NOT_HERE.match(refused)


@pytest.mark.parametrize("words", OTHERS, ids=" ".join)
def test_every_other_command_in_the_pages_is_understood(words):
    module, make = COMMANDS[words[0]].parser.split(":")
    parser = getattr(importlib.import_module(f"triangle_cli.cli.{module}"), make)()
    parser.parse_args(words[1:])  # exits where it does not understand


def test_every_command_is_in_the_pages():
    typed = {words[0] for words in TYPED}
    named = {word for text in TEXTS.values() for word in re.findall(r"[`(]triangle ([a-z]+)", text)}
    assert typed | named >= COMMANDS.keys()


def test_every_make_target_in_the_pages_exists():
    for page, text in TEXTS.items():
        for target in re.findall(r"(?:`|^)make ([a-z0-9_-]+)(?![\w%-])", text, re.MULTILINE):
            experiment = ROOT / "conf" / "experiment" / f"{target.removeprefix('table-')}.yaml"
            assert target in TARGETS or (target.startswith("table-") and experiment.is_file()), (
                f"{page}: make {target}"
            )


def test_every_make_target_is_in_the_pages():
    text = "\n".join(TEXTS.values())
    assert [target for target in TARGETS if f"make {target}" not in text] == []


# where they were
MOVED = set(re.findall(r"^ *\| `(triangle_cli\S+)` \| `triangle_cli", CHANGES, re.MULTILINE))


def test_modules_that_pages_name_are_there():
    for page, text in TEXTS.items():
        shown = set(map(str, files(page)))
        for path in set(re.findall(r"triangle_cli/[\w/.]*\w", text)) - shown - MOVED:
            assert (ROOT / path).exists() or any(file.startswith(path) for file in shown), f"{page}: {path}"
        for dotted in set(re.findall(r"(?<![\w/])triangle_cli(?:\.[a-z_0-9]+)+", text)) - MOVED:
            parts = dotted.split(".")
            places = [ROOT.joinpath(*parts[:count]) for count in (len(parts), len(parts) - 1)]
            assert any(place.is_dir() or place.with_suffix(".py").is_file() for place in places), (
                f"{page}: {dotted}"
            )


def test_every_room_is_in_the_architecture():
    text = (ROOT / "docs" / "architecture.md").read_text()
    rooms = {path.parent.name for path in (ROOT / "triangle_cli").glob("*/__init__.py")}
    named = re.findall(r"`(\w+)`", "\n".join(re.findall(r"^\| (`.*?) \|", text, re.MULTILINE)))
    assert rooms - set(named) == set()


def test_settings_and_small_tables_are_those_of_their_commands():
    for page in ("README.md", "docs/settings.md"):
        text = (ROOT / page).read_text()
        assert readme.OUTPUT.search(text)
        assert readme.with_outputs(text) == text


def test_every_setting_has_a_meaning():
    rows = [
        line for line in (ROOT / "docs" / "settings.md").read_text().splitlines() if line.startswith("| `")
    ]
    assert len(rows) > 100
    assert [row for row in rows if re.search(r"\|\s*\|$", row)] == []


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_tables_are_those_in_docs_tables(page):
    assert readme.with_tables(TEXTS[page]) == TEXTS[page]


def test_every_table_is_in_the_results():
    shown = {found["name"] for found in readme.TABLE.finditer((ROOT / "docs" / "results.md").read_text())}
    assert {path.stem for path in (ROOT / "docs" / "tables").glob("*.md")} == shown


@pytest.mark.parametrize("command", ["make help", "triangle --help"])
def test_helps_are_those_of_their_commands(command):
    shown = [
        block
        for text in TEXTS.values()
        for block in readme.BLOCK.finditer(text)
        if block["command"] == command
    ]
    assert shown
    for block in shown:
        assert readme.run(command, ROOT) == block["output"]
