"""Matrices of symbolic size: each operation against NumPy at small sizes, and shapes that do not fit."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

from nerva_py import matrix as table
from nerva_py.equations.activation_layer import activation_layer
from nerva_py.equations.linear import linear
from nerva_py.matrix import Outer
from nerva_py.verify import IndexedMatrix, equal, sparse

from .evaluation import BASES, NUMBERS, SIZES, D, K, N, value

A, B, C = IndexedMatrix.symbol("A", N, D), IndexedMatrix.symbol("B", D, K), IndexedMatrix.symbol("C", N, N)
x = IndexedMatrix.symbol("x", 1, D)
a, b, c, r = (NUMBERS[BASES[name]] for name in "ABCx")

OPERATIONS = {
    "@": (A @ B, a @ b),
    "T": (A.T, a.T),
    "+": (A + A, a + a),
    "-": (A - 2 * A, -a),
    "negative": (-A, -a),
    "scalars": (3 * A / 2, 1.5 * a),
    "N times": (N * A, 2 * a),
    "hadamard": (table.hadamard(A, A), a * a),
    "apply": (table.apply(lambda y: y**2 + 1, A), a**2 + 1),
    "hadamard_apply": (table.hadamard_apply(A, lambda y: y**2, A), a**3),
    "exp": (table.exp(A), np.exp(a)),
    "log": (table.log(table.exp(A)), a),
    "sqrt": (table.sqrt(table.exp(A)), np.exp(a / 2)),
    "reciprocal": (table.reciprocal(A), 1 / a),
    "inv_sqrt": (table.inv_sqrt(table.exp(A), 2), (np.exp(a) + 2) ** -0.5),
    "log_sigmoid": (table.log_sigmoid(A), -np.log(1 + np.exp(-a))),
    "row_repeat": (table.row_repeat(x, N), np.repeat(r, 2, axis=0)),
    "column_repeat": (table.column_repeat(x.T, N), np.repeat(r.T, 2, axis=1)),
    "columns_sum": (table.columns_sum(A), a.sum(axis=0, keepdims=True)),
    "rows_sum": (table.rows_sum(A), a.sum(axis=1, keepdims=True)),
    "columns_mean": (table.columns_mean(A), a.mean(axis=0, keepdims=True)),
    "rows_mean": (table.rows_mean(A), a.mean(axis=1, keepdims=True)),
    "sum of a row": (table.rows_sum(x), r.sum(axis=1, keepdims=True)),
    "diag": (table.diag(C), np.diag(c)[:, None]),
    "Diag of a row": (table.Diag(x), np.diag(r[0])),
    "Diag of a column": (table.Diag(x.T), np.diag(r[0])),
    "zeros": (table.zeros(A, N, D), np.zeros((2, 3))),
    "ones": (table.ones(A, N, D), np.ones((2, 3))),
    "identity": (table.identity(A, N), np.eye(2)),
    "linear": (linear(A, B.T, IndexedMatrix.symbol("x", 1, K)), a @ b + r[:, :2]),
    "activation_layer": (
        activation_layer(A, B.T, IndexedMatrix.symbol("x", 1, K), lambda Z: table.apply(lambda z: z**2, Z)),
        (a @ b + r[:, :2]) ** 2,
    ),
    "product_on, dense": (table.product_on(C, A, A.T), a @ a.T),
    "Outer, two terms": ((Outer(A, A) + Outer(A, 2 * A)).on(IndexedMatrix.symbol("W", D, D)), 3 * a.T @ a),
    "Outer, a mask": (Outer(A.T, A.T, C).on(C), a @ a.T * c),
    "updated": (table.updated(lambda w, g, eta: w - eta * g * g, A, 2 * A, [], [3])[0], a - 12 * a * a),
    "updated, its state": (table.updated(lambda w, g, s, c: (w + g, s * w + c), A, A, [A], [3])[1][0], a * a + 3),
}


@pytest.mark.parametrize("name", OPERATIONS)
def test_operations(name):
    X, expected = OPERATIONS[name]
    m, n = (int(value(size, SIZES)) for size in X.shape)
    entries = [
        [float(value(X.entry(sp.Integer(i), sp.Integer(j)), SIZES)) for j in range(1, n + 1)] for i in range(1, m + 1)
    ]
    assert np.allclose(entries, expected)


def test_numbers():
    assert np.isclose(float(value(table.elements_sum(A), SIZES)), a.sum())
    assert np.isclose(float(value(table.dot(A, A), SIZES)), (a * a).sum())


def test_every_primitive_is_tried_or_has_a_test_of_its_own():
    primitives = {name for name in table.__all__ if hasattr(getattr(table, name), "dispatch")}
    elsewhere = {"rows_max", "columns_max", "elements_sum", "dot", "product_on", "draw_mask", *UNDEFINED}
    assert primitives - elsewhere <= set(" ".join(OPERATIONS).split())


UNDEFINED = {
    "largest_products": lambda: table.largest_products(A, A, B, 3),
    "column_maxima": lambda: table.column_maxima(A, C),
    "stack_rows": lambda: table.stack_rows(A, A),
}


@pytest.mark.parametrize("name", UNDEFINED)
def test_what_has_no_meaning_for_symbolic_sizes(name):
    with pytest.raises(TypeError, match=f"{name} is not implemented for matrices of type IndexedMatrix"):
        UNDEFINED[name]()


def test_a_mask_is_a_matrix_of_symbols():
    class Names:
        def matrix(self, rows, columns):
            return IndexedMatrix.symbol("R", rows, columns)

    R = table.draw_mask(Names(), A, 0.5)
    assert R.shape == (N, D)
    assert equal(R, IndexedMatrix.symbol("R", N, D)) == {}


def test_an_update_keeps_the_support():
    W = sparse("W", K, D)
    theta, (state,) = table.updated(lambda w, g, s: (w - g, s + g), W, W, [W], [])
    assert theta.support is state.support is W.support
    assert equal(theta, table.zeros(W, K, D)) == {}
    assert equal(state, 2 * W) == {}


def test_a_maximum_is_an_arbitrary_number():
    largest, another = table.rows_max(A), table.rows_max(-A)
    assert largest.shape == (N, 1)
    assert table.columns_max(A).shape == (1, D)
    assert equal(largest, table.rows_max(A)) == {}
    assert equal(largest, another)  # nothing is known of either


def test_a_sparse_matrix():
    W = sparse("W", K, D)
    assert equal(table.hadamard(W.support, W), W) == {}
    X, DY = IndexedMatrix.symbol("X", N, D), IndexedMatrix.symbol("DY", N, K)
    for DW in (table.product_on(W, DY.T, X), Outer(DY, X).on(W)):
        assert equal(DW, table.hadamard(W.support, DY.T @ X)) == {}
        assert equal(DW, DY.T @ X)


def test_a_function_defined_by_cases_is_a_symbol_of_its_name():
    from nerva_py.equations.activations import relu

    entry = table.apply(relu, A).entry(1, 2)
    assert entry == sp.Function("relu")(BASES["A"][1, 2])


@pytest.mark.parametrize(
    ("operation", "message"),
    [
        (lambda: A @ A, "shapes do not fit: N×D @ N×D"),
        (lambda: A + A.T, r"shapes do not fit: N×D \+ D×N"),
        (lambda: A - B, "shapes do not fit: N×D - D×K"),
        (lambda: table.hadamard(A, B), "shapes do not fit: N×D ⊙ D×K"),
        (lambda: table.row_repeat(A, N), "row_repeat needs a row"),
        (lambda: table.column_repeat(A, N), "column_repeat needs a column"),
        (lambda: table.diag(A), "diag needs a square matrix"),
        (lambda: table.product_on(A, A, B), "product_on"),
        (lambda: IndexedMatrix.symbol("X", N, 3) @ IndexedMatrix.symbol("Y", 4, D), "N×3 @ 4×D"),
    ],
)
def test_shapes_that_do_not_fit(operation, message):
    with pytest.raises(ValueError, match=message):
        operation()


def test_the_star_is_for_scalars():
    with pytest.raises(TypeError, match="use hadamard"):
        A * A


def test_it_shows_its_entries():
    assert repr(A + A) == "IndexedMatrix(N×D, [i, j] -> 2*A[i, j])"
