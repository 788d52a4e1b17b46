"""Loss functions of a batch and their gradients with respect to Y.        [arXiv:2511.11918, table of loss functions]

Y and T (N, K) are the outputs and the targets; L is a number, summed over the batch; the gradient has the shape of Y.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from nerva_py.errors import NervaError
from nerva_py.matrix import column_repeat, dot, elements_sum, hadamard, log, log_sigmoid, reciprocal, rows_sum
from nerva_py.matrix.dispatch import primitive
from nerva_py.parts import registry_of

from .activations import Sigmoid
from .softmax import log_softmax, softmax

sigmoid = Sigmoid()


@dataclass(frozen=True)
class Loss:
    """A loss function and its gradient: of the sum over the batch, or, if `averaged`, of the mean.

    `samples`(Y, T) is the column (N, 1) of the losses of the single samples, which weights of samples need.
    """

    name: str
    value: Callable[[Any, Any], Any]
    gradient: Callable[[Any, Any], Any]
    averaged: bool = False
    samples: Callable[[Any, Any], Any] | None = None

    def __call__(self, Y, T):
        """L(Y, T) of the batch."""
        return self.value(Y, T)

    def total(self, Y, T):
        """L(Y, T) summed over the batch."""
        return self.value(Y, T) * Y.shape[0] if self.averaged else self.value(Y, T)

    def mean_gradient(self, Y, T, w=None, total=None):
        """DY of Σ_i w_i L(y_i, t_i) / total, which training descends        w (N, 1), by default ones; total by default Σ_i w_i

        Row i is that of the gradient of Σ_i L(y_i, t_i) times w_i / total. A mini-batch's `total` is given where these samples
        are only a part of it.
        """
        N = Y.shape[0]
        DY = self.gradient(Y, T)
        if w is None:
            if self.averaged:
                return DY if total is None or total == N else (N / total) * DY
            return DY / (N if total is None else total)
        share = ((N if self.averaged else 1) / (elements_sum(w) if total is None else total)) * w
        return hadamard(column_repeat(share, Y.shape[1]), DY)

    def weighted_total(self, Y, T, w):
        """Σ_i w_i L(y_i, t_i)        w (N, 1), the weights of the samples. Raises NervaError for a loss without `samples`."""
        if self.samples is None:
            raise NervaError(f"sample weights need the losses of single samples, which {self.name} does not give")
        return dot(w, self.samples(Y, T))


def squared_error(Y, T):
    """1ᵀ ((Y − T) ⊙ (Y − T)) 1"""
    return dot(Y - T, Y - T)


def squared_error_gradient(Y, T):
    """2 (Y − T)"""
    return 2 * (Y - T)


def squared_error_samples(Y, T):
    """((Y − T) ⊙ (Y − T)) 1"""
    return rows_sum(hadamard(Y - T, Y - T))


def half_squared_error(Y, T):
    """½ 1ᵀ ((Y − T) ⊙ (Y − T)) 1        [scikit-learn's MLPRegressor]"""
    return squared_error(Y, T) / 2


def half_squared_error_gradient(Y, T):
    """Y − T"""
    return Y - T


def half_squared_error_samples(Y, T):
    """½ ((Y − T) ⊙ (Y − T)) 1"""
    return squared_error_samples(Y, T) / 2


def mean_squared_error(Y, T):
    """Squared error / (K N)"""
    return squared_error(Y, T) / (Y.shape[0] * Y.shape[1])


def mean_squared_error_gradient(Y, T):
    """2 (Y − T) / (K N)"""
    return squared_error_gradient(Y, T) / (Y.shape[0] * Y.shape[1])


def mean_squared_error_samples(Y, T):
    """((Y − T) ⊙ (Y − T)) 1 / K"""
    return squared_error_samples(Y, T) / Y.shape[1]


def cross_entropy(Y, T):
    """−1ᵀ (T ⊙ log Y) 1        Y > 0"""
    return -dot(T, log(Y))


def cross_entropy_gradient(Y, T):
    """−T ⊙ 1/Y"""
    return -hadamard(T, reciprocal(Y))


def cross_entropy_samples(Y, T):
    """−(T ⊙ log Y) 1"""
    return -rows_sum(hadamard(T, log(Y)))


def softmax_cross_entropy(Y, T):
    """−1ᵀ (T ⊙ log-softmax(Y)) 1"""
    return -dot(T, log_softmax(Y))


@primitive()
def softmax_cross_entropy_gradient(Y, T):
    """softmax(Y) ⊙ (T 1_K 1_Kᵀ) − T"""
    return hadamard(softmax(Y), column_repeat(rows_sum(T), Y.shape[1])) - T


def softmax_cross_entropy_samples(Y, T):
    """−(T ⊙ log-softmax(Y)) 1"""
    return -rows_sum(hadamard(T, log_softmax(Y)))


def logistic_cross_entropy(Y, T):
    """−1ᵀ (T ⊙ log σ(Y)) 1: the paper's, which has no term for 1 − T"""
    return -dot(T, log_sigmoid(Y))


def logistic_cross_entropy_gradient(Y, T):
    """T ⊙ σ(Y) − T"""
    return hadamard(T, sigmoid(Y)) - T


def logistic_cross_entropy_samples(Y, T):
    """−(T ⊙ log σ(Y)) 1"""
    return -rows_sum(hadamard(T, log_sigmoid(Y)))


def binary_cross_entropy(Y, T):
    """−1ᵀ (T ⊙ log σ(Y) + (1 − T) ⊙ log σ(−Y)) 1 = −1ᵀ (log σ(Y) − (1 − T) ⊙ Y) 1, as log(1 − σ(y)) = log σ(y) − y"""
    return elements_sum(Y) - dot(T, Y) - elements_sum(log_sigmoid(Y))


def binary_cross_entropy_gradient(Y, T):
    """σ(Y) − T"""
    return sigmoid(Y) - T


def binary_cross_entropy_samples(Y, T):
    """(Y − T ⊙ Y − log σ(Y)) 1"""
    return rows_sum(Y - hadamard(T, Y) - log_sigmoid(Y))


def negative_log_likelihood(Y, T):
    """−1ᵀ log((Y ⊙ T) 1_K)        Y > 0"""
    return -elements_sum(log(rows_sum(hadamard(Y, T))))


def negative_log_likelihood_gradient(Y, T):
    """−(1 / ((Y ⊙ T) 1_K) 1_Kᵀ) ⊙ T"""
    return -hadamard(column_repeat(reciprocal(rows_sum(hadamard(Y, T))), Y.shape[1]), T)


def negative_log_likelihood_samples(Y, T):
    """−log((Y ⊙ T) 1)"""
    return -log(rows_sum(hadamard(Y, T)))


SquaredError = Loss("SquaredError", squared_error, squared_error_gradient, samples=squared_error_samples)
HalfSquaredError = Loss(
    "HalfSquaredError", half_squared_error, half_squared_error_gradient, samples=half_squared_error_samples
)
MeanSquaredError = Loss(
    "MeanSquaredError",
    mean_squared_error,
    mean_squared_error_gradient,
    averaged=True,
    samples=mean_squared_error_samples,
)
CrossEntropy = Loss("CrossEntropy", cross_entropy, cross_entropy_gradient, samples=cross_entropy_samples)
SoftmaxCrossEntropy = Loss(
    "SoftmaxCrossEntropy", softmax_cross_entropy, softmax_cross_entropy_gradient, samples=softmax_cross_entropy_samples
)
LogisticCrossEntropy = Loss(
    "LogisticCrossEntropy",
    logistic_cross_entropy,
    logistic_cross_entropy_gradient,
    samples=logistic_cross_entropy_samples,
)
BinaryCrossEntropy = Loss(
    "BinaryCrossEntropy", binary_cross_entropy, binary_cross_entropy_gradient, samples=binary_cross_entropy_samples
)
NegativeLogLikelihood = Loss(
    "NegativeLogLikelihood",
    negative_log_likelihood,
    negative_log_likelihood_gradient,
    samples=negative_log_likelihood_samples,
)

LOSSES = registry_of(
    SquaredError,
    HalfSquaredError,
    MeanSquaredError,
    CrossEntropy,
    SoftmaxCrossEntropy,
    LogisticCrossEntropy,
    BinaryCrossEntropy,
    NegativeLogLikelihood,
)
