"""Gradients of whole networks in float64, against central differences and against PyTorch's automatic differentiation."""

from __future__ import annotations

import numpy as np
import pytest

from nerva_py.equations.losses import LOSSES
from nerva_py.network import MLP, LinearLayer, mlp
from nerva_py.network.outputs import OUTPUTS
from nerva_py.network.parameter import vector_of
from nerva_py.sparse import DenseWeight, SparseWeight
from tests import naive
from tests.network.torch_network import torch_gradients
from tests.optional import needs
from tests.samples import batch, one_hot

pytestmark = pytest.mark.usefixtures("one_thread")

N, SIZES = 6, [5, 7, 4, 3]
DENSITIES = {"sparse": [0.35, 0.4, 1 / 3], "dense": [1.0, 1.0, 1.0], "nearly dense": [0.9, 0.97, 0.95]}
HIDDEN = [
    "ReLU",
    "LeakyReLU(0.1)",
    "AllReLU(0.6)",
    "SReLU(0.1, -0.2, 0.3, 0.4)",
    "SReLU",
    "TReLU(0.1)",
    "Sigmoid",
    "HyperbolicTangent",
    "Softmax",
    "LogSoftmax",
    "Linear",
]
# Losses that are defined for positive outputs only follow a layer that gives such.
LAST = {"CrossEntropy": "Softmax", "NegativeLogLikelihood": "Sigmoid"}
NETWORKS = {
    **{f"{name};{name};Linear": {} for name in HIDDEN},
    "Linear;ReLU;LogSoftmax": {},
    "ReLU;Sigmoid;Softmax": {},
    "BatchNormalization;ReLU;BatchNormalization(0.1);Sigmoid;Linear": {},
    "ReLU;HyperbolicTangent;Linear;BatchNorm": {},
    "Dropout(0.3);ReLU;Dropout(0.5);Sigmoid;Linear": {},
    "ReLU;Sigmoid;Linear": {"dropouts": [0.4, 0.3, 0.2]},
    "BatchNorm;SReLU(0.1, -0.2, 0.3, 0.4);Dropout(0.5);AllReLU;Linear;BatchNorm": {"dropouts": [0.3, 0.0, 0.2]},
}


def make(layers: str, kind: str, **options) -> MLP:
    """Weights and biases so large that the layers do something, and no neuron of ReLU is dead."""
    network = mlp(
        layers, SIZES, layer_densities=DENSITIES[kind], weights="PyTorch", dtype=np.float64, seed=3, **options
    )
    for layer in network.linear_layers:
        layer.W.vector[...] *= 3
        assert isinstance(layer.W.value, SparseWeight) == (kind != "dense")
    return network


def forward(network: MLP, X: np.ndarray) -> tuple[np.ndarray, list]:
    """In training mode, with the same dropout masks each time."""
    return network.forward(X, np.random.default_rng(11))


def gradients(network: MLP, X: np.ndarray, T: np.ndarray, loss) -> list[np.ndarray]:
    Y, tapes = forward(network, X)
    return [vector_of(gradient) for gradient in network.gradients(tapes, loss.gradient(Y, T))]


def differences(network: MLP, X: np.ndarray, T: np.ndarray, loss) -> list[np.ndarray]:
    results = []
    for parameter in network.parameters():
        difference = naive.central_difference(lambda: float(loss(forward(network, X)[0], T)), parameter.vector)
        mask = getattr(parameter.value, "mask", None)
        results.append(difference if mask is None else difference * mask.reshape(-1))
    return results


def check(network: MLP, loss, rng) -> None:
    X, T = batch(rng, N, SIZES[0]), one_hot(rng, N, SIZES[-1])
    analytic, numeric = gradients(network, X, T, loss), differences(network, X, T, loss)
    assert max(np.abs(g).max(initial=0) for g in analytic) > 1e-3, "something is to be compared"
    for parameter, one, other in zip(network.parameters(), analytic, numeric, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-7, err_msg=parameter.name)


