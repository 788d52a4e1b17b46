"""The primitives on SymPy matrices of concrete size with symbolic entries. Imported when the first such matrix turns up."""

from __future__ import annotations

import sympy as sp
from sympy.matrices import MatrixBase

from . import primitives as table


@table.hadamard.register(MatrixBase)
def hadamard(X, Y):
    return X.multiply_elementwise(Y)


@table.apply.register(MatrixBase)
def apply(f, X, *parameters):
    return X.applyfunc(lambda x: f(x, *parameters))


table.exp.register(MatrixBase)(lambda X: X.applyfunc(sp.exp))
table.log.register(MatrixBase)(lambda X: X.applyfunc(sp.log))
table.sqrt.register(MatrixBase)(lambda X: X.applyfunc(sp.sqrt))
table.reciprocal.register(MatrixBase)(lambda X: X.applyfunc(lambda x: 1 / x))
table.inv_sqrt.register(MatrixBase)(lambda X, epsilon=0: X.applyfunc(lambda x: 1 / sp.sqrt(x + epsilon)))
table.log_sigmoid.register(MatrixBase)(lambda X: X.applyfunc(lambda x: -sp.log(1 + sp.exp(-x))))

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
    product = A * B
    return sp.Matrix(W.rows, W.cols, lambda k, d: 0 if W[k, d] == 0 else product[k, d])
