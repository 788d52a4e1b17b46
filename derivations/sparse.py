r"""# The sparse restriction

A sparse $W$ is $S \odot V$: $S$ says with 0 and 1 which positions are stored, $V$ holds the stored values. Only those are trained, so what is
wanted is the gradient with respect to $V$. By the chain rule it is $S \odot \mathrm{D}W$ with the $\mathrm{D}W$ of the dense layer:

$$\mathrm{D}V = S \odot (\mathrm{D}Y^\top X) .$$

That is why the trainer computes $\mathrm{D}Y^\top X$ *on the support only* (`product_on`): the other elements are not approximated, they are
not part of the gradient. On symbolic sizes nothing is known of $S$ but $S \odot S = S$, so the proof holds for **every** support. At
concrete sizes the support has an empty row and an empty column, and SymPy differentiates by each stored value.

The three products of a sparse layer are adjoint to one another,
$\langle \mathrm{D}Y, X W^\top \rangle = \langle \mathrm{D}Y\, W, X \rangle = \langle \mathrm{D}W, W \rangle$; the tests of the kernels use this law.
"""

from __future__ import annotations

import numpy as np
import sympy as sp

from derivations.book import CONCRETE, INDEXED, KERNEL, NotProved, claim
from derivations.linear import any_function
from derivations.proving import SETTINGS, Setting, confirm, confirm_equal
from nerva_py.equations import dropout
from nerva_py.equations.activation_layer import activation_layer, activation_layer_backward
from nerva_py.equations.linear import linear, linear_backward
from nerva_py.matrix import dot, hadamard, product_on
from nerva_py.sparse import SparseWeight


@claim("Linear layer, sparse W: DX, DW on the support, Db", cases=SETTINGS)
def test_linear(s: Setting) -> None:
    X, W, b, DY = (
        s.matrix("X", s.N, s.D),
        s.sparse_matrix("W", s.K, s.D),
        s.matrix("b", 1, s.K),
        s.matrix("DY", s.N, s.K),
    )
    confirm(linear(X, W, b), DY, zip((X, W, b), linear_backward(X, W, DY), strict=True))


@claim("Activation layer, sparse W, any f: DX, DW on the support, Db", cases=SETTINGS)
def test_activation_layer(s: Setting) -> None:
    X, W, b, DY = (
        s.matrix("X", s.N, s.D),
        s.sparse_matrix("W", s.K, s.D),
        s.matrix("b", 1, s.K),
        s.matrix("DY", s.N, s.K),
    )
    f, derivatives = any_function(s)
    Y, Z = activation_layer(X, W, b, f)
    confirm(Y, DY, zip((X, W, b), activation_layer_backward(X, W, Z, DY, f), strict=True), derivatives)


@claim("Dropout on sparse weights: DX, DW on the support, Db", CONCRETE,
       cases=[s for s in SETTINGS if s.carrier == CONCRETE])  # fmt: skip
def test_weight_dropout(s: Setting) -> None:
    X, W, b, DY = (
        s.matrix("X", s.N, s.D),
        s.sparse_matrix("W", s.K, s.D),
        s.matrix("b", 1, s.K),
        s.matrix("DY", s.N, s.K),
    )
    R = s.sparse_matrix("R", s.K, s.D)
    claimed = dropout.dropout_linear_backward(X, W, DY, R)
    confirm(dropout.dropout_linear(X, W, b, R), DY, zip((X, W, b), claimed, strict=True))


@claim("The gradient is that of the dense layer, restricted: product_on(W, A, B) = S ⊙ (A B)", cases=SETTINGS)
def test_restriction(s: Setting) -> None:
    W, A, B = s.sparse_matrix("W", s.K, s.D), s.matrix("A", s.K, s.N), s.matrix("B", s.N, s.D)
    support = W.support if s.carrier == INDEXED else W.applyfunc(lambda w: sp.Integer(w != 0))
    confirm_equal(product_on(W, A, B), hadamard(support, A @ B))


@claim("Adjoint law: ⟨DY, X Wᵀ⟩ = ⟨DY W, X⟩ = ⟨DW, W⟩", cases=SETTINGS)
def test_adjoint_law(s: Setting) -> None:
    X, W, DY = s.matrix("X", s.N, s.D), s.sparse_matrix("W", s.K, s.D), s.matrix("DY", s.N, s.K)
    left = s.number(dot(DY, X @ W.T))
    confirm_equal(left, s.number(dot(DY @ W, X)))
    confirm_equal(left, s.number(dot(product_on(W, DY.T, X), W)))


@claim("The sparse layer that is trained agrees with the equation on SymPy's matrices", KERNEL, "5×7×6, float64")
def test_the_executed_layer() -> None:
    """The same function on the two carriers, with small integers, whose products float64 holds exactly."""
    rng = np.random.default_rng(0)
    W = SparseWeight.random((6, 7), 0.4, rng, values=lambda S, rng: rng.integers(1, 9, S.nnz), dtype=np.float64)
    X, DY, b = (rng.integers(-8, 9, shape).astype(np.float64) for shape in ((5, 7), (5, 6), (1, 6)))
    numeric = (linear(X, W, b), *linear_backward(X, W, DY))
    exact_X, exact_W, exact_DY, exact_b = (sp.Matrix(A.astype(int).tolist()) for A in (X, W.toarray(), DY, b))
    exact = (linear(exact_X, exact_W, exact_b), *linear_backward(exact_X, exact_W, exact_DY))
    for name, A, B in zip(("Y", "DX", "DW", "Db"), numeric, exact, strict=True):
        if not np.array_equal(A.toarray() if isinstance(A, SparseWeight) else A, np.array(B.tolist(), dtype=float)):
            raise NotProved(f"{name}: {A} is not {B}")
