"""Products of wide layers go through blocks of features: the same products."""

from __future__ import annotations

import numba
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nerva_py.equations.linear import linear
from nerva_py.matrix import product_on
from nerva_py.sparse import SparseWeight, Support, plan
from tests.samples import DTYPES, batch


@pytest.fixture
def small_cache(monkeypatch):
    """Layers are cut into blocks as if the cache had 2 KB."""
    monkeypatch.setattr(plan, "first_level_cache", lambda: 2048)
    monkeypatch.setattr(plan, "NONZEROS", 1)


@given(st.integers(0, 3), st.integers(1, 6), st.integers(1, 9), st.data())
def test_every_row_enters_every_block(seed, K, D, data):
    nnz, count = data.draw(st.integers(0, K * D)), data.draw(st.integers(1, D))
    support = Support.random((K, D), nnz, np.random.default_rng(seed))
    for transposed in (False, True):
        rows, columns = (D, K) if transposed else (K, D)
        indptr, indices = support.transposed[:2] if transposed else (support.indptr, support.indices)
        bounds = support.blocks(count, transposed)
        assert bounds.shape == (count + 1, rows)
        np.testing.assert_array_equal(bounds[0], indptr[:-1])
        np.testing.assert_array_equal(bounds[-1], indptr[1:])
        width = -(-columns // count)
        for b in range(count):
            for k in range(rows):
                assert (indices[bounds[b, k] : bounds[b + 1, k]] // width == b).all()


@pytest.mark.usefixtures("small_cache")
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("density", [0.0, 0.05, 0.4])
def test_the_three_products(density, dtype, rng):
    K, D, N = 70, 90, 20
    W, b = SparseWeight.random((K, D), density, rng, dtype=dtype), rng.standard_normal((1, K)).astype(dtype)
    X, DY = batch(rng, N, D, dtype), batch(rng, N, K, dtype)
    tolerance = 100 * np.finfo(dtype).eps
    results = []
    before = numba.get_num_threads()
    for threads in (1, 2):
        numba.set_num_threads(threads)
        results.append((linear(X, W, b), DY @ W, product_on(W, DY.T, X).toarray()))
    numba.set_num_threads(before)
    dense = W.toarray()
    expected = X @ dense.T + b, DY @ dense, (DY.T @ X) * W.support.mask()
    for one, two, right in zip(*results, expected, strict=True):
        np.testing.assert_array_equal(one, two)
        np.testing.assert_allclose(one, right, rtol=tolerance, atol=10 * tolerance)
    assert density == 0 or max(count for count, _ in W.support._blocks) > 1


def test_one_block_takes_no_memory(rng):
    support = Support.random((5, 7), 12, rng)
    before = support.nbytes
    assert np.shares_memory(support.blocks(1), support.indptr)
    assert support.nbytes == before
    assert support.blocks(3) is support.blocks(3)
    assert support.nbytes == before + support.blocks(3).nbytes
