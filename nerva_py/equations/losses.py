"""Loss functions and their gradients with respect to Y.        [arXiv:2511.11918, table of loss functions]

Y and T (N, K) are the outputs and the targets of a batch. A loss is a function of single samples: the column ℓ (N, 1) of what
each row of Y costs; L is their sum 1ᵀ ℓ over the batch, a number. The gradient has the shape of Y.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from nerva_py.matrix import column_repeat, dot, elements_sum, exp, hadamard, log, log_sigmoid, reciprocal, rows_sum
from nerva_py.matrix.dispatch import primitive
from nerva_py.parts import registry_of

from .activations import Sigmoid
from .softmax import log_softmax, softmax

sigmoid = Sigmoid()


@dataclass(frozen=True)
class Loss:
    """The losses of single samples, and the gradient of their sum over the batch, or, if `averaged`, of their mean.

    `samples`(Y, T) is the column ℓ (N, 1), `gradient`(Y, T) is (N, K). A loss of your own, for `train(..., loss=Poisson)`:

        def poisson(Y, T):
            return rows_sum(exp(Y) - hadamard(T, Y))
        def poisson_gradient(Y, T):
            return exp(Y) - T
        Poisson = Loss("Poisson", poisson, poisson_gradient)
    """

    name: str
    samples: Callable[[Any, Any], Any]
    gradient: Callable[[Any, Any], Any]
    averaged: bool = False

    def __call__(self, Y, T):
        """L(Y, T) of the batch: 1ᵀ ℓ, or, if `averaged`, 1ᵀ ℓ / N."""
        return self.total(Y, T) / Y.shape[0] if self.averaged else self.total(Y, T)

    def total(self, Y, T, w=None):
        """Σ_i w_i ℓ(y_i, t_i)        w (N, 1), the weights of the samples, by default ones"""
        samples = self.samples(Y, T)
        return elements_sum(samples) if w is None else dot(w, samples)

    def mean_gradient(self, Y, T, w=None, total=None):
        """DY of Σ_i w_i ℓ(y_i, t_i) / total, which training descends        w (N, 1), by default ones; total by default Σ_i w_i

        Row i is that of the gradient of Σ_i ℓ(y_i, t_i) times w_i / total. A mini-batch's `total` is given where these samples
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


def squared_error(Y, T):
    """((Y − T) ⊙ (Y − T)) 1_K"""
    R = Y - T
    return rows_sum(hadamard(R, R))


def squared_error_gradient(Y, T):
    """2 (Y − T)"""
    return 2 * half_squared_error_gradient(Y, T)


def half_squared_error(Y, T):
    """½ ((Y − T) ⊙ (Y − T)) 1_K        [scikit-learn's MLPRegressor]"""
    return squared_error(Y, T) / 2


def half_squared_error_gradient(Y, T):
    """Y − T"""
    return Y - T


def mean_squared_error(Y, T):
    """((Y − T) ⊙ (Y − T)) 1_K / K, whose mean over the batch is squared error / (K N)"""
    return squared_error(Y, T) / Y.shape[1]


def mean_squared_error_gradient(Y, T):
    """2 (Y − T) / (K N)"""
    return squared_error_gradient(Y, T) / (Y.shape[0] * Y.shape[1])


def cross_entropy(Y, T):
    """−(T ⊙ log Y) 1_K        Y > 0"""
    return -rows_sum(hadamard(T, log(Y)))


def cross_entropy_gradient(Y, T):
    """−T ⊙ 1/Y"""
    return -hadamard(T, reciprocal(Y))


def softmax_cross_entropy(Y, T):
    """−(T ⊙ log-softmax(Y)) 1_K"""
    return -rows_sum(hadamard(T, log_softmax(Y)))


@primitive()
def softmax_cross_entropy_gradient(Y, T):
    """softmax(Y) ⊙ (T 1_K 1_Kᵀ) − T"""
    return hadamard(softmax(Y), column_repeat(rows_sum(T), Y.shape[1])) - T


def logistic_cross_entropy(Y, T):
    """−(T ⊙ log σ(Y)) 1_K: the paper's, which has no term for 1 − T"""
    return -rows_sum(hadamard(T, log_sigmoid(Y)))


def logistic_cross_entropy_gradient(Y, T):
    """T ⊙ σ(Y) − T"""
    return hadamard(T, sigmoid(Y)) - T


def binary_cross_entropy(Y, T):
    """−(T ⊙ log σ(Y) + (1 − T) ⊙ log σ(−Y)) 1_K = (Y − T ⊙ Y − log σ(Y)) 1_K, as log(1 − σ(y)) = log σ(y) − y"""
    return rows_sum(Y - hadamard(T, Y) - log_sigmoid(Y))


def binary_cross_entropy_gradient(Y, T):
    """σ(Y) − T"""
    return sigmoid(Y) - T


def poisson(Y, T):
    """(exp Y − T ⊙ Y) 1_K: −log of the probability of counts T with means exp Y, without log T!        [scikit-learn]"""
    return rows_sum(exp(Y) - hadamard(T, Y))


def poisson_gradient(Y, T):
    """exp Y − T"""
    return exp(Y) - T


def negative_log_likelihood(Y, T):
    """−log((Y ⊙ T) 1_K)        Y > 0"""
    return -log(rows_sum(hadamard(Y, T)))


def negative_log_likelihood_gradient(Y, T):
    """−(1 / ((Y ⊙ T) 1_K) 1_Kᵀ) ⊙ T"""
    return -hadamard(column_repeat(reciprocal(rows_sum(hadamard(Y, T))), Y.shape[1]), T)


SquaredError = Loss("SquaredError", squared_error, squared_error_gradient)
HalfSquaredError = Loss("HalfSquaredError", half_squared_error, half_squared_error_gradient)
MeanSquaredError = Loss("MeanSquaredError", mean_squared_error, mean_squared_error_gradient, averaged=True)
CrossEntropy = Loss("CrossEntropy", cross_entropy, cross_entropy_gradient)
SoftmaxCrossEntropy = Loss("SoftmaxCrossEntropy", softmax_cross_entropy, softmax_cross_entropy_gradient)
LogisticCrossEntropy = Loss("LogisticCrossEntropy", logistic_cross_entropy, logistic_cross_entropy_gradient)
BinaryCrossEntropy = Loss("BinaryCrossEntropy", binary_cross_entropy, binary_cross_entropy_gradient)
PoissonLikelihood = Loss("PoissonLikelihood", poisson, poisson_gradient)
NegativeLogLikelihood = Loss("NegativeLogLikelihood", negative_log_likelihood, negative_log_likelihood_gradient)

LOSSES = registry_of(
    SquaredError,
    HalfSquaredError,
    MeanSquaredError,
    CrossEntropy,
    SoftmaxCrossEntropy,
    LogisticCrossEntropy,
    BinaryCrossEntropy,
    PoissonLikelihood,
    NegativeLogLikelihood,
)
