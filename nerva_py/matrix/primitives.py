"""The table of matrix primitives: everything that the equations are written with.

Besides these, the equations use `X.T`, `c * X`, `X + Y`, `X - Y` and the product `X @ Y`. Each primitive works on every
carrier: NumPy arrays, `SparseWeight` and `SparseBatch` (where it makes sense), SymPy matrices, and matrices of symbolic
size.
1_n is a column of n ones. A primitive raises TypeError for a type of matrix on which it is not defined.
Source: arXiv:2511.11918, table of matrix operations.
"""

from __future__ import annotations

from . import scalars
from .dispatch import primitive, undefined

# ---------------------------------------------------------------------------------------------------- element by element


@primitive()
def hadamard(X, Y):
    """X ⊙ Y, the product element by element."""
    raise undefined("hadamard", X)


@primitive(on=1)
def apply(f, X, *parameters):
    """f(X), f a function of one number (and of parameters) applied to each element."""
    raise undefined("apply", X)


@primitive(on=2)
def hadamard_apply(A, f, X, *parameters):
    """A ⊙ f(X) in one pass."""
    return hadamard(A, apply(f, X, *parameters))


@primitive()
def exp(X):
    """e^X, element by element."""
    return apply(scalars.exp, X)


@primitive()
def log(X):
    """log X, element by element."""
    return apply(scalars.log, X)


@primitive()
def sqrt(X):
    """X^(1/2), element by element."""
    return apply(scalars.sqrt, X)


@primitive()
def reciprocal(X):
    """1 / X, element by element."""
    return apply(scalars.reciprocal, X)


@primitive()
def inv_sqrt(X, epsilon=0):
    """(X + ε)^(−1/2), element by element."""
    return reciprocal(sqrt(X + epsilon * ones(X, *X.shape)))


@primitive()
def log_sigmoid(X):
    """log σ(X) = −log(1 + e^(−X)), element by element."""
    return -log(ones(X, *X.shape) + exp(-X))


# --------------------------------------------------------------------------------------------------------------- repeats


@primitive()
def row_repeat(x, m):
    """1_m x: the row x (1, n) repeated m times, (m, n)."""
    raise undefined("row_repeat", x)


@primitive()
def column_repeat(x, n):
    """x 1_nᵀ: the column x (m, 1) repeated n times, (m, n)."""
    raise undefined("column_repeat", x)


# ------------------------------------------------------------------------------------------------------------ reductions


@primitive()
def columns_sum(X):
    """1_mᵀ X: the sum of each column, (1, n)."""
    raise undefined("columns_sum", X)


@primitive()
def rows_sum(X):
    """X 1_n: the sum of each row, (m, 1)."""
    raise undefined("rows_sum", X)


@primitive()
def columns_max(X):
    """The largest element of each column, (1, n)."""
    raise undefined("columns_max", X)


@primitive()
def rows_max(X):
    """The largest element of each row, (m, 1)."""
    raise undefined("rows_max", X)


@primitive()
def columns_mean(X):
    """1_mᵀ X / m: the mean of each column, (1, n)."""
    return columns_sum(X) / X.shape[0]


@primitive()
def rows_mean(X):
    """X 1_n / n: the mean of each row, (m, 1)."""
    return rows_sum(X) / X.shape[1]


@primitive()
def elements_sum(X):
    """1_mᵀ X 1_n: the sum of all elements, a number."""
    raise undefined("elements_sum", X)


@primitive()
def dot(X, Y):
    """1ᵀ (X ⊙ Y) 1: the inner product of two matrices of one shape, a number."""
    return elements_sum(hadamard(X, Y))


# -------------------------------------------------------------------------------------------- diagonals and constructors


@primitive()
def diag(X):
    """The diagonal of a square X (n, n) as a column (n, 1)."""
    raise undefined("diag", X)


@primitive()
def Diag(x):
    """The diagonal matrix (n, n) of a row (1, n) or column (n, 1)."""
    raise undefined("Diag", x)


@primitive()
def zeros(like, m, n):
    """0, (m, n), in the carrier and element type of `like`."""
    raise undefined("zeros", like)


@primitive()
def ones(like, m, n):
    """1_m 1_nᵀ, (m, n), in the carrier and element type of `like`."""
    raise undefined("ones", like)


@primitive()
def identity(like, n):
    """I_n in the carrier and element type of `like`."""
    raise undefined("identity", like)


# ------------------------------------------------------------------------------------------- gradients and updates of a weight


@primitive(on=0, also=2)
def product_on(W, A, B):
    """A B on the support of W (for a dense W: all of A B).        W (K, D), A (K, N), B (N, D) -> like W"""
    return A @ B


@primitive(on=0)
def largest_products(outside, DZ, X, count, rows=None, columns=None):
    """The `count` positions outside a support, and within the rows (K,) and columns (D,) that are marked, where |DZᵀ X| is
    largest, of equal ones the first row by row.        DZ (N, K), X (N, D) -> a support"""
    raise undefined("largest_products", outside)


@primitive(on=0)
def column_maxima(DZ, X):
    """The largest |DZᵀ X| of each column, (D,), a few rows of the product at a time.        DZ (N, K), X (N, D)"""
    raise undefined("column_maxima", DZ)


@primitive(on=1)
def updated(f, W, G, states, constants):
    """W, s₁, s₂, ... = f(W, G, s₁, s₂, ..., c₁, c₂, ...) for each number of W        -> W, (s₁, s₂, ...)

    On NumPy arrays and weights in place: W and the states, vectors of as many numbers as W has, are those that are returned.
    """
    raise undefined("updated", W)


@primitive(on=1)
def draw_mask(rng, like, rate):
    """R like a matrix: its elements are 0 with probability p = `rate`, else 1 / (1 − p), where the matrix has elements."""
    raise undefined("draw_mask", like)


@primitive()
def stack_rows(X, *others):
    """The rows of X, then those of the others."""
    raise undefined("stack_rows", X)
