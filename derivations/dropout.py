r"""# Dropout

The paper drops **weights**: with a matrix $R$ like $W$, whose elements are $0$ with probability $p$ and $1/(1-p)$ otherwise, drawn anew for
each batch,

$$Y = X (W \odot R)^\top + \mathbf{1}_N b .$$

This is a linear layer with the weights $V = W \odot R$, so $\mathrm{D}X = \mathrm{D}Y\, V$ and $\mathrm{D}V = \mathrm{D}Y^\top X$; and
$\partial L / \partial w_{pq} = (\mathrm{D}V)_{pq}\, r_{pq}$ by the chain rule, element by element: $\mathrm{D}W = (\mathrm{D}Y^\top X) \odot R$.
For a sparse $W$ the matrix $R$ lives on its support, and so does the gradient.

**Inverted dropout** drops activations: $Y = X \odot R$ with $R$ of the shape of $X$, and $\mathrm{D}X = \mathrm{D}Y \odot R$. In both, the
expectation of an element of $R$ is $0 \cdot p + \tfrac{1}{1-p} (1-p) = 1$, so that evaluation can simply leave $R$ out.
"""

from __future__ import annotations

import sympy as sp

from derivations.book import NUMBERS, claim
from derivations.proving import SETTINGS, Setting, confirm, confirm_equal
from nerva_py.equations import dropout
from nerva_py.equations.linear import linear
from nerva_py.matrix import hadamard


@claim("Dropout on weights: DX, DW, Db", cases=SETTINGS)
def test_weight_dropout(s: Setting) -> None:
    X, W, b = s.matrix("X", s.N, s.D), s.matrix("W", s.K, s.D), s.matrix("b", 1, s.K)
    R, DY = s.matrix("R", s.K, s.D), s.matrix("DY", s.N, s.K)
    confirm(
        dropout.dropout_linear(X, W, b, R),
        DY,
        zip((X, W, b), dropout.dropout_linear_backward(X, W, DY, R), strict=True),
    )


@claim("Dropout on weights is the linear layer with W ⊙ R", cases=SETTINGS)
def test_weight_dropout_forward(s: Setting) -> None:
    X, W, b, R = s.matrix("X", s.N, s.D), s.matrix("W", s.K, s.D), s.matrix("b", 1, s.K), s.matrix("R", s.K, s.D)
    confirm_equal(dropout.dropout_linear(X, W, b, R), linear(X, hadamard(W, R), b))


@claim("Inverted dropout: DX", cases=SETTINGS)
def test_inverted_dropout(s: Setting) -> None:
    X, R, DY = s.matrix("X", s.N, s.D), s.matrix("R", s.N, s.D), s.matrix("DY", s.N, s.D)
    confirm(dropout.dropout(X, R), DY, [(X, dropout.dropout_backward(DY, R))])


@claim("Dropout keeps the expectation: E[R] = 1", NUMBERS, "one number")
def test_expectation() -> None:
    p = sp.Symbol("p", positive=True)
    confirm_equal(sp.simplify(0 * p + (1 - p) * (1 / (1 - p))), sp.Integer(1))
