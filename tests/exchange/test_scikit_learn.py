"""Estimators and networks of the same numbers predict the same."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_digits, make_multilabel_classification, make_regression
from sklearn.neural_network import MLPClassifier, MLPRegressor

import nerva_py as nv
from nerva_py.errors import NervaError

from .networks import network

X, T = load_digits(return_X_y=True)
X = (X / 16).astype(np.float32)
NAMES = np.array([f"digit {label}" for label in "jihgfedcba"])


def fitted(kind: type, X: np.ndarray, y: np.ndarray, **named: object) -> MLPClassifier | MLPRegressor:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it does not converge in three epochs
        return kind(**{"hidden_layer_sizes": (20, 15), "max_iter": 3, "random_state": 1, **named}).fit(X, y)


@pytest.mark.parametrize("activation", ["identity", "logistic", "tanh", "relu"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_classifier(activation: str, dtype: type) -> None:
    estimator = fitted(MLPClassifier, X.astype(dtype), NAMES[T], activation=activation)
    net = nv.from_sklearn(estimator)
    assert net.dtype == dtype
    tolerance = 1e-5 if dtype == np.float32 else 1e-12
    P = estimator.predict_proba(X.astype(dtype))
    np.testing.assert_allclose(net.predict(X), P, rtol=tolerance, atol=tolerance)
    assert (estimator.classes_[net.predict(X).argmax(axis=1)] == estimator.predict(X.astype(dtype))).all()
    back = nv.to_sklearn(net, estimator.classes_)
    assert (back.predict(X) == estimator.predict(X)).all()
    np.testing.assert_allclose(back.predict_proba(X), P, rtol=10 * tolerance, atol=10 * tolerance)
    for ours, theirs in zip(back.coefs_ + back.intercepts_, estimator.coefs_ + estimator.intercepts_, strict=True):
        assert ours.dtype == theirs.dtype
        assert ours.tobytes() == np.ascontiguousarray(theirs).tobytes()


def test_two_classes() -> None:
    """scikit-learn has one output; the network has two, of which the first is 0."""
    labels = np.where(T < 5, "low", "high")
    estimator = fitted(MLPClassifier, X, labels)
    net = nv.from_sklearn(estimator)
    assert net.sizes[-1] == 2
    np.testing.assert_allclose(net.predict(X), estimator.predict_proba(X), rtol=1e-4, atol=1e-6)
    back = nv.to_sklearn(net, estimator.classes_)
    assert back.coefs_[-1].tobytes() == estimator.coefs_[-1].tobytes()
    assert (back.predict(X) == estimator.predict(X)).all()


def test_many_labels() -> None:
    samples, targets = make_multilabel_classification(n_classes=4, random_state=1)
    estimator = fitted(MLPClassifier, samples, targets)
    net = nv.from_sklearn(estimator)
    np.testing.assert_allclose(net.predict(samples), estimator.predict_proba(samples), rtol=1e-12)
    back = nv.to_sklearn(net)
    assert (back.predict(samples) == estimator.predict(samples)).all()


@pytest.mark.parametrize("targets", [1, 3])
@pytest.mark.parametrize("hidden", [(), (12,)])
def test_a_regressor(targets: int, hidden: tuple[int, ...]) -> None:
    samples, y = make_regression(80, 6, n_targets=targets, random_state=1)
    estimator = fitted(MLPRegressor, samples, y, hidden_layer_sizes=hidden)
    net = nv.from_sklearn(estimator)
    expected = estimator.predict(samples).reshape(80, targets)
    np.testing.assert_allclose(net.predict(samples), expected, rtol=1e-10)
    np.testing.assert_allclose(nv.to_sklearn(net).predict(samples), estimator.predict(samples), rtol=1e-10)


def test_logits_train_on() -> None:
    estimator = fitted(MLPClassifier, X, T)
    net = nv.from_sklearn(estimator, logits=True)
    assert net.linear_layers[-1].output.name == "Linear"
    assert (net.predict(X).argmax(axis=1) == estimator.predict(X)).all()
    history = nv.train(net, nv.from_arrays(X, T), epochs=2, seed=1)
    assert history[-1].train_loss < history[0].train_loss
    back = nv.to_sklearn(net, range(10))
    assert (back.predict(X) == net.predict(X).argmax(axis=1)).all()


def test_a_sparse_network_with_dropout_becomes_a_dense_estimator() -> None:
    net = nv.mlp("ReLU;Dropout(0.5);ReLU;LogSoftmax", [64, 50, 20, 10], overall_density=0.2, seed=1)
    back = nv.to_sklearn(net)
    np.testing.assert_allclose(back.predict_log_proba(X), net.predict(X), rtol=1e-4)
    assert np.count_nonzero(back.coefs_[0]) == net.linear_layers[0].W.value.nnz
    before = [coef.copy() for coef in back.coefs_]
    back.partial_fit(X, T)
    assert back.t_ == len(X)
    assert back.n_iter_ == 1
    assert not np.array_equal(before[0], back.coefs_[0])
    assert clone(back).hidden_layer_sizes == (50, 20)


def test_labels_belong_to_outputs_in_the_order_given() -> None:
    net = nv.mlp("ReLU;Linear", [64, 50, 10], seed=1)
    back = nv.to_sklearn(net, NAMES)
    assert (back.predict(X) == NAMES[net.predict(X).argmax(axis=1)]).all()
    two = nv.mlp("ReLU;Linear", [64, 50, 2], seed=1)
    assert (nv.to_sklearn(two, ["z", "a"]).predict(X) == np.array(["z", "a"])[two.predict(X).argmax(axis=1)]).all()
    one = nv.mlp("ReLU;Sigmoid", [64, 50, 1], seed=1)
    for labels in (["a", "z"], ["z", "a"]):
        expected = np.array(labels)[(one.predict(X)[:, 0] > 0.5).astype(int)]
        assert (nv.to_sklearn(one, labels).predict(X) == expected).all()


def make(layers: str, sizes: list[int], **named: object) -> nv.MLP:
    return nv.mlp(layers, sizes, seed=1, **named)


@pytest.mark.parametrize(
    ("net", "classes", "message"),
    [
        (network("between"), None, "has a BatchNormLayer; .* linear layers only"),
        (make("ReLU;Sigmoid;Linear", [4, 3, 3, 2]), None, "hidden activations ReLU;Sigmoid; .* one for all: Linear,"),
        (make("SReLU;Linear", [4, 3, 2]), None, "hidden activations SReLU"),
        (make("ReLU;ReLU", [4, 3, 2]), None, "ends in ReLU; .* end in Linear, Softmax, LogSoftmax or Sigmoid"),
        (make("ReLU;ReLU", [4, 3, 2]), [0, 1], "ends in ReLU; a classifier with 2 outputs ends in Linear or Softmax"),
        (make("ReLU;Softmax", [4, 3, 1]), None, "ends in Softmax; a classifier with 1 outputs ends in Linear or Sigm"),
        (make("ReLU;Linear", [4, 3, 2]), [0, 1, 2], r"must be 2 different labels, .* has 2 outputs, not \[0, 1, 2\]"),
        (make("ReLU;Linear", [4, 3, 2]), [1, 1], "must be 2 different labels"),
    ],
)
def test_what_scikit_learn_has_no_place_for(net: nv.MLP, classes: object, message: str) -> None:
    with pytest.raises(NervaError, match=message):
        nv.to_sklearn(net, classes)


def test_estimators_must_be_fitted_ones_of_this_kind() -> None:
    with pytest.raises(NervaError, match=r"must be fitted .* MLPClassifier\(\)"):
        nv.from_sklearn(MLPClassifier())
    with pytest.raises(NervaError, match="must be an MLPClassifier or MLPRegressor, not dict"):
        nv.from_sklearn({})
    estimator = fitted(MLPRegressor, X, np.abs(X[:, 0]))
    estimator.out_activation_ = "exp"
    with pytest.raises(NervaError, match="has the output 'exp'; identity, logistic, softmax are allowed"):
        nv.from_sklearn(estimator)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("targets", ["classes", "two", "labels", "numbers", "counts"])
def test_an_estimator_of_ours_becomes_theirs_of_the_same_kind(targets: str) -> None:
    y = {
        "classes": NAMES[T],
        "two": NAMES[T % 2],
        "labels": np.stack([T % 2, T > 4, T == 3], axis=1).astype(int),
        "numbers": T,
    }
    kind = nv.SparseMLPRegressor if targets in ("numbers", "counts") else nv.SparseMLPClassifier
    ours = kind((20,), max_iter=4, random_state=0)
    if targets == "counts":
        ours.set_params(loss="poisson")
    ours.fit(X, y.get(targets, T))
    theirs = nv.to_sklearn(ours)
    assert type(theirs) is (MLPRegressor if kind is nv.SparseMLPRegressor else MLPClassifier)
    assert theirs.out_activation_ == ours.out_activation_
    if kind is nv.SparseMLPClassifier:
        assert (theirs.predict(X) == ours.predict(X)).all()
        np.testing.assert_allclose(theirs.predict_proba(X), ours.predict_proba(X), rtol=1e-4, atol=1e-6)
        with pytest.raises(NervaError, match="classes must be None for a SparseMLPClassifier"):
            nv.to_sklearn(ours, NAMES)
    else:
        np.testing.assert_allclose(theirs.predict(X), ours.predict(X), rtol=1e-4, atol=1e-5)


def test_the_data_say_that_a_network_is_a_classifier() -> None:
    net = nv.mlp("ReLU;Linear", [64, 20, 10], seed=1)
    theirs = nv.to_sklearn(net, nv.load_dataset("digits"))
    assert (theirs.predict(X) == net.predict(X).argmax(axis=1)).all()
    assert isinstance(nv.to_sklearn(net), MLPRegressor)
