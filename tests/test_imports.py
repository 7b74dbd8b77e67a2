"""While a command imports, the garbage collector rests; elsewhere it is left alone."""

import gc

import pytest

from triangle_cli import console, imports


@pytest.fixture
def frozen():
    """How many objects were frozen before; they are looked at again afterwards, as are all others."""
    yield gc.get_freeze_count()
    gc.unfreeze()
    gc.enable()


def test_nothing_is_collected_while_a_command_imports(frozen, monkeypatch):
    monkeypatch.setattr(console, "talkative", True)
    with imports.uncollected():
        assert not gc.isenabled()
        with imports.uncollected():
            pass
        assert not gc.isenabled(), "the outer one goes on"
    assert gc.isenabled()
    assert gc.get_freeze_count() == frozen, "nothing was imported: garbage may be among what is there"


def test_what_was_imported_is_not_looked_at_again(frozen, monkeypatch, tmp_path):
    monkeypatch.setattr(console, "talkative", True)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "a_module_of_this_test.py").write_text("")
    with imports.uncollected():
        import a_module_of_this_test  # noqa: F401

    assert gc.isenabled()
    assert gc.get_freeze_count() > frozen


def test_a_process_that_is_no_command_collects_as_it_did(frozen, monkeypatch):
    monkeypatch.setattr(console, "talkative", False)
    with imports.uncollected():
        assert gc.isenabled()
    monkeypatch.setattr(console, "talkative", True)
    gc.disable()
    with imports.uncollected():
        pass
    assert not gc.isenabled(), "somebody else disabled it"
