"""`SparseMLPClassifier`: softmax for several classes, the logistic function for two and for multilabel targets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import issparse
from sklearn.base import ClassifierMixin
from sklearn.utils import column_or_1d
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import check_classification_targets, type_of_target

from nerva_py.equations.losses import sigmoid
from nerva_py.equations.softmax import log_softmax, softmax
from nerva_py.errors import NervaError
from nerva_py.matrix import log_sigmoid
from nerva_py.topology import DynamicTopology
from nerva_py.training import Callback, Optimizer

from .base import SparseMLP, has_mini_batches
from .parameters import PARAMETERS


class SparseMLPClassifier(ClassifierMixin, SparseMLP):
    __doc__ = f"""A truly sparse multilayer perceptron for classification, as scikit-learn's MLPClassifier is a dense one.

    Several classes: softmax of K outputs and cross-entropy. Two classes: one output, the logistic function and binary
    cross-entropy. Multilabel targets, a matrix (M, K) of zeros and ones: the same for each of K outputs.
    `class_weight` is None, "balanced" or class -> weight (a list of these for multilabel targets), a factor of the weights of
    the samples. `classes_` are the classes in the order of the columns of `predict_proba`.
    {PARAMETERS}"""

    def __init__(
        self,
        hidden_layer_sizes: int | Sequence[int] = (100,),
        activation: str = "relu",
        *,
        density: float | str | Sequence[float] = "auto",
        method: str | DynamicTopology | None = None,
        dropout: float = 0.0,
        class_weight: Mapping[Any, float] | Sequence[Mapping[Any, float]] | str | None = None,
        solver: str | Optimizer = "adam",
        alpha: float = 0.0001,
        batch_size: int | str = "auto",
        learning_rate: str = "constant",
        learning_rate_init: float | str = 0.001,
        power_t: float = 0.5,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: int | np.random.RandomState | None = None,
        tol: float = 1e-4,
        verbose: bool | int = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: int = 10,
        max_fun: int = 15_000,
        weights: str | Sequence[str] = "XavierNormalized",
        callbacks: Sequence[Callback] | None = None,
        backend: str = "numba",
        n_threads: int | None = None,
    ):
        super().__init__(
            hidden_layer_sizes,
            activation,
            density=density,
            method=method,
            dropout=dropout,
            solver=solver,
            alpha=alpha,
            batch_size=batch_size,
            learning_rate=learning_rate,
            learning_rate_init=learning_rate_init,
            power_t=power_t,
            max_iter=max_iter,
            shuffle=shuffle,
            random_state=random_state,
            tol=tol,
            verbose=verbose,
            warm_start=warm_start,
            momentum=momentum,
            nesterovs_momentum=nesterovs_momentum,
            early_stopping=early_stopping,
            validation_fraction=validation_fraction,
            beta_1=beta_1,
            beta_2=beta_2,
            epsilon=epsilon,
            n_iter_no_change=n_iter_no_change,
            max_fun=max_fun,
            weights=weights,
            callbacks=callbacks,
            backend=backend,
            n_threads=n_threads,
        )
        self.class_weight = class_weight

    @available_if(has_mini_batches)
    def partial_fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        classes: ArrayLike | None = None,
    ) -> SparseMLPClassifier:
        """One epoch on these samples, with the network and the optimizer as the last call left them. Returns self.

        The first call needs `classes`, all that will ever come. A topology method sees the calls as the epochs of one
        training of `max_iter` epochs. Raises NervaError for classes that are missing or unknown, and for class weights
        that would need all the data.
        """
        if isinstance(self.class_weight, str):
            raise NervaError(
                f"class_weight={self.class_weight!r} needs all the data, of which partial_fit sees a part at a time; give "
                "the weights of the classes"
            )
        if not hasattr(self, "network_"):
            if classes is None:
                raise NervaError("classes must be given in the first call of partial_fit: all that will ever come")
        elif classes is not None and not np.array_equal(given := _different(classes), self.classes_):
            raise NervaError(f"classes is {given.tolist()}, but the model was fitted with {self.classes_.tolist()}")
        self._partial_fit(X, y, sample_weight, classes)
        return self

    def predict(self, X: ArrayLike) -> np.ndarray:
        """The class of each sample of X (M, D): (M,); for multilabel targets (M, K) of zeros and ones."""
        Y = self._outputs(X)
        if self._kind == "multilabel":
            return (Y > 0).astype(np.int64)
        return self.classes_[_chosen(Y, len(self.classes_))]

    def predict_proba(self, X: ArrayLike) -> np.ndarray:
        """The probability of each class, (M, number of classes); for multilabel targets of each label, (M, K)."""
        Y = self._outputs(X)
        if self._kind == "multiclass":
            return softmax(Y)
        P = sigmoid(Y)
        if self._kind == "multilabel":
            return P
        return np.hstack([1 - P, P]) if len(self.classes_) == 2 else np.ones_like(P)

    def predict_log_proba(self, X: ArrayLike) -> np.ndarray:
        """The logarithm of `predict_proba`, finite where a probability is too small for its type."""
        Y = self._outputs(X)
        if self._kind == "multiclass":
            return log_softmax(Y)
        log_P = log_sigmoid(Y)
        if self._kind == "multilabel":
            return log_P
        return np.hstack([log_sigmoid(-Y), log_P]) if len(self.classes_) == 2 else np.zeros_like(log_P)

    def decision_function(self, X: ArrayLike) -> np.ndarray:
        """The outputs of the network before softmax or the logistic function: (M, K), with two classes (M,)."""
        Y = self._outputs(X)
        return Y[:, 0] if self._kind == "binary" else Y

    # ---------------------------------------------------------------------------------------------- what the targets are

    def _loss(self) -> str:
        return "SoftmaxCrossEntropy" if self._kind == "multiclass" else "BinaryCrossEntropy"

    def _out_activation(self) -> str:
        return "softmax" if self._kind == "multiclass" else "logistic"

    @property
    def _num_classes(self) -> int | None:
        return len(self.classes_) if self._kind == "multiclass" else None

    def _learn(self, y: Any, classes: ArrayLike | None) -> None:
        check_classification_targets(y)
        kind = type_of_target(y)
        if kind == "multiclass-multioutput":
            raise NervaError("y has several columns; a matrix must hold zeros and ones, one column a label")
        if kind == "multilabel-indicator":
            labels = np.arange(y.shape[1])
            if classes is not None and not np.array_equal(given := _different(classes), labels):
                raise NervaError(
                    f"classes is {given.tolist()}, but y has the labels {labels.tolist()}, the numbers of its columns"
                )
            self._kind, self.classes_ = "multilabel", labels
            return
        self.classes_ = np.unique(y) if classes is None else _different(classes)
        self._kind = "multiclass" if len(self.classes_) > 2 else "binary"

    def _targets(self, y: Any, dtype: np.dtype) -> np.ndarray:
        if self._kind == "multilabel":
            T = y.toarray() if issparse(y) else y
            if T.ndim != 2 or T.shape[1] != len(self.classes_) or not np.isin(T, (0, 1)).all():
                raise NervaError(f"y must be a matrix of zeros and ones with {len(self.classes_)} columns, one a label")
            return np.require(T, dtype, "C")
        labels = column_or_1d(y, warn=True)
        codes = np.minimum(np.searchsorted(self.classes_, labels), len(self.classes_) - 1)
        unknown = self.classes_[codes] != labels
        if unknown.any():
            raise NervaError(
                f"y contains {labels[unknown][0]!r}, which is none of the classes {self.classes_.tolist()}"
            )
        return codes.astype(np.int64) if self._kind == "multiclass" else codes[:, None].astype(dtype)

    def _class_weights(self, y: Any) -> np.ndarray | None:
        if self.class_weight is None:
            return None
        if isinstance(self.class_weight, str) and self.class_weight != "balanced":
            raise NervaError(f'class_weight must be None, "balanced" or class -> weight, not {self.class_weight!r}')
        dense = y.toarray() if issparse(y) else y
        return compute_sample_weight(self.class_weight, dense if self._kind == "multilabel" else np.ravel(dense))

    def _strata(self, T: np.ndarray) -> np.ndarray | None:
        return {"multiclass": T, "binary": (T.reshape(-1) > 0).astype(str), "multilabel": None}[self._kind]

    def _check_warm_start(self, y: Any) -> None:
        if self._kind != "multilabel" and not np.array_equal(np.unique(y), self.classes_):
            raise NervaError(
                "warm_start can only be used where `y` has the same classes as in the previous call to fit. "
                f"Previously got {self.classes_}, `y` has {np.unique(y)}"
            )

    def _score(self, Y: np.ndarray, T: np.ndarray, w: np.ndarray | None) -> float:
        if self._kind == "multiclass":
            right = Y.argmax(axis=1) == T
        else:
            right = ((Y > 0) == (T > 0)).all(axis=1)
        return float(np.average(right, weights=w))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags


def _different(classes: ArrayLike) -> np.ndarray:
    """The different classes, in order. Raises NervaError for what is no list of labels of one kind."""
    try:
        given = np.asarray(classes)
        if given.ndim == 1 and given.size:
            return np.unique(given)
    except (TypeError, ValueError):  # labels that cannot be compared, lists of different lengths
        pass
    raise NervaError(f"classes must be a list of at least one label, all of one kind, not {classes!r}")


def _chosen(Y: np.ndarray, classes: int) -> np.ndarray:
    """The number of the most probable class of each sample."""
    if Y.shape[1] > 1:
        return Y.argmax(axis=1)
    return np.minimum((Y[:, 0] > 0).astype(np.intp), classes - 1)
