"""Softmax and log-softmax by rows, their Jacobians, and their backward equations.        [arXiv:2511.11918, softmax]

The stable forms are executed; `..._definition` and `..._paper` are the forms in print, equal to them in exact arithmetic.
"""

from nerva_py.matrix import (
    Diag,
    column_repeat,
    diag,
    exp,
    hadamard,
    identity,
    log,
    reciprocal,
    row_repeat,
    rows_max,
    rows_sum,
)


def shifted(X):
    """X − max(X)_row 1_Kᵀ: no element above 0, so that no exponential overflows."""
    return X - column_repeat(rows_max(X), X.shape[1])


def softmax_definition(X):
    """e^X ⊙ (1 / (e^X 1_K) 1_Kᵀ)        X (N, K) -> (N, K)"""
    E = exp(X)
    return hadamard(E, column_repeat(reciprocal(rows_sum(E)), X.shape[1]))


def softmax(X):
    """The softmax of S = X − max(X)_row 1_Kᵀ, which is that of X        X (N, K) -> (N, K)"""
    return softmax_definition(shifted(X))


def softmax_backward(Y, DY):
    """DZ = Y ⊙ (DY − ((DY ⊙ Y) 1_K) 1_Kᵀ)        Y = softmax(Z), DY (N, K) -> (N, K)"""
    return hadamard(Y, DY - column_repeat(rows_sum(hadamard(DY, Y)), Y.shape[1]))


def softmax_backward_paper(Y, DY):
    """DZ = Y ⊙ (DY − diag(DY Yᵀ) 1_Kᵀ), which forms an N×N matrix to use its diagonal"""
    return hadamard(Y, DY - column_repeat(diag(DY @ Y.T), Y.shape[1]))


def softmax_jacobian(x):
    """Diag(y) − yᵀ y   with y = softmax(x)        x (1, K) -> (K, K)"""
    y = softmax(x)
    return Diag(y) - y.T @ y


def log_softmax_definition(X):
    """X − log(e^X 1_K) 1_Kᵀ        X (N, K) -> (N, K)"""
    return X - column_repeat(log(rows_sum(exp(X))), X.shape[1])


def log_softmax(X):
    """The log-softmax of S = X − max(X)_row 1_Kᵀ, which is that of X        X (N, K) -> (N, K)"""
    return log_softmax_definition(shifted(X))


def log_softmax_backward(Y, DY):
    """DZ = DY − e^Y ⊙ (DY 1_K 1_Kᵀ)        Y = log-softmax(Z), so that e^Y = softmax(Z); DY (N, K) -> (N, K)"""
    return DY - hadamard(exp(Y), column_repeat(rows_sum(DY), Y.shape[1]))


def log_softmax_backward_paper(Z, DY):
    """DZ = DY − softmax(Z) ⊙ (DY 1_K 1_Kᵀ)"""
    return DY - hadamard(softmax(Z), column_repeat(rows_sum(DY), Z.shape[1]))


def log_softmax_jacobian(x):
    """I_K − 1_K y   with y = softmax(x)        x (1, K) -> (K, K)"""
    K = x.shape[1]
    return identity(x, K) - row_repeat(softmax(x), K)
