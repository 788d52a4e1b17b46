from __future__ import annotations

import copy
import pickle
import sys

import numpy as np
import pytest
from scipy.sparse import bsr_array, coo_array, csc_array, csr_array, csr_matrix, dok_array, lil_array

from nerva_py.equations.linear import linear
from nerva_py.errors import MissingBackendError, NervaError, ShapeError
from nerva_py.matrix import hadamard, product_on
from nerva_py.sparse import BACKENDS, SparseWeight, Support, get_backend
from tests.samples import DTYPES, sparse

ARRAY = np.array([[1.0, 0, 2, 0], [0, 0, 0, 0], [0, 3, 0, 4]])


@pytest.mark.parametrize("dtype", [*DTYPES, None])
def test_from_dense(dtype):
    W = SparseWeight.from_dense(ARRAY, dtype)
    assert W.dtype == (dtype or np.float64)
    assert (W.shape, W.nnz, W.density) == ((3, 4), 4, 1 / 3)
    np.testing.assert_array_equal(W.toarray(), ARRAY)


@pytest.mark.parametrize("format", [csr_array, csc_array, coo_array, lil_array, dok_array, bsr_array, csr_matrix])
def test_from_any_scipy_format(format):
    W = SparseWeight.from_scipy(format(ARRAY))
    np.testing.assert_array_equal(W.toarray(), ARRAY)
    assert isinstance(W.csr, csr_array)


@pytest.mark.parametrize(("given", "expected"), [("f", "f"), ("d", "d"), ("i", "f"), ("?", "f"), ("l", "f")])
def test_numbers_of_other_types_become_float32(given, expected):
    assert SparseWeight.from_scipy(csr_array(ARRAY.astype(given))).dtype == np.dtype(expected)


def test_from_scipy_keeps_stored_zeros_and_sorts_a_copy():
    matrix = csr_array((np.array([5.0, 0.0]), np.array([2, 0]), np.array([0, 2, 2])), shape=(2, 3))
    W = SparseWeight.from_scipy(matrix)
    assert W.nnz == 2
    np.testing.assert_array_equal(W.data, [0, 5])
    assert matrix.indices.tolist() == [2, 0], "the caller's matrix is as it was"


def test_from_scipy_does_not_share_memory_with_the_callers_matrix():
    matrix = csr_array(ARRAY)
    W = SparseWeight.from_scipy(matrix)
    for ours, theirs in ((W.data, matrix.data), (W.support.indices, matrix.indices), (W.support.indptr, matrix.indptr)):
        assert not np.shares_memory(ours, theirs)


def test_csr_shares_memory():
    W = SparseWeight.from_dense(ARRAY)
    csr = W.csr
    assert np.shares_memory(csr.data, W.data)
    assert np.shares_memory(csr.indices, W.support.indices)
    csr.data[0] = 42
    assert W.toarray()[0, 0] == 42


@pytest.mark.parametrize("density", [0, 0.001, 0.3333, 0.5, 0.9, 1])
@pytest.mark.parametrize("dtype", DTYPES)
def test_random_has_exactly_the_rounded_number_of_weights(density, dtype, rng):
    W = SparseWeight.random((37, 41), density, rng, dtype=dtype)
    assert W.nnz == round(density * 37 * 41)
    assert W.dtype == dtype
    assert np.abs(W.data).max(initial=0) <= 1 / np.sqrt(41)


def test_random_takes_the_values_from_a_function(rng):
    W = SparseWeight.random((5, 6), 0.5, rng, values=lambda support, rng: np.arange(support.nnz))
    np.testing.assert_array_equal(W.data, np.arange(15))
    assert W.dtype == np.float32


def test_like_and_hadamard_share_the_support(rng):
    W = sparse(rng, 5, 6)
    V = W.like(2 * W.data)
    assert V.support is W.support
    np.testing.assert_array_equal(hadamard(W, V).toarray(), 2 * W.toarray() ** 2)
    assert W.astype(np.float32).dtype == np.float32


def test_products_from_either_side(rng):
    W, A = sparse(rng, 5, 6), rng.standard_normal((6, 3))
    np.testing.assert_allclose(W @ A, W.toarray() @ A)
    np.testing.assert_allclose(W.T @ A[:5], W.toarray().T @ A[:5])
    np.testing.assert_allclose(A.T @ W.T, A.T @ W.toarray().T)
    np.testing.assert_allclose(A[:5].T @ W, A[:5].T @ W.toarray())
    assert W.T.T is W
    assert W.T.shape == (6, 5)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda W: pickle.loads(pickle.dumps(W))])
