"""The primitives on SymPy matrices of concrete size with symbolic entries. Imported when the first such matrix turns up."""

from __future__ import annotations

from itertools import product

import sympy as sp
from sympy.matrices import MatrixBase

from . import primitives as table


@table.hadamard.register(MatrixBase)
def hadamard(X, Y):
    return X.multiply_elementwise(Y)


@table.apply.register(MatrixBase)
def apply(f, X, *parameters):
    return X.applyfunc(lambda x: f(x, *parameters))


table.row_repeat.register(MatrixBase)(lambda x, m: sp.ones(m, 1) * x)
table.column_repeat.register(MatrixBase)(lambda x, n: x * sp.ones(1, n))

table.columns_sum.register(MatrixBase)(lambda X: sp.ones(1, X.rows) * X)
table.rows_sum.register(MatrixBase)(lambda X: X * sp.ones(X.cols, 1))
table.elements_sum.register(MatrixBase)(lambda X: sum(X, start=sp.Integer(0)))


@table.columns_max.register(MatrixBase)
def columns_max(X):
    return sp.Matrix(1, X.cols, lambda _, j: sp.Max(*X[:, j]))


@table.rows_max.register(MatrixBase)
def rows_max(X):
    return sp.Matrix(X.rows, 1, lambda i, _: sp.Max(*X[i, :]))


table.diag.register(MatrixBase)(lambda X: sp.Matrix(X.rows, 1, lambda i, _: X[i, i]))
table.Diag.register(MatrixBase)(lambda x: sp.diag(*x))
table.zeros.register(MatrixBase)(lambda like, m, n: sp.zeros(m, n))
table.ones.register(MatrixBase)(lambda like, m, n: sp.ones(m, n))
table.identity.register(MatrixBase)(lambda like, n: sp.eye(n))


@table.product_on.register(MatrixBase)
def product_on(W, A, B):
    """A structural zero of W, the number 0, is a position outside its support."""
    AB = A * B
    return sp.Matrix(W.rows, W.cols, lambda k, d: 0 if W[k, d] == 0 else AB[k, d])


@table.updated.register(MatrixBase)
def updated(f, W, G, states, constants):
    """Where W has a structural zero, there is no weight, and nothing to update."""
    results = [W.copy(), *(s.copy() for s in states)]
    for k, d in product(range(W.rows), range(W.cols)):
        if W[k, d] != 0:
            new = f(W[k, d], G[k, d], *(s[k, d] for s in states), *constants)
            for matrix, value in zip(results, new if states else (new,), strict=True):
                matrix[k, d] = value
    return results[0], tuple(results[1:])


@table.draw_mask.register(MatrixBase)
def draw_mask(rng, like, rate):
    """`rng` draws symbols, `rng.symbol()`; what is not stored needs none."""
    return sp.Matrix(like.rows, like.cols, lambda k, d: 0 if like[k, d] == 0 else rng.symbol())


@table.stack_rows.register(MatrixBase)
def stack_rows(X, *others):
    return sp.Matrix.vstack(X, *others)
