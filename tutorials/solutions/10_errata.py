"""Solutions of the exercises of 10_errata."""

import numpy as np
import sympy as sp

from derivations.errata import columnwise
from nerva_py.matrix import columns_sum, diag, hadamard, row_repeat, rows_sum
from nerva_py.verify import IndexedMatrix, equal


def mean_of_rows(X):
    return rows_sum(X) / X.shape[1]


def first_wrong_epoch(milestones):
    return 2 * min(milestones)  # where the quotient of the first milestone exceeds 1


def likelihood_gradient_by_columns(Y, T):
    return -T / np.sum(Y * T, axis=0)


def log_softmax_backward(Z, DY):
    return DY - hadamard(columnwise.softmax_by_columns(Z), row_repeat(columns_sum(DY), Z.shape[0]))


def verdict(name):
    N, D, K = sp.symbols("N D K", integer=True, positive=True)
    X, Y = (IndexedMatrix.symbol(letter, N, D) for letter in "XY")
    W = IndexedMatrix.symbol("W", K, D)
    suspects = {
        "diagonal": (lambda: diag(X @ Y.T), lambda: rows_sum(hadamard(X, Y))),
        "sum of a product": (lambda: columns_sum(X @ W.T), lambda: columns_sum(X) @ W.T),
        "sums of factors": (lambda: rows_sum(hadamard(X, Y)), lambda: hadamard(rows_sum(X), rows_sum(Y))),
        "transposed product": (lambda: (X @ W.T).T, lambda: X.T @ W),
        "row or column": (lambda: columns_sum(hadamard(X, Y)), lambda: rows_sum(hadamard(X.T, Y.T))),
    }
    left, right = suspects[name]
    try:
        return "different" if equal(left(), right()) else "equal"
    except ValueError:
        return "dimension error"
