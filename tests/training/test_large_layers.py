"""Layers of millions of weights update them while they compute the gradient; here with the limit lowered to small layers."""

from __future__ import annotations

import numpy as np
import pytest

import nerva_py as nv
from nerva_py.sparse import product_update
from nerva_py.sparse.kernels import few_samples


def lower_the_limits(monkeypatch) -> None:
    monkeypatch.setattr(product_update, "LARGE", 0)
    monkeypatch.setattr(few_samples, "WEIGHTS", 0)


class Reader(nv.Callback):
    """Looks whether there are gradients."""

    def __init__(self, reads: bool):
        self.reads_gradients = reads
        self.seen: list[bool] = []

    def on_step_end(self, state):
        self.seen.append(all(layer.W.gradient is not None for layer in state.network.linear_layers))


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
    separate = weights(trained(optimizer))
    lower_the_limits(monkeypatch)
    for one, other in zip(separate, weights(trained(optimizer)), strict=True):
        assert np.allclose(one, other, rtol=1e-3, atol=1e-5)


def test_gradients_are_there_for_those_who_read_them(monkeypatch):
    lower_the_limits(monkeypatch)
    for reads in (True, False):
        reader = Reader(reads)
        trained(callbacks=[reader])
        assert set(reader.seen) == {reads}


def test_methods_say_whether_they_read_gradients():
    assert nv.DynamicTopology("Taylor(0.3)", "Random").reads_gradients
    assert not nv.method("SET(0.3)").reads_gradients
    assert not nv.method("RigL(0.3)").reads_gradients  # it looks at DZ and X


@pytest.mark.parametrize("method", ["SET(0.3)", "RigL(0.3, every=3)"])
def test_topologies_change_the_same_way(method, monkeypatch):
    separate = trained(callbacks=[nv.method(method)])
    lower_the_limits(monkeypatch)
    for one, other in zip(separate.linear_layers, trained(callbacks=[nv.method(method)]).linear_layers, strict=True):
        assert getattr(one.W.value, "support", None) == getattr(other.W.value, "support", None)


def test_dropout_on_weights_keeps_its_own_backward_pass(monkeypatch):
    monkeypatch.setattr(few_samples, "WEIGHTS", 0)
    separate = weights(trained(dropouts=[0.3, 0.3, 0.0]))
    lower_the_limits(monkeypatch)
    for one, other in zip(separate, weights(trained(dropouts=[0.3, 0.3, 0.0])), strict=True):
        assert np.array_equal(one, other)


def test_wide_networks_are_evaluated_in_smaller_batches():
    from nerva_py.network.mlp import ACTIVATIONS, fitting_batch

    assert fitting_batch([10, 100, 5], 1000) == 1000
    assert fitting_batch([10, 2**20, 5], 1000) == ACTIVATIONS // 2**20
    assert fitting_batch([10, 2**30, 5], 1000) == 1
