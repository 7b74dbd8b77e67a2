"""`TriangleRegressor` is an estimator as scikit-learn means it."""

import pickle

import numpy as np
import pytest

import triangle_cli as tri

pytest.importorskip("sklearn")

from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator

QUICK = ("schedule.phases.0.epochs=60", "schedule.phases.1.epochs=60")
SMALL = {"depth": 2, "restarts": 2, "settings": QUICK}
SKIPPED = {
    "check_array_api_input": "looks at other arrays than numpy's only where SCIPY_ARRAY_API=1 is set",
}


def test_every_check_of_scikit_learn_passes():
    checks = check_estimator(tri.TriangleRegressor(**SMALL), on_fail=None, on_skip=None)
    assert len(checks) > 40
    failed = [(check["check_name"], check["exception"]) for check in checks if check["status"] != "passed"]
    assert [(name, error) for name, error in failed if name not in SKIPPED] == []


@pytest.fixture(scope="module")
def rows():
    x = np.random.default_rng(0).uniform(0, 2, (60, 1))
    return x, np.exp(x[:, 0])


def test_it_works_where_estimators_do(rows):
    x, y = rows
    model = tri.TriangleRegressor(**SMALL)
    assert cross_val_score(model, x, y, cv=3).min() > 0.9
    piped = make_pipeline(StandardScaler(), model).fit(x, y)
    assert piped.score(x, y) > 0.95
    search = GridSearchCV(model, {"depth": [1, 2]}, cv=2).fit(x, y)
    assert search.best_params_["depth"] in (1, 2)
    assert not hasattr(clone(model), "fit_")
    again = pickle.loads(pickle.dumps(model.fit(x, y)))
    assert np.array_equal(again.predict(x), model.predict(x))


def test_it_is_the_fit_of_all_rows(rows):
    x, y = rows
    model = tri.TriangleRegressor(**SMALL).fit(x, y)
    same = tri.fit(x, y, depth=2, restarts=2, test=0, settings=QUICK, progress=False)
    assert np.array_equal(model.predict(x), same.predict(x))
    assert model.fit_.settings.network.name == "single"


def test_a_weight_counts_as_so_many_rows(rows):
    x, y = rows
    weight = np.random.default_rng(1).integers(0, 3, len(y))
    weighted = tri.TriangleRegressor(**SMALL).fit(x, y, sample_weight=weight)
    repeated = tri.TriangleRegressor(**SMALL).fit(x.repeat(weight, 0), y.repeat(weight))
    assert np.array_equal(weighted.predict(x), repeated.predict(x))


def test_several_features_and_such_that_never_vary():
    x = np.random.default_rng(0).uniform(size=(80, 3))
    x[:, 1] = 7
    y = x[:, 0] ** 2 - x[:, 2]
    model = tri.TriangleRegressor(**SMALL).fit(x, y)
    assert model.varies_.tolist() == [True, False, True]
    assert model.score(x, y) > 0.8
    assert tri.TriangleRegressor(**SMALL).fit(x, 0 * y + 2).predict(x[:3]).tolist() == [2, 2, 2]
