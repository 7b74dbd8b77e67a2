"""Gradient-boosted trees on the points of a formula, as the restarts of a run drew them.

Needs scikit-learn (`pip install .[data]`).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from triangle_cli.learn.formulas import Formula
from triangle_cli.learn.searching import HELD_OUT
from triangle_cli.settings.learn import DataSettings, Source, Task
from triangle_cli.store import run_folder

RATES = (0.03, 0.1, 0.3)


def errors_of_trees(config: dict[str, Any], folder: Path) -> tuple[list[float], float]:
    """The error on the test points of each restart, in standard deviations of the values, and the learning rate chosen.

    Args:
        config: a run's settings, from its config.yaml.
        folder: where what was computed is kept.
    """
    words = config["data"] | {"source": Source.formula, "task": Task.regression}
    data, restarts, seed = DataSettings(**words), config["restarts"], config["seed"]
    asked = {"data": config["data"], "restarts": restarts, "seed": seed}

    def compute() -> dict[str, list[float]]:
        formula = Formula.of(data)
        table, (train, _) = formula.table(restarts, seed)
        held = np.arange(len(train)) % HELD_OUT == 0
        tried = [_error(rate, table.x[train], table.y[train], ~held, held) for rate in RATES]
        rate = RATES[int(np.argmin(tried))]
        errors = []
        for restart in range(restarts):
            table, (train, test) = formula.table(restart, seed)
            learned, tested = (np.isin(np.arange(len(table.y)), part) for part in (train, test))
            errors.append(_error(rate, table.x, table.y, learned, tested))
        return {"errors": errors, "learning_rate": [rate]}

    found = run_folder.remember(folder / f"{data.title}-{data.noise:g}.json", "scores", asked, compute)
    return found["errors"], found["learning_rate"][0]


def _error(rate: float, x: np.ndarray, y: np.ndarray, learned: np.ndarray, tested: np.ndarray) -> float:
    from sklearn.ensemble import GradientBoostingRegressor

    said = (
        GradientBoostingRegressor(learning_rate=rate, random_state=0)
        .fit(x[learned], y[learned])
        .predict(x[tested])
    )
    return float(np.sqrt(np.mean((said - y[tested]) ** 2) / np.mean((y[tested] - y[learned].mean()) ** 2)))
