"""Solutions of the exercises of 05_proved_for_every_size; tests/tutorials checks them."""

from nerva_py.equations.activations import Sigmoid
from nerva_py.matrix import hadamard


def gram_backward(X, DY):
    """Y = A Bᵀ has DA = DY B and DB = DYᵀ A; with A = B = X they are added."""
    return (DY + DY.T) @ X


def gate_backward(X, W, V, DY):
    """A = X Wᵀ, B = X Vᵀ: DA = DY ⊙ B, DB = DY ⊙ A, and then two linear layers."""
    DA, DB = hadamard(DY, X @ V.T), hadamard(DY, X @ W.T)
    return DA @ W + DB @ V, DA.T @ X, DB.T @ X


def swish_backward(X, DY):
    """(x σ)′ = σ + x (σ − σ²)"""
    S = Sigmoid()(X)
    return hadamard(DY, S + hadamard(X, S - hadamard(S, S)))


def attention_backward(X, A, DY):
    """S = X A Xᵀ, Y = S X: DS = DY Xᵀ; to X there are three ways."""
    S, DS = X @ A @ X.T, DY @ X.T
    return S.T @ DY + DS @ X @ A.T + DS.T @ X @ A, X.T @ DS @ X
