"""LaTeX of an equation, printed from the function that is executed."""

from __future__ import annotations

import pytest
import sympy as sp

from nerva_py.equations import batch_norm, losses, softmax
from nerva_py.equations.linear import linear, linear_backward
from nerva_py.matrix import Diag, diag, hadamard, rows_sum
from nerva_py.verify import WrittenMatrix, latex

N, D, K = sp.symbols("N D K")
X, W, DY = WrittenMatrix("X", N, D), WrittenMatrix("W", K, D), WrittenMatrix(r"\mathrm{D}Y", N, K)
b, Y = WrittenMatrix("b", 1, K), WrittenMatrix("Y", N, K)


def test_linear_layer():
    assert latex(linear, X, W, b) == r"X \, W^\top + \mathbf{1}_{N} \, b"
    DX, DW, Db = latex(linear_backward, X, W, DY)  # the gradient that waits for its support is written out
    assert DX == r"\mathrm{D}Y \, W"
    assert DW == r"\mathrm{D}Y^\top \, X"
    assert Db == r"\mathbf{1}_{N}^\top \, \mathrm{D}Y"


def test_softmax_layer():
    expected = (
        r"Y \odot \left(\mathrm{D}Y - \left(\mathrm{D}Y \odot Y\right) \, \mathbf{1}_{K} \, \mathbf{1}_{K}^\top\right)"
    )
    assert latex(softmax.softmax_backward, Y, DY) == expected
    assert latex(softmax.log_softmax_definition, Y) == (
        r"Y - \log\!\left(e^{Y} \, \mathbf{1}_{K}\right) \, \mathbf{1}_{K}^\top"
    )


@pytest.mark.parametrize(
    ("formula", "expected"),
    [
        (X + X - X, "X + X - X"),
        (X - (X + X), r"X - \left(X + X\right)"),
        ((X + X).T, r"\left(X + X\right)^\top"),
        ((X @ W.T).T, r"\left(X \, W^\top\right)^\top"),
        (2 * (X + X), r"2 \, \left(X + X\right)"),
        (hadamard(X, X) @ W.T, r"\left(X \odot X\right) \, W^\top"),
        (X / N, r"\tfrac{1}{N} X"),
        (-X, "-X"),
        (rows_sum(X), r"X \, \mathbf{1}_{D}"),
    ],
)
def test_parentheses(formula, expected):
    assert formula.text == expected
    assert formula._repr_latex_() == rf"$\displaystyle {expected}$"


def test_shapes():
    assert (X @ W.T).shape == (N, K)
    assert Diag(b).shape == (K, K)
    assert Diag(b.T).shape == (K, K)
    assert diag(X @ X.T).shape == (N, 1)


def test_other_equations_can_be_written():
    gamma, beta, epsilon = WrittenMatrix(r"\gamma", 1, D), WrittenMatrix(r"\beta", 1, D), sp.Symbol("epsilon")
    written = latex(batch_norm.batch_norm, X, gamma, beta, epsilon)
    assert len(written) == 4
    assert all(text.count("{") == text.count("}") for text in written)
    assert r"+ \epsilon\right)^{-1/2}" in written[0]
    T = WrittenMatrix("T", N, K)
    assert latex(losses.squared_error_gradient, Y, T) == r"2 \, \left(Y - T\right)"
