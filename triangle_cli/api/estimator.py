"""`tri.TriangleRegressor`: a fit as an estimator of scikit-learn's."""

from __future__ import annotations

from typing import Any

import numpy as np

try:
    from sklearn.base import BaseEstimator, RegressorMixin
    from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data
except ImportError as error:
    raise ImportError(
        "TriangleRegressor needs scikit-learn 1.6 or later, expected pip install '.[data]'"
    ) from error

from triangle_cli.api.fits import fit


class TriangleRegressor(RegressorMixin, BaseEstimator):
    """A ReLU network made of triangle networks: single, a difference, or ridge functions for several features.

    All rows are learned from, none held out: scikit-learn does that itself. Columns that never vary are left out.

    Args:
        depth: hidden layers.
        restarts: networks trained from different starts, of which the best is kept.
        network: single, difference or ridge; auto: what the rows ask for.
        curvature: convex, concave or neither, of one feature, where the rows should not decide it.
        settings: more words as `triangle run` takes them, such as ("method=second_order",).
        random_state: the seed, a whole number; None: 0.

    Attributes:
        fit_: the `Fit`, or None where all columns, or all rows, are alike.
        varies_: (n_features_in_,) of bool, which columns are looked at.
        mean_: what is predicted where there is no fit.
    """

    def __init__(
        self,
        depth: int = 4,
        restarts: int = 10,
        network: str = "auto",
        curvature: str | None = None,
        settings: tuple[str, ...] = (),
        random_state: int | None = None,
    ) -> None:
        self.depth = depth
        self.restarts = restarts
        self.network = network
        self.curvature = curvature
        self.settings = settings
        self.random_state = random_state

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> TriangleRegressor:
        """Learn from rows X (n, features) and values y (n,), each with a weight.

        Raises:
            ValueError: they are not what scikit-learn takes, or a setting is out of its range.
        """
        X, y = validate_data(self, X, y, dtype=np.float64, y_numeric=True, ensure_min_samples=2)
        weight = None
        if sample_weight is not None:
            weight = _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
            kept = weight > 0
            X, y, weight = X[kept], y[kept], weight[kept]
        self.varies_ = X.min(0) < X.max(0)
        self.mean_, self.fit_ = float(np.average(y, weights=weight)), None
        if self.varies_.any() and y.min() < y.max():
            self.fit_ = fit(
                X[:, self.varies_],
                y,
                weight=weight,
                depth=self.depth,
                restarts=self.restarts,
                network=self.network,
                curvature=self.curvature,
                settings=self.settings,
                test=0.0,
                seed=self._seed(),
                progress=False,
            )
        return self

    def predict(self, X: Any) -> np.ndarray:
        """The values at X (n, features): (n,)."""
        check_is_fitted(self)
        X = validate_data(self, X, dtype=np.float64, reset=False)
        if self.fit_ is None:
            return np.full(len(X), self.mean_)
        return self.fit_.predict(X[:, self.varies_])

    def _seed(self) -> int:
        state = self.random_state
        if isinstance(state, np.random.RandomState):
            return int(state.randint(2**31))
        return 0 if state is None else int(state)
