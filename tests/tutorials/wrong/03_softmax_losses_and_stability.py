"""Answers to the exercises of 03_softmax_losses_and_stability that are wrong, each with a part of what is to be told."""

import numpy as np

from nerva_py.equations.softmax import softmax, softmax_backward
from nerva_py.matrix import dot, exp, hadamard


def log_sum_exp__unstable(X):
    """hint: subtract the largest element of each row first"""
    with np.errstate(all="ignore"):
        return np.log(np.exp(X).sum(axis=1, keepdims=True))


def log_sum_exp__vector(X):
    """has shape (4,), but (4, 1) is expected (keepdims=True or reshape make a matrix of it)"""
    m = X.max(axis=1)
    return m + np.log(np.exp(X - m.reshape(-1, 1)).sum(axis=1))


def log_sum_exp__plain_maximum(X):
    """hint: subtract the largest element of each row first"""
    return X.max(axis=1, keepdims=True)


def log_sum_exp__number_of_scores(X):
    """hint: subtract the largest element of each row first"""
    return X.max(axis=1, keepdims=True) + np.log(X.shape[1])


def log_sum_exp__one_maximum_for_all(X):
    """hint: subtract the largest element of each row first"""
    with np.errstate(all="ignore"):
        return X.max() + np.log(np.exp(X - X.max()).sum(axis=1, keepdims=True))


def log_sum_exp__smallest(X):
    """hint: subtract the largest element of each row first"""
    m = X.min(axis=1, keepdims=True)
    with np.errstate(all="ignore"):
        return m + np.log(np.exp(X - m).sum(axis=1, keepdims=True))


def log_sum_exp__mean(X):
    """hint: subtract the largest element of each row first"""
    m = X.max(axis=1, keepdims=True)
    return m + np.log(np.exp(X - m).mean(axis=1, keepdims=True))


def log_sum_exp__clipped(X):
    """hint: subtract the largest element of each row first"""
    return np.log(np.exp(np.clip(X, -700, 700)).sum(axis=1, keepdims=True))


def log_softmax_layer_backward__no_sum(Y, DY):
    """DX is wrong"""
    return DY - hadamard(exp(Y), DY)


def temperature_backward__no_sign(X, tau, Y, DY):
    """Dtau is wrong its sign is wrong"""
    DS = softmax_backward(Y, DY)
    return DS / tau, dot(DS, X) / tau**2


def temperature_backward__shape(X, tau, Y, DY):
    """Dtau is wrong"""
    DS = softmax_backward(Y, DY)
    return DS / tau, -hadamard(DS, X) / tau**2


def smoothed_gradient__one_hot(Y, T, epsilon):
    """hint: rows of T′ add up to 1"""
    return softmax(Y) - (1 - epsilon) * T
