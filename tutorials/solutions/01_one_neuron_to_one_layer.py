"""Solutions of the exercises of 01_one_neuron_to_one_layer; tests/tutorials checks them."""

import numpy as np

from nerva_py.equations.linear import linear


def linear_columns(X, W, b):
    """The transpose of everything: (K, D) (D, N) + (K, 1), and NumPy repeats the column b."""
    return W @ X + b


def combined_layer(W1, b1, W2, b2):
    """(X W₁ᵀ + 1 b₁) W₂ᵀ + 1 b₂ = X (W₂ W₁)ᵀ + 1 (b₁ W₂ᵀ + b₂), and the last bracket is the second layer applied to b₁."""
    return W2 @ W1, linear(b1, W2, b2)


def bias_as_weight(X, W, b):
    """A column of ones beside X, and beside W the biases as a column."""
    return np.hstack([X, np.ones((X.shape[0], 1))]), np.hstack([W, b.T])


def squared_distances(X, M):
    """‖x‖² − 2 x mᵀ + ‖m‖²: the last two terms are a linear layer with the weights −2 M."""
    of_X = (X * X).sum(axis=1, keepdims=True)
    of_M = (M * M).sum(axis=1, keepdims=True).T
    return linear(X, -2 * M, of_M) + of_X
