"""A wrong backward equation is not proved, at no size and not for every size."""

from __future__ import annotations

import pytest
import sympy as sp

from nerva_py.equations import batch_norm, linear, softmax
from nerva_py.matrix import Outer, column_repeat, columns_sum, exp, hadamard, inv_sqrt, product_on, row_repeat, rows_sum
from nerva_py.verify import IndexedMatrix, concrete, equal, gradient_difference, inner_product, sparse

N, D, K = sp.symbols("N D K", integer=True, positive=True)
EPSILON = sp.Symbol("epsilon", positive=True)
SYMBOLIC, CONCRETE = {"N": N, "D": D, "K": K}, {"N": 3, "D": 2, "K": 2}  # square W: a transpose fits


def carriers():
    return pytest.mark.parametrize("sizes", [SYMBOLIC, CONCRETE], ids=["every size", "3×2×2"])


def matrices(sizes, **shapes):
    """Matrices of symbols: X="ND" is N×D."""
    make = IndexedMatrix.symbol if sizes is SYMBOLIC else concrete.matrix
    return [make(name, *(sizes.get(n, 1) for n in shape)) for name, shape in shapes.items()]


def is_gradient(Y, DY, X, claimed):
    """Whether the claimed gradient of Σ DY ⊙ Y is proved."""
    if isinstance(X, IndexedMatrix):
        return not gradient_difference(inner_product(DY, Y), X, claimed)
    return concrete.first_difference(concrete.gradient(concrete.inner_product(DY, Y), X), claimed) is None


@carriers()
def test_softmax(sizes):
    X, DY = matrices(sizes, X="NK", DY="NK")
    Y = softmax.softmax(X)

    def backward(sign):
        return hadamard(Y, DY + sign * column_repeat(rows_sum(hadamard(DY, Y)), Y.shape[1]))

    assert is_gradient(Y, DY, X, backward(-1))
    assert is_gradient(Y, DY, X, softmax.softmax_backward(Y, DY))
    for wrong in (backward(1), backward(0), 2 * backward(-1), hadamard(Y, DY - Y), -backward(-1)):
        assert not is_gradient(Y, DY, X, wrong)


@carriers()
def test_log_softmax(sizes):
    X, DY = matrices(sizes, X="NK", DY="NK")
    Y = softmax.log_softmax(X)
    repeated = column_repeat(rows_sum(DY), Y.shape[1])
    assert is_gradient(Y, DY, X, DY - hadamard(exp(Y), repeated))
    for wrong in (DY + hadamard(exp(Y), repeated), DY - hadamard(Y, repeated), DY - exp(Y), DY):
        assert not is_gradient(Y, DY, X, wrong)


@carriers()
@pytest.mark.parametrize("signs", [(1, 1, 1), (-1, 1, 1), (1, -1, 1), (1, 1, -1), (1, 1, 0), (1, 0, 1), (2, 1, 1)])
def test_batch_norm(sizes, signs):
    X, gamma, beta, DY = matrices(sizes, X="ND", g="1D", b="1D", DY="ND")
    Y, Z, _, variance = batch_norm.batch_norm(X, gamma, beta, EPSILON)
    n, (first, second, third) = sizes["N"], signs
    DZ = hadamard(row_repeat(gamma, n), DY)
    sums = row_repeat(columns_sum(DZ), n), hadamard(Z, row_repeat(columns_sum(hadamard(Z, DZ)), n))
    inner = first * n * DZ - second * sums[0] - third * sums[1]
    DX = hadamard(row_repeat(inv_sqrt(variance, EPSILON) / n, n), inner)
    assert is_gradient(Y, DY, X, DX) == (signs == (1, 1, 1))


def test_batch_norm_without_epsilon_in_the_gradient():
    X, gamma, beta, DY = matrices(SYMBOLIC, X="ND", g="1D", b="1D", DY="ND")
    Y, Z, _, variance = batch_norm.batch_norm(X, gamma, beta, EPSILON)
    for epsilon, right in ((EPSILON, True), (0, False), (2 * EPSILON, False)):
        DX, _, _ = batch_norm.batch_norm_backward(Z, variance, gamma, DY, epsilon)
        assert is_gradient(Y, DY, X, DX) == right


@carriers()
def test_linear(sizes):
    X, W, b, DY = matrices(sizes, X="ND", W="DD", b="1D", DY="ND")
    Y = linear.linear(X, W, b)
    DX, outer, Db = linear.linear_backward(X, W, DY)
    DW = outer.on(W)
    for matrix, right in ((X, DX), (W, DW), (b, Db)):
        assert is_gradient(Y, DY, matrix, right)
        assert not is_gradient(Y, DY, matrix, 2 * right)
        assert not is_gradient(Y, DY, matrix, -right)
    assert not is_gradient(Y, DY, W, DW.T)
    assert not is_gradient(Y, DY, W, Outer(X, DY).on(W))
    assert not is_gradient(Y, DY, W, (outer + outer).on(W))
    assert not is_gradient(Y, DY, W, Outer(DY, X, W).on(W))
    assert not is_gradient(Y, DY, X, DY @ W.T)


def test_a_sparse_weight():
    X, b, DY = matrices(SYMBOLIC, X="ND", b="1K", DY="NK")
    W = sparse("W", K, D)
    Y = linear.linear(X, W, b)
    assert is_gradient(Y, DY, W, product_on(W, DY.T, X))
    assert is_gradient(Y, DY, W, Outer(DY, X).on(W))
    assert not is_gradient(Y, DY, W, Outer(DY, X).on(IndexedMatrix.symbol("W", K, D)))
    assert not is_gradient(Y, DY, W, DY.T @ X)  # all of the product, not that on the support
    assert not is_gradient(Y, DY, X, DY @ IndexedMatrix.symbol("W", K, D))


def test_the_maximum_is_not_forgotten():
    """A stable form is proved whatever the maximum is; of a form that depends on it, it has a gradient."""
    X, DY = matrices(SYMBOLIC, X="NK", DY="NK")
    assert gradient_difference(inner_product(DY, softmax.shifted(X)), X, DY)
    assert equal(softmax.softmax(X), softmax.softmax_definition(X)) == {}
    assert equal(softmax.shifted(X), X)


def test_shapes_are_compared():
    X, DY = matrices(SYMBOLIC, X="NK", DY="NK")
    with pytest.raises(ValueError, match="K×N"):
        equal(X, X.T)
    with pytest.raises(ValueError, match="K×N"):
        gradient_difference(inner_product(X, DY), X, DY.T)
