r"""# Primitives and matrix identities

Everything is written with a few primitives. Each has a meaning as a matrix product with a vector of ones, and each is executed without
making such a product; here both are shown to be the same, on concrete and on symbolic sizes.

The identities are those by which the efficient forms of the later chapters replace the forms in print: where the paper uses the diagonal of
a product, only the diagonal is computed, as a sum of a Hadamard product,

$$\operatorname{diag}(X Y^\top) = (X \odot Y)\, \mathbf{1}, \qquad \operatorname{diag}(X^\top Y)^\top = \mathbf{1}^\top (X \odot Y),$$

where it multiplies with $\mathbf{1} \mathbf{1}^\top$ a sum is repeated, and where it multiplies with a diagonal matrix a row or column is
repeated. The rules of differentiation that the derivations use are proved in the same way: the gradient of $\sum \mathrm{D}Y \odot Y$.
"""

from __future__ import annotations

import sympy as sp

from derivations.book import CONCRETE, claim
from derivations.linear import any_function
from derivations.proving import SETTINGS, Setting, confirm, confirm_equal
from nerva_py.matrix import (
    Diag,
    apply,
    column_repeat,
    columns_max,
    columns_mean,
    columns_sum,
    diag,
    dot,
    elements_sum,
    exp,
    hadamard,
    hadamard_apply,
    identity,
    inv_sqrt,
    log,
    log_sigmoid,
    ones,
    product_on,
    reciprocal,
    row_repeat,
    rows_max,
    rows_mean,
    rows_sum,
    sqrt,
    stack_rows,
    zeros,
)
from nerva_py.verify import concrete


@claim("columns_sum(X) = 1ᵀ X and rows_sum(X) = X 1", cases=SETTINGS)
def test_sums(s: Setting) -> None:
    X = s.matrix("X", s.N, s.D)
    confirm_equal(columns_sum(X), ones(X, 1, s.N) @ X)
    confirm_equal(rows_sum(X), X @ ones(X, s.D, 1))


@claim("columns_mean(X) = 1ᵀ X / N and rows_mean(X) = X 1 / D", cases=SETTINGS)
def test_means(s: Setting) -> None:
    X = s.matrix("X", s.N, s.D)
    confirm_equal(s.N * columns_mean(X), columns_sum(X))
    confirm_equal(s.D * rows_mean(X), rows_sum(X))


@claim("row_repeat(x, m) = 1_m x and column_repeat(x, n) = x 1_nᵀ", cases=SETTINGS)
def test_repeats(s: Setting) -> None:
    x, y = s.matrix("x", 1, s.D), s.matrix("y", s.N, 1)
    confirm_equal(row_repeat(x, s.N), ones(x, s.N, 1) @ x)
    confirm_equal(column_repeat(y, s.D), y @ ones(y, 1, s.D))


@claim("elements_sum(X) = 1ᵀ X 1 and dot(X, Y) = 1ᵀ (X ⊙ Y) 1 = tr(X Yᵀ)", cases=SETTINGS)
def test_elements_sum(s: Setting) -> None:
    X, Y = s.matrix("X", s.N, s.D), s.matrix("Y", s.N, s.D)
    confirm_equal(s.number(elements_sum(X)), ones(X, 1, s.N) @ X @ ones(X, s.D, 1))
    confirm_equal(s.number(dot(X, Y)), columns_sum(rows_sum(hadamard(X, Y))))
    confirm_equal(s.number(dot(X, Y)), columns_sum(diag(X @ Y.T)))


@claim("hadamard_apply(A, f, X) = A ⊙ f(X)", cases=SETTINGS)
def test_fused(s: Setting) -> None:
    X, A = s.matrix("X", s.N, s.D), s.matrix("A", s.N, s.D)
    f, _ = any_function(s)
    confirm_equal(hadamard_apply(A, f.function, X), hadamard(A, apply(f.function, X)))


