"""A dense network without shuffling, in float64, is scikit-learn's: the same weights after the same steps."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from sklearn.neural_network import MLPClassifier, MLPRegressor

import nerva_py as nv
from nerva_py.sparse import DenseWeight

M = 90  # 6 batches of 15: the penalty of a smaller last batch would differ
COMMON = {"shuffle": False, "batch_size": 15, "alpha": 0.5, "max_iter": 7, "tol": 0.0, "n_iter_no_change": 50}


def problems():
    rng = np.random.default_rng(5)
    X, w = rng.standard_normal((M, 6)), rng.integers(1, 5, M).astype(float)
    score = X @ rng.standard_normal((6, 3))
    return {
        "two classes": (MLPClassifier, nv.SparseMLPClassifier, X, (score[:, 0] > 0).astype(int), w),
        "three classes": (MLPClassifier, nv.SparseMLPClassifier, X, score.argmax(axis=1), w),
        "labels": (MLPClassifier, nv.SparseMLPClassifier, X, (score > 0).astype(int), w),
        "regression": (MLPRegressor, nv.SparseMLPRegressor, X, score[:, 0], w),
        "several targets": (MLPRegressor, nv.SparseMLPRegressor, X, score, w),
    }


def trained_alike(Theirs, Ours, X, y, **settings):
    """Both from the weights that theirs begins with."""
    theirs = Theirs(hidden_layer_sizes=(8, 5), random_state=1, **{**COMMON, **settings})
    zero = {"learning_rate_init": 1e-300, "max_iter": 1}
    ours = Ours((8, 5), density=1.0, random_state=1, warm_start=True, **{**COMMON, **settings})
    rate = theirs.learning_rate_init
    theirs.set_params(warm_start=True, **zero).fit(X, y)
    ours.set_params(**zero).fit(X, y)
    for layer, W, b in zip(ours.network_.linear_layers, theirs.coefs_, theirs.intercepts_, strict=True):
        layer.W.value, layer.b.value = DenseWeight(W.T.copy()), b.copy()[None, :]
    return theirs.set_params(learning_rate_init=rate, max_iter=7), ours.set_params(learning_rate_init=rate, max_iter=7)


@pytest.mark.parametrize("activation", ["relu", "tanh", "logistic", "identity"])
@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
@pytest.mark.parametrize("problem", problems())
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_sgd(problem, weighted, activation):
    Theirs, Ours, X, y, w = problems()[problem]
    theirs, ours = trained_alike(Theirs, Ours, X, y, solver="sgd", learning_rate_init=0.02, activation=activation)
    w = w if weighted else None
    if weighted:  # the penalty of ours is that of a batch of mean weight, which differs from batch to batch
        theirs.set_params(alpha=0.0)
        ours.set_params(alpha=0.0)
    before = ours.coefs_[0].toarray().copy()
    theirs.fit(X, y, w)
    ours.fit(X, y, w)
    for W, expected in zip(ours.coefs_ + ours.intercepts_, theirs.coefs_ + theirs.intercepts_, strict=True):
        np.testing.assert_allclose(W.toarray() if hasattr(W, "toarray") else W, expected, rtol=1e-8, atol=1e-12)
    assert np.abs(ours.coefs_[0].toarray() - before).max() > 1e-3
    np.testing.assert_array_equal(ours.predict(X) if Ours is nv.SparseMLPClassifier else 0,
                                  theirs.predict(X) if Ours is nv.SparseMLPClassifier else 0)  # fmt: skip
    if Ours is nv.SparseMLPClassifier:
        np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), rtol=1e-7)
        np.testing.assert_allclose(ours.predict_log_proba(X), theirs.predict_log_proba(X), rtol=1e-6, atol=1e-9)
    else:
        np.testing.assert_allclose(ours.predict(X), theirs.predict(X), rtol=1e-7)
    assert ours.score(X, y, w) == pytest.approx(theirs.score(X, y, w))
    assert ours.out_activation_ == theirs.out_activation_
    assert ours.n_layers_ == theirs.n_layers_
    assert ours.n_outputs_ == theirs.n_outputs_
    assert ours.t_ == theirs.t_


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_loss_curve():
    """With one target a loss of theirs is ours; the penalty is taken before the steps of an epoch there, after them here."""
    Theirs, Ours, X, y, _ = problems()["regression"]
    theirs, ours = trained_alike(Theirs, Ours, X, y, solver="sgd", learning_rate_init=0.02, alpha=0.0)
    theirs.fit(X, y)
    ours.fit(X, y)
    np.testing.assert_allclose(ours.loss_curve_[-7:], theirs.loss_curve_[-7:], rtol=1e-8)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_adam():
    """Their ε stands beside an uncorrected √v, ours beside the corrected one: a small difference."""
    Theirs, Ours, X, y, _ = problems()["three classes"]
    theirs, ours = trained_alike(Theirs, Ours, X, y, solver="adam", learning_rate_init=0.01)
    theirs.fit(X, y)
    ours.fit(X, y)
    np.testing.assert_allclose(ours.coefs_[0].toarray(), theirs.coefs_[0], rtol=1e-4, atol=1e-5)


def test_partial_fit_is_theirs():
    Theirs, Ours, X, y, _ = problems()["three classes"]
    settings = {"solver": "sgd", "learning_rate_init": 0.02}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs, ours = trained_alike(Theirs, Ours, X, y, **settings)
    del theirs._optimizer
    for part in (slice(0, 45), slice(45, 90), slice(0, 45)):
        theirs.partial_fit(X[part], y[part])
        ours.partial_fit(X[part], y[part])
    np.testing.assert_allclose(ours.coefs_[1].toarray(), theirs.coefs_[1], rtol=1e-8, atol=1e-12)
    assert ours.loss_curve_[-1] == pytest.approx(theirs.loss_curve_[-1], rel=0.05)
