"""Answers to the exercises of 10_errata that are wrong, each with a part of what is to be told."""

import numpy as np

from derivations.errata import columnwise
from nerva_py.matrix import columns_sum, hadamard, row_repeat, rows_sum


def mean_of_rows__as_printed(X):
    """hint: how many elements does a row have?"""
    return rows_sum(X) / X.shape[0]


def mean_of_rows__vector(X):
    """keepdims=True or reshape make a matrix of it"""
    return X.mean(axis=1)


def first_wrong_epoch__milestone(milestones):
    """hint: at 2 and 3 times a milestone something happens"""
    return milestones[0]


def likelihood_gradient_by_columns__as_printed(Y, T):
    """the sign of all entries is wrong"""
    return T / np.sum(Y * T, axis=0)


def log_softmax_backward__without_sum(Z, DY):
    """DZ is wrong"""
    return DY - hadamard(columnwise.softmax_by_columns(Z), DY)


def log_softmax_backward__sign(Z, DY):
    """DZ is wrong"""
    return DY + hadamard(columnwise.softmax_by_columns(Z), row_repeat(columns_sum(DY), Z.shape[0]))


def verdict__optimist(name):
    """expected 'dimension error'"""
    return "different" if name == "sums of factors" else "equal"
