"""Nothing is lost: the networks of every stage, and runs whose picture or tracker failed."""

import json
import re
import sys

import pandas as pd
import pytest
import torch

from tests.conftest import SWEEP, TINY
from tests.settings.composed import settings_of
from triangle_cli.cli import main
from triangle_cli.fit import experiment
from triangle_cli.formats import network_files
from triangle_cli.learn.models import load_model
from triangle_cli.runs import perform, trackers
from triangle_cli.store import run_folder
from triangle_cli.store.stages import stage_cells, stage_summary

SPOILT = ["run", *TINY, "schedule.phases.1.epochs=5", "schedule.phases.1.learning_rate=0.3"]


@pytest.fixture(scope="module")
def spoilt(shared_triangle):
    """A run whose weights phase takes steps so large that it loses what the peaks had."""
    done = shared_triangle(*SPOILT, "hydra.run.dir=outputs/spoilt")
    assert done.returncode == 0, done.stderr
    return shared_triangle.folder / "outputs" / "spoilt", done.stdout


def test_the_networks_of_every_stage_are_kept_and_the_best_of_all_is_told(spoilt):
    folder, said = spoilt
    errors = pd.read_csv(folder / "errors.csv").set_index(["stage", "restart"])["mse_train"]
    assert errors["peaks"].min() < errors["weights"].min()
    record = run_folder.read_run(folder)
    files = ["network-init.pt", "network-peaks.pt", "network.pt"]
    assert [stage.file for stage in record.stages] == files
    settings = settings_of(*SPOILT[1:])
    target = experiment.check(settings)
    for stage in record.stages:
        state = torch.load(folder / stage.file, weights_only=True)
        assert all(len(tensor) == 2 for tensor in state.values())
        model = load_model(str(folder), stage.name)
        x = torch.linspace(*target.interval, settings.points.train, dtype=torch.float64)
        error = (model(x.unsqueeze(1)).squeeze(1) - target(x)).square().mean().item()
        assert error == pytest.approx(errors[stage.name].min(), rel=1e-9)
    best = errors["peaks"].idxmin()
    assert (record.best["stage"], record.best["restart"]) == ("peaks", best)
    assert (
        f"best of all: restart {best} after peaks, MSE {errors['peaks'].min():.2e}, 8 linear regions" in said
    )


def test_what_looks_at_a_run_takes_its_best_network_or_that_of_a_stage(spoilt, capsys):
    folder, _ = spoilt
    for words, stage in (([], "peaks"), (["--stage", "weights"], "weights"), (["--stage", "init"], "init")):
        assert main.main(["regions", str(folder), "--json", *words]) == 0
        assert json.loads(capsys.readouterr().out)["stage"] == stage
    assert network_files.load(folder / "network.pt").stage == "weights"
    assert network_files.load(folder / "network-peaks.pt").stage == "peaks"
    assert main.main(["regions", str(folder), "--stage", "peak"]) == 1
    assert "--stage peak: expected one of init, peaks, weights" in capsys.readouterr().err
    assert main.main(["show", str(folder), "--stage", "init"]) == 0
    assert re.search(
        r"networks at the start: \S+network-init.pt, the best is restart \d", capsys.readouterr().out
    )


def test_a_run_made_before_stages_were_kept(spoilt, tmp_path):
    folder, _ = spoilt
    record = json.loads((folder / "run.json").read_text())
    old = {key: value for key, value in record.items() if key not in ("stages", "best")}
    old["sha256"] = {name: digest for name, digest in old["sha256"].items() if "-" not in name}
    for name in old["sha256"]:
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    (tmp_path / "run.json").write_text(json.dumps(old))
    assert network_files.load(tmp_path).stage == "weights"
    with pytest.raises(
        ValueError, match=r"--stage peaks: expected one of weights .an older version kept no others"
    ):
        network_files.load(tmp_path, stage="peaks")


def test_a_phase_hands_on_the_best_that_was_seen():
    words = [*SPOILT[1:], "schedule.phases.1.hand_on=best"]
    found = experiment.run(settings_of(*words)).errors.set_index(["stage", "restart"])["mse_train"]
    last = experiment.run(settings_of(*SPOILT[1:])).errors.set_index(["stage", "restart"])["mse_train"]
    assert (found["weights"] <= found["peaks"] * (1 + 1e-9)).all()  # its first epoch is the phase's before
    assert (found["weights"] < last["weights"]).any()


