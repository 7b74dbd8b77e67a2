"""The command line as a user types it, in a subprocess."""

import json
import subprocess
import sys

import pandas as pd
import pytest
import torch
import yaml
from conftest import TINY

from triangle_cli import __version__

BOTH_PHASES = [*TINY, "schedule.phases.1.epochs=20", "regions.every=7", "history.every=5"]


@pytest.fixture(scope="module")
def finished(shared_triangle):
    """A tiny run of the paper's schedule; its folder and what the terminal said."""
    done = shared_triangle("run", "function=x3", *BOTH_PHASES)
    assert done.returncode == 0, done.stderr
    folder = shared_triangle.folder / done.stdout.split("-> ")[1].strip()
    return folder, done


def test_a_run_leaves_its_files(finished):
    folder, _ = finished
    names = {path.name for path in folder.iterdir()}
    expected = {
        "errors.csv",
        "regions.csv",
        "history.csv",
        "network-init.pt",
        "network-peaks.pt",
        "network.pt",
        "config.yaml",
        "run.json",
        "fit.png",
        "loss.png",
        "regions.png",
    }
    assert names - {"triangle.log", ".lock"} == expected
    assert folder.parent.name == "x3"
    assert folder.name.startswith("d3-triangle-paper-")


def test_errors_have_a_row_per_restart_and_stage(finished):
    errors = pd.read_csv(finished[0] / "errors.csv")
    assert list(errors) == [
        *("restart", "stage", "mse_train", "mse_test", "max_error"),
        *("linear_regions", "floor_mse", "floor_ratio", "floor_kind", "diverged"),
    ]
    rows = [(restart, stage) for stage in ("init", "peaks", "weights") for restart in (0, 1)]
    assert list(zip(errors["restart"], errors["stage"], strict=True)) == rows
    assert (errors["linear_regions"][:4] == 8).all()
    assert (errors["floor_ratio"] >= 1).all()
    assert errors["floor_ratio"].to_numpy() == pytest.approx(
        (errors["mse_train"] / errors["floor_mse"]).to_numpy()
    )
    assert not errors["diverged"].any()


def test_regions_are_recorded_at_the_start_on_the_way_and_at_each_end(finished):
    regions = pd.read_csv(finished[0] / "regions.csv")
    first = regions[regions["restart"] == 0]
    assert list(zip(first["phase"], first["epoch"], strict=True)) == [
        *[("init", 0), ("peaks", 7), ("peaks", 14), ("peaks", 20)],
        *[("weights", 7), ("weights", 14), ("weights", 20)],
    ]
    assert (regions.loc[regions["phase"] != "weights", "linear_regions"] == 8).all()
    assert list(regions) == [
        "restart",
        "phase",
        "epoch",
        "linear_regions",
        "activation_regions",
        "dead_neurons",
    ]


def test_the_history_ends_where_the_errors_do(finished):
    history = pd.read_csv(finished[0] / "history.csv")
    errors = pd.read_csv(finished[0] / "errors.csv")
    last = history[(history["phase"] == "weights") & (history["epoch"] == 20)]
    final = errors[errors["stage"] == "weights"]
    assert last["loss"].to_numpy() == pytest.approx(final["mse_train"].to_numpy(), rel=1e-9)


def test_networks_load_as_plain_tensors_into_plain_torch(finished):
    state = torch.load(finished[0] / "network.pt", weights_only=True)
    sizes = [(1, 4), (4, 4), (4, 4)]
    layers = [layer for size in sizes for layer in (torch.nn.Linear(*size), torch.nn.ReLU())]
    network = torch.nn.Sequential(*layers, torch.nn.Linear(4, 1)).double()
    network.load_state_dict({name: tensor[1] for name, tensor in state.items()})
    x = torch.linspace(0, 1, 500, dtype=torch.float64)
    mse = (network(x.unsqueeze(1)).squeeze(1) - x**3).square().mean().item()
    errors = pd.read_csv(finished[0] / "errors.csv").set_index(["stage", "restart"])
    assert mse == pytest.approx(errors["mse_train"]["weights", 1], rel=1e-9)


