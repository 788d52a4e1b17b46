"""scikit-learn's own checks, all of them, with default parameters."""

from __future__ import annotations

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

import nerva_py as nv


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@parametrize_with_checks([nv.SparseMLPClassifier(), nv.SparseMLPRegressor()])
def test_scikit_learn(estimator, check, monkeypatch):
    monkeypatch.setenv("SCIPY_ARRAY_API", "1")  # else the check of array API dispatch would be skipped
    check(estimator)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@parametrize_with_checks(
    [
        nv.SparseMLPClassifier((20, 10), "tanh", density=0.5, method="SET(0.3)", dropout=0.1, solver="sgd",
                               learning_rate_init=0.05, class_weight="balanced", max_iter=50),
        nv.SparseMLPRegressor((20, 10), density=[0.5, 0.5, 1.0], method="RigL(0.3, every=5)", early_stopping=True,
                              validation_fraction=0.2, weights="XavierNormalized", max_iter=50),
    ],
    expected_failed_checks=lambda estimator: {
        "check_sample_weight_equivalence_on_dense_data":
            "dropout and the validation split draw one random number a sample, so repeating a sample changes them",
        "check_sample_weights_invariance": "as above",
        "check_classifiers_train": "half of the weights of tiny layers, moved at random, are not meant to score well",
    },
)  # fmt: skip
def test_scikit_learn_with_other_parameters(estimator, check, monkeypatch):
    monkeypatch.setenv("SCIPY_ARRAY_API", "1")
    check(estimator)
