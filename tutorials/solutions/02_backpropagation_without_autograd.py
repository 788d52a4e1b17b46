"""Solutions of the exercises of 02_backpropagation_without_autograd; tests/tutorials checks them."""

from nerva_py.equations.activations import ReLU
from nerva_py.matrix import hadamard


def hadamard_backward(A, B, DY):
    """The derivative of a b by a is b."""
    return hadamard(DY, B), hadamard(DY, A)


def residual_backward(X, W, DY):
    """With Z = X Wᵀ: DZ = DY ⊙ f′(Z), and to X there are two ways."""
    DZ = ReLU().backward(DY, X @ W.T)
    return DY + DZ @ W, DZ.T @ X


def tied_backward(X, W, DY):
    """H = X Wᵀ, Y = H W: DH = DY Wᵀ, and W gets Hᵀ DY from the second step, DHᵀ X from the first."""
    H, DH = X @ W.T, DY @ W.T
    return DH @ W, H.T @ DY + DH.T @ X


def complex_step(f, x):
    """Im f(x + ih) / h"""
    h = 1e-30
    return f(x + 1j * h).imag / h
