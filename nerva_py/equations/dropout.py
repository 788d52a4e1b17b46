"""Dropout: on the weights, as in the paper, and inverted dropout on activations.        [arXiv:2511.11918; JMLR 15:1929]"""

from nerva_py.matrix import hadamard

from .linear import linear, linear_input_gradient, linear_parameter_gradients


def dropout_linear(X, W, b, R):
    """Y = X (W ⊙ R)ᵀ + 1_N b        R like W: its elements are 0 with probability p, else 1 / (1 − p)"""
    return linear(X, hadamard(W, R), b)


def dropout_linear_parameter_gradients(X, W, DY, R):
    """DW = (DYᵀ X) ⊙ R,   Db = 1_Nᵀ DY        -> like W, (1, K)"""
    D_product, Db = linear_parameter_gradients(X, W, DY)
    return hadamard(D_product, R), Db


def dropout_linear_input_gradient(W, DY, R):
    """DX = DY (W ⊙ R)        -> (N, D)"""
    return linear_input_gradient(hadamard(W, R), DY)


def dropout_linear_backward(X, W, DY, R):
    """DX = DY (W ⊙ R),   DW = (DYᵀ X) ⊙ R,   Db = 1_Nᵀ DY        -> (N, D), like W, (1, K)"""
    return dropout_linear_input_gradient(W, DY, R), *dropout_linear_parameter_gradients(X, W, DY, R)


def dropout(X, R):
    """Y = X ⊙ R        R (N, D): its elements are 0 with probability p, else 1 / (1 − p), so that E[Y] = X"""
    return hadamard(X, R)


def dropout_backward(DY, R):
    """DX = DY ⊙ R"""
    return hadamard(DY, R)
