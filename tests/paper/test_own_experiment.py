"""An experiment and a method of a user's own become a table."""

import pytest

EXPERIMENT = """# @package _global_
hydra:
  mode: MULTIRUN
  sweeper:
    params:
      function: x2,x3
      method: theorem_3_1,wild
"""
METHOD = """# @package _global_
defaults:
  - override /init: random
  - override /schedule: weights_only
paper:
  title: drawn wildly
"""
RUN = ["restarts=2", "depth=2", "schedule.phases.0.epochs=3", "points.grid=101"]


@pytest.fixture
def own(triangle):
    for group, name, text in (("experiment", "mine", EXPERIMENT), ("method", "wild", METHOD)):
        path = triangle.folder / "own" / group / f"{name}.yaml"
        path.parent.mkdir(parents=True)
        path.write_text(text)
    done = triangle("run", "--config-dir", "own", "experiment=mine", *RUN)
    assert done.returncode == 0, done.stderr
    assert "outputs/sweeps/mine" in done.stdout
    return triangle


def test_a_row_per_run_then_the_table_and_figures_that_its_file_asks_for(own):
    done = own("paper", "mine", "--config-dir", "own")
    assert done.returncode == 0, done.stderr
    table = (own.folder / "outputs/tables/mine.md").read_text()
    assert table.count("drawn wildly") == 2
    assert "pretraining + Theorem 3.1" in table
    path = own.folder / "own/experiment/mine.yaml"
    path.write_text(EXPERIMENT + "paper: {table: methods, column: mse_test, figures: [losses]}\n")
    done = own("paper", "mine", "--config-dir", "own")
    assert "Least MSE on the test points" in (own.folder / "outputs/tables/mine.md").read_text()
    assert (own.folder / "outputs/figures/mine-losses.pdf").is_file()
    path.write_text(EXPERIMENT + "paper: {table: methds}\n")
    done = own("paper", "mine", "--config-dir", "own")
    assert done.returncode == 1
    assert done.stderr.startswith(
        "triangle paper: paper.table=methds: expected one of auto, beyond, deepening, depth, formulas, methods"
    )
    assert own("paper", "nix").returncode == 2
