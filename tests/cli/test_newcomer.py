"""What is said of the first things that newcomers type."""

import pytest

from tests.conftest import SWEEP
from triangle_cli.cli import main


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("function=exp(2*x)", "a formula of your own is 'function.formula=\"exp(2*x)\"'"),
        ('function="x**2"', "a formula of your own is 'function.formula=\"x**2\"'"),
        ('function.formula="x^2"', "function.formula='x^2': expected ** for a power, not ^"),
        ('function.formula="np.exp(x)"', "expected exp alone, not np.exp"),
        ('function.formula="math.exp(x)"', "expected exp alone, not math.exp"),
        ('function.formula="ln(x+1)"', "expected log, not ln"),
        ('function.formula="x*log(x)"', "not finite at x=0, expected finite values on [0, 1]; an end "
         "can be moved, such as function.interval=[0.001,1]"),
        ("lr=0.1", "lr=0.1: no such setting, expected schedule.phases.0.learning_rate=0.1 for the first phase"),
        ("epochs=100", "epochs=100: no such setting, expected schedule.phases.0.epochs=100 for the first phase"),
        ("schedule.phases.0.hand_on=worst", "schedule.phases.0.hand_on=worst: expected one of last, best"),
    ],
)  # fmt: skip
def test_a_word_that_is_not_understood_is_answered_by_one_that_is(shared_triangle, word, said):
    done = shared_triangle("run", word)
    assert done.returncode == 1
    assert said in done.stderr
    assert done.stderr.count("\n") == 1


def test_the_advice_is_followed(shared_triangle):
    done = shared_triangle("run", 'function.formula="exp(2*x)"', "dry_run=true")
    assert done.returncode == 0, done.stderr
    assert "1 to run" in done.stdout


@pytest.mark.parametrize("words", [["--where", "nothing < 3"], ["--sort", "nothing"]])
def test_a_column_that_is_not_there_names_ten(swept, words, capsys):
    assert main.main(["ls", "--outputs", str(swept.folder / "outputs"), *words]) == 1
    said = capsys.readouterr().err
    assert "nothing: no such column, expected one such as function, depth, init" in said
    assert said.count(",") == 10


def test_a_sweep_is_shown_by_its_hash_or_folder(swept, capsys):
    (folder,) = (swept.folder / "outputs" / "sweeps").iterdir()
    for words in ([folder.name, "--outputs", str(swept.folder / "outputs")], [str(folder)]):
        # its jobs name their folders from where the sweep ran
        assert swept("show", *words).stdout.count("finished") == 4
    assert main.main(["show", "00000000", "--outputs", str(swept.folder / "outputs")]) == 1
    assert "expected the folder or the hash of a finished run" in capsys.readouterr().err


def test_runs_in_folders_of_ones_own_are_listed(triangle):
    words = ["run", "depth=2", "restarts=1", *SWEEP[-2:]]
    for number, folder in enumerate(("outputs/mine/deep", "outputs/sweeps/once", "outputs"), start=1):
        assert triangle(*words, f"seed={number}", f"hydra.run.dir={folder}").returncode == 0
        assert f"{number} run" in triangle("ls").stdout
