from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

from nerva_py.errors import NervaError, ShapeError
from nerva_py.network import MLP, BatchNormLayer, DropoutLayer, LinearLayer, mlp
from nerva_py.network.outputs import make_output
from nerva_py.network.parameter import vector_of
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


def look(network, X) -> None:
    """So that batch norm has seen something."""
    network.store(network.forward(X, np.random.default_rng(2))[1])


# ------------------------------------------------------------------------------------------------------------- predict


@pytest.mark.parametrize("batch_size", [1, 7, 24, 25, 26, 1000])
def test_predict_covers_all_rows_in_order(network, X, batch_size):
    look(network, X)
    Y = network.predict(X, batch_size)
    assert Y.shape == (25, 4)
    assert_close(Y, np.concatenate([network.evaluate(X[i : i + 1]) for i in range(25)]))


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
    look(network, X)
    assert_close(network.evaluate(X)[:3], network.evaluate(X[:3]))


def test_in_training_dropout_draws_new_masks(network, X):
    rng = np.random.default_rng(3)
    assert not np.array_equal(network.forward(X, rng)[0], network.forward(X, rng)[0])
    assert np.array_equal(network.evaluate(X), network.evaluate(X))


def test_the_generator_decides_the_masks(network, X):
    one, same, other = (network.forward(X, np.random.default_rng(seed))[0] for seed in (3, 3, 4))
    np.testing.assert_array_equal(one, same)
    assert not np.array_equal(one, other)


def test_a_network_keeps_nothing_of_a_pass(network, X):
    """Forward and backward change no bit of it; running statistics wait in the tapes."""
    before = pickle.dumps(network)
    Y, tapes = network.forward(X, np.random.default_rng(3))
    network.gradients(tapes, Y)
    assert pickle.dumps(network) == before
    Y, tapes = network.forward(X, np.random.default_rng(3))
    network.store(tapes)
    assert pickle.dumps(network) != before


def test_the_backward_pass_uses_up_its_tapes(network, X):
    """From the end, and a layer comes before the one below goes backward: one layer's gradients at most are alive."""
    Y, tapes = network.forward(X, np.random.default_rng(3))
    left = [len(tapes) for _ in network.backward(tapes, Y)]
    assert left == list(range(len(network.layers) - 1, -1, -1))
    assert tapes == []


def test_gradients_are_those_of_the_parameters_in_order(network, X):
    Y, tapes = network.forward(X, np.random.default_rng(3))
    for parameter, gradient in zip(network.parameters(), network.gradients(tapes, Y), strict=True):
        assert type(gradient) is type(parameter.value)
        assert gradient.shape == parameter.value.shape
        assert vector_of(gradient).shape == parameter.vector.shape


def test_batch_norm_normalises_with_the_batch_in_training(rng):
    layer, X = BatchNormLayer(3, np.float64), 5 + 2 * batch(rng, 200, 3)
    Y, _ = layer.forward(X)
    assert_close(Y.mean(axis=0), np.zeros(3))
    np.testing.assert_allclose(Y.var(axis=0), 1, rtol=1e-4)


def test_batch_norm_evaluates_with_running_statistics(rng):
    layer, batches = BatchNormLayer(3, np.float64, momentum=0.25), [5 + 2 * batch(rng, 50, 3) for _ in range(3)]
    mean, variance = np.zeros((1, 3)), np.ones((1, 3))
    for X in batches:
        layer.store(layer.forward(X)[1])
        mean = 0.75 * mean + 0.25 * naive.columns(X, naive.mean)
        variance = 0.75 * variance + 0.25 * naive.columns(X, naive.variance) * 50 / 49  # the unbiased estimate
    assert_close(layer.mean, mean)
    assert_close(layer.variance, variance)
    X = batches[0]
    assert_close(layer.predict(X), (X - mean) / np.sqrt(variance + layer.epsilon))
    assert_close(layer.mean, mean)


def test_batch_norm_of_a_single_sample_keeps_the_running_variance(rng):
    layer = BatchNormLayer(3, np.float64)
    Y, tape = layer.forward(batch(rng, 1, 3))
    layer.store(tape)
    assert_close(Y, np.zeros((1, 3)))
    assert_close(layer.variance, np.ones((1, 3)))


@pytest.mark.parametrize("rate", [0.2, 0.5, 0.9])
def test_dropout_keeps_the_expectation(rate, rng):
    layer, X = DropoutLayer(rate), np.ones((200, 500))
    Y, _ = layer.forward(X, rng)
    assert set(np.unique(Y.round(6))) == {0, round(1 / (1 - rate), 6)}
    assert (Y == 0).mean() == pytest.approx(rate, abs=0.01)
    assert layer.predict(X) is X


def test_dropout_at_rate_zero_is_the_identity(rng):
    layer, X = DropoutLayer(0.0), np.ones((3, 4))
    Y, tape = layer.forward(X, rng)
    assert Y is X
    assert layer.backward(tape, X)[0] is X


@pytest.mark.parametrize("kind", ["sparse", "dense"])
def test_dropout_on_weights_drops_weights(kind, rng):
    W = sparse(rng, 100, 200, 0.3) if kind == "sparse" else DenseWeight(rng.standard_normal((100, 200)))
    layer = LinearLayer(W, np.zeros((1, 100)), None, 0.4)
    Y = layer.forward(np.eye(200), rng)[0].T  # the weights, as they are used
    kept = Y[W.toarray() != 0]
    assert (kept == 0).mean() == pytest.approx(0.4, abs=0.03)
    assert_close(Y[Y != 0], (W.toarray() / 0.6)[Y != 0])
    assert_close(layer.predict(np.eye(200)).T, W.toarray())


# --------------------------------------------------------------------------------------------------------------- types


def test_astype_converts_everything(network, X):
    before = network.predict(X)
    network.astype(np.float64)
    assert network.dtype == np.float64
    assert {p.vector.dtype for p in network.parameters()} == {np.dtype(np.float64)}
    Y, tapes = network.forward(X.astype(np.float64), np.random.default_rng(3))
    assert {vector_of(gradient).dtype for gradient in network.gradients(tapes, Y)} == {np.dtype(np.float64)}
    network.store(network.forward(X.astype(np.float64), np.random.default_rng(3))[1])
    assert network.layers[0].mean.dtype == network.layers[0].variance.dtype == np.float64
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


def test_an_output_that_is_put_in_place_later_brings_its_parameters(network, X):
    layer = network.linear_layers[0]
    layer.output = make_output("SReLU(0.1, -0.2, 0.3, 0.4)")
    assert layer.parameters == (layer.W, layer.b, layer.output.shape)
    for net in (network, copy.deepcopy(network)):
        layer = net.linear_layers[0]
        assert layer.parameters[2] is layer.output.shape
        Y, tapes = net.forward(X, np.random.default_rng(3))
        assert len(net.gradients(tapes, Y)) == len(list(net.parameters()))


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
