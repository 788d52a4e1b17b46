"""Memory that is used again."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.lib.stride_tricks import as_strided
from scipy.sparse import csr_array

from nerva_py.engine import batch_empty, batch_layout, workspace
from nerva_py.engine.memory import CACHE_LINE, PAGE, batch_stride, pool

SIZES = st.integers(1, 5000)
ITEMSIZES = st.sampled_from([4, 8])


@given(SIZES, ITEMSIZES)
def test_padding_costs_an_eighth_or_one_cache_line(N, itemsize):
    stride = batch_stride(N, itemsize)
    assert N <= stride <= N + N // 8 + CACHE_LINE // itemsize


@given(SIZES, ITEMSIZES)
def test_features_are_never_whole_pages_apart(N, itemsize):
    assert batch_stride(N, itemsize) * itemsize % PAGE != 0


@pytest.mark.parametrize("N", [100, 128, 200, 1000])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_every_feature_of_a_usual_batch_starts_on_a_cache_line(N, dtype):
    X = batch_empty(N, 5, dtype)
    assert all(X[:, j].ctypes.data % CACHE_LINE == 0 for j in range(5))


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (3, 1), (100, 7), (1024, 3)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_batch_keeps_the_values_of_a_feature_adjacent(shape, dtype):
    X = batch_empty(*shape, dtype)
    assert X.shape == shape
    assert X.dtype == dtype
    assert X.strides[0] == X.itemsize or shape[0] == 1
    assert batch_layout(X) is X


def test_zero_samples_are_a_batch_too():
    assert batch_empty(0, 3).shape == (0, 3)


# ---------------------------------------------------------------------------------------------------------- workspace


def address(X):
    return X.ctypes.data


def test_without_a_workspace_memory_is_fresh():
    X = batch_empty(10, 10)
    assert not np.shares_memory(X, batch_empty(10, 10))


def test_a_workspace_uses_released_memory_again():
    with workspace():
        X = batch_empty(10, 10)
        before = address(X)
        del X
        assert address(batch_empty(10, 10)) == before


def test_shapes_and_types_do_not_share_memory():
    with workspace():
        X = batch_empty(10, 10)
        before = address(X)
        del X
        assert address(batch_empty(10, 11)) != before
        assert address(batch_empty(10, 10, np.float64)) != before


HOLDS = {
    "itself": lambda X: X,
    "a transpose": lambda X: X.T,
    "a row": lambda X: X[3],
    "one element": lambda X: X[2:3, 2:3],
    "a view of a view": lambda X: X.T[1:][::2],
    "a broadcast": lambda X: np.broadcast_to(X[:, :1], (10, 7)),
    "a buffer": lambda X: memoryview(X),
    "an array over it": lambda X: np.ndarray((9,), X.dtype, X.T[2:4]),
    "strides of its own": lambda X: as_strided(X[1:], (3, 4), X.strides),
    "a sparse matrix": lambda X: csr_array((X.T.reshape(-1), np.arange(100), np.array([0, 100])), shape=(1, 100)),
    "numbers of another type": lambda X: X.view(np.int32),
    "a container": lambda X: {"kept": [X]},
    "a closure": lambda X: lambda: X,
}


@pytest.mark.parametrize("how", HOLDS)
def test_memory_that_somebody_holds_is_never_given_away(how):
    with workspace():
        X = batch_empty(10, 10)
        X[...] = 1
        before = address(X)
        held = HOLDS[how](X)
        del X
        for _ in range(3):
            Y = batch_empty(10, 10)
            assert address(Y) != before
            Y[...] = 2
        values = held() if callable(held) else held["kept"][0] if isinstance(held, dict) else held
        values = np.asarray(values.data if isinstance(values, csr_array) else values)
        assert (values == (np.float32(1).view(np.int32) if values.dtype == np.int32 else 1)).all()


def test_results_outlive_the_workspace():
    with workspace():
        X = batch_empty(10, 10)
        X[...] = 1
    with workspace():
        batch_empty(10, 10)[...] = 2
    batch_empty(10, 10)[...] = 3
    assert (X == 1).all()


def test_a_workspace_releases_its_memory_at_its_end():
    with workspace():
        batch_empty(10, 10)
        with workspace():
            batch_empty(10, 10)
        assert pool.blocks, "the inner workspace does not end the outer one"
    assert not pool.blocks


def test_a_workspace_ends_when_an_error_leaves_it():
    def fail():
        with workspace():
            batch_empty(10, 10)
            raise RuntimeError("boom")

    with pytest.raises(RuntimeError, match="boom"):
        fail()
    assert pool.depth == 0
    assert not pool.blocks


def test_threads_have_workspaces_of_their_own():
    addresses = {}
    barrier = threading.Barrier(2, timeout=30)

    def work(name):
        with workspace():
            X = batch_empty(10, 10)
            addresses[name] = address(X)
            barrier.wait()
            del X
            barrier.wait()
            addresses[name, "again"] = address(batch_empty(10, 10))
            barrier.wait()

    threads = [threading.Thread(target=work, args=(name,)) for name in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert addresses["a"] == addresses["a", "again"] != addresses["b"] == addresses["b", "again"]
