"""An activation that stands by itself, as after batch normalisation, is differentiated as one of a linear layer is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import nerva_py as nv
from nerva_py.engine import batch_layout
from nerva_py.errors import NervaError
from nerva_py.network.outputs import OUTPUTS, make_output
from nerva_py.network.parameter import vector_of

pytestmark = pytest.mark.usefixtures("one_thread")


def network(name: str) -> nv.MLP:
    """linear, batch norm, activation, linear"""
    net = nv.mlp("Linear;BatchNorm;Linear", [5, 7, 3], layer_densities=[0.4, 1.0], dtype=np.float64, seed=3)
    net.layers.insert(2, nv.network.ActivationLayer(make_output(name)))
    return net


@pytest.mark.parametrize(
    "name", ["ReLU", "LeakyReLU", "Sigmoid", "HyperbolicTangent", "Softmax", "LogSoftmax", "Linear"]
)
def test_gradients_are_central_differences(name: str) -> None:
    rng = np.random.default_rng(0)
    net, X, DY = network(name), batch_layout(rng.standard_normal((6, 5))), rng.standard_normal((6, 3))
    _, tapes = net.forward(X)
    for parameter, matrix in zip(net.parameters(), net.gradients(tapes, batch_layout(DY)), strict=True):
        gradient, h = vector_of(matrix), 1e-6
        for place in range(parameter.vector.size):
            old, values = parameter.vector[place], []
            for step in (h, -h):
                parameter.vector[place] = old + step
                values.append((net.forward(X)[0] * DY).sum())
            parameter.vector[place] = old
            assert gradient[place] == pytest.approx((values[0] - values[1]) / (2 * h), rel=1e-5, abs=1e-6)


def test_it_is_saved_loaded_and_shown(tmp_path: Path) -> None:
    source, target = network("ReLU"), network("ReLU")
    source.linear_layers[0].b.value += 1
    nv.exchange.to_nerva(source, tmp_path / "w.npz", sparse=True)
    nv.exchange.replace_weights(target, tmp_path / "w.npz")
    X = np.random.default_rng(1).standard_normal((4, 5))
    assert np.array_equal(source.predict(X), target.predict(X))
    assert "Linear, BatchNorm, ReLU, Linear;" in repr(source)


@pytest.mark.parametrize("name", [name for name in OUTPUTS if name != "SReLU"])
def test_the_tape_has_what_the_backward_pass_needs_and_nothing_else(name: str) -> None:
    net, X = network(name), batch_layout(np.ones((4, 5)))
    before = vars(net.layers[2]).copy(), vars(net.layers[2].output).copy()
    _, tapes = net.forward(X)
    kept = [field for field, value in tapes[2]._asdict().items() if value is not None]
    of_output = "ReLU", "LeakyReLU", "AllReLU", "TReLU", "Softmax", "LogSoftmax"
    assert kept == ([] if name == "Linear" else ["Y"] if name in of_output else ["Z"])
    assert (vars(net.layers[2]), vars(net.layers[2].output)) == before, "the layer keeps nothing of a pass"


def test_trained_activations_belong_to_linear_layers() -> None:
    with pytest.raises(NervaError, match="SReLU has, and belongs to a LinearLayer"):
        nv.network.ActivationLayer(make_output("SReLU"))