def test_a_run_records_where_its_numbers_come_from(finished):
    record = json.loads((finished[0] / "run.json").read_text())
    assert record["versions"]["torch"] == torch.__version__
    assert record["seed"] == 0
    assert record["dtype"] == "float64"
    assert record["best_restart"] in (0, 1)
    assert set(record["seconds"]) == {"total", "cpu", "peaks", "weights"}
    assert finished[0].name.endswith(record["hash"])
    config = yaml.safe_load((finished[0] / "config.yaml").read_text())
    assert config["function"] == {"name": "x3", "formula": "x**3", "interval": [0.0, 1.0]}
    assert config["schedule"]["phases"][0]["epochs"] == 20


def test_the_terminal_shows_a_row_per_stage_and_no_progress_bar_in_a_pipe(finished):
    _, done = finished
    assert [line.split()[0] for line in done.stdout.splitlines()[3:6]] == ["init", "peaks", "weights"]
    assert "\x1b" not in done.stdout + done.stderr
    assert done.stderr == ""


def test_the_same_configuration_is_answered_from_disk(finished, shared_triangle):
    folder, done = finished
    before = (folder / "run.json").read_text()
    again = shared_triangle("run", "function=x3", *BOTH_PHASES)
    assert again.returncode == 0
    assert "from disk" in again.stdout
    assert again.stdout.splitlines()[1:] == done.stdout.splitlines()[1:]
    assert (folder / "run.json").read_text() == before


def test_force_runs_again_and_finds_the_same_numbers(finished, shared_triangle):
    folder, _ = finished
    before = {name: (folder / name).read_bytes() for name in ("errors.csv", "regions.csv", "history.csv")}
    again = shared_triangle("run", "function=x3", *BOTH_PHASES, "force=true", "threads=2")
    assert "from disk" not in again.stdout
    for name, content in before.items():
        assert (folder / name).read_bytes() == content, name


def test_an_unfinished_run_is_run_again(shared_triangle, finished):
    folder, _ = finished
    (folder / "fit.png").unlink()
    again = shared_triangle("run", "function=x3", *BOTH_PHASES)
    assert "from disk" not in again.stdout
    assert (folder / "fit.png").exists()


