"""A batch of bytes that is normalised in the products of the first layer: the same products."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import nerva_py as nv
from nerva_py.data import from_arrays, gather, gather_as_bytes
from nerva_py.engine import ByteBatch
from nerva_py.equations.linear import linear
from nerva_py.errors import DataError, ShapeError
from nerva_py.matrix import product_on
from nerva_py.network.layers import LinearLayer
from nerva_py.sparse import DenseWeight, SparseWeight, plan
from tests.optional import BACKENDS
from tests.samples import DTYPES, assert_close, batch


def make(rng, N, D, dtype=np.float32):
    """The same samples as bytes and as numbers."""
    X, rows = rng.integers(0, 256, (N + 3, D), np.uint8), rng.integers(0, N + 3, N)
    scale, shift = rng.uniform(0.001, 0.1, D), rng.normal(0, 2, D)
    return gather_as_bytes(X, rows, scale, shift, dtype), gather(X, rows, scale, shift, dtype)


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 40), st.integers(1, 900), st.integers(0, 1000), st.sampled_from(DTYPES))
def test_gathered_as_bytes_it_is_the_same_batch(N, D, seed, dtype):
    X, dense = make(np.random.default_rng(seed), N, D, dtype)
    assert X.shape == dense.shape
    assert X.dtype == dense.dtype == X.dense().dtype
    assert N == 1 or X.u.strides[0] == 1
    np.testing.assert_allclose(X.dense(), dense, rtol=0, atol=100 * np.finfo(dtype).eps)
    assert f"{N}×{D}" in repr(X)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("dtype", DTYPES, ids=["float32", "float64"])
@pytest.mark.parametrize(
    ("N", "D", "K", "density"), [(1, 5, 3, 0.5), (9, 40, 7, 0.4), (33, 70, 12, 0.0), (20, 17, 5, 1.0)]
)
def test_products(N, D, K, density, dtype, backend, rng):
    W = SparseWeight.random((K, D), density, rng, dtype=dtype, backend=backend)
    check_products(W, *make(rng, N, D, dtype), rng)


def check_products(W, X, dense, rng):
    N, K = X.shape[0], W.shape[0]
    DY, b = batch(rng, N, K, W.dtype), rng.standard_normal((1, K)).astype(W.dtype)
    for actual, expected in (
        (linear(X, W, b), linear(dense, W, b)),
        (product_on(W, DY.T, X), product_on(W, DY.T, dense)),
    ):
        assert actual.dtype == W.dtype
        assert actual.shape == expected.shape
        assert_close(getattr(actual, "data", actual), getattr(expected, "data", expected))


def test_products_of_a_dense_weight(rng):
    check_products(DenseWeight(batch(rng, 6, 30, np.float32)), *make(rng, 9, 30), rng)


def test_bad_input_is_refused(rng):
    X, _ = make(rng, 9, 30)
    with pytest.raises(ShapeError, match=r"expected a matrix with 31 columns"):
        linear(X, SparseWeight.random((4, 31), 0.5, rng), np.zeros((1, 4), np.float32))
    with pytest.raises(ShapeError, match=r"element types differ, float32 and float64"):
        linear(X, SparseWeight.random((4, 30), 0.5, rng, dtype=np.float64), np.zeros((1, 4)))
    with pytest.raises(ShapeError, match=r"do not fit together"):
        product_on(SparseWeight.random((4, 30), 0.5, rng), np.zeros((4, 8), np.float32), X)
    samples, ones = rng.random((5, 30)), np.ones(30)
    with pytest.raises(DataError, match=r"dtype float64, 1 rows; bytes and at least one row"):
        gather_as_bytes(samples, np.arange(1), ones, ones)
    with pytest.raises(DataError, match=r"dtype uint8, 0 rows"):
        gather_as_bytes(samples.astype(np.uint8), np.arange(0), ones, ones)
    with pytest.raises(DataError, match=r"rows: 5 to 5; 0 to 4"):
        gather_as_bytes(samples.astype(np.uint8), np.array([5]), ones, ones)


@pytest.fixture
def images(rng):
    """Two classes of bytes: the brighter half of the features tells which."""
    T = rng.integers(0, 2, 200)
    X = rng.integers(0, 128, (200, 40)) + 100 * (np.arange(40) // 20 == T[:, None])
    return from_arrays(X.astype(np.uint8), T)


def losses(images):
    network = nv.mlp("ReLU;Linear", [40, 30, 2], overall_density=0.3, seed=1)
    history = nv.train(network, images, epochs=3, batch_size=25, learning_rate=0.05, seed=2)
    return [row.train_loss for row in history]


def seen(monkeypatch):
    """The kinds of batches that first layers are given in training."""
    kinds = set()
    forward = LinearLayer.forward

    def watch(layer, X, rng=None):
        if X.shape[1] == 40:
            kinds.add(type(X))
        return forward(layer, X, rng)

    monkeypatch.setattr(LinearLayer, "forward", watch)
    return kinds


def test_training_on_bytes_is_training_on_numbers(images, monkeypatch):
    kinds = seen(monkeypatch)
    with_bytes = losses(images)
    assert kinds == {ByteBatch}
    kinds.clear()
    monkeypatch.setattr(plan, "BYTES", 0)
    without = losses(images)
    assert kinds == {np.ndarray}
    np.testing.assert_allclose(with_bytes, without, rtol=1e-4)
    assert with_bytes[-1] < with_bytes[0]


def test_numbers_stay_numbers(images, monkeypatch):
    kinds = seen(monkeypatch)
    losses(replace(images, Xtrain=images.Xtrain.astype(np.float32), Xtest=images.Xtest.astype(np.float32)))
    assert kinds == {np.ndarray}