def test_the_ratio_to_the_floor_is_the_best_restarts_own():
    errors = pd.DataFrame({"restart": [0, 1], "stage": "weights", "mse_train": [1e-6, 1e-2], "mse_test": 1.0})
    errors = errors.assign(linear_regions=[20, 1], floor_ratio=[1.8, 1.0], diverged=False)
    (row,) = stage_summary(errors).to_dict("records")
    assert row["floor_ratio_best"] == 1.8  # not that of the network which collapsed to one region
    assert stage_cells(pd.Series(row))["best / floor"] == "1.8"
    assert stage_cells(pd.Series(row | {"floor_kind": "exact"}))["best / floor"] == "1.8"
    assert stage_cells(pd.Series(row | {"floor_kind": "asymptotic"}))["best / floor"] == "~1.8"


def test_pictures_do_not_depend_on_a_notebooks_variable(triangle):
    inline = {"MPLBACKEND": "module://matplotlib_inline.backend_inline"}
    done = triangle("run", *TINY, "schedule=peaks_only", "hydra.run.dir=mine", **inline)
    assert done.returncode == 0, done.stderr
    assert (triangle.folder / "mine" / "fit.png").read_bytes().startswith(b"\x89PNG")


def test_a_picture_that_cannot_be_drawn_costs_no_run(tmp_path, monkeypatch, capsys):
    settings = settings_of(*TINY, "schedule=peaks_only", "restarts=1")
    # an earlier test may have imported it
    monkeypatch.delattr(sys.modules["triangle_cli.fit"], "pictures", raising=False)
    monkeypatch.setitem(sys.modules, "triangle_cli.fit.pictures", None)  # its import fails
    said = []
    monkeypatch.setattr(perform.log, "warning", lambda text, *words: said.append(text % words))
    perform.perform(settings, tmp_path / "run", [], lambda epoch: None)
    assert any("fit.png: " in line and "the rest of the run is on disk" in line for line in said)
    record = run_folder.read_run(tmp_path / "run")
    assert "fit.png" not in record.files
    assert {"errors.csv", "network.pt", "network-init.pt"} <= set(record.files)
    again = perform.perform(settings, tmp_path / "run", [], lambda epoch: None)
    assert again.reused
    assert main.main(["show", str(tmp_path / "run")]) == 0
    assert "picture: none" in capsys.readouterr().out


def test_a_tracker_that_fails_costs_neither_a_run_nor_what_follows(triangle, monkeypatch):
    pytest.importorskip("tensorboard")
    (triangle.folder / "outputs").mkdir()
    (triangle.folder / "outputs" / "tensorboard").write_text("in the way")
    done = triangle("run", *TINY, "schedule=peaks_only", "tracker=tensorboard")
    assert done.returncode == 1
    assert "peaks" in done.stdout
    assert "tensorboard" in done.stderr
    assert len(triangle.finished()) == 1
    done = triangle(*SWEEP, "tracker=tensorboard")
    assert done.returncode == 1
    assert "4 jobs: 4 computed" in done.stdout
    assert len(triangle.finished()) == 5
    assert done.stderr.count("outputs/tensorboard") == 4  # each is tried
    assert trackers.track("none", triangle.folder, triangle.folder) is None


@pytest.mark.parametrize("encoding", ["gbk", "cp932", "ascii"])
def test_no_output_depends_on_the_terminals_encoding(swept, encoding):
    words = ["show", "x2/d2", "--outputs", str(swept.folder / "outputs")]
    shown = swept(*words, PYTHONIOENCODING=encoding)
    assert shown.returncode == 0, shown.stderr
    if encoding == "ascii":
        (name,) = [path for path in (swept.folder / "outputs" / "x2").glob("d2-*")]
        umlaut = name.with_name("größe")
        umlaut.symlink_to(name.name)
        shown = swept("show", str(umlaut), PYTHONIOENCODING=encoding)
        umlaut.unlink()
        assert shown.returncode == 0, shown.stderr
        assert "gr\\xf6\\xdfe" in shown.stdout


def test_a_models_stages_are_kept_as_well(tmp_path):
    words = [
        "data=digits",
        "method=layers_released",
        "restarts=1",
        "schedule.phases.0.epochs=1",
        "schedule.phases.1.epochs=1",
        "depth=1",
    ]
    words += ["model.hidden=[4]"]
    run = perform.perform(settings_of(*words), tmp_path / "run", [], lambda step: None)
    assert [stage.file for stage in run.record.stages] == [
        "network-init.pt",
        "network-peaks.pt",
        "network.pt",
    ]
    assert not load_model(tmp_path / "run", "peaks")[1].activation.released
    assert load_model(str(tmp_path / "run"), "weights")[1].activation.released
    assert load_model(tmp_path / "run")[1].activation.released is (run.record.best["stage"] == "weights")
