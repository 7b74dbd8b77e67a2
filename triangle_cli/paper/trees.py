"""What else one might fit to a table, on the same folds: a linear model and gradient-boosted trees.

Needs scikit-learn (`pip install .[data]`).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from triangle_cli.learn.splits import fold
from triangle_cli.learn.tables import Table, read_table
from triangle_cli.settings.learn import DataSettings, Source, Task
from triangle_cli.store import run_folder

MANY = 10_000  # examples; from there on trees are grown from histograms, as scikit-learn advises


def alternatives(task: Task, examples: int) -> dict[str, Any]:
    """The models; but for the penalties to choose from, and iterations enough, with scikit-learn's own settings."""
    from sklearn import ensemble, linear_model
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    kind = "Regressor" if task is Task.regression else "Classifier"
    trees = getattr(ensemble, f"{'Hist' if examples >= MANY else ''}GradientBoosting{kind}")(random_state=0)
    linear = (
        linear_model.RidgeCV(np.logspace(-3, 3, 13))
        if task is Task.regression
        else linear_model.LogisticRegression(max_iter=2000)
    )
    return {"linear": make_pipeline(StandardScaler(), linear), "gradient-boosted trees": trees}


def scores(config: dict[str, Any], restarts: int, folder: Path) -> dict[str, list[float]]:
    """The score of each alternative on the test part of each restart, kept in a file of `folder`.

    Args:
        config: a run's settings, from its config.yaml.
        restarts: how many folds, dealt as for the run.

    Returns:
        Mean squared errors, or accuracies, by the alternative's name.

    Raises:
        ValueError: the data cannot be read any more.
    """
    words = config["data"] | {
        "source": Source(config["data"]["source"]),
        "task": Task(config["data"]["task"]),
    }
    data = DataSettings(**words)
    table = read_table(data)
    asked = {
        "data": config["data"],
        "content": data.content(),
        "seed": config["seed"],
        "restarts": restarts,
        "examples": len(table.y),
    }

    def compute() -> dict[str, list[float]]:
        ways = [fold(len(table.y), data.table_folds, restart, config["seed"]) for restart in range(restarts)]
        models = alternatives(data.task, len(table.y))
        return {name: [_score(model, table, way) for way in ways] for name, model in models.items()}

    return run_folder.remember(folder / f"{data.title}.json", "scores", asked, compute)


def _score(model: Any, table: Table, ways: tuple[np.ndarray, np.ndarray]) -> float:
    train, test = ways
    known, right = table.y[train], table.y[test]
    if (known == known[0]).all():  # scikit-learn refuses to learn from one class
        said = np.full_like(right, known[0])
    else:
        said = model.fit(table.x[train], known).predict(table.x[test])
    return float(np.mean(said == right) if table.classes else np.mean((said - right) ** 2))