def test_a_copy_is_independent(copied, rng):
    W = sparse(rng, 5, 6)
    V = copied(W)
    V.data[:] = 0
    assert W.data.all()
    assert V.support == W.support, "which is immutable, so that a deep copy may share it"
    assert V.backend.name == "numba"


def test_a_deep_copy_shares_the_immutable_support(rng):
    W = sparse(rng, 5, 6)
    assert copy.deepcopy(W).support is W.support


def test_read_only_values_are_copied(rng):
    support = sparse(rng, 5, 6).support
    W = SparseWeight(support, np.broadcast_to(np.float64(1), (support.nnz,)))
    W.data[0] = 2
    np.testing.assert_allclose(np.ones((1, 6)) @ W.T, np.ones((1, 6)) @ W.toarray().T)


def test_repr_tells_what_it_is(rng):
    assert repr(sparse(rng, 4, 5, 0.5)) == "SparseWeight(4×5, nnz=10, density=0.5, float64, numba)"


# ------------------------------------------------------------------------------------------------------------- errors


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (
            lambda: SparseWeight.from_scipy(ARRAY),
            NervaError,
            "must be a two-dimensional SciPy sparse array, not ndarray",
        ),
        (lambda: SparseWeight.from_scipy(coo_array(np.ones(3))), NervaError, "two-dimensional"),
        (lambda: SparseWeight.from_dense(np.ones(3)), ShapeError, r"must be a matrix, not of shape \(3,\)"),
        (lambda: SparseWeight.from_dense(ARRAY, dtype=np.int64), ShapeError, "float32 or float64, not int64"),
        (lambda: SparseWeight(Support.from_csr(csr_array(ARRAY)), np.ones(3)), ShapeError, "must hold 4 values"),
        (lambda: SparseWeight.random((3, 4), 1.5, np.random.default_rng()), NervaError, "density must be a number"),
        (lambda: SparseWeight.random((0, 4), 0.5, np.random.default_rng()), ShapeError, "two positive integers"),
        (
            lambda: SparseWeight.from_dense(ARRAY, backend="cuda"),
            NervaError,
            "unknown backend 'cuda'.*mkl, numba, scipy",
        ),
    ],
)
def test_impossible_weights(make, error, message):
    with pytest.raises(error, match=message):
        make()


@pytest.mark.parametrize(
    ("product", "message"),
    [
        (lambda W: np.ones((2, 3)) @ W.T, "expected a matrix with 4 columns for W"),
        (lambda W: np.ones((2, 4)) @ W, "expected a matrix with 3 columns"),
        (lambda W: np.ones(4) @ W.T, "expected a matrix with 4 columns"),
        (lambda W: np.ones((2, 4), np.float32) @ W.T, "element types differ, float32 and float64"),
        (lambda W: product_on(W, np.ones((4, 2)), np.ones((2, 4))), "expected a matrix with 3 columns"),
        (lambda W: product_on(W, np.ones((3, 2)), np.ones((5, 4))), "do not fit together"),
        (lambda W: linear(np.ones((2, 4)), W, np.ones((1, 4))), "b must be float64 of shape"),
        (lambda W: linear(np.ones((2, 4)), W, np.ones((1, 3), np.float32)), "b must be float64 of shape"),
        (lambda W: hadamard(W, SparseWeight.from_dense(ARRAY.T[:3] @ np.ones((3, 4)))), "the supports .* differ"),
        (lambda W: W + SparseWeight.from_dense(ARRAY.T[:3] @ np.ones((3, 4))), "the supports .* differ"),
    ],
)
def test_matrices_that_do_not_fit(product, message):
    with pytest.raises(ShapeError, match=message):
        product(SparseWeight.from_dense(ARRAY))


# ----------------------------------------------------------------------------------------------------------- backends


def test_a_missing_backend_says_what_to_install(monkeypatch):
    monkeypatch.delitem(sys.modules, BACKENDS["mkl"], raising=False)
    monkeypatch.setitem(sys.modules, "sparse_dot_mkl", None)  # makes its import fail
    with pytest.raises(MissingBackendError, match=r"pip install 'nerva-py\[mkl\]'"):
        get_backend("mkl")


def test_a_backend_is_loaded_once():
    assert get_backend("scipy") is get_backend("scipy")


def test_a_dense_copy_has_the_same_bits() -> None:
    """Also of −0, which a sum with 0 would lose."""
    data = np.array([-0.0, 2, 0], np.float32)
    W = SparseWeight(Support.at((2, 3), [0, 1, 1], [2, 0, 1]), data)
    assert W.toarray()[[0, 1, 1], [2, 0, 1]].tobytes() == data.tobytes()
    assert np.count_nonzero(W.toarray()) == 1