@claim("product_on(W, A, B) = A B for a W without structural zeros", cases=SETTINGS)
def test_product_on(s: Setting) -> None:
    """Of a dense W too, by the definition in the table."""
    W, A, B = s.matrix("W", s.K, s.D), s.matrix("A", s.K, s.N), s.matrix("B", s.N, s.D)
    confirm_equal(product_on(W, A, B), A @ B)
    confirm_equal(product_on.definition(W, A, B), A @ B)


@claim("exp, log, reciprocal, sqrt, inv_sqrt and log_sigmoid undo or make up one another", cases=SETTINGS)
def test_functions(s: Setting) -> None:
    X = s.matrix("X", s.N, s.D)
    E = exp(X)
    confirm_equal(log(E), X)
    confirm_equal(hadamard(E, reciprocal(E)), ones(X, s.N, s.D))
    confirm_equal(sqrt(hadamard(E, E)), E)
    confirm_equal(hadamard(hadamard(inv_sqrt(E), inv_sqrt(E)), E), ones(X, s.N, s.D))
    confirm_equal(hadamard(hadamard(inv_sqrt(E, 1), inv_sqrt(E, 1)), E + ones(X, s.N, s.D)), ones(X, s.N, s.D))
    confirm_equal(exp(-log_sigmoid(X)), ones(X, s.N, s.D) + exp(-X))


@claim("rows_max and columns_max: the largest of each row and column", CONCRETE, "2×3")
def test_maxima() -> None:
    X = sp.Matrix([[1, 5, 3], [7, 2, 4]])
    confirm_equal(rows_max(X), sp.Matrix([5, 7]))
    confirm_equal(columns_max(X), sp.Matrix([[7, 5, 4]]))


@claim("stack_rows: the rows of the first, then those of the others; the product of two stacks is the sum of the products",
       CONCRETE, "1×2, 2×2, 1×2")  # fmt: skip
def test_stack_rows() -> None:
    A, B = ([concrete.matrix(f"{name}{k}", m, 2) for k, m in enumerate((1, 2, 1))] for name in "AB")
    stacked = stack_rows(*A)
    confirm_equal(stacked, sp.Matrix([x.row(i) for x in A for i in range(x.rows)]))
    confirm_equal(stacked.T @ stack_rows(*B), A[0].T @ B[0] + A[1].T @ B[1] + A[2].T @ B[2])


@claim("(X Y)ᵀ = Yᵀ Xᵀ, (X Y) Z = X (Y Z), X (Y + Z) = X Y + X Z", cases=SETTINGS)
def test_products(s: Setting) -> None:
    X, Y, Z, V = s.matrix("X", s.N, s.D), s.matrix("Y", s.D, s.K), s.matrix("Z", s.K, s.N), s.matrix("V", s.D, s.K)
    confirm_equal((X @ Y).T, Y.T @ X.T)
    confirm_equal((X @ Y) @ Z, X @ (Y @ Z))
    confirm_equal(X @ (Y + V), X @ Y + X @ V)


@claim("⊙ commutes, distributes over +, and passes through ᵀ", cases=SETTINGS)
def test_hadamard(s: Setting) -> None:
    X, Y, Z = s.matrix("X", s.N, s.D), s.matrix("Y", s.N, s.D), s.matrix("Z", s.N, s.D)
    confirm_equal(hadamard(X, Y), hadamard(Y, X))
    confirm_equal(hadamard(X, Y - Z), hadamard(X, Y) - hadamard(X, Z))
    confirm_equal(hadamard(X, Y).T, hadamard(X.T, Y.T))


@claim("diag(X Yᵀ) = (X ⊙ Y) 1 and diag(Xᵀ Y)ᵀ = 1ᵀ (X ⊙ Y)", cases=SETTINGS)
def test_diagonals_of_products(s: Setting) -> None:
    X, Y = s.matrix("X", s.N, s.D), s.matrix("Y", s.N, s.D)
    confirm_equal(diag(X @ Y.T), rows_sum(hadamard(X, Y)))
    confirm_equal(diag(X.T @ Y).T, columns_sum(hadamard(X, Y)))


