from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

from nerva_py.errors import NervaError, ShapeError
from nerva_py.network import MLP, BatchNormLayer, DropoutLayer, LinearLayer, mlp
from nerva_py.sparse import DenseWeight
from tests import naive
from tests.samples import assert_close, batch, sparse

EVERYTHING = "BatchNorm;ReLU;Dropout(0.5);SReLU;Sigmoid;LogSoftmax"
SIZES = [6, 9, 8, 7, 4]


@pytest.fixture
def network():
    return mlp(EVERYTHING, SIZES, layer_densities=[0.3, 0.6, 1, 0.3], dropouts=[0, 0.3, 0.2, 0.1], seed=1)


@pytest.fixture
def X(rng):
    return batch(rng, 25, 6, np.float32)


# ------------------------------------------------------------------------------------------------------------- predict


@pytest.mark.parametrize("batch_size", [1, 7, 24, 25, 26, 1000])
def test_predict_covers_all_rows_in_order(network, X, batch_size):
    network.forward(X, training=True)  # so that batch norm has seen something
    Y = network.predict(X, batch_size)
    assert Y.shape == (25, 4)
    assert_close(Y, np.concatenate([network.forward(X[i : i + 1]) for i in range(25)]))


def test_predict_of_nothing_is_nothing(network):
    assert network.predict(np.zeros((0, 6))).shape == (0, 4)


@pytest.mark.parametrize("dtype", [np.float64, np.int64, np.uint8])
def test_predict_takes_any_numbers(network, dtype, rng):
    X = rng.integers(0, 9, (5, 6)).astype(dtype)
    assert network.predict(X).dtype == np.float32
    assert_close(network.predict(X), network.predict(X.astype(np.float32)))


@pytest.mark.parametrize("shape", [(5,), (5, 7), (5, 6, 1)])
def test_predict_refuses_other_shapes(network, shape):
    with pytest.raises(ShapeError, match="X must be a matrix with 6 columns"):
        network.predict(np.zeros(shape))


def test_predict_does_not_change_the_network(network, X):
    before = pickle.dumps(network)
    network.predict(X)
    assert pickle.dumps(network) == before


# --------------------------------------------------------------------------------------------------------------- modes


def test_in_evaluation_a_sample_does_not_depend_on_its_batch(network, X):
    network.forward(X, training=True)
    assert_close(network.forward(X)[:3], network.forward(X[:3]))


def test_in_training_dropout_draws_new_masks(network, X):
    assert not np.array_equal(network.forward(X, training=True), network.forward(X, training=True))
    assert np.array_equal(network.forward(X), network.forward(X))


def test_evaluation_keeps_nothing_for_the_backward_pass(network, X):
    network.forward(X)
    for layer in network.linear_layers:
        assert layer.X is None
        assert layer.R is None
        assert not {"Z", "Y"} & set(vars(layer.output))


def test_release_forgets_gradients_and_activations(network, X):
    Y = network.forward(X, training=True)
    network.backward(Y)
    network.release()
    assert all(parameter.gradient is None for parameter in network.parameters())
    for layer in network.linear_layers:
        assert layer.X is None
        assert not {"Z", "Y"} & set(vars(layer.output))


def test_batch_norm_normalises_with_the_batch_in_training(rng):
    layer, X = BatchNormLayer(3, np.float64), 5 + 2 * batch(rng, 200, 3)
    Y = layer.forward(X, True, rng)
    assert_close(Y.mean(axis=0), np.zeros(3))
    np.testing.assert_allclose(Y.var(axis=0), 1, rtol=1e-4)


def test_batch_norm_evaluates_with_running_statistics(rng):
    layer, batches = BatchNormLayer(3, np.float64, momentum=0.25), [5 + 2 * batch(rng, 50, 3) for _ in range(3)]
    mean, variance = np.zeros((1, 3)), np.ones((1, 3))
    for X in batches:
        layer.forward(X, True, rng)
        mean = 0.75 * mean + 0.25 * naive.columns(X, naive.mean)
        variance = 0.75 * variance + 0.25 * naive.columns(X, naive.variance) * 50 / 49  # the unbiased estimate
    assert_close(layer.mean, mean)
    assert_close(layer.variance, variance)
    X = batches[0]
    assert_close(layer.forward(X, False, rng), (X - mean) / np.sqrt(variance + layer.epsilon))
    assert_close(layer.mean, mean)


