"""Laws that tie the products of a sparse layer together, whatever the shape, the values, the backend and the threads."""

from __future__ import annotations

import numba
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nerva_py.engine import batch_layout
from nerva_py.equations.linear import linear
from nerva_py.matrix import dot, product_on
from nerva_py.sparse import SparseWeight
from tests.optional import BACKENDS
from tests.samples import DTYPES, batch

SIZES = st.integers(1, 40)
every_backend = pytest.mark.parametrize("backend", BACKENDS)
every_dtype = pytest.mark.parametrize("dtype", DTYPES, ids=["float32", "float64"])


@st.composite
def products(draw):
    """(N, D, K), a density, and a generator of the values."""
    density = draw(st.sampled_from([0.0, 1.0]) | st.floats(0, 1))
    return draw(SIZES), draw(SIZES), draw(SIZES), density, np.random.default_rng(draw(st.integers(0, 10**6)))


@every_backend
@every_dtype
@given(case=products())
def test_adjoint(case, backend, dtype):
    """⟨DY, X Wᵀ⟩ = ⟨DY W, X⟩ = ⟨DW, W⟩, DW = DYᵀ X on the support of W"""
    N, D, K, density, rng = case
    W = SparseWeight.random((K, D), density, rng, dtype=dtype, backend=backend)
    X, DY = batch(rng, N, D, dtype), batch(rng, N, K, dtype)
    inner = [dot(DY, X @ W.T), dot(DY @ W, X), np.vdot(product_on(W, DY.T, X).data, W.data)]
    # Σ |dy_nk w_kd x_nd| bounds the rounding errors, however much the terms cancel.
    magnitude = np.abs(DY).T @ np.abs(X)
    bound = 4 * (N + D + K) * np.finfo(dtype).eps * np.vdot(magnitude, np.abs(W.toarray()))
    assert abs(inner[0] - inner[1]) <= bound
    assert abs(inner[1] - inner[2]) <= bound


@every_backend
@given(case=products())
def test_linearity(case, backend):
    """(X + αV) Wᵀ = X Wᵀ + α V Wᵀ"""
    N, D, K, density, rng = case
    W = SparseWeight.random((K, D), density, rng, dtype=np.float64, backend=backend)
    X, V = batch(rng, N, D), batch(rng, N, D)
    np.testing.assert_allclose((X - 2 * V) @ W.T, X @ W.T - 2 * (V @ W.T), atol=1e-11)


@every_backend
@given(case=products())
def test_permuting_the_samples_permutes_the_result(case, backend):
    N, D, K, density, rng = case
    W = SparseWeight.random((K, D), density, rng, dtype=np.float64, backend=backend)
    X, order = batch(rng, N, D), rng.permutation(N)
    np.testing.assert_allclose(X[order] @ W.T, (X @ W.T)[order], atol=1e-12)


@every_dtype
@pytest.mark.parametrize("N", [1, 2, 37, 128])
@pytest.mark.parametrize("density", [0.01, 0.3])
def test_results_do_not_depend_on_the_number_of_threads(N, density, dtype, rng):
    """Bit for bit."""
    W = SparseWeight.random((301, 203), density, rng, dtype=dtype)
    X, DY, b = batch(rng, N, 203, dtype), batch(rng, N, 301, dtype), np.ones((1, 301), dtype)
    before = numba.get_num_threads()
    results = []
    for threads in range(1, numba.config.NUMBA_NUM_THREADS + 1):
        numba.set_num_threads(threads)
        results.append((linear(X, W, b), DY @ W, product_on(W, DY.T, X).data))
    numba.set_num_threads(before)
    assert len(results) >= 2
    for other in results[1:]:
        for one, another in zip(results[0], other, strict=True):
            np.testing.assert_array_equal(one, another)


@every_backend
def test_a_dense_support_gives_the_dense_product(backend, rng):
    array, X = rng.standard_normal((9, 14)), batch_layout(rng.standard_normal((11, 14)))
    np.testing.assert_allclose(X @ SparseWeight.from_dense(array, backend=backend).T, X @ array.T, atol=1e-12)
