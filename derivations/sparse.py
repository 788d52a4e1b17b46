r"""# The sparse restriction

A sparse $W$ is $S \odot V$: $S$ says with 0 and 1 which positions are stored, $V$ holds the stored values. Only those are trained, so what is
wanted is the gradient with respect to $V$. By the chain rule it is $S \odot \mathrm{D}W$ with the $\mathrm{D}W$ of the dense layer:

$$\mathrm{D}V = S \odot (\mathrm{D}Y^\top X) .$$

That is why the trainer computes $\mathrm{D}Y^\top X$ *on the support only* (`product_on`): the other elements are not approximated, they are
not part of the gradient. On symbolic sizes nothing is known of $S$ but $S \odot S = S$, so the proof holds for **every** support. At
concrete sizes the support has an empty row and an empty column, and SymPy differentiates by each stored value.

**The gradient waits.** $\mathrm{D}Y^\top X$ is not computed where the backward equation is: that returns the two factors, an `Outer`. What it is
asked for decides what is computed: the values on the support, the largest elsewhere where a topology grows, the update of $W$. A batch
that is shared among processes, or several batches, have a gradient that is a sum of such products, each with the mask $R_t$ of its own
dropout, $\mathrm{D}V = S \odot \sum_t (\mathrm{D}Y_t^\top X_t) \odot R_t$. The values of its terms are added as a tree, neighbours first, so that
processes that hold $2^j$ neighbouring terms each may add up their own ones before.

The three products of a sparse layer are adjoint to one another,
$\langle \mathrm{D}Y, X W^\top \rangle = \langle \mathrm{D}Y\, W, X \rangle = \langle \mathrm{D}W, W \rangle$; the tests of the kernels use this law.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import reduce
from itertools import count
from operator import add
from typing import Any

import numpy as np
import sympy as sp
from scipy.sparse import csr_array

from derivations.book import CONCRETE, KERNEL, NUMBERS, NotProved, claim
from derivations.dropout import RATE, confirm_drawn
from derivations.linear import any_function
from derivations.proving import (
    EVERY_SIZE,
    SETTINGS,
    Setting,
    Symbols,
    confirm,
    confirm_equal,
    confirm_gradients,
    confirm_without_DX,
)
from nerva_py.engine import SparseBatch
from nerva_py.equations import dropout, updates
from nerva_py.equations.activation_layer import activation_layer
from nerva_py.equations.linear import linear, linear_backward
from nerva_py.matrix import Outer, dot, draw_mask, hadamard, product_on
from nerva_py.matrix.outer import tree_sum
from nerva_py.sparse import DenseWeight, SparseWeight, Support


def matrices(s: Setting) -> tuple[Any, Any, Any, Any]:
    """X, W, b and DY of a layer with a sparse W."""
    return s.matrix("X", s.N, s.D), s.sparse_matrix("W", s.K, s.D), s.matrix("b", 1, s.K), s.matrix("DY", s.N, s.K)


def support_of(W: Any) -> Any:
    """S"""
    return W.applyfunc(lambda w: sp.Integer(w != 0)) if isinstance(W, sp.MatrixBase) else W.support


@claim("Linear layer, sparse W: DX, DW on the support, Db", cases=SETTINGS)
def test_linear(s: Setting) -> None:
    X, W, b, DY = matrices(s)
    claimed = linear_backward(X, W, DY)
    confirm(linear(X, W, b), DY, zip((X, W, b), claimed, strict=True))
    confirm_without_DX(claimed, linear_backward(X, W, DY, False), (W, b))


@claim("Activation layer, sparse W, any f: DX, DW on the support, Db", cases=SETTINGS)
def test_activation_layer(s: Setting) -> None:
    X, W, b, DY = matrices(s)
    f, derivatives = any_function(s)
    DZ = f.backward(DY, linear(X, W, b))
    confirm(activation_layer(X, W, b, f), DY, zip((X, W, b), linear_backward(X, W, DZ), strict=True), derivatives)


@claim("Dropout on sparse weights: DX, DW on the support, Db", cases=SETTINGS)
def test_weight_dropout(s: Setting) -> None:
    X, W, b, DY = matrices(s)
    R = draw_mask(Symbols(), W, sp.Symbol("p"))
    claimed = dropout.dropout_linear_backward(X, W, DY, R)
    confirm(dropout.dropout_linear(X, W, b, R), DY, zip((X, W, b), claimed, strict=True))
    confirm_without_DX(claimed, dropout.dropout_linear_backward(X, W, DY, R, False), (W, b))


@claim("The gradient is that of the dense layer, restricted: product_on(W, A, B) = S ⊙ (A B)", cases=SETTINGS)
def test_restriction(s: Setting) -> None:
    W, A, B = s.sparse_matrix("W", s.K, s.D), s.matrix("A", s.K, s.N), s.matrix("B", s.N, s.D)
    confirm_equal(product_on(W, A, B), hadamard(support_of(W), A @ B))


@claim("Adjoint law: ⟨DY, X Wᵀ⟩ = ⟨DY W, X⟩ = ⟨DW, W⟩", cases=SETTINGS)
def test_adjoint_law(s: Setting) -> None:
    X, W, _, DY = matrices(s)
    left = s.number(dot(DY, X @ W.T))
    confirm_equal(left, s.number(dot(DY @ W, X)))
    confirm_equal(left, s.number(dot(product_on(W, DY.T, X), W)))


@claim("The sparse layer that is trained agrees with the equation on SymPy's matrices", KERNEL, "5×7×6, float64")
def test_the_executed_layer() -> None:
    """The same function on the two carriers, with small integers, whose products float64 holds exactly."""
    rng = np.random.default_rng(0)
    W = SparseWeight.random((6, 7), 0.4, rng, values=lambda S, rng: rng.integers(1, 9, S.nnz), dtype=np.float64)
    X, DY, b = (rng.integers(-8, 9, shape).astype(np.float64) for shape in ((5, 7), (5, 6), (1, 6)))
    exact = [sp.Matrix(A.astype(int).tolist()) for A in (X, W.toarray(), DY, b)]
    for name, A, B in zip(("Y", "DX", "DW", "Db"), _executed(X, W, DY, b), _executed(*exact), strict=True):
        if not np.array_equal(A.toarray() if isinstance(A, SparseWeight) else A, np.array(B.tolist(), dtype=float)):
            raise NotProved(f"{name}: {A} is not {B}")


def _executed(X: Any, W: Any, DY: Any, b: Any) -> tuple[Any, Any, Any, Any]:
    DX, DW, Db = linear_backward(X, W, DY)
    return linear(X, W, b), DX, DW.on(W), Db


SOME = (np.random.default_rng(0).random((200, 60)) < 0.5).astype(np.float32)
STORED: dict[str, tuple[Callable[[], Any], Callable[[Any], np.ndarray]]] = {
    "SparseWeight": (lambda: SparseWeight.from_dense(SOME), lambda R: R.data),
    "DenseWeight": (lambda: DenseWeight(SOME), lambda R: R.data),
    "SparseBatch": (lambda: SparseBatch.from_csr(csr_array(SOME)), lambda R: R.values),
}


@claim("draw_mask like a {case}: 0 with probability p, else 1 / (1 − p), for what is stored", "numpy.ndarray", "p = ¼",
       cases=STORED)  # fmt: skip
def test_mask_of_numbers(name: str) -> None:
    make, numbers = STORED[name]
    like = make()
    confirm_drawn(numbers(draw_mask(np.random.default_rng(1), like, RATE)), numbers(like).shape)


# ------------------------------------------------------------------------------------------------- the gradient that waits


def several(s: Setting, W: Any) -> list[tuple[Any, Any, Any]]:
    """DY, X and R of three batches of different sizes; the second one has no dropout."""
    draw, sizes = Symbols(), (s.N, s.N + 1, s.N + 2)
    factors = [(s.matrix(f"DY{t}", N, s.K), s.matrix(f"X{t}", N, s.D)) for t, N in enumerate(sizes)]
    masks = draw_mask(draw, W, 0), None, draw_mask(draw, W, 0)
    return [(DY, X, R) for (DY, X), R in zip(factors, masks, strict=True)]


def summed(terms: list[tuple[Any, Any, Any]]) -> Outer:
    """Σ (DYᵀ X) ⊙ R"""
    return reduce(add, (Outer(*term) for term in terms))


@claim("Outer: `on` gives the gradient of 1, 2, 3 batches, two with dropout on weights, on the support", cases=SETTINGS)
def test_sum_of_terms(s: Setting) -> None:
    """SymPy and the prover differentiate ⟨DY₀, Y₀⟩ + ⟨DY₁, Y₁⟩ + ⟨DY₂, Y₂⟩ by the weights that the three have in common."""
    _, W, b, _ = matrices(s)
    terms, L = several(s, W), sp.Integer(0)
    for number, (DY, X, R) in enumerate(terms, 1):
        L += dot(DY, linear(X, W, b) if R is None else dropout.dropout_linear(X, W, b, R))
        outer = summed(terms[:number])
        confirm_gradients(L, [(W, outer)])
        if outer.shape != W.shape:
            raise NotProved(f"the gradient has shape {outer.shape}, the weights {W.shape}")


@claim("Outer: `update` is the update with the values on the support", cases=SETTINGS)
def test_update(s: Setting) -> None:
    _, W, _, _ = matrices(s)
    outer, delta = summed(several(s, W)), hadamard(support_of(W), s.matrix("Delta", s.K, s.D))
    eta, decay, mu = constants = sp.symbols("eta lambda mu", real=True)
    theta, (state,) = outer.update(updates.nesterov, W, [delta], constants)
    step = eta * (outer.on(W) + decay * W)
    confirm_equal(state, mu * delta - step)
    confirm_equal(theta, W + mu * state - step)


@claim("Outer: the one product of the stacked factors is the sum of the products, masks apart", CONCRETE,
       cases=[s for s in SETTINGS if s is not EVERY_SIZE])  # fmt: skip
def test_stacked(s: Setting) -> None:
    terms = several(s, s.matrix("W", s.K, s.D))
    for some in (terms[:1], terms[:2], terms):
        DY, X = summed(some).stacked()
        confirm_equal(DY, sp.Matrix.vstack(*(term[0] for term in some)))
        confirm_equal(X, sp.Matrix.vstack(*(term[1] for term in some)))
        confirm_equal(DY.T @ X, sum((DY.T @ X for DY, X, _ in some), start=sp.zeros(s.K, s.D)))


@claim(
    "Outer: `largest` and `column_maxima` look at the sum of the products, masks apart",
    "numpy.ndarray",
    "6×7, 20 cases",
)
def test_largest() -> None:
    """Small integers, so that sums are exact and many of the numbers equal: of these the first, row by row."""
    for seed in range(20):
        rng = np.random.default_rng(seed)
        factors = [[rng.integers(-2, 3, (N, width)).astype(float) for width in (6, 7)] for N in (1, 3)[: 1 + seed % 2]]
        support = Support.random((6, 7), 15, rng)
        outer = reduce(add, (Outer(DY, X, SparseWeight(support, np.zeros(15))) for DY, X in factors))
        G = np.abs(sum(DY.T @ X for DY, X in factors))
        if not np.array_equal(outer.column_maxima(), G.max(axis=0)):
            raise NotProved(f"{outer.column_maxima()} is not {G.max(axis=0)}")
        for rows, columns in ((None, None), (rng.random(6) < 0.7, rng.random(7) < 0.7), (rng.random(6) < 0.7, None)):
            free = support.mask() == 0
            free[slice(0, 0) if rows is None else ~rows] = False
            free[:, slice(0, 0) if columns is None else ~columns] = False
            expected = sorted(zip(*np.nonzero(free), strict=True), key=lambda x: (-G[x], x))[:4]
            found = outer.largest(len(expected), support, rows, columns)
            if sorted(expected) != list(zip(found.rows(), found.indices, strict=True)):
                raise NotProved(f"seed {seed}: {found} are not the largest, {expected}")


class Sum:
    """What was added to what."""

    def __init__(self, text: str):
        if len(text) > 500:  # of 17 terms there are 100
            raise NotProved(f"terms are added again and again: {text[:80]}")
        self.text = text

    def __add__(self, other: Sum) -> Sum:
        return Sum(f"({self.text} + {other.text})")


def added(terms: list[str]) -> str:
    """In which order `tree_sum` adds these terms. It must come to an end."""
    lines = count()

    def trace(*_: Any) -> Any:
        if next(lines) > 2000:
            raise NotProved(f"the sum of {len(terms)} terms does not end")
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        return tree_sum([Sum(term) for term in terms]).text
    finally:
        sys.settrace(before)


@claim("tree_sum: ((a + b) + (c + d)) + e, and it comes to an end", NUMBERS, "1 to 5 terms")
def test_order_of_tree_sum() -> None:
    for terms, expected in (
        ("a", "a"),
        ("ab", "(a + b)"),
        ("abc", "((a + b) + c)"),
        ("abcde", "(((a + b) + (c + d)) + e)"),
    ):
        if added([*terms]) != expected:
            raise NotProved(f"{added([*terms])} is not {expected}")


@claim("tree_sum: every term once, and whoever holds 2ʲ neighbours may add up his own first", NUMBERS, "1 to 17 terms")
def test_tree_sum() -> None:
    """Not only the sum is the same, but the order in which it is computed, so every bit."""
    for terms in ([str(k) for k in range(number)] for number in range(1, 18)):
        for size in (1, 2, 4, 8, 16):
            own = [added(terms[k : k + size]) for k in range(0, len(terms), size)]
            if added(own) != added(terms):
                raise NotProved(f"{added(own)} is not {added(terms)}")
        symbols = sp.symbols(terms)
        confirm_equal(tree_sum(symbols), sum(symbols))
