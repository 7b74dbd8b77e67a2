"""docs/contributing.md: what it says to add, added as it says, works."""

import importlib
import re
import sqlite3
import sys
from pathlib import Path

import pytest
import torch
from docs.pages import FENCED, ROOT, files, write_files
from settings.composed import settings_of

from triangle_cli.cli import main
from triangle_cli.fit import experiment, starts
from triangle_cli.fit.points import even_points
from triangle_cli.paper import experiments, registry
from triangle_cli.runs import trackers

PAGE = ROOT / "docs" / "contributing.md"
ENTRY = re.compile(r"# (?P<path>[\w/.]+), in (?P<registry>\w+)\n(?P<entry>.*)", re.DOTALL)
SMALL = ["restarts=2", "depth=2", "schedule.phases.0.epochs=10", "points.grid=101"]


def module_of(path):
    return ".".join(Path(path).with_suffix("").parts)


@pytest.fixture(scope="module")
def added(tmp_path_factory):
    """A folder with the files of the page; its modules are found as those of the package, its entries are made."""
    folder = tmp_path_factory.mktemp("added")
    write_files(PAGE, folder)
    modules = [path for path in files(PAGE) if path.suffix == ".py"]
    with pytest.MonkeyPatch.context() as patch:
        for path in modules:
            package = importlib.import_module(module_of(path.parent))
            patch.setattr(package, "__path__", [*package.__path__, str(folder / path.parent)])
        for block in FENCED.finditer(PAGE.read_text()):
            if entry := ENTRY.match(block["text"]):
                module = importlib.import_module(module_of(entry["path"]))
                known = getattr(module, entry["registry"])
                if isinstance(known, dict):
                    for key, value in eval(f"{{{entry['entry']}}}", vars(module)).items():
                        patch.setitem(known, key, value)
                else:
                    patch.setattr(module, entry["registry"], (*known, *eval(f"({entry['entry']})")))
        yield folder
    for path in modules:
        sys.modules.pop(module_of(path), None)
    for known, word in ((starts.STARTS, "he"), (registry.TABLES, "seconds"), (registry.FIGURES, "bars")):
        known.pop(word, None)


def composed(folder, *words):
    return settings_of(f"hydra.searchpath=[file://{folder}]", *words)


@pytest.fixture(scope="module")
def ran(added, shared_triangle):
    """The experiment of the page, run small."""
    write_files(PAGE, shared_triangle.folder)
    done = shared_triangle("run", "--config-dir", "mine", "experiment=mine", *SMALL)
    assert done.returncode == 0, done.stderr
    return shared_triangle


def test_a_function_and_a_schedule_are_a_file_each(added):
    settings = composed(added / "mine", "function=gauss", "schedule=quick")
    assert settings.function.formula == "exp(-x**2)"
    assert [phase.epochs for phase in settings.schedule.phases] == [300, 300]


def test_a_network_is_a_file(added):
    settings = composed(added / "mine", "function=cubic", "network=four", *SMALL, "schedule=peaks_only")
    counted = experiment.run(settings).regions["linear_regions"]
    assert counted.max() == 4 * (2**2 - 1) + 1  # the breakpoints of four networks, none of which coincide


def test_an_experiment_is_a_file_and_has_a_table(ran):
    done = ran("paper", "mine", "--config-dir", "mine")
    assert done.returncode == 0, done.stderr
    table = (ran.folder / "outputs" / "tables" / "mine.md").read_text()
    assert "Kaiming" in table
    assert "300 epochs each" in table
    assert list((ran.folder / "outputs" / "figures").glob("mine-losses.*"))


def test_a_start_is_a_function_and_a_file(added):
    settings = composed(added / "conf", "init=he", "restarts=2000", "depth=3")
    target = experiment.check(settings)
    points = even_points(target, 3, torch.float64, "cpu")
    network = starts.find(settings.init).draw(settings, target, points)
    assert network.weights[1].std().item() == pytest.approx((2 / 4) ** 0.5, rel=0.02)
    assert not any(bias.any() for bias in network.biases)
    with pytest.raises(ValueError, match=r"init.scale=1.0: expected nothing: init=he has no scale"):
        starts.find(composed(added / "conf", "init=he", "init.scale=1").init)


def test_an_optimizer_is_a_class_and_a_line(added):
    words = ["schedule=peaks_only", "schedule.phases.0.optimizer=momentum", "schedule.phases.0.epochs=20"]
    settings = composed(added / "conf", *words, "restarts=3", "depth=3", "function=x3", "points.grid=101")
    losses = experiment.run(settings).history.groupby("restart")["loss"]
    assert (losses.last() < losses.first()).all()


def test_a_table_and_a_figure_are_a_function_each(added, ran, monkeypatch):
    monkeypatch.chdir(ran.folder)
    file = added / "mine" / "experiment" / "mine.yaml"
    text = file.read_text().replace("table: runs", "table: seconds").replace("[losses]", "[bars]")
    file.write_text(text)
    written = list(experiments.write("mine", Path("outputs"), added / "mine"))
    assert "| 300 epochs each |" in Path("outputs/tables/mine.md").read_text()
    assert Path("outputs/figures/mine-seconds.png") in written


def test_a_tracker_is_a_module_and_a_word(added, ran, tmp_path):
    assert settings_of("tracker=sqlite3").tracker == "sqlite3"
    trackers.require("sqlite3")
    (folder,) = (ran.folder / "outputs" / "gauss").glob("d2-random-*")
    for _ in range(2):  # the second time it knows
        trackers.track("sqlite3", tmp_path, folder)
    with sqlite3.connect(tmp_path / "runs.db") as database:
        told = database.execute("select count(*), max(epoch) from told where name = 'loss/min'").fetchone()
    database.close()
    assert told == (2, 10)


def test_a_command_is_a_module_and_a_line(added, ran, tmp_path, capsys):
    assert main.main(["slowest", "--outputs", str(ran.folder / "outputs")]) == 0
    assert re.search(r"gauss/d2-\S+: \d+\.\d s\n", capsys.readouterr().out)
    assert main.main(["slowest", "--outputs", str(tmp_path)]) == 1
    assert "expected a folder with finished runs" in capsys.readouterr().err
    assert "  slowest " in main.help_text()
