"""scikit-learn's dense `MLPClassifier` and `MLPRegressor` to a network and back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from nerva_py.data import Dataset
from nerva_py.errors import NervaError
from nerva_py.network import MLP, DropoutLayer, LinearLayer

from .arguments import checked_network
from .scipy_matrices import from_scipy

ACTIVATIONS = {"identity": "Linear", "logistic": "Sigmoid", "tanh": "HyperbolicTangent", "relu": "ReLU"}
LAST_ACTIVATIONS = {"identity": "Linear", "logistic": "Sigmoid", "softmax": "Softmax"}
FROM_OURS = {ours: theirs for theirs, ours in ACTIVATIONS.items()}


def from_sklearn(
    estimator: Any,
    *,
    logits: bool = False,
    dtype: DTypeLike | None = None,
    backend: str = "numba",
) -> MLP:
    """The network of a fitted MLPClassifier or MLPRegressor. All of its layers are dense.

    `network.predict(X)` is the estimator's `predict_proba(X)`: column k belongs to `estimator.classes_[k]`, also when there
    are two classes, for which scikit-learn has one output z, and the network 0 and z. Of a regressor it is `predict(X)`, as
    a matrix. `logits` leaves the last softmax or sigmoid out, as training on with SoftmaxCrossEntropy wants it.
    Raises NervaError.
    """
    from sklearn.neural_network import MLPClassifier, MLPRegressor

    if not isinstance(estimator, MLPClassifier | MLPRegressor):
        raise NervaError(f"estimator must be an MLPClassifier or MLPRegressor, not {type(estimator).__name__}")
    if not hasattr(estimator, "coefs_"):
        raise NervaError(f"estimator must be fitted before it is exchanged: {estimator!r}.fit(X, y)")
    if estimator.out_activation_ not in LAST_ACTIVATIONS:
        raise NervaError(
            f"estimator has the output {estimator.out_activation_!r}; {', '.join(LAST_ACTIVATIONS)} are allowed"
        )
    weights, biases = [coef.T for coef in estimator.coefs_], list(estimator.intercepts_)
    output = LAST_ACTIVATIONS[estimator.out_activation_]
    if isinstance(estimator, MLPClassifier) and estimator.n_outputs_ == 1:
        # σ(z) = softmax(0, z)₂
        weights[-1], biases[-1] = np.vstack((0 * weights[-1], weights[-1])), np.append(0, biases[-1])
        output = "Softmax"
    hidden = ACTIVATIONS[estimator.activation]
    names = [hidden] * (len(weights) - 1) + ["Linear" if logits else output]
    return from_scipy(weights, biases, names, dtype=dtype, backend=backend)


def to_sklearn(network: MLP | Any, classes: ArrayLike | Dataset | None = None) -> Any:
    """A fitted, dense MLPClassifier or MLPRegressor of the same numbers.

    Of a fitted estimator of ours it is scikit-learn's of the same kind, with the same classes. Of a network it is a classifier
    with `classes`, the labels of outputs 0, 1, ..., or the data set that it has learnt, or with a Softmax or LogSoftmax at the
    end (labels 0, 1, ...); with Sigmoid outputs a multi-label one; else a regressor, as a network that ends in Linear does not
    say what its outputs mean. `predict_proba` is the softmax of the last layer, whether the network has it or leaves it to
    the loss. Absent weights become zeros, which `partial_fit` would change; dropout, which only acts in training, is left out.
    What scikit-learn has no place for (batch normalisation, hidden layers with different activations or with one of ours) is
    a NervaError.
    """
    from sklearn.neural_network import MLPClassifier, MLPRegressor

    ours: Any = network if isinstance(getattr(network, "network_", None), MLP) else None
    last = "" if ours is None else ours.out_activation_
    if ours is not None:
        if classes is not None:
            raise NervaError(f"classes must be None for a {type(ours).__name__}, which has its own, not {classes!r}")
        network, classes = ours.network_, getattr(ours, "classes_", None)
    if isinstance(classes, Dataset):
        classes = None if classes.num_classes is None else np.arange(classes.num_classes)
    hidden, output = _activations(checked_network(network))
    weights = [layer.W.value.toarray() for layer in network.linear_layers]
    biases = [layer.b.value[0] for layer in network.linear_layers]
    K = network.sizes[-1]
    named = {"hidden_layer_sizes": tuple(network.sizes[1:-1]), "activation": FROM_OURS[hidden]}
    X = np.zeros((1, network.sizes[0]), network.dtype)
    estimator: Any
    # One step on nothing makes all that a fitted estimator has; then its numbers are replaced.
    if (last == "logistic" and K > 1) or (output == "Sigmoid" and classes is None and K > 1):
        estimator = MLPClassifier(**named)
        estimator.partial_fit(X, np.zeros((1, K), int), classes=np.arange(K))
    elif classes is not None or output in ("Softmax", "LogSoftmax", "Sigmoid"):
        labels = _labels(np.arange(max(K, 2)) if classes is None else classes, K, output)
        order = np.argsort(labels, kind="stable")  # scikit-learn sorts them
        weights[-1], biases[-1] = _outputs(weights[-1], biases[-1], order)
        estimator = MLPClassifier(**named)
        estimator.partial_fit(X, labels[:1], classes=labels[order])
    elif output == "Linear":
        estimator = MLPRegressor(**named, loss="poisson") if last == "exp" else MLPRegressor(**named)
        estimator.partial_fit(X, np.zeros((1, K), network.dtype) if K > 1 else np.zeros(1, network.dtype))
    else:
        allowed = "Linear, Softmax, LogSoftmax or Sigmoid"
        raise NervaError(f"network ends in {output}; scikit-learn's estimators end in {allowed}")
    estimator.coefs_ = [np.ascontiguousarray(W.T) for W in weights]
    estimator.intercepts_ = [np.array(b) for b in biases]
    estimator.t_ = estimator.n_iter_ = 0
    estimator.loss_curve_ = []
    vars(estimator).pop("_optimizer", None)  # its moments are those of the step on nothing
    return estimator


def _activations(network: MLP) -> tuple[str, str]:
    """(name of all hidden activations, name of the output)."""
    for layer in network.layers:
        if not isinstance(layer, LinearLayer | DropoutLayer):
            raise NervaError(f"network has a {type(layer).__name__}; scikit-learn's estimators have linear layers only")
    *hidden, output = [layer.output.name for layer in network.linear_layers]
    unknown = sorted(set(hidden) - set(FROM_OURS))
    if unknown or len(set(hidden)) > 1:
        raise NervaError(
            f"network has the hidden activations {';'.join(hidden)}; scikit-learn's estimators have one for all: "
            f"{', '.join(FROM_OURS)}"
        )
    return (hidden[0] if hidden else "Linear"), output


def _labels(classes: ArrayLike, K: int, output: str) -> np.ndarray:
    """One label an output; two where one output stands for the second of two classes."""
    labels = np.asarray(classes)
    count = 2 if K == 1 else K
    if labels.shape != (count,) or len(np.unique(labels)) != count:
        raise NervaError(f"classes must be {count} different labels, as the network has {K} outputs, not {classes!r}")
    allowed: Sequence[str] = ("Linear", "Sigmoid") if K == 1 else ("Linear", "Softmax", "LogSoftmax")
    if output not in allowed:
        raise NervaError(f"network ends in {output}; a classifier with {K} outputs ends in {' or '.join(allowed)}")
    return labels


def _outputs(W: np.ndarray, b: np.ndarray, order: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """W and b of the last layer with outputs in that order; of two classes, z₂ − z₁, as scikit-learn has one output."""
    if len(W) == 1:
        return (W, b) if order[0] == 0 else (-W, -b)
    W, b = W[order], b[order]
    return (W[1:] - W[:1], b[1:] - b[:1]) if len(W) == 2 else (W, b)
