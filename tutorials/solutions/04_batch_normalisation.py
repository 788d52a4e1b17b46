"""Solutions of the exercises of 04_batch_normalisation; tests/tutorials checks them."""

import numpy as np

from nerva_py.equations.batch_norm import batch_norm_backward, standardize
from nerva_py.matrix import column_repeat, hadamard, inv_sqrt, ones, rows_mean

EPSILON = 1e-5


def folded(W, b, gamma, beta, mean, variance, epsilon):
    """A neuron's weights and its bias less the mean are multiplied with γ / √(Σ + ε); then β is added."""
    factor = gamma / np.sqrt(variance + epsilon)
    return factor.T * W, factor * (b - mean) + beta


def running_after(n, first, batch, momentum):
    """The distance to the batch's value is multiplied with 1 − momentum in every step."""
    return batch + (1 - momentum) ** n * (first - batch)


def layer_norm_backward(X, DY):
    """Batch normalisation of the transpose, with γ = 1."""
    Z, _, variance = standardize(X.T, EPSILON)
    DX, _, _ = batch_norm_backward(Z, variance, ones(X, 1, X.shape[0]), DY.T, EPSILON)
    return DX.T


def rms_norm_backward(X, Y, DY):
    """As step 2 of the simplification: s ⊙ (DY − Y ⊙ mean(Y ⊙ DY))"""
    D = X.shape[1]
    s = inv_sqrt(rows_mean(hadamard(X, X)), EPSILON)
    inner = DY - hadamard(Y, column_repeat(rows_mean(hadamard(Y, DY)), D))
    return hadamard(column_repeat(s, D), inner)
