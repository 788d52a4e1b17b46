"""Solutions of the exercises of 03_softmax_losses_and_stability; tests/tutorials checks them."""

import numpy as np

from nerva_py.equations.softmax import softmax, softmax_backward
from nerva_py.matrix import column_repeat, dot, exp, hadamard, rows_sum


def log_sum_exp(X):
    """m + log Σ e^(x − m) with m the largest element of the row: what is under the logarithm is between 1 and K."""
    m = X.max(axis=1, keepdims=True)
    return m + np.log(np.exp(X - m).sum(axis=1, keepdims=True))


def log_softmax_layer_backward(Y, DY):
    """Σ_j DY_j (δ_jq − y_q) = DY_q − y_q Σ_j DY_j, with y = e^Y"""
    return DY - hadamard(exp(Y), column_repeat(rows_sum(DY), DY.shape[1]))


def temperature_backward(X, tau, Y, DY):
    """S = X / τ: DX = DS / τ, and Dτ = Σ DS ⊙ (−X / τ²)"""
    DS = softmax_backward(Y, DY)
    return DS / tau, -dot(DS, X) / tau**2


def smoothed_gradient(Y, T, epsilon):
    """The rows of T′ = (1 − ε) T + ε / K add up to 1."""
    K = T.shape[1]
    return softmax(Y) - ((1 - epsilon) * T + epsilon / K)