def test_the_user_may_choose_the_folder(triangle):
    assert triangle("run", *TINY, "schedule=peaks_only", "hydra.run.dir=mine").returncode == 0
    assert (triangle.folder / "mine" / "run.json").exists()
    other = triangle("run", *TINY, "schedule=peaks_only", "hydra.run.dir=mine", "seed=1")
    assert other.returncode == 1
    assert "hydra.run.dir=mine: expected a folder without a run of other settings" in other.stderr


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["depth=abc"], "depth=abc: expected a whole number"),
        (["depth=0"], "depth=0: expected 1 to 64 hidden layers"),
        (["dpeth=5"], "dpeth=5: no such setting; did you mean depth?"),
        (["+foo=1"], "foo: no such setting"),
        (
            ["function=foo"],
            "function=foo: expected one of circle, cubic, exp, r3, samples, sin, softplus, tanh3x, waves, x11, x2, x3",
        ),
        (
            ["init=trianle"],
            "init=trianle: expected one of front, limit, raai, random, triangle, zigzag; did you mean triangle?",
        ),
        (
            ["init=random", "schedule=paper"],
            "schedule=paper: expected a schedule of weights phases for init=random",
        ),
        (["dtype=float16"], "dtype=float16: expected one of float64, float32"),
        (
            ["schedule.phases.0.learning_rate=-1"],
            "schedule.phases.0.learning_rate=-1.0: expected a positive number",
        ),
        (
            ["schedule.phases.0.space=foo"],
            "expected one of peaks, peaks_and_scales, tents, tents_and_scales, weights",
        ),
        (["init.peaks=[0.5,0.5]"], "init.peaks=[0.5, 0.5]: expected 6 peaks"),
        (["init.width=5"], "init.width=5: expected 4"),
        (["function.formula=x**3-x", "function.interval=[-1,1]"], "expected a convex or concave function"),
        (["function.formula=x.y"], "function.formula='x.y': Attribute is not allowed"),
        (["device=tpu"], "device=tpu: expected cpu, cuda or cuda:N"),
        (["device=cuda:7"], "device=cuda:7: expected a device of this machine"),
        (["force=maybe"], "force=maybe: expected true or false"),
        (["foo"], "foo: expected KEY=VALUE"),
        (["data=wine", "points.grid=9"], "points.grid=9: expected nothing with data=..."),
        (["depth=2", "model.dropout=0.1"], "model.dropout=0.1: expected data=... with it"),
        (
            ["data=wine", "method=blocks"],
            "method=blocks: expected one of layers, layers_released, layers_free, limit, relu, relu_matched, "
            "silu, tanh, siren, kan with data=...",
        ),
        (["method=relu"], "method=relu: expected data=... with it"),
        (["init.peaks.0=0.3"], "init.peaks.0=0.3: expected the whole of it, init.peaks=[...]"),
        (
            ["data={name:1}"],
            "data={name:1}: data is null, expected data=NAME of a file that sets it first: breast",
        ),
        (
            ["schedule.deepening={kicks:3}"],
            "schedule.deepening={kicks:3}: schedule.deepening is null, expected schedule=NAME of a file that",
        ),
        (
            ["schedule.phases.x.epochs=3"],
            "schedule.phases.x.epochs=3: expected a place in a list, counted from 0",
        ),
        (
            ["schedule.phases.7.epochs=3"],
            "schedule.phases.7.epochs=3: expected a phase of the schedule, counted from 0",
        ),
        (["function=x2,x3"], "function=x2,x3: several values make a sweep, expected -m before them"),
        (["function="], "function=: expected a name; a formula of your own is"),
        (
            ["outputs=a=b"],
            "outputs=a=b: expected such a value in quotes inside the quotes: 'outputs=\"a=b\"'",
        ),
        (["outputs=null"], "outputs=null: expected a value, not null"),
        (["function.formula={}"], "function.formula={}: expected a word, or text in quotes"),
        (
            ["function.interval={}"],
            "function.interval={}: expected a list of numbers, such as function.inter",
        ),
        (["function.interval=1"], "function.interval=1: expected a list of numbers, such as function.inter"),
        (["init.peaks=[[1]]"], "init.peaks=[[1]]: expected a list of numbers, such as init.peaks=[0.1,0.9]"),
        (
            ["schedule.phases={}"],
            "expected a list, such as schedule.phases=[{space: .., optimizer: .., epochs: ..}]",
        ),
        (["schedule.phases=[1]"], "schedule.phases=[1]: expected a list, such as schedule.phases=[{space"),
        (
            ["schedule.phases=[{a:1}]"],
            "schedule.phases=[{a:1}]: no setting a, expected some of space, optimizer, ",
        ),
        (
            ["schedule.phases=[{epochs:a}]"],
            "schedule.phases=[{epochs:a}]: expected a whole number for epochs",
        ),
        (
            ["regions=abc"],
            "regions=abc: expected its settings by their names: regions.every=.., regions.limit=..",
        ),
        (["dtype=[]"], "dtype=[]: expected one of float64, float32"),
        (["depth.x=1"], "depth.x=1: expected a whole number"),
        (["+schedule.phases.0.epochs=3"], "expected schedule.phases.0.epochs=3, without the +"),
        (["depth='${nothing}'"], "depth=${nothing}: leads to no setting, expected a whole number"),
        (["function.x={a:1}"], "function.x={'a': 1}: expected no braces"),
        (["depth=???"], "depth: expected a whole number"),
        (["function.formula=null"], "function.formula=null: expected a formula"),
        (["depth=2", "-m", "outputs=", "seed=0,1"], "outputs=: expected a folder"),
    ],
)
def test_bad_words_get_one_line_and_leave_nothing(triangle, words, message):
    done = triangle("run", *words)
    assert done.returncode == 1
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert done.stdout == ""
    assert not list(triangle.folder.iterdir())


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (": : [\n", "mine/function/mine.yaml: line 1: expected"),
        ("formula: x**2\n", "function.interval: expected a value (the file chosen by function= has none)"),
    ],
)
def test_a_file_of_ones_own_that_is_wrong_is_named_in_one_line(triangle, text, message):
    path = triangle.folder / "mine" / "function" / "mine.yaml"
    path.parent.mkdir(parents=True)
    path.write_text(text)
    done = triangle("run", "--config-dir", "mine", "function=mine")
    assert done.returncode == 1
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_run_in_which_every_restart_diverges_says_so(triangle):
    words = ["run", "init=random", *TINY, "schedule.phases.0.learning_rate=1e300"]
    for _ in range(2):  # the second time from disk
        done = triangle(*words)
        assert done.returncode == 1
        assert done.stderr == "triangle: all 2 restarts diverged: expected a smaller learning_rate\n"
    errors = pd.read_csv(next(triangle.folder.rglob("errors.csv")))
    assert errors["diverged"].tolist() == [False, False, True, True]


