"""Training, prediction and topology changes with sparse samples: what the dense samples give, without their memory."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from scipy.sparse import csr_array, csr_matrix

import nerva_py as nv
from nerva_py.data import gather
from nerva_py.engine import SparseBatch, workspace
from nerva_py.errors import DataError, NervaError, ShapeError
from nerva_py.topology.layer import TopologyLayer
from nerva_py.training.gradient_check import check_gradients
from nerva_py.training.loop import resolve_loss
from tests.engine.test_sparse_batch import csr
from tests.optional import BACKENDS
from tests.samples import batch
from tests.sparse.supports import threads

LOSS = resolve_loss("SoftmaxCrossEntropy")


@pytest.fixture
def pair(rng):
    """A sparse data set and the dense one of the same samples, in which a feature's sign tells the class."""
    T = rng.integers(0, 3, 130)
    X = csr(rng, 130, 60, 0.1)
    X = csr_array(X + csr_array((np.full(130, 9.0), (np.arange(130), T)), shape=(130, 60)))
    X.data = X.data.astype(np.float32)
    sparse = nv.from_arrays(X[:100], T[:100], X[100:], T[100:], normalization="feature")
    dense = nv.from_arrays(X[:100].toarray(), T[:100], X[100:].toarray(), T[100:])
    return sparse, replace(dense, scale=sparse.scale)


def network(density: float, layers="ReLU;Linear", **options):
    return nv.mlp(layers, [60, 20, 3], overall_density=density, weights="SparseHe", seed=1, **options)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("density", [0.1, 0.7, 1.0])
def test_training_is_that_of_the_dense_samples(density, backend, pair):
    """100 samples in batches of 32: the last one is partial. Rounding differs, because sums have another order."""
    results = []
    for data in pair:
        net = network(density, backend=backend)
        history = nv.train(net, data, epochs=5, batch_size=32, learning_rate=0.1, seed=1)
        results.append((net, history))
    (one, history), (other, dense_history) = results
    for a, b in zip(one.parameters(), other.parameters(), strict=True):
        np.testing.assert_allclose(a.vector, b.vector, atol=1e-4)
    assert history[-1].test_loss == pytest.approx(dense_history[-1].test_loss, rel=1e-3)
    assert history[-1].train_loss < 0.8 * history[0].train_loss
    X = pair[1].Xtest * pair[1].scale
    np.testing.assert_allclose(one.predict(csr_array(X), batch_size=7), one.predict(X), atol=1e-5)


@pytest.mark.parametrize(
    "method",
    ["SET(0.3)", "RigL(0.3, every=2)", "RigL(0.3, every=4, batches=3)", "GSE(0.3, every=2)", "GraNet(0.05, every=2)"],
)
def test_topologies_change_as_with_the_dense_samples(method, pair):
    supports = []
    for data in pair:
        net = network(0.15).astype(np.float64)  # rounding decides nothing
        nv.train(net, data, epochs=4, batch_size=32, learning_rate=0.1, seed=1, callbacks=[nv.method(method)])
        supports.append(net.layers[0].W.value.support)
    assert supports[0] == supports[1]


def test_results_do_not_depend_on_the_number_of_threads(pair):
    weights = []
    for count in (1, 2):
        with threads(count):
            net = network(0.2)
            nv.train(net, pair[0], epochs=8, seed=1, callbacks=[nv.method("RigL(0.3, every=2)")])
            weights.append(net.layers[0].W.value.data)
    np.testing.assert_array_equal(*weights)


@pytest.mark.parametrize("dropout", ["Dropout(0.4);ReLU;Linear", "ReLU;Dropout(0.4);Linear"])
@pytest.mark.parametrize("rates", [None, [0.3, 0.0]])
def test_gradients(dropout, rates, pair):
    for density in (0.2, 1.0):
        errors = check_gradients(network(density, dropout, dropouts=rates), pair[0], LOSS, 16)
        assert max(error.error for error in errors) < 1e-6
        assert errors[0].checked == 20


def test_a_wrong_gradient_is_found(pair, monkeypatch):
    from nerva_py.sparse.kernels.numba_backend import NumbaBackend

    right = NumbaBackend.weight_gradient_sparse_input
    monkeypatch.setattr(NumbaBackend, "weight_gradient_sparse_input", lambda *arguments: 1.1 * right(*arguments))
    errors = check_gradients(network(0.05), pair[0], LOSS, 3)
    assert errors[0].error > 0.01


