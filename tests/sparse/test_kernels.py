"""The three products of every backend against loops over the elements; run compiled, and with NUMBA_DISABLE_JIT=1."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from nerva_py import sparse
from nerva_py.engine import batch_layout
from nerva_py.equations.linear import linear
from nerva_py.matrix import product_on
from nerva_py.sparse import SparseWeight, get_backend, support
from tests import naive
from tests.optional import BACKENDS, needs
from tests.samples import DTYPES, assert_close, batch

# (N, D, K): single samples, rows and columns of one element, and rows that are longer and shorter than the eight nonzeros
# that the kernels take at a time.
SHAPES = [(1, 1, 1), (1, 9, 4), (1, 40, 3), (2, 1, 5), (3, 5, 1), (5, 17, 8), (8, 8, 8), (9, 25, 7), (33, 12, 19)]
DENSITIES = [0.0, 0.05, 0.4, 1.0]


@pytest.fixture(params=BACKENDS)
def backend(request) -> str:
    return request.param


@pytest.fixture(params=DTYPES, ids=["float32", "float64"])
def dtype(request):
    return request.param


def check_products(W: SparseWeight, X: np.ndarray, DY: np.ndarray, b: np.ndarray) -> None:
    """All of what a layer computes, against the loops."""
    array, stored = W.toarray(), W.support.mask()
    for actual, expected in (
        (linear(X, W, b), naive.affine(X, array, b)),
        (X @ W.T, naive.affine(X, array, 0 * b)),
        (DY @ W, naive.product(DY, array)),
        (product_on(W, DY.T, X).toarray(), naive.product_on(stored, DY, X)),
    ):
        assert actual.dtype == W.dtype
        assert_close(actual, expected)


def check_random(rng, N, D, K, density, dtype, backend) -> None:
    W = SparseWeight.random((K, D), density, rng, dtype=dtype, backend=backend)
    check_products(W, batch(rng, N, D, dtype), batch(rng, N, K, dtype), rng.standard_normal((1, K)).astype(dtype))


@pytest.mark.parametrize(("N", "D", "K"), SHAPES)
@pytest.mark.parametrize("density", DENSITIES)
def test_products(N, D, K, density, dtype, backend, rng):
    check_random(rng, N, D, K, density, dtype, backend)


@pytest.mark.parametrize(("N", "D", "K"), SHAPES)
def test_products_with_int64_indices(N, D, K, dtype, backend, rng, monkeypatch):
    monkeypatch.setattr(support, "INT32_LIMIT", 0)
    assert SparseWeight.random((K, D), 0.4, rng).support.indices.dtype == np.int64
    check_random(rng, N, D, K, 0.4, dtype, backend)


@pytest.mark.parametrize("N", [1, 4])
def test_empty_rows_and_columns(N, dtype, backend, rng):
    array = rng.standard_normal((7, 12))
    array[[0, 3, 6]] = 0
    array[:, [0, 5, 11]] = 0
    W = SparseWeight.from_dense(array, dtype, backend)
    check_products(W, batch(rng, N, 12, dtype), batch(rng, N, 7, dtype), rng.standard_normal((1, 7)).astype(dtype))


@pytest.mark.parametrize("nnz", range(20))
def test_every_remainder_of_the_unrolled_loops(nnz, dtype, rng):
    row = np.zeros((1, 20))
    row[0, :nnz] = rng.standard_normal(nnz)
    for array in (row, row.T):  # a row of nnz values is a column of the transpose
        K, D = array.shape
        for N in (1, 3):
            W = SparseWeight.from_dense(array, dtype)
            check_products(W, batch(rng, N, D, dtype), batch(rng, N, K, dtype), np.ones((1, K), dtype))


def test_an_empty_batch(dtype, backend, rng):
    W = SparseWeight.random((3, 4), 0.5, rng, dtype=dtype, backend=backend)
    X, DY = np.zeros((0, 4), dtype), np.zeros((0, 3), dtype)
    assert (X @ W.T).shape == (0, 3)
    assert (DY @ W).shape == (0, 4)
    assert product_on(W, DY.T, X).data.tolist() == [0] * 6


def layouts(A: np.ndarray) -> dict[str, np.ndarray]:
    return {
        "C order": np.ascontiguousarray(A),
        "Fortran order": np.asfortranarray(A),
        "padded": batch_layout(A),
        "every second column": np.repeat(A, 2, 1)[:, ::2],
        "reversed columns": np.asfortranarray(A[:, ::-1])[:, ::-1],
        "some rows of more": np.asfortranarray(np.concatenate([A, A, A]))[len(A) : 2 * len(A)],
    }


@pytest.mark.parametrize("layout", layouts(np.ones((2, 2))))
@pytest.mark.parametrize("N", [1, 6])
def test_products_do_not_depend_on_the_layout(layout, N, backend, rng):
    W = SparseWeight.random((5, 7), 0.6, rng, dtype=np.float64, backend=backend)
    X, DY, b = (layouts(rng.standard_normal(shape))[layout] for shape in ((N, 7), (N, 5), (1, 5)))
    check_products(W, X, DY, b)


def test_the_weights_are_not_changed(backend, rng):
    """MKL may reorder indices in place."""
    W = SparseWeight.random((20, 30), 0.3, rng, backend=backend)
    before = [array.copy() for array in (W.data, W.support.indices, W.support.indptr)]
    X, DY = batch(rng, 5, 30, np.float32), batch(rng, 5, 20, np.float32)
    X @ W.T, DY @ W, product_on(W, DY.T, X)
    for array, copy in zip((W.data, W.support.indices, W.support.indptr), before, strict=True):
        np.testing.assert_array_equal(array, copy)


def test_nan_is_visible(backend, rng):
    W = SparseWeight.from_dense(np.array([[1.0, 2.0], [0, 3.0]]), backend=backend)
    X = np.array([[np.nan, 1.0], [1.0, 1.0]])
    np.testing.assert_array_equal(np.isnan(X @ W.T), [[True, False], [False, False]])
    np.testing.assert_array_equal(np.isnan(X @ W), [[True, True], [False, False]])
    np.testing.assert_array_equal(np.isnan(product_on(W, X.T, X).data), [True, True, False])


@needs("mkl")
def test_the_backends_agree(dtype, rng):
    """On a layer of a size that the loops in Python would take minutes for."""
    reference = SparseWeight.random((257, 301), 0.1, rng, dtype=dtype, backend="scipy")
    X, DY = batch(rng, 130, 301, dtype), batch(rng, 130, 257, dtype)
    b = rng.standard_normal((1, 257)).astype(dtype)
    weights = [SparseWeight(reference.support, reference.data, get_backend(name)) for name in sparse.BACKENDS]
    results = [(linear(X, W, b), DY @ W, product_on(W, DY.T, X).data) for W in weights]
    for one, other in itertools.pairwise(results):
        for a, c in zip(one, other, strict=True):
            assert_close(a, c)
