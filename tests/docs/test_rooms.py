"""Imports between the rooms go down only; docs/rooms.py measures them."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import networkx as nx
import pytest

ROOT = Path(__file__).parents[2]
spec = importlib.util.spec_from_file_location("rooms", ROOT / "docs" / "rooms.py")
rooms = importlib.util.module_from_spec(spec)
sys.modules["rooms"] = rooms  # where dataclasses look for their annotations
spec.loader.exec_module(rooms)


@pytest.fixture(scope="module")
def checkout():
    return rooms.read_checkout(ROOT)


def files(*imports):
    return nx.DiGraph([(f"triangle_cli.{a}", f"triangle_cli.{b}") for a, b in imports])


def test_no_import_goes_up_and_no_files_import_each_other(checkout):
    assert checkout.upward == []
    assert rooms.circles(checkout.files) == []
    assert len(checkout.files) > 100
    assert ("triangle_cli.training.adam", "triangle_cli.training.problem") in checkout.files.edges


def test_every_import_counts_wherever_it_stands(tmp_path):
    package = tmp_path / "triangle_cli"
    for room in ("low", "high"):
        (package / room).mkdir(parents=True)
        (package / room / "__init__.py").touch()
    (package / "__init__.py").touch()
    (tmp_path / "hydra_plugins" / "triangle_launcher").mkdir(parents=True)
    (tmp_path / "hydra_plugins" / "triangle_launcher" / "__init__.py").touch()
    (package / "low" / "a.py").write_text("def f():\n    from triangle_cli.high import b\n")
    (package / "high" / "b.py").write_text("from triangle_cli.low import a\n")
    layers = "triangle_cli.high : hydra_plugins.triangle_launcher\n    triangle_cli.low"
    (tmp_path / "setup.cfg").write_text(f"[importlinter:contract:rooms]\nlayers =\n    {layers}\n")
    done = subprocess.run(
        [sys.executable, ROOT / "docs" / "rooms.py", "--root", tmp_path], capture_output=True, text=True
    )
    assert done.returncode == 1, done.stderr
    assert "goes up: triangle_cli.low.a imports triangle_cli.high.b" in done.stdout
    assert "circle: triangle_cli.high.b, triangle_cli.low.a" in done.stdout


def test_without_a_contract_the_order_with_the_fewest_upward_imports_is_taken():
    graph = files(
        ("a.1", "b.1"), ("a.2", "b.1"), ("b.1", "c.1"), ("c.1", "a.1"), ("d.1", "a.1"), ("c.1", "e.1")
    )
    layers = rooms.best_layers(graph)
    checkout = rooms.Checkout(ROOT, graph, layers)
    assert len(checkout.upward) == 1
    assert sorted(layers, key=layers.get)[0] == "e"
    assert sorted(layers, key=layers.get)[-1] == "d"
    assert checkout.floors["e"] == 1
    assert checkout.floors["d"] == max(checkout.floors.values())


def test_floors_are_the_longest_chains():
    checkout = rooms.Checkout(
        ROOT, files(("a.1", "b.1"), ("b.1", "c.1"), ("a.1", "c.1")), {"a": 2, "b": 1, "c": 0}
    )
    assert checkout.floors == {"a": 3, "b": 2, "c": 1}
    assert set(rooms.essential(checkout.rooms).edges) == {("a", "b"), ("b", "c")}


def test_the_picture_in_docs_shows_these_rooms(checkout):
    drawn = (ROOT / "docs" / "rooms.svg").read_text(encoding="utf-8")
    for room in checkout.rooms:
        assert f">{room}</text>" in drawn, "`make rooms` draws it"
