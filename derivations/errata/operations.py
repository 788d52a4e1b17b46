r"""Errors in the tables of matrix operations, and in code that is printed with the names of those tables.

The first table defines an operation by mathematics, for $X \in \mathbb{R}^{m \times n}$; the second gives it in NumPy and
other frameworks.
"""

from __future__ import annotations

import numpy as np
import sympy as sp

from nerva_py.equations.activations import srelu_al, srelu_parameter_gradients
from nerva_py.equations.linear import linear, linear_backward
from nerva_py.equations.softmax import shifted, softmax_jacobian
from nerva_py.matrix import apply, columns_mean, columns_sum, inv_sqrt, ones, reciprocal, rows_mean, rows_sum, sqrt
from nerva_py.verify import concrete

from .erratum import (
    DIMENSIONS,
    SIZES,
    UNDEFINED,
    Counterexample,
    Erratum,
    NotProved,
    Refused,
    evaluate,
    matrices,
    prove_equal,
    prove_zero,
)

m, n = SIZES["m"], SIZES["n"]

# ---------------------------------------------------------------------------------------------------------------- means


def columns_mean_printed(X):
    """(1_mᵀ X) / n"""
    return columns_sum(X) / X.shape[1]


def rows_mean_printed(X):
    """(X 1_n) / m"""
    return rows_sum(X) / X.shape[0]


def columns_mean_by_hand(X):
    """Add what stands in a column, divide by how many they are."""
    return sp.Matrix([[sum(X[:, j]) / len(X[:, j]) for j in range(X.shape[1])]])


def columns_mean_holds():
    (X,) = matrices(X="mn")
    prove_equal(columns_mean(X), ones(X, 1, m) @ X / m)
    prove_equal(columns_mean(7 * ones(X, m, n)), 7 * ones(X, 1, n))


def rows_mean_holds():
    (X,) = matrices(X="mn")
    prove_equal(rows_mean(X), X @ ones(X, n, 1) / n)
    prove_equal(rows_mean(7 * ones(X, m, n)), 7 * ones(X, m, 1))


# ---------------------------------------------------------------------------------------------------------------- inv_sqrt


def inv_sqrt_holds():
    X, epsilon = sp.Matrix([sp.symbols("x y", nonnegative=True)]), sp.Symbol("e", positive=True)
    for left, right in zip(inv_sqrt(X, epsilon), reciprocal(sqrt(X + epsilon * ones(X, 1, 2))), strict=True):
        prove_zero(left - right)


# ---------------------------------------------------------------------------------------------------------------- NumPy

X_NUMPY = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])


def shifted_in_numpy(X, **keep):
    """X − max(X)_row 1_nᵀ, in the NumPy of the second table: rows_max as max(X, axis=1), column_repeat as tile(x, (1, n))"""
    return X - np.tile(np.max(X, axis=1, **keep), (1, X.shape[1]))


def numpy_reductions_hold():
    """With keepdims=True a reduction is a row or a column, as the first table says, and agrees with our carrier."""
    if not np.array_equal(shifted_in_numpy(X_NUMPY, keepdims=True), shifted(X_NUMPY)):
        raise NotProved("NumPy's reduction with keepdims=True differs from the executed one")
    if np.max(X_NUMPY, axis=1, keepdims=True).shape != (2, 1) or np.sum(X_NUMPY, axis=0, keepdims=True).shape != (1, 3):
        raise NotProved("a reduction must be a column or a row")


def softmax_jacobian_in_numpy(y):
    """Diag(y) − yᵀ y, with Diag in the NumPy of the second table"""
    return np.diag(y) - y.T @ y


def softmax_jacobian_of_value(y):
    """The executed Jacobian, at the x = log y of which y is the softmax"""
    return softmax_jacobian(sp.Matrix(y).applyfunc(lambda value: sp.log(sp.nsimplify(value))))


def numpy_diag_holds():
    y = np.array([[0.25, 0.75]])
    if concrete.first_difference(
        softmax_jacobian_of_value(y), sp.Matrix(np.diagflat(y) - y.T @ y).applyfunc(sp.nsimplify)
    ):
        raise NotProved("np.diagflat does not give the Jacobian")


# ---------------------------------------------------------------------------------------------------------------- names


def names_hold():
    """The code with the names of the table is the executed equation."""
    X, W, b, DY = matrices(X="ND", W="KD", b="1K", DY="NK")
    prove_equal(evaluate("X @ W.T + row_repeat(b, N)", X=X, W=W, b=b, N=SIZES["N"]), linear(X, W, b))
    prove_equal(evaluate("columns_sum(DZ)", DZ=DY), linear_backward(X, W, DY)[2])
    Z, parameters = concrete.matrix("Z", 2, 2), sp.symbols("al tl ar tr", real=True)
    DZ, Al = concrete.matrix("DZ", 2, 2), apply(srelu_al, Z, *parameters)
    prove_zero(
        evaluate("elements_sum(hadamard(DY, Al))", DY=DZ, Al=Al) - srelu_parameter_gradients(DZ, Z, *parameters)[0]
    )


