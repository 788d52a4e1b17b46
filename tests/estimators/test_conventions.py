"""scikit-learn's own checks, all of them; none is skipped, none is expected to fail."""

from __future__ import annotations

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

import nerva_py as nv

SET = {"density": 0.5, "method": "SET(0.2)", "learning_rate_init": 0.01, "solver": "AdamW"}


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@parametrize_with_checks(
    [
        nv.SparseMLPClassifier(),
        nv.SparseMLPRegressor(),
        nv.SparseMLPClassifier((60,), "tanh", **SET),
        nv.SparseMLPRegressor((60,), "tanh", **SET),
    ]
)
def test_scikit_learn(estimator, check, monkeypatch):
    monkeypatch.setenv("SCIPY_ARRAY_API", "1")  # else the check of array API dispatch would be skipped
    check(estimator)