@pytest.mark.parametrize("layers", NETWORKS)
@pytest.mark.parametrize("kind", DENSITIES)
def test_finite_differences(layers, kind, rng):
    check(make(layers, kind, **NETWORKS[layers]), LOSSES["SoftmaxCrossEntropy"], rng)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("kind", DENSITIES)
def test_finite_differences_of_every_loss(loss, kind, rng):
    check(make(f"ReLU;HyperbolicTangent;{LAST.get(loss, 'Linear')}", kind), LOSSES[loss], rng)


def test_every_layer_is_tested():
    assert {name.partition("(")[0] for name in HIDDEN} == set(OUTPUTS)


# -------------------------------------------------------------------------------------------------------------- torch


@needs("torch")
@pytest.mark.parametrize("layers", NETWORKS)
@pytest.mark.parametrize("kind", DENSITIES)
def test_torch(layers, kind, rng):
    network, loss = make(layers, kind, **NETWORKS[layers]), LOSSES["SoftmaxCrossEntropy"]
    X, T = batch(rng, N, SIZES[0]), one_hot(rng, N, SIZES[-1])
    ours = gradients(network, X, T, loss)
    theirs = torch_gradients(network, forward(network, X)[1], X, T, loss.name)
    assert len(ours) == len(theirs)
    for parameter, one, other in zip(network.parameters(), ours, theirs, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-12, err_msg=parameter.name)


@needs("torch")
@pytest.mark.parametrize("loss", LOSSES)
def test_torch_for_every_loss(loss, rng):
    network = make(f"ReLU;HyperbolicTangent;{LAST.get(loss, 'Linear')}", "sparse")
    X, T = batch(rng, N, SIZES[0]), one_hot(rng, N, SIZES[-1])
    ours, tapes = gradients(network, X, T, LOSSES[loss]), forward(network, X)[1]
    for one, other in zip(ours, torch_gradients(network, tapes, X, T, loss), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-12)


# ------------------------------------------------------------------------------------------------------------ the rest


@pytest.mark.parametrize("kind", DENSITIES)
@pytest.mark.parametrize("layers", ["ReLU;ReLU;Linear", "Dropout(0.5);ReLU;ReLU;Linear"])
@pytest.mark.parametrize("dropouts", [None, [0.5, 0.0, 0.0]])
def test_the_gradient_of_the_networks_input_is_not_computed(kind, layers, dropouts, rng, monkeypatch):
    network = make(layers, kind, dropouts=dropouts)
    X, T = batch(rng, N, 5), one_hot(rng, N, 3)
    Y, tapes = forward(network, X)
    results = {}
    original = LinearLayer.backward

    def record(layer, *arguments, **named):
        DX, gradients = original(layer, *arguments, **named)
        results[layer] = DX
        return DX, gradients

    monkeypatch.setattr(LinearLayer, "backward", record)
    passes = list(network.backward(tapes, LOSSES["SoftmaxCrossEntropy"].gradient(Y, T)))
    assert [results[layer] is not None for layer in network.linear_layers] == [False, True, True]
    assert [layer for layer, _, _ in passes] == network.linear_layers[::-1], "what comes before has no parameters"


def test_a_dense_layer_has_the_gradients_of_the_same_weights_in_csr(rng):
    sparse = make("ReLU;Sigmoid;Linear", "dense")
    dense = make("ReLU;Sigmoid;Linear", "dense")
    for layer in sparse.linear_layers:
        layer.W.value = SparseWeight.from_dense(layer.W.value.toarray())
    X, T, loss = batch(rng, N, 5), one_hot(rng, N, 3), LOSSES["SoftmaxCrossEntropy"]
    results = []
    for network in (sparse, dense):
        Y, tapes = forward(network, X)
        results.append(network.gradients(tapes, loss.gradient(Y, T))[::2])  # W, b, W, b, ...
    for one, other in zip(*results, strict=True):
        assert (type(one), type(other)) == (SparseWeight, DenseWeight)
        np.testing.assert_allclose(one.toarray(), other.toarray(), atol=1e-13)