def printed_names(code, **shapes):
    """The printed line of code, which uses a name that no table defines"""
    names = dict(zip(shapes, matrices(**shapes), strict=True))
    return lambda: evaluate(code, **names, N=SIZES["N"])


# ----------------------------------------------------------------------------------------------------------------- the list

ERRATA = (
    Erratum(
        line="219",
        where="mean of the columns",
        printed=r"(1_m^\top \cdot X) / n",
        corrected=r"(1_m^\top \cdot X) / m",
        why="A column of an m×n matrix has m elements, so the sum of a column is divided by m. The two divisors of "
        "columns_mean and rows_mean are swapped; a square matrix does not show it.",
        fails=(Counterexample(columns_mean_printed, columns_mean_by_hand, {"X": [[1, 2, 3], [4, 5, 6]]}),),
        holds=columns_mean_holds,
    ),
    Erratum(
        line="221",
        where="mean of the rows",
        printed=r"(X \cdot 1_n) / m",
        corrected=r"(X \cdot 1_n) / n",
        why="A row of an m×n matrix has n elements; the other half of the swap.",
        fails=(
            Counterexample(rows_mean_printed, lambda X: columns_mean_by_hand(X.T).T, {"X": [[1, 2, 3], [4, 5, 6]]}),
        ),
        holds=rows_mean_holds,
    ),
    Erratum(
        line="232, 275",
        where="inverse square root",
        printed=r"X^{-1/2},\ x \mapsto x^{-1/2}",
        corrected=r"(X + \varepsilon)^{-1/2},\ x \mapsto (x + \varepsilon)^{-1/2}",
        why="The table of implementations adds a small e to X, the definition does not: two different functions under one "
        "name. With a feature that is constant on the batch the variance is 0, and only the second one is defined.",
        fails=(
            Counterexample(
                lambda x, e: inv_sqrt(sp.Matrix([[x]])), lambda x, e: 1 / sp.sqrt(x + e), {"x": sp.Integer(3), "e": 1}
            ),
        ),
        holds=inv_sqrt_holds,
        sizes="entry by entry",
        found_here=True,
    ),
    Erratum(
        line="260",
        where="Diag in NumPy",
        printed=r"\mathsf{Diag(x)} = \mathsf{diag(x)}",
        corrected=r"\mathsf{Diag(x)} = \mathsf{diagflat(x)}",
        why="The table's x is a row 1×n or a column m×1. NumPy's diag of such an array returns the diagonal of that array, "
        "which is its first element alone, and broadcasting then hides the mistake.",
        fails=(Counterexample(softmax_jacobian_in_numpy, softmax_jacobian_of_value, {"y": np.array([[0.25, 0.75]])}),),
        holds=numpy_diag_holds,
        sizes="numbers",
        found_here=True,
    ),
    Erratum(
        line="259, 264–269",
        where="reductions in NumPy",
        printed=r"\mathsf{rows\_max(X)} = \mathsf{max(X, axis{=}1)}",
        corrected=r"\mathsf{rows\_max(X)} = \mathsf{max(X, axis{=}1, keepdims{=}True)}",
        why="The first table calls the result of a reduction a column or a row; NumPy's has one dimension only. Repeated as "
        "a column, tile(x, (1, n)), it becomes a single row of mn elements. So do sum, mean and diag.",
        fails=(Refused(lambda: shifted_in_numpy(X_NUMPY), ValueError, "(2,3) (1,6)", DIMENSIONS),),
        holds=numpy_reductions_hold,
        sizes="numbers",
        found_here=True,
    ),
    Erratum(
        line="410, 419, 425–428",
        where="names in the code of the SReLU layer",
        printed=r"\mathsf{repeat\_row},\ \mathsf{sum\_columns},\ \mathsf{sum\_elements}",
        corrected=r"\mathsf{row\_repeat},\ \mathsf{columns\_sum},\ \mathsf{elements\_sum}",
        why="The code uses names that the table of matrix operations does not have; every other layer uses the table's.",
        fails=(
            Refused(
                printed_names("X @ W.T + repeat_row(b, N)", X="ND", W="KD", b="1K"), NameError, "repeat_row", UNDEFINED
            ),
            Refused(printed_names("sum_columns(DZ)", DZ="NK"), NameError, "sum_columns", UNDEFINED),
            Refused(printed_names("sum_elements(hadamard(DY, Al))", DY="NK", Al="NK"), NameError, "sum_ele", UNDEFINED),
        ),
        holds=names_hold,
        found_here=True,
    ),
)