def test_batch_norm_of_a_single_sample_keeps_the_running_variance(rng):
    layer = BatchNormLayer(3, np.float64)
    Y = layer.forward(batch(rng, 1, 3), True, rng)
    assert_close(Y, np.zeros((1, 3)))
    assert_close(layer.variance, np.ones((1, 3)))


@pytest.mark.parametrize("rate", [0.2, 0.5, 0.9])
def test_dropout_keeps_the_expectation(rate, rng):
    layer, X = DropoutLayer(rate), np.ones((200, 500))
    Y = layer.forward(X, True, rng)
    assert set(np.unique(Y.round(6))) == {0, round(1 / (1 - rate), 6)}
    assert (Y == 0).mean() == pytest.approx(rate, abs=0.01)
    assert layer.forward(X, False, rng) is X


def test_dropout_at_rate_zero_is_the_identity(rng):
    layer, X = DropoutLayer(0.0), np.ones((3, 4))
    assert layer.forward(X, True, rng) is X
    assert layer.backward(X) is X


@pytest.mark.parametrize("kind", ["sparse", "masked"])
def test_dropout_on_weights_drops_weights(kind, rng):
    W = sparse(rng, 100, 200, 0.3)
    layer = LinearLayer(
        W if kind == "sparse" else DenseWeight(W.toarray(), W.support.mask()), np.zeros((1, 100)), None, 0.4
    )
    Y = layer.forward(np.eye(200), True, rng).T  # the weights, as they are used
    kept = Y[W.toarray() != 0]
    assert (kept == 0).mean() == pytest.approx(0.4, abs=0.03)
    assert_close(Y[Y != 0], (W.toarray() / 0.6)[Y != 0])
    assert_close(layer.forward(np.eye(200), False, rng).T, W.toarray())


# --------------------------------------------------------------------------------------------------------------- types


def test_astype_converts_everything(network, X):
    before = network.predict(X)
    network.astype(np.float64)
    assert network.dtype == np.float64
    assert {p.vector.dtype for p in network.parameters()} == {np.dtype(np.float64)}
    Y = network.forward(X.astype(np.float64), training=True)
    network.backward(Y)
    assert {p.gradient_vector.dtype for p in network.parameters()} == {np.dtype(np.float64)}
    assert network.predict(X).dtype == np.float64
    assert_close(network.astype(np.float32).predict(X).shape, before.shape, np.float32)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda network: pickle.loads(pickle.dumps(network))])
def test_a_copy_is_independent(copied, network, X):
    other = copied(network)
    np.testing.assert_array_equal(other.predict(X), network.predict(X))
    for parameter in other.parameters():
        parameter.vector[...] = 0
    assert all(layer.W.vector.any() for layer in network.linear_layers)


def test_vectors_share_the_memory_of_their_parameter(network):
    for parameter in network.parameters():
        parameter.vector[0] = 42
        value = parameter.value if isinstance(parameter.value, np.ndarray) else parameter.value.toarray()
        assert 42 in value


def test_biases_and_batch_norm_do_not_decay(network):
    assert {p.name for p in network.parameters() if p.decays} == {"W"}


# -------------------------------------------------------------------------------------------------------------- errors


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda rng: MLP([]), ShapeError, "at least one linear layer"),
        (lambda rng: MLP([DropoutLayer()]), ShapeError, "at least one linear layer"),
        (
            lambda rng: MLP([LinearLayer(sparse(rng, K, D), np.zeros((1, K))) for K, D in ((3, 4), (5, 2))]),
            ShapeError,
            "one has 3 outputs, the next 2 inputs",
        ),
        (lambda rng: DropoutLayer(1.0), NervaError, "at least 0 and less than 1, not 1.0"),
        (lambda rng: DropoutLayer(float("nan")), NervaError, "dropout rate"),
        (lambda rng: BatchNormLayer(3, momentum=0), NervaError, "momentum in"),
    ],
)
def test_impossible_networks(make, error, message, rng):
    with pytest.raises(error, match=message):
        make(rng)