def test_dropout_of_sparse_inputs(rng):
    """Nonzeros are dropped or scaled up, zeros stay zero, and nothing happens in evaluation."""
    X = SparseBatch.from_csr(csr(rng, 40, 200, 0.3))
    layer = nv.network.DropoutLayer(0.25)
    Y, _ = layer.forward(X, rng)
    kept = Y.values != 0
    assert 0.7 < kept.mean() < 0.8
    np.testing.assert_allclose(Y.values[kept], X.values[kept] / 0.75)
    assert layer.predict(X) is X


def test_batch_normalization_of_sparse_inputs_is_refused(pair, rng):
    net = nv.mlp("Dropout(0.1);BatchNormalization;ReLU;Linear", [60, 20, 3], overall_density=0.2, seed=1)
    before = [parameter.vector.copy() for parameter in net.parameters()]
    for action in (
        lambda: nv.train(net, pair[0]),
        lambda: nv.evaluate(net, pair[0], LOSS),
        lambda: net.predict(pair[0].Xtest),
    ):
        with pytest.raises(
            NervaError, match=r"BatchNormalization comes before the first linear layer.*make a sparse batch"
        ):
            action()
    for vector, parameter in zip(before, net.parameters(), strict=True):
        np.testing.assert_array_equal(vector, parameter.vector)
    nv.train(
        nv.mlp("ReLU;BatchNormalization;Linear", [60, 20, 3], seed=1), pair[0], epochs=1
    )  # behind it, it is welcome


def test_predict_takes_any_sparse_matrix(pair):
    net = network(0.3)
    X = pair[0].Xtest
    expected = net.predict(X)
    for form in (csr_matrix(X), X.tocsc(), X.tocoo(), X.astype(np.float64)):
        np.testing.assert_array_equal(net.predict(form), expected)
    assert net.predict(X[:0]).shape == (0, 3)
    with pytest.raises(ShapeError, match=r"X must be a matrix with 60 columns, not of shape \(30, 59\)"):
        net.predict(X[:, :59])
    with pytest.raises(DataError, match=r"X: shape .* dtype complex128"):
        net.predict(X.astype(complex))


def test_gradients_that_are_kept_for_growth(pair, rng):
    """The workspace's memory has been used again when the batches are looked at."""
    net = network(0.2).astype(np.float64)
    topology, data, dense, DZs, rows = TopologyLayer(1, net.layers[0]), pair[0], [], [], np.arange(100)
    for first in (0, 40, 70):
        with workspace():
            X = gather(data.Xtrain, rows[first : first + 30], data.scale, data.shift, np.float64)
            _, tapes = net.forward(X)
            *_, (layer, _, (DW, _)) = net.backward(tapes, batch(rng, 30, 3))
            assert layer is net.layers[0]
            dense.append(X.toarray())
            DZs.append(DW.terms[0].DZ.copy())
            topology.show(DW)
            del X, tapes, DW
    DZ, X = topology.outer.stacked()
    assert isinstance(X, SparseBatch)
    assert np.array_equal(X.toarray(), np.concatenate(dense))
    assert np.array_equal(DZ, np.concatenate(DZs))
    topology.forget()
    with pytest.raises(NervaError, match="the gradient of W1 is wanted, but there was no training step that showed it"):
        _ = topology.outer


# --------------------------------------------------------------------------------------------------------------- memory


@pytest.mark.parametrize("method", [None, "SET(0.3, every=2)", "RigL(0.3, every=2)", "GSE(0.3, every=2)"])
def test_five_million_features_are_trained_without_a_dense_batch(method, rng):
    """Dense, a batch of 100 samples would take 2 GB, and W with 50 neurons 1 GB; vectors of D numbers are allowed."""
    M, D, K = 400, 5_000_000, 50
    X = csr_array((np.ones(10 * M, np.float32), rng.integers(0, D, 10 * M), 10 * np.arange(M + 1)), shape=(M, D))
    data = nv.from_arrays(X, rng.integers(0, 2, M), X[:50], rng.integers(0, 2, 50))
    net = nv.mlp("ReLU;Linear", [D, K, 2], layer_densities=[2e-4, 1.0], weights="Normal", seed=1)
    assert net.layers[0].W.value.nnz == 50_000
    callbacks = [] if method is None else [nv.method(method) if "SET" not in method else nv.method("SET(0.3)")]
    tracemalloc.start()
    nv.train(net, data, epochs=1, batch_size=100, seed=1, callbacks=callbacks)
    net.predict(data.Xtest)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    vector = 8 * D
    assert peak < 8 * vector  # the CSC view's pointers, coverage (a bit a position), and a few of D numbers in growth
