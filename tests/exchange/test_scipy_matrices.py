"""Networks of SciPy matrices compute what the matrices say, and give them back."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse import csr_array, random_array

import nerva_py as nv
from nerva_py.errors import NervaError, ShapeError
from nerva_py.exchange import mask_from_csr

from .networks import assert_same, network, samples

RNG = np.random.default_rng(0)
W1 = random_array((6, 5), density=0.3, rng=RNG, format="csr", dtype=np.float32)
W2 = RNG.standard_normal((3, 6)).astype(np.float32)
B1, B2 = RNG.standard_normal(6), RNG.standard_normal((3, 1))
X = RNG.standard_normal((4, 5)).astype(np.float32)


def test_it_computes_what_the_matrices_say() -> None:
    net = nv.exchange.from_scipy([W1, W2], [B1, B2])
    expected = np.maximum(X @ W1.toarray().T + B1, 0) @ W2.T + B2.T
    np.testing.assert_allclose(net.predict(X), expected, rtol=1e-5, atol=1e-6)
    assert isinstance(net.linear_layers[0].W.value, nv.SparseWeight)
    assert isinstance(net.linear_layers[1].W.value, nv.sparse.DenseWeight)
    assert net.dtype == np.float32


def test_biases_and_activations_may_be_left_out() -> None:
    net = nv.exchange.from_scipy([W1, W2.astype(np.float64)], [None, B2], "Sigmoid;Softmax")
    Z = 1 / (1 + np.exp(-X.astype(float) @ W1.toarray().T)) @ W2.T + B2.T
    np.testing.assert_allclose(net.predict(X), np.exp(Z) / np.exp(Z).sum(axis=1, keepdims=True))
    assert net.dtype == np.float64
    assert not nv.exchange.from_scipy([W1]).linear_layers[0].b.value.any()


def test_all_relu_alternates_as_in_mlp() -> None:
    net = nv.exchange.from_scipy([W1, W2, np.ones((2, 3))], activations="AllReLU(0.5);AllReLU(0.5);Linear")
    assert [layer.output.f.parameters for layer in net.linear_layers[:2]] == [(-0.5,), (0.5,)]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_round_trip_is_exact(dtype: type) -> None:
    source = network("ours", dtype)
    weights, biases = nv.exchange.to_scipy(source)
    assert [W.nnz for W in weights] == [layer.W.value.nnz for layer in source.linear_layers]
    names = [layer.output.name for layer in source.linear_layers]
    weights[2], _ = mask_from_csr(weights[2])  # the dense layer
    back = nv.exchange.from_scipy(weights, biases, names)
    for one, other in zip(source.linear_layers, back.linear_layers, strict=True):
        other.output = one.output  # the parameters of activations are not part of the matrices
    assert_same(source, back)


def test_it_trains_on() -> None:
    net = nv.exchange.from_scipy([csr_array(W1), W2])
    data = nv.from_arrays(X, np.arange(4) % 3)
    assert len(nv.train(net, data, epochs=1, batch_size=2)) == 1
    assert net.linear_layers[0].W.value.nnz == W1.nnz


def test_batch_normalisation_is_no_list_of_matrices() -> None:
    with pytest.raises(
        NervaError, match=r"linear layers and dropout only, not MLP\(.*BatchNorm.*save writes everything"
    ):
        nv.exchange.to_scipy(network("between"))


@pytest.mark.parametrize(
    ("arguments", "kind", "message"),
    [
        (([],), NervaError, r"a list of matrices \(K, D\), one a layer, not an empty one"),
        ((W1,), NervaError, "a list of matrices .* not a csr_array"),
        (([W1.T, W2],), ShapeError, "one has 5 outputs, the next 6 inputs"),
        (([W1, W2], [B1]), NervaError, "biases must be 2, one a weight matrix, not 1"),
        (([W1, W2], [B1, B1]), ShapeError, r"biases\[1\] must be 3 numbers.* not of shape \(6,\)"),
        (([W1, W2], None, "ReLU"), NervaError, "activations must be 2, one a weight matrix, not 1: ReLU"),
        (([W1, W2], None, "ReLU;Relou"), NervaError, "unknown activation 'Relou'; did you mean 'ReLU'"),
        (([W1, np.ones(3)],), NervaError, r"weights\[1\]: .*two dimensions, not shape \(3,\)"),
        (([W1, np.array([["a"]])],), NervaError, "real numbers, not of <U1"),
    ],
)
def test_what_does_not_fit_is_refused(arguments: tuple, kind: type, message: str) -> None:
    with pytest.raises(kind, match=message):
        nv.exchange.from_scipy(*arguments)


def test_predictions_of_the_round_trip_are_the_same() -> None:
    source = network("activations")
    weights, biases = nv.exchange.to_scipy(source)
    back = nv.exchange.from_scipy(weights, biases, "Sigmoid;HyperbolicTangent;ReLU;LeakyReLU(0.2);LogSoftmax")
    np.testing.assert_allclose(back.predict(samples()), source.predict(samples()), rtol=1e-5, atol=1e-6)
