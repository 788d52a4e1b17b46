"""The gradient check accepts right gradients, notices wrong ones, and leaves the network alone."""

from __future__ import annotations

import numpy as np
import pytest

import nerva_py as nv
from nerva_py.equations.losses import LOSSES, Loss
from nerva_py.errors import NervaError
from nerva_py.training.gradient_check import check_gradients


def small() -> nv.MLP:
    layers = "HyperbolicTangent;BatchNormalization;SReLU;Dropout(0.2);Linear"
    return nv.mlp(layers, [8, 12, 9, 3], layer_densities=[0.3, 0.6, 1.0], dropouts=[0.1, 0, 0], seed=1)


@pytest.mark.parametrize("loss", ["SoftmaxCrossEntropy", "SquaredError", "MeanSquaredError", "BinaryCrossEntropy"])
def test_right_gradients(loss: str) -> None:
    network = small()
    before = [parameter.vector.copy() for parameter in network.parameters()]
    errors = check_gradients(network, nv.load_dataset("mini"), LOSSES[loss], 50)
    assert [e.name for e in errors] == ["W1", "b1", "gamma1", "beta1", "W2", "b2", "srelu2", "W3", "b3"]
    assert errors[4].numbers == 65  # those under the mask
    assert max(e.error for e in errors) < 1e-6
    assert network.dtype == np.float32
    assert all(np.array_equal(old, now.vector) for old, now in zip(before, network.parameters(), strict=True))


def test_a_wrong_gradient_is_noticed() -> None:
    right = LOSSES["SquaredError"]
    wrong = Loss("wrong", right.samples, lambda Y, T: 1.01 * right.gradient(Y, T))
    errors = check_gradients(small(), nv.load_dataset("mini"), wrong, 50)
    assert min(e.error for e in errors if e.name.startswith("W")) > 0.005


@pytest.mark.parametrize("step", [0.0, -1e-6, float("nan"), float("inf")])
def test_impossible_steps(step: float) -> None:
    with pytest.raises(NervaError, match="step"):
        check_gradients(small(), nv.load_dataset("mini"), LOSSES["SquaredError"], 50, step)
