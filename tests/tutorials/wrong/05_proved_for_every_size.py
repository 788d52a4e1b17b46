"""Answers to the exercises of 05_proved_for_every_size that are wrong, each with a part of what is to be told."""

from nerva_py.equations.activations import Sigmoid
from nerva_py.matrix import hadamard


def gram_backward__symmetric(X, DY):
    """DX is wrong"""
    return 2 * (DY @ X)


def gate_backward__swapped(X, W, V, DY):
    """✓ DX is right: proved for all sizes ✗ DW is wrong it is DV"""
    DA, DB = hadamard(DY, X @ V.T), hadamard(DY, X @ W.T)
    return DA @ W + DB @ V, DB.T @ X, DA.T @ X


def swish_backward__one_term(X, DY):
    """DX is wrong"""
    return hadamard(DY, Sigmoid()(X))


def attention_backward__two_parts(X, A, DY):
    """DX is wrong"""
    S, DS = X @ A @ X.T, DY @ X.T
    return S.T @ DY + DS @ X @ A.T, X.T @ DS @ X
