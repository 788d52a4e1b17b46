"""No dense K×D matrix is ever made, and a nonzero costs at most 24 bytes in training with momentum."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from nerva_py.data import from_arrays
from nerva_py.network import MLP, LinearLayer, mlp
from nerva_py.sparse import SparseWeight
from nerva_py.training import Callback, loop, train
from tests.optional import BACKENDS

WIDE = 200_000


def peak(action) -> int:
    """Largest number of bytes that were allocated at a time, beyond those before."""
    tracemalloc.start()
    try:
        action()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_huge_layer_is_created_and_trained_without_a_dense_matrix(backend, rng):
    """200 000 × 200 000 with 4000 weights: dense, it would take 160 GB (as bytes, a mask would take 40 GB)."""
    X, T = rng.standard_normal((8, WIDE)).astype(np.float32), rng.standard_normal((8, WIDE)).astype(np.float32)
    data = from_arrays(X, T)

    def create_and_train():
        W = SparseWeight.random((WIDE, WIDE), 1e-7, rng, backend=backend)
        assert W.nnz == 4000
        network = MLP([LinearLayer(W, np.zeros((1, WIDE), np.float32))])
        before = W.data.copy()
        train(network, data, loss="SquaredError", epochs=1, batch_size=4, statistics=False)
        assert (W.data != before).any()

    assert peak(create_and_train) < 20 * X.nbytes  # some batches (of 4) and biases, nothing of 10¹⁰ elements


def test_a_nonzero_costs_24_bytes_in_training_with_momentum(rng):
    """Value, gradient, velocity, index: 4 bytes each; the CSC view: 8."""
    network = mlp("ReLU;Linear", [300, 400, 10], overall_density=0.2, seed=1)
    data = from_arrays(rng.standard_normal((20, 300)).astype(np.float32), rng.integers(0, 10, 20), num_classes=10)
    gradients = []

    class Look(Callback):
        def on_gradients(self, run, layer, tape, given):
            gradients.append(given[0].on(layer.W.value))

    run = loop.begin(
        network, data, "SoftmaxCrossEntropy", "Momentum(0.9)", 0.1, epochs=1, batch_size=20, callbacks=[Look()]
    )
    run.step(run.batch(np.arange(20)))
    W, gradient, velocity = network.layers[0].W.value, gradients[-1], network.layers[0].W.states
    DY = np.zeros((20, 400), np.float32)
    DY @ W  # a layer that is not the first makes the CSC view
    assert W.support.indices.dtype == np.int32
    assert gradient.support is W.support, "the gradient has no indices of its own"
    arrays = [W.data, gradient.data, *velocity, W.support.indices, *W.support.transposed[1:]]
    assert sum(array.nbytes for array in arrays) == 24 * W.nnz
    pointers = W.support.indptr.nbytes + W.support.transposed[0].nbytes
    assert W.nbytes + gradient.data.nbytes + velocity[0].nbytes == 24 * W.nnz + pointers


@pytest.mark.parametrize(("batch_size", "bound"), [(4, 19), (9, 25)])
def test_training_allocates_24_bytes_a_nonzero_and_the_batches(batch_size, bound, rng, monkeypatch):
    """All of what a run holds at a time; few samples need no column view. (The copy that compiles the kernels is left out.)"""
    monkeypatch.setattr(loop, "WARM_UP_LIMIT", 0)
    X, T = rng.standard_normal((18, 1000)).astype(np.float32), rng.integers(0, 10, 18)
    data = from_arrays(X[: 2 * batch_size], T[: 2 * batch_size], num_classes=10)
    for measured in (False, True):  # what Numba allocates when it compiles or loads a kernel is not meant
        network = mlp("ReLU;ReLU;Linear", [1000, 1000, 1000, 10], overall_density=0.35, seed=1)
        if measured:
            tracemalloc.start()
        try:
            train(network, data, optimizer="Momentum(0.9)", epochs=2, batch_size=batch_size)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    held = sum(parameter.value.nbytes for parameter in network.parameters())
    assert held + peak < bound * network.nnz