def test_a_sweep_goes_on_past_a_failure_and_collects(triangle):
    words = ["run", "-m", "function=x2,x3", "init=random,triangle", "depth=2", "restarts=2"]
    words += ["schedule.phases.0.epochs=10", "points.train=1,50"]
    done = triangle(*words)
    assert done.returncode == 1
    assert "failed: function=x2 init=random depth=2" in done.stdout
    assert "points.train=1: expected 2 or more" in done.stdout
    (folder,) = (triangle.folder / "outputs" / "sweeps").iterdir()
    errors = pd.read_csv(folder / "errors.csv")
    assert set(zip(errors["function"], errors["init"], strict=True)) == {
        *[("x2", "random"), ("x2", "triangle"), ("x3", "random"), ("x3", "triangle")]
    }
    assert list(pd.read_csv(folder / "regions.csv"))[:3] == ["function", "init", "depth"]
    summary = (folder / "summary.md").read_text()
    assert summary.count("finished") == 4
    assert "nan" not in summary
    columns = [word.strip() for word in summary.splitlines()[0].strip("|").split("|")]
    chosen = ["function", "init", "depth", "restarts", "schedule.phases.0.epochs", "points.train"]
    assert columns[: len(chosen) + 1] == [*chosen, "stage"]
    assert columns[-2:] == ["status", "folder"]
    heading = next(line for line in done.stdout.splitlines() if "status" in line)
    assert heading.split()[:4] == ["function", "init", "points.train", "stage"]  # in which jobs differ
    logs = [path.read_text() for path in folder.glob("*/triangle.log")]
    assert sum("Traceback" in text and "points.train=1" in text for text in logs) == 4

    again = triangle(*words)
    assert "8 jobs: 4 from disk, 4 failed" in again.stdout
    assert again.returncode == 1


def test_a_users_own_folder_adds_functions_and_schedules(triangle):
    for group, text in {
        "function/gauss.yaml": "formula: exp(-x**2)\ninterval: [0.8, 3]\n",
        "schedule/quick.yaml": "phases:\n  - {space: peaks, optimizer: adam, epochs: 5, learning_rate: 0.01}\n",
    }.items():
        path = triangle.folder / "mine" / group
        path.parent.mkdir(parents=True)
        path.write_text(text)
    done = triangle(
        "run", "--config-dir", "mine", "function=gauss", "schedule=quick", "depth=3", "restarts=2"
    )
    assert done.returncode == 0, done.stderr
    assert "outputs/gauss/d3-triangle-quick-" in done.stdout


def test_a_run_does_without_torchs_compiler(tmp_path):
    code = "import sys; from triangle_cli.cli.main import main; main(sys.argv[1:]); "
    code += "sys.exit('torch._dynamo' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code, "run", *BOTH_PHASES], cwd=tmp_path, capture_output=True
    )
    assert done.returncode == 0, "importing it takes longer than many a run"
    assert list(tmp_path.glob("outputs/x2/*/run.json"))


def test_help_and_version_answer_without_torch(triangle):
    assert triangle("--version").stdout == f"triangle {__version__}\n"
    assert "triangle run function=x2 depth=8" in triangle("--help").stdout
    code = "import sys; from triangle_cli.cli.main import main; main(['--help']); main(['--version']); "
    code += (
        "main(['completion', 'bash']); sys.exit(any(m in sys.modules for m in ('torch', 'hydra', 'pandas')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False, capture_output=True).returncode == 0
    for words in (["run", "--cfg", "job"], ["regions", "--help"]):
        code = "import atexit, os, sys; from triangle_cli.cli.main import main; "
        code += "atexit.register(lambda: os._exit('torch' in sys.modules)); "
        code += f"main({words})"
        assert subprocess.run([sys.executable, "-c", code], check=False, capture_output=True).returncode == 0


def test_an_unknown_command_names_the_known_ones(triangle):
    done = triangle("train")
    assert done.returncode == 2
    assert "no command 'train', expected one of run" in done.stderr


def test_hydras_own_words_work(triangle):
    assert (
        "function: circle, cubic, exp, r3, samples, sin, softplus, tanh3x, waves, x11, x2, x3"
        in triangle("run", "--help").stdout
    )
    shown = yaml.safe_load(triangle("run", "function=x11", "--cfg", "job").stdout)
    assert shown["function"]["formula"] == "x**11"
    assert "Defaults List" in triangle("run", "--info", "defaults").stdout
    assert not (triangle.folder / "outputs").exists()
