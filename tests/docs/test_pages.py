"""Links lead somewhere, commands are understood, and nothing that can be typed is left out."""

import importlib
import re
import shutil

import pytest
from docs.pages import PAGES, ROOT, anchors, commands, files, name, without_code, write_files

from triangle_cli.cli.main import ANSWERS, COMMANDS

TEXTS = {page: page.read_text() for page in PAGES}
TYPED = [words for page in PAGES for words in commands(page)]
ASKS = ("--help", "--from", "--cfg")  # of run: answered before or beside any run, and tested with the command
RUNS = [words for words in TYPED if words[0] == "run" and not any(word in ASKS for word in words)]
OTHERS = [words for words in TYPED if words[0] not in ("run", *ANSWERS)]
NOT_HERE = re.compile(r": (data\.path=data/\w+: no |device=cuda: expected a device of this machine)")
PLUGINS = {"hydra/launcher=ray": "hydra_ray_launcher", "hydra/sweeper=list": "hydra_list_sweeper"}
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
def folder(shared_triangle):
    """What the commands of the pages presume: the examples, files that pages show, folders of pictures."""
    shutil.copytree(ROOT / "docs" / "examples", shared_triangle.folder, dirs_exist_ok=True)
    for page in PAGES:
        write_files(page, shared_triangle.folder)
    for data in ("cifar10", "imagenet"):
        (shared_triangle.folder / "data" / data).mkdir(parents=True)
    return shared_triangle.folder


def missing(words):
    """A plugin of Hydra that these words need and that is not installed."""
    modules = {plugin for word in words if (plugin := PLUGINS.get(word.strip()))}
    return {plugin for plugin in modules if importlib.util.find_spec(f"hydra_plugins.{plugin}") is None}


def dry(words):
    """The words of a dry run; its launcher is named as Hydra does, since nothing is started."""
    launched = [re.sub("^launcher=", "hydra/launcher=triangle_", word) for word in words]
    return tuple(dict.fromkeys([*launched, "dry_run=true"]))


@pytest.mark.parametrize("words", dict.fromkeys(dry(words) for words in RUNS), ids=" ".join)
def test_every_run_in_the_pages_is_understood(words, folder, shared_triangle):
    if absent := missing(words):
        pytest.skip(f"{absent} is not installed")
    done = shared_triangle(*words)
    if "hparams_search=optuna" in words:
        assert (
            done.stderr
            == "triangle: dry_run=true: expected no search, whose jobs follow from each other's errors\n"
        )
        return
    refused = [line for line in done.stdout.splitlines() if line.startswith("would fail: ")]
    if refused:  # for what this machine does not have
        assert all(NOT_HERE.search(line) for line in refused)
    else:
        assert done.returncode == 0, done.stderr
        assert re.match(r"\d+ jobs?: 0 done, \d+ to run\n", done.stdout)


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
        for target in re.findall(r"(?:`|^)make ([a-z0-9_-]+[a-z0-9_])", text, re.MULTILINE):
            experiment = ROOT / "conf" / "experiment" / f"{target.removeprefix('table-')}.yaml"
            assert target in TARGETS or (target.startswith("table-") and experiment.is_file()), (
                f"{page}: make {target}"
            )


def test_every_make_target_is_in_the_pages():
    text = "\n".join(TEXTS.values())
    assert [target for target in TARGETS if f"make {target}" not in text] == []


def test_modules_that_pages_name_are_there():
    for page, text in TEXTS.items():
        shown = set(map(str, files(page)))
        for path in set(re.findall(r"triangle_cli/[\w/.]*\w", text)) - shown:
            assert (ROOT / path).exists() or any(file.startswith(path) for file in shown), f"{page}: {path}"
        for dotted in set(re.findall(r"(?<![\w/])triangle_cli(?:\.[a-z_0-9]+)+", text)):
            parts = dotted.split(".")
            places = [ROOT.joinpath(*parts[:count]) for count in (len(parts), len(parts) - 1)]
            assert any(place.is_dir() or place.with_suffix(".py").is_file() for place in places), (
                f"{page}: {dotted}"
            )
