"""Layers of many weights have kernels of their own for few samples; here with the limit lowered to small layers."""

from __future__ import annotations

import numpy as np
import pytest

import nerva_py as nv
from nerva_py.sparse import plan


def lower_the_limit(monkeypatch) -> None:
    monkeypatch.setattr(plan, "WEIGHTS", 0)


def trained(optimizer="Nesterov(0.9)", callbacks=(), dropouts=None, batch_size=4, epochs=2) -> nv.MLP:
    rng = np.random.default_rng(1)
    X = rng.standard_normal((30, 20)).astype(np.float32)
    data = nv.from_arrays(X, (X[:, 0] > 0).astype(int), num_classes=2)
    network = nv.mlp("ReLU;ReLU;Linear", [20, 120, 150, 2], layer_densities=[0.4, 0.3, 1.0], dropouts=dropouts, seed=1)
    nv.train(
        network, data, epochs=epochs, batch_size=batch_size, optimizer=optimizer, learning_rate=0.05, seed=1,
        callbacks=callbacks,
    )  # fmt: skip
    return network


def weights(network: nv.MLP) -> list[np.ndarray]:
    return [parameter.vector for parameter in network.parameters()]


@pytest.mark.parametrize("optimizer", ["Nesterov(0.9)", "Momentum(0.9)", "GradientDescent", "Adam"])
def test_training_is_the_same_to_rounding(optimizer, monkeypatch):
    separate, N = weights(trained(optimizer)), 4
    lower_the_limit(monkeypatch)
    network = trained(optimizer)
    assert all(plan.few_samples(layer.W.value.nnz, N) for layer in network.linear_layers[:2])
    for one, other in zip(separate, weights(network), strict=True):
        assert np.allclose(one, other, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("method", ["SET(0.3)", "RigL(0.3, every=3)"])
def test_topologies_change_the_same_way(method, monkeypatch):
    separate = trained(callbacks=[nv.method(method)])
    lower_the_limit(monkeypatch)
    for one, other in zip(separate.linear_layers, trained(callbacks=[nv.method(method)]).linear_layers, strict=True):
        assert getattr(one.W.value, "support", None) == getattr(other.W.value, "support", None)


def test_dropout_on_weights(monkeypatch):
    separate = weights(trained(dropouts=[0.3, 0.3, 0.0]))
    lower_the_limit(monkeypatch)
    for one, other in zip(separate, weights(trained(dropouts=[0.3, 0.3, 0.0])), strict=True):
        assert np.allclose(one, other, rtol=1e-3, atol=1e-5)


def test_wide_networks_are_evaluated_in_smaller_batches():
    from nerva_py.network.mlp import ACTIVATION_NUMBERS, fitting_batch

    assert fitting_batch([10, 100, 5], 1000) == 1000
    assert fitting_batch([10, 2**20, 5], 1000) == ACTIVATION_NUMBERS // 2**20
    assert fitting_batch([10, 2**30, 5], 1000) == 1
