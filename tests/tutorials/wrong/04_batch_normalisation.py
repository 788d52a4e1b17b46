"""Answers to the exercises of 04_batch_normalisation that are wrong, each with a part of what is to be told."""

import numpy as np

from nerva_py.equations.batch_norm import batch_norm_backward, standardize
from nerva_py.matrix import column_repeat, hadamard, inv_sqrt, ones, rows_mean


def folded__row_times_matrix(W, b, gamma, beta, mean, variance, epsilon):
    """but it multiplies the rows of W, (K, D)"""
    factor = gamma / np.sqrt(variance + epsilon)
    return factor * W, factor * (b - mean) + beta


def folded__mean_forgotten(W, b, gamma, beta, mean, variance, epsilon):
    """returns a wrong value 2 of 2"""
    factor = gamma / np.sqrt(variance + epsilon)
    return factor.T * W, factor * b + beta


def running_after__once(n, first, batch, momentum):
    """hint: after n steps a share of (1 − momentum)ⁿ is left of the start"""
    return (1 - momentum) * first + momentum * batch


def layer_norm_backward__by_columns(X, DY):
    """DX is wrong"""
    Z, _, variance = standardize(X, 1e-5)
    return batch_norm_backward(Z, variance, ones(X, 1, X.shape[1]), DY, 1e-5)[0]


def rms_norm_backward__first_term(X, Y, DY):
    """DX is wrong"""
    s = inv_sqrt(rows_mean(hadamard(X, X)), 1e-5)
    return hadamard(column_repeat(s, X.shape[1]), DY)
