"""Kernels for very few samples: against loops, against the kernels for many, and the same bits for every number of threads."""

from __future__ import annotations

import numba
import numpy as np
import pytest

from nerva_py.engine.elementwise import update_kernel
from nerva_py.equations import updates
from nerva_py.equations.linear import linear
from nerva_py.matrix import Outer, product_on
from nerva_py.sparse import SparseWeight, plan, support
from nerva_py.sparse.kernels import few_samples
from tests import naive
from tests.samples import DTYPES, assert_close, batch

# One, a few, one more than the kernels are for; each number has kernels of its own, which are compiled.
N_ALL = (1, 3, plan.SAMPLES + 1)
CONSTANTS = (0.1, 0.01, 0.9)


@pytest.fixture(params=DTYPES, ids=["float32", "float64"])
def dtype(request):
    return request.param


@pytest.fixture(autouse=True)
def taken_for_small_layers(monkeypatch):
    monkeypatch.setattr(plan, "WEIGHTS", 0)


def wide(rng, dtype=np.float32) -> SparseWeight:
    """So many weights a column that each part has a DX of its own."""
    W = SparseWeight.random((200, 30), 0.4, rng, dtype=dtype)
    assert W.nnz >= plan.PARTS * W.shape[1]
    return W


def test_products_with_int64_indices(dtype, rng, monkeypatch):
    monkeypatch.setattr(support, "INT32_LIMIT", 0)
    assert wide(rng).support.indices.dtype == np.int64
    test_products(3, dtype, rng)


@pytest.mark.parametrize("N", N_ALL)
def test_products(N, dtype, rng):
    W = wide(rng, dtype)
    X, DY, b = batch(rng, N, 30, dtype), batch(rng, N, 200, dtype), rng.standard_normal((1, 200)).astype(dtype)
    assert_close(linear(X, W, b), naive.affine(X, W.toarray(), b))
    assert_close(DY @ W, naive.product(DY, W.toarray()))
    assert_close(product_on(W, DY.T, X).toarray(), naive.product_on(W.support.mask(), DY, X))
    made = "transposed" in vars(W.support)
    assert made == (plan.SAMPLES < N), "the CSC view is made for more samples only"


@pytest.mark.parametrize("N", N_ALL)
def test_an_update_is_product_gradient_and_update(N, dtype, rng):
    W = wide(rng, dtype)
    X, DY, state = batch(rng, N, 30, dtype), batch(rng, N, 200, dtype), rng.standard_normal(W.nnz).astype(dtype)
    gradient = naive.product_on(W.support.mask(), DY, X)
    theta, expected = W.data.copy(), state.copy()
    at = W.support.rows(), W.support.indices
    update_kernel(updates.nesterov, 1, 3)(theta, gradient[at].astype(dtype), (expected,), CONSTANTS)
    Outer(DY, X).update(updates.nesterov, W, [state], CONSTANTS)
    assert_close(W.data, theta)
    assert_close(state, expected)


@pytest.mark.parametrize("N", [1, 2, 7])
def test_the_same_bits_for_every_number_of_threads(N, rng):
    W = wide(rng)
    X, DY, state = batch(rng, N, 30, np.float32), batch(rng, N, 200, np.float32), np.zeros(W.nnz, np.float32)
    results = []
    before = numba.get_num_threads()
    for threads in (1, 2):
        numba.set_num_threads(threads)
        one, own = W.like(W.data.copy()), state.copy()
        Outer(DY, X).update(updates.nesterov, one, [own], CONSTANTS)
        results.append([DY @ W, linear(X, W, np.ones((1, 200), np.float32)), one.data, own])
    numba.set_num_threads(before)
    for first, second in zip(*results, strict=True):
        assert np.array_equal(first, second)


def test_small_layers_compile_no_kernels_for_each_number_of_samples(rng, monkeypatch):
    monkeypatch.undo()
    W = wide(rng)
    for name in ("affine", "product", "weight_gradient"):
        monkeypatch.setattr(few_samples, name, None)  # calling it would raise
    X, DY = batch(rng, 3, 30, np.float32), batch(rng, 3, 200, np.float32)
    linear(X, W, np.zeros((1, 200), np.float32)), DY @ W, product_on(W, DY.T, X)
    assert plan.few_samples(plan.WEIGHTS, 3)
    assert not plan.few_samples(plan.WEIGHTS - 1, 3)
    assert not plan.few_samples(plan.WEIGHTS, plan.SAMPLES + 1)
    assert plan.scatters(plan.WEIGHTS, plan.WEIGHTS // plan.PARTS, 3)
    assert not plan.scatters(plan.WEIGHTS, plan.WEIGHTS // plan.PARTS + 1, 3), "too few weights a column"
