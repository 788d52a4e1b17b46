"""Products of a sparse batch with a sparse or dense weight: against loops over the elements, and laws."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nerva_py import sparse
from nerva_py.engine import SparseBatch
from nerva_py.equations.linear import linear, linear_backward
from nerva_py.errors import ShapeError
from nerva_py.matrix import dot, product_on
from nerva_py.sparse import DenseWeight, SparseWeight, support
from tests import naive
from tests.engine.test_sparse_batch import csr
from tests.optional import BACKENDS
from tests.samples import DTYPES, assert_close, batch
from tests.sparse.supports import threads

STORED = [*BACKENDS, "dense"]
every_form = pytest.mark.parametrize("form", STORED)
every_dtype = pytest.mark.parametrize("dtype", DTYPES, ids=["float32", "float64"])
SIZES = st.integers(1, 40)


def weight(form: str, K: int, D: int, density: float, rng, dtype):
    """A weight with these sizes, stored in this form."""
    if form in sparse.BACKENDS:
        return SparseWeight.random((K, D), density, rng, dtype=dtype, backend=form)
    return DenseWeight(rng.standard_normal((K, D)).astype(dtype))


@st.composite
def products(draw):
    """(N, D, K), densities of X and W, index types, and a generator of the values."""
    densities = st.sampled_from([0.0, 0.02, 1.0]) | st.floats(0, 1)
    sizes = draw(SIZES), draw(SIZES), draw(SIZES)
    index_dtype = draw(st.sampled_from([np.int32, np.int64]))
    return sizes, draw(densities), draw(densities), index_dtype, np.random.default_rng(draw(st.integers(0, 10**6)))


@every_form
@every_dtype
@given(case=products())
def test_products_are_the_formula(case, form, dtype):
    (N, D, K), x_density, w_density, index_dtype, rng = case
    W = weight(form, K, D, w_density, rng, dtype)
    X = SparseBatch.from_csr(csr(rng, N, D, x_density, dtype, index_dtype))
    DY, b = batch(rng, N, K, dtype), rng.standard_normal((1, K)).astype(dtype)
    array = X.toarray()
    Y, DW = linear(X, W, b), product_on(W, DY.T, X)
    assert Y.dtype == DW.dtype == dtype
    assert_close(Y / 10, naive.affine(array, W.toarray(), b) / 10)
    assert_close((X @ W.T) / 10, naive.affine(array, W.toarray(), 0 * b) / 10)
    assert_close(DW.toarray() / 10, naive.product_on(W.support.mask(), DY, array) / 10)


@every_form
@every_dtype
@given(case=products())
def test_a_sparse_batch_gives_what_the_dense_one_gives(case, form, dtype):
    """Exactly, with whole numbers; and no gradient of a feature that does not occur is anything but 0."""
    (N, D, K), x_density, w_density, index_dtype, rng = case
    W = weight(form, K, D, w_density, rng, dtype)
    W = W.like(rng.integers(-4, 5, W.data.shape).astype(dtype))
    X = SparseBatch.from_csr(csr(rng, N, D, x_density, dtype, index_dtype))
    DY, b = np.asfortranarray(rng.integers(-4, 5, (N, K)).astype(dtype)), rng.integers(-4, 5, (1, K)).astype(dtype)
    dense = np.asfortranarray(X.toarray())
    assert np.array_equal(linear(X, W, b), linear(dense, W, b))
    (_, DW, Db), (_, DW_dense, Db_dense) = (linear_backward(batch, W, DY, needs_DX=False) for batch in (X, dense))
    DW, DW_dense = DW.on(W), DW_dense.on(W)
    assert np.array_equal(DW.data, DW_dense.data)
    assert np.array_equal(Db, Db_dense)
    absent = np.setdiff1d(np.arange(D), X.features)
    assert not DW.toarray()[:, absent].any()


@every_form
@every_dtype
@given(case=products())
def test_adjoint(case, form, dtype):
    """⟨DY, X Wᵀ⟩ = ⟨DW, W⟩, DW = DYᵀ X on the support of W"""
    (N, D, K), x_density, w_density, index_dtype, rng = case
    W = weight(form, K, D, w_density, rng, dtype)
    X = SparseBatch.from_csr(csr(rng, N, D, x_density, dtype, index_dtype))
    DY = batch(rng, N, K, dtype)
    magnitude = np.abs(DY).T @ np.abs(X.toarray())
    bound = 4 * (N + D + K) * np.finfo(dtype).eps * np.vdot(magnitude, np.abs(W.toarray()))
    assert abs(dot(DY, X @ W.T) - np.vdot(product_on(W, DY.T, X).data, W.data)) <= bound


@every_form
def test_an_empty_batch_and_a_batch_of_empty_samples(form, rng):
    W = weight(form, 3, 4, 0.5, rng, np.float64)
    b = rng.standard_normal((1, 3))
    for N in (0, 1, 5):
        X = SparseBatch.from_csr(csr(rng, N or 1, 4, 0))
        if N == 0:
            X = SparseBatch.from_rows(csr(rng, 2, 4, 0.5), np.zeros(0, int), np.float64)
        assert np.array_equal(linear(X, W, b), np.repeat(b, N, axis=0))
        assert not product_on(W, np.ones((3, N)), X).toarray().any()


@every_form
def test_int64_indices_of_the_weight(form, rng, monkeypatch):
    monkeypatch.setattr(support, "INT32_LIMIT", 0)
    W = weight(form, 7, 30, 0.4, rng, np.float64)
    X = SparseBatch.from_csr(csr(rng, 6, 30, 0.2))
    DY, b = batch(rng, 6, 7), np.ones((1, 7))
    assert_close(linear(X, W, b), X.toarray() @ W.toarray().T + b)
    assert_close(product_on(W, DY.T, X).toarray(), (DY.T @ X.toarray()) * W.support.mask())


@pytest.mark.parametrize("form", ["numba", "dense"])
@every_dtype
@pytest.mark.parametrize("N", [1, 2, 37, 128])
def test_results_do_not_depend_on_the_number_of_threads(N, form, dtype, rng):
    """Bit for bit, and with more parts than rows."""
    import numba

    for K in (301, 1):
        W = weight(form, K, 203, 0.3, rng, dtype)
        A = csr(rng, N, 203, 0.1, dtype)
        A.data = rng.standard_normal(A.nnz).astype(dtype)
        DY, b = batch(rng, N, K, dtype), np.ones((1, K), dtype)
        results = []
        for count in range(1, numba.config.NUMBA_NUM_THREADS + 1):
            with threads(count):
                X = SparseBatch.from_csr(A)
                results.append((*X.parts, linear(X, W, b), product_on(W, DY.T, X).data))
        assert len(results) >= 2
        for other in results[1:]:
            for one, another in zip(results[0], other, strict=True):
                np.testing.assert_array_equal(one, another)


@every_form
def test_nan_is_visible(form, rng):
    W = weight(form, 2, 3, 1.0, rng, np.float64)
    A = csr(rng, 2, 3, 1.0)
    A.data[1] = np.nan
    X = SparseBatch.from_csr(A)
    assert np.isnan(X @ W.T).tolist() == [[True, True], [False, False]]
    assert np.isnan(product_on(W, np.ones((2, 2)), X).toarray()).tolist() == [[False, True, False]] * 2


def test_batches_that_do_not_fit(rng):
    W = SparseWeight.random((3, 5), 0.5, rng, dtype=np.float64)
    X = SparseBatch.from_csr(csr(rng, 2, 4, 0.5))
    with pytest.raises(ShapeError, match=r"expected a matrix with 5 columns for W \(3, 5\), got shape \(2, 4\)"):
        X @ W.T
    with pytest.raises(ShapeError, match="element types differ, float32 and float64"):
        SparseBatch.from_csr(csr(rng, 2, 5, 0.5), np.float32) @ W.T
    with pytest.raises(ShapeError, match=r"A \(3, 7\) and B \(2, 5\) do not fit"):
        product_on(W, np.ones((3, 7)), SparseBatch.from_csr(csr(rng, 2, 5, 0.5)))
    with pytest.raises(ShapeError, match="got type SparseBatch"):
        SparseBatch.from_csr(csr(rng, 2, 3, 0.5)) @ W


def test_a_plain_array_is_a_weight_too(rng):
    """As the definitions of the primitives say."""
    W, X, b = rng.standard_normal((3, 8)), SparseBatch.from_csr(csr(rng, 4, 8, 0.3)), np.ones((1, 3))
    DY = rng.standard_normal((4, 3))
    assert_close(linear(X, W, b), X.toarray() @ W.T + b)
    assert_close(product_on(W, DY.T, X), DY.T @ X.toarray())
