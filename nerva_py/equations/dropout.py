"""Dropout: on the weights, as in the paper, and inverted dropout on activations.        [arXiv:2511.11918; JMLR 15:1929]"""

from nerva_py.matrix import Outer, columns_sum, hadamard

from .linear import linear


def dropout_linear(X, W, b, R):
    """Y = X (W ⊙ R)ᵀ + 1_N b        R like W: its elements are 0 with probability p, else 1 / (1 − p)"""
    return linear(X, hadamard(W, R), b)


def dropout_linear_backward(X, W, DY, R, needs_DX=True):
    """DX = DY (W ⊙ R),   DW = (DYᵀ X) ⊙ R on the support of W,   Db = 1_Nᵀ DY        -> (N, D) or None, `Outer`, (1, K)"""
    DX = DY @ hadamard(W, R) if needs_DX else None
    return DX, Outer(DY, X, R), columns_sum(DY)


def dropout(X, R):
    """Y = X ⊙ R        R (N, D): its elements are 0 with probability p, else 1 / (1 − p), so that E[Y] = X"""
    return hadamard(X, R)


def dropout_backward(DY, R):
    """DX = DY ⊙ R"""
    return hadamard(DY, R)
