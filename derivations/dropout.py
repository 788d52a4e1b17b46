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

import numpy as np
import sympy as sp

from derivations.book import NUMBERS, NotProved, claim
from derivations.linear import matrices
from derivations.proving import EVERY_SIZE, SETTINGS, Setting, Symbols, confirm, confirm_equal, confirm_without_DX
from nerva_py.equations import dropout
from nerva_py.equations.linear import linear
from nerva_py.matrix import dense, draw_mask, hadamard


@claim("Dropout on weights: DX, DW, Db", cases=SETTINGS)
def test_weight_dropout(s: Setting) -> None:
    X, W, b, DY = matrices(s)
    R = s.matrix("R", s.K, s.D)
    claimed = dropout.dropout_linear_backward(X, W, DY, R)
    confirm(dropout.dropout_linear(X, W, b, R), DY, zip((X, W, b), claimed, strict=True))
    confirm_without_DX(claimed, dropout.dropout_linear_backward(X, W, DY, R, False), (W, b))


@claim("Dropout on weights is the linear layer with W ⊙ R", cases=SETTINGS)
def test_weight_dropout_forward(s: Setting) -> None:
    X, W, b, _ = matrices(s)
    R = s.matrix("R", s.K, s.D)
    confirm_equal(dropout.dropout_linear(X, W, b, R), linear(X, hadamard(W, R), b))


@claim("Inverted dropout: DX", cases=SETTINGS)
def test_inverted_dropout(s: Setting) -> None:
    X, R, DY = s.matrix("X", s.N, s.D), s.matrix("R", s.N, s.D), s.matrix("DY", s.N, s.D)
    confirm(dropout.dropout(X, R), DY, [(X, dropout.dropout_backward(DY, R))])


@claim("Dropout keeps the expectation: E[R] = 1", NUMBERS, "one number")
def test_expectation() -> None:
    p = sp.Symbol("p", positive=True)
    confirm_equal(sp.simplify(0 * p + (1 - p) * (1 / (1 - p))), sp.Integer(1))


@claim(
    "draw_mask, on symbols: a symbol of its own for each element that the matrix has, and none elsewhere",
    cases=SETTINGS,
)
def test_mask_of_symbols(s: Setting) -> None:
    for like in (s.matrix("W", s.K, s.D), s.sparse_matrix("W", s.K, s.D)):
        R = draw_mask(Symbols(), like, sp.Symbol("p"))
        if s is EVERY_SIZE:
            confirm_equal(R, s.matrix("R1", s.K, s.D))
        else:
            drawn = [r for r in R if r != 0]
            confirm_equal(R.applyfunc(lambda r: sp.Integer(r != 0)), like.applyfunc(lambda w: sp.Integer(w != 0)))
            if len(set(drawn)) != len(drawn):
                raise NotProved(f"two elements have one symbol: {R}")


RATE = 0.25


@claim(
    "draw_mask like an array: 0 with probability p, else 1 / (1 − p), to five standard errors", "numpy.ndarray", "p = ¼"
)
def test_mask_of_numbers() -> None:
    """Compiled or not, it is drawn column by column; the next mask is another one."""
    like, rng = np.zeros((200, 60), np.float32), np.random.default_rng(1)
    R = draw_mask(rng, like, RATE)
    confirm_drawn(R, like.shape)
    if not np.array_equal(R, dense.draw_mask(np.random.default_rng(1), like, RATE)):
        raise NotProved("the compiled primitive draws another mask")
    if np.array_equal(R, draw_mask(rng, like, RATE)):
        raise NotProved("two masks are the same")


def confirm_drawn(R: np.ndarray, shape: tuple[int, ...]) -> None:
    """R of float32 is a mask of that shape for the rate of this chapter."""
    if R.shape != shape or R.dtype != np.float32:
        raise NotProved(f"the mask has shape {R.shape} and type {R.dtype}")
    if set(np.unique(R)) != {0, np.float32(1 / (1 - RATE))}:
        raise NotProved(f"its elements are {np.unique(R)}")
    if abs((R == 0).mean() - RATE) > 5 * np.sqrt(RATE * (1 - RATE) / R.size):
        raise NotProved(f"{(R == 0).mean()} of its elements are 0")
