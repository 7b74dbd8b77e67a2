"""From Python: fits to samples and formulas, finished runs, and an estimator for scikit-learn."""
