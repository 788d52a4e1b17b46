"""Answers to the exercises of 02_backpropagation_without_autograd that are wrong, each with a part of what is to be told."""

from nerva_py.equations.activations import ReLU
from nerva_py.matrix import hadamard


def hadamard_backward__swapped(A, B, DY):
    """DA is wrong it is DB"""
    return hadamard(DY, A), hadamard(DY, B)


def hadamard_backward__star(A, B, DY):
    """for the product element by element use hadamard"""
    return DY * B, DY * A


def residual_backward__one_way(X, W, DY):
    """DX is wrong"""
    DZ = ReLU().backward(DY, X @ W.T)
    return DZ @ W, DZ.T @ X


def residual_backward__transposed(X, W, DY):
    """DW is wrong it is the transpose of the right one"""
    DZ = ReLU().backward(DY, X @ W.T)
    return DY + DZ @ W, X.T @ DZ


def tied_backward__once(X, W, DY):
    """✓ DX is right: proved for all sizes ✗ DW is wrong"""
    return DY @ W.T @ W, (X @ W.T).T @ DY


def tied_backward__alone(X, W, DY):
    """backward returns 1 gradient; it must return 2"""
    return DY @ W.T @ W


def complex_step__difference(f, x):
    """f(x + ih) / h has the derivative in its imaginary part"""
    return (f(x + 1e-6) - f(x - 1e-6)) / 2e-6
