"""Answers to the exercises of 01_one_neuron_to_one_layer that are wrong, each with a part of what is to be told."""

import numpy as np


def linear_columns__rows(X, W, b):
    """raises ValueError"""
    return X @ W.T + b


def linear_columns__transposed(X, W, b):
    """has shape (3, 4), but (4, 3) is expected at D=2, N=3, K=4"""
    return (W @ X + b).T


def combined_layer__bias_forgotten(W1, b1, W2, b2):
    """returns a wrong value 2 of 2"""
    return W2 @ W1, b2


def combined_layer__order(W1, b1, W2, b2):
    """raises ValueError"""
    return W1 @ W2, b1 @ W2.T + b2


def bias_as_weight__first(X, W, b):
    """returns a wrong value 1 of 2: has entry (0, 0) = 1"""
    return np.hstack([np.ones((len(X), 1)), X]), np.hstack([b.T, W])


def squared_distances__half(X, M):
    """it is 0.5 times the right one"""
    return ((X[:, None, :] - M[None, :, :]) ** 2).sum(axis=2) / 2


def squared_distances__not_squared(X, M):
    """hint: ‖x‖² is a column (N, 1)"""
    return np.sqrt(((X[:, None, :] - M[None, :, :]) ** 2).sum(axis=2))