@claim("1 1ᵀ X repeats the sums of the columns, X 1 1ᵀ those of the rows", cases=SETTINGS)
def test_sums_of_all(s: Setting) -> None:
    X = s.matrix("X", s.N, s.D)
    confirm_equal(ones(X, s.N, s.N) @ X, row_repeat(columns_sum(X), s.N))
    confirm_equal(X @ ones(X, s.D, s.D), column_repeat(rows_sum(X), s.D))


@claim("(N I − 1 1ᵀ) X = N X − 1 (1ᵀ X)", cases=SETTINGS)
def test_centring(s: Setting) -> None:
    X = s.matrix("X", s.N, s.D)
    confirm_equal((s.N * identity(X, s.N) - ones(X, s.N, s.N)) @ X, s.N * X - row_repeat(columns_sum(X), s.N))


@claim("X Diag(y) = X ⊙ 1 y and Diag(x) Y = x 1ᵀ ⊙ Y; I X = X; 0 + X = X", cases=SETTINGS)
def test_diagonal_matrices(s: Setting) -> None:
    X, y, x = s.matrix("X", s.N, s.D), s.matrix("y", 1, s.D), s.matrix("x", s.N, 1)
    confirm_equal(X @ Diag(y), hadamard(X, row_repeat(y, s.N)))
    confirm_equal(Diag(x) @ X, hadamard(column_repeat(x, s.D), X))
    confirm_equal(identity(X, s.N) @ X, X)
    confirm_equal(zeros(X, s.N, s.D) + X, X)


@claim("Scalars pass through the product: (c X) Y = c (X Y), and −X = (−1) X", cases=SETTINGS)
def test_scalars(s: Setting) -> None:
    X, Y, c = s.matrix("X", s.N, s.D), s.matrix("Y", s.D, s.K), sp.Symbol("c", real=True)
    confirm_equal((c * X) @ Y, c * (X @ Y))
    confirm_equal(-X, (-1) * X)


@claim("Product rule: the gradient of X Y is DZ Yᵀ by X and Xᵀ DZ by Y", cases=SETTINGS)
def test_product_rule(s: Setting) -> None:
    X, Y, DZ = s.matrix("X", s.N, s.D), s.matrix("Y", s.D, s.K), s.matrix("DZ", s.N, s.K)
    confirm(X @ Y, DZ, [(X, DZ @ Y.T), (Y, X.T @ DZ)])


@claim("Product rule for ⊙, and the gradients of sums, means and repeats", cases=SETTINGS)
def test_other_rules(s: Setting) -> None:
    X, Y, DZ = s.matrix("X", s.N, s.D), s.matrix("Y", s.N, s.D), s.matrix("DZ", s.N, s.D)
    confirm(hadamard(X, Y), DZ, [(X, hadamard(DZ, Y)), (Y, hadamard(X, DZ))])
    row, column = s.matrix("r", 1, s.D), s.matrix("c", s.N, 1)
    confirm(columns_sum(X), row, [(X, row_repeat(row, s.N))])
    confirm(rows_sum(X), column, [(X, column_repeat(column, s.D))])
    confirm(columns_mean(X), row, [(X, row_repeat(row, s.N) / s.N)])
    confirm(row_repeat(row, s.N), DZ, [(row, columns_sum(DZ))])
    confirm(column_repeat(column, s.D), DZ, [(column, rows_sum(DZ))])


@claim("Chain rule: the gradient of f(X) is DZ ⊙ f′(X)", cases=SETTINGS)
def test_chain_rule(s: Setting) -> None:
    X, DZ = s.matrix("X", s.N, s.D), s.matrix("DZ", s.N, s.D)
    f, derivatives = any_function(s)
    confirm(f(X), DZ, [(X, hadamard(DZ, f.gradient(X)))], derivatives)
